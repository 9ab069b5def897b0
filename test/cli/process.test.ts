// The command line as a process of its own: what only shows there. Needs the build (`npm test` makes it).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { folders, smallJob } from "./helpers.ts";

const main = path.resolve(import.meta.dirname, "../../dist/cli/main.js");
const places = folders();
let server: StandIn;

beforeAll(async () => {
  server = await standIn({ brain: smallJob(), latency: { firstByteMs: 20 } });
});
afterAll(() => server.close());
afterEach(() => places.clean());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type OnChild = (child: ReturnType<typeof spawn>, stdout: string) => void;

/** Starts the built command line; `whenSaid` is called once, when stdout holds the text. */
async function start(
  argv: readonly string[],
  more: { readonly said?: string; readonly then?: OnChild; readonly begun?: OnChild } = {},
): Promise<Ended> {
  const directory = await places.make();
  const env = { PATH: process.env["PATH"] ?? "", HOME: directory, ANTHROPIC_API_KEY: "test-key", ANTHROPIC_BASE_URL: server.url };
  const child = spawn(process.execPath, [main, ...argv], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
  more.begun?.(child, "");
  const texts = { stdout: "", stderr: "" };
  let { then } = more;
  child.stdout.on("data", (chunk: Buffer) => {
    texts.stdout += chunk.toString();
    if (more.said === undefined || !texts.stdout.includes(more.said)) return;
    then?.(child, texts.stdout);
    then = undefined;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    texts.stderr += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...texts };
}

describe.skipIf(!existsSync(main))("the process", () => {
  it("prints its version, and ends by itself after a run, with nothing on stderr", async () => {
    const [version, run] = await Promise.all([start(["--version"]), start(["run", "do it", "--json"])]);
    expect(version).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string, stderr: "" });
    expect([run.code, run.stderr]).toEqual([0, ""]);
    expect(JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ type: "result", exitCode: 0 });
  });

  it("saves its state at SIGTERM and ends with 143", async () => {
    const run = await start(["run", "do it", "--yes", "--plain"], {
      said: "[run] decomposing",
      then: (child) => child.kill("SIGTERM"),
    });
    expect(run.stdout).toMatch(/Take it up again: quatrain resume r-\w+\n$/);
    expect(run.code).toBe(143);
  });

  it("serves as stand-in until SIGINT, and ends by itself with 0", async () => {
    let answer: Promise<Response> | undefined;
    const serving = await start(["stand-in", "--json"], {
      said: "\n",
      then: (child, said) => {
        const { url } = JSON.parse(said) as { readonly url: string };
        answer = fetch(`${url}/v1/models`, { headers: { "x-api-key": "any", "anthropic-version": "2026-10-21" } });
        void answer.then((response) => response.text()).then(() => child.kill("SIGINT"));
      },
    });
    expect((await answer)?.status).toBe(200);
    expect(serving).toMatchObject({ code: 0, stderr: "" });
    expect(serving.stdout.split("\n").map((line) => (line === "" ? null : (JSON.parse(line) as object)))).toMatchObject([
      { type: "listening" },
      { type: "request", status: 200 },
      { type: "summary", exitCode: 0, requests: 1 },
      null,
    ]);
  });

  it("ends quietly with 141 when nobody reads its help", async () => {
    const help = await start(["--help"], { begun: (child) => child.stdout?.destroy() });
    expect([help.code, help.stderr]).toEqual([141, ""]);
  });

  it("ends quietly with 141 when the reader of a JSON run goes away", async () => {
    const run = await start(["run", "do it", "--json"], { said: "run.started", then: (child) => child.stdout?.destroy() });
    expect([run.code, run.stderr]).toEqual([141, ""]);
  });
});
