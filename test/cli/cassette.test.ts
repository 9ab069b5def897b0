// Cassettes at the command line: recorded with a key, played without one.
import { existsSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { ended, folders, smallJob, talkTo } from "./helpers.ts";

const places = folders();
let server: StandIn;
let directory = "";
const json = (text: string): unknown => JSON.parse(text);

beforeAll(async () => {
  server = await standIn({ brain: smallJob() });
});
afterAll(() => server.close());
beforeEach(async () => {
  talkTo(server.url);
  directory = await places.make();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await places.clean();
});

describe("quatrain run --record", () => {
  it("writes a cassette that replays without a key, and tells a drift as a diff with exit code 1", async () => {
    const recorded = await ended(["run", "do it", "--plain", "--yes", "--record", "job.cassette"], { directory });
    expect(recorded.code).toBe(0);
    expect(recorded.stdout).toMatch(
      /\nCassette: job\.cassette \([\d.]+k bytes\)\. Play it without a key: quatrain replay job\.cassette\n/,
    );
    talkTo("http://127.0.0.1:1", null);
    const played = await ended(["replay", "job.cassette"], { directory });
    expect(played).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^No drift: complete, \d+ turns, \$0\.\d+ by/) as string,
      stderr: "",
    });
    const file = `${directory}/job.cassette`;
    await writeFile(file, (await readFile(file, "utf8")).replace("You are the router", "You are a router"));
    const drifted = await ended(["replay", "job.cassette"], { directory });
    expect(drifted.code).toBe(1);
    expect(drifted.stdout).toMatch(
      /^1 drift; .*\nprompt route\/turn\/1\.0\n.*system\[0\]:\n {2}- You are a router .*\n {2}\+ You are the router /,
    );
    expect(drifted.stdout).toContain("If this is wanted: quatrain replay job.cassette --update");
    const lenient = await ended(["replay", "job.cassette", "--lenient", "--json"], { directory });
    expect(lenient.code).toBe(0);
    expect(json(lenient.stdout)).toMatchObject({ type: "replay", schema: 1, ok: true, tolerated: [{ kind: "prompt" }] });
    expect((await ended(["replay", "job.cassette", "--update"], { directory })).stdout).toContain("Updated job.cassette.");
    expect((await ended(["replay", "job.cassette"], { directory })).code).toBe(0);
    expect((await readdir(directory)).filter((name) => name.includes("cassette"))).toEqual(["job.cassette"]);
  });

  it("refuses a file that is there, or can't be, before anything is asked of a model", async () => {
    await writeFile(`${directory}/kept.cassette`, "mine");
    const asked = server.requests.length;
    const refused = await ended(["run", "do it", "--plain", "--record", "kept.cassette"], { directory });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("overwrite it with --force") as string });
    const nowhere = await ended(["run", "do it", "--plain", "--record", "no/where.cassette"], { directory });
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("its folder is not there") as string });
    expect(server.requests.length).toBe(asked);
    expect(await readFile(`${directory}/kept.cassette`, "utf8")).toBe("mine");
    const forced = await ended(["run", "do it", "--json", "--record", "kept.cassette", "--force"], { directory });
    expect(forced).toMatchObject({ code: 0, stderr: "" });
    expect(json(forced.stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ type: "result", outcome: "complete" });
    expect((await ended(["replay", "kept.cassette"], { directory })).code).toBe(0);
  });
});

describe("quatrain export --cassette", () => {
  it("makes one of a run that was not recorded, to a file or to stdout", async () => {
    const { stdout } = await ended(["run", "do it", "--plain", "--yes"], { directory });
    const id = /r-[a-z0-9]+/.exec(stdout)?.[0] ?? "";
    const printed = await ended(["export", id, "--cassette"], { directory });
    const written = await ended(["export", id, "later.cassette", "--cassette"], { directory });
    expect(written.stdout).toMatch(/^Wrote [\d.]+k bytes to later\.cassette\. Play it without a key: /);
    expect(printed.stdout).toBe(await readFile(`${directory}/later.cassette`, "utf8"));
    expect(printed.stdout).not.toContain(directory);
    expect(await ended(["export", id, "later.cassette", "--cassette"], { directory })).toMatchObject({ code: 2 });
    expect(await ended(["export", id, "later.cassette", "--cassette", "--force"], { directory })).toMatchObject({ code: 0 });
    expect((await ended(["replay", "later.cassette"], { directory })).code).toBe(0);
  });
});

describe("quatrain replay", () => {
  it("says what is wrong with a file that is no cassette", async () => {
    expect(await ended(["replay", "nothing.cassette"], { directory })).toMatchObject({ code: 2 });
    await writeFile(`${directory}/odd.cassette`, "{}\n");
    const odd = await ended(["replay", "odd.cassette"], { directory });
    expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining("Line 1 of the cassette is no head") as string });
    expect(existsSync(`${directory}/.quatrain`)).toBe(false);
  });
});
