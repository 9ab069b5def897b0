// The examples do what they say. Here their models are a stand-in; everything else is real.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { StandIn } from "../../src/testing/index.ts";
import { plans, runExample, says, stage } from "./run-example.ts";
import type { Voices } from "./run-example.ts";

const servers: StandIn[] = [];

async function serverFor(voices: Voices, models: readonly string[] = []): Promise<StandIn> {
  const server = await stage(voices, models);
  servers.push(server);
  return server;
}

afterEach(async () => {
  const complaints = servers.flatMap(({ invalid, unexpected }) => [...invalid, ...unexpected]);
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(complaints).toEqual([]);
});

const orchestrating = says(JSON.stringify({ mode: "orchestrate", worker: null, reason: "two domains" }));

describe("examples", () => {
  it("01: six lines bring an answer, and leave the folder as it was", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "quatrain-example-"));
    const before = process.cwd();
    const server = await serverFor({
      router: orchestrating,
      planner: plans([{ label: "login", worker: "backend", writes: ["login.js"] }]),
      worker: (_request, { turn }) =>
        turn === 0
          ? { content: [{ tool: "write", input: { file_path: "login.js", content: "export const login = 1;\n" } }] }
          : { content: ["Wrote login.js."] },
      synthesizer: says("People can sign in now."),
    });
    try {
      await writeFile(path.join(folder, "app.js"), "export const app = 1;\n");
      process.chdir(folder);
      const printed = await runExample("01-six-lines", server);
      expect(printed[0]).toBe("run.started");
      expect(printed).toContain("task.finished");
      expect(printed).toContain("complete: People can sign in now.");
      expect(printed.at(-1)).toMatch(/^1 files changed, \$0\.\d\d for 5 turns$/);
      expect(existsSync(path.join(folder, "login.js"))).toBe(false);
    } finally {
      process.chdir(before);
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("02: a plan waits as plain JSON and goes on in another actor", async () => {
    const server = await serverFor({});
    const printed = await runExample("02-xstate", server);
    const answer = "What the tasks came to:\n- hello: finished. HELLO\n- world: finished. WORLD";
    expect(printed).toEqual(["t1 says HELLO", "t2 says WORLD", `complete: ${answer}`]);
    expect(server.requests).toHaveLength(0);
  });

  it("03: own workers hand typed results on", async () => {
    const server = await serverFor({});
    const printed = await runExample("03-own-workers", server);
    expect(printed[0]).toMatch(/^complete: What the tasks came to:\n- oslo: finished\./);
    expect(printed[1]).toBe("Lisbon is warmer by 6 degrees");
    expect(server.requests).toHaveLength(0);
  });

  it("04: text only, no tools offered, the answer streamed", async () => {
    const server = await serverFor({
      router: orchestrating,
      planner: plans([
        { label: "sourcing", worker: "docs" },
        { label: "capture", worker: "docs" },
      ]),
      worker: says("Findings."),
      synthesizer: says("Take change data capture."),
    });
    const printed = await runExample("04-text-only", server);
    expect(printed.slice(0, 2)).toEqual(["orchestrate: two domains", "2 tasks"]);
    expect(printed.filter((line) => /^t\d done, \$0\.\d{4}$/.test(line))).toHaveLength(2);
    const streamed = printed.filter((line) => line.startsWith("> ")).map((line) => line.slice(2));
    expect(streamed.join("")).toBe("Take change data capture.");
    expect(printed.at(-1)).toMatch(/^\ncomplete: \$0\.\d{4}\n\nTake change data capture\.$/);
    expect(server.requests.filter(({ body }) => JSON.stringify(body).includes('"tools"'))).toEqual([]);
  });

  it("05: each role goes to its own endpoint", async () => {
    const anthropic = await serverFor({
      planner: plans([{ label: "risks", worker: "review" }]),
      synthesizer: says("Three risks."),
    });
    const own = await serverFor({ worker: says("Loss, leaks, growth.") }, ["qwen3-coder"]);
    const printed = await runExample("05-own-endpoint", anthropic, { WORKER_URL: own.url, WORKER_KEY: "own-key" });
    expect(printed).toEqual([
      expect.stringMatching(/^plan: claude-opus-5-5, \$0\.\d+$/),
      expect.stringMatching(/^t1#1: qwen3-coder, \$0\.\d+$/),
      expect.stringMatching(/^synthesis: claude-opus-5-5, \$0\.\d+$/),
      "complete: Three risks.",
    ]);
    expect(own.requests).toHaveLength(1);
  });

  it("06: a worker machine alone ends with its report", async () => {
    const answer = { severity: "high", component: "login", reason: "Nobody on Safari can sign in." };
    const server = await serverFor({ worker: says(JSON.stringify(answer)) });
    const printed = await runExample("06-one-worker", server);
    expect(printed).toContain('{"working":"conversing"}');
    expect(printed).toContain(JSON.stringify(answer));
    expect(printed.at(-1)).toMatch(/^\$0\.\d{5} for 1 turns$/);
  });

  it("08: every order of ends is gone through, and the ways to all ends walked again on real actors", async () => {
    const printed = await runExample("08-model-based-test", await serverFor({}));
    expect(printed[0]).toMatch(/^\d+ states, \d+ transitions, ends .*complete.*: all hold$/);
    expect(printed[1]).toMatch(/^\d+ ways to an end do the same with real actors, such as: t1 .* ⇒ \w+$/);
  });

  it("09: a policy that tries without limit is told with the shortest way to it", async () => {
    const printed = await runExample("09-wrong-policy", await serverFor({}));
    const four = [1, 2, 3, 4].map((attempt) => `${attempt === 1 ? "t1" : `t1#${attempt}`} fails as WorkerGaveUp → t1 is woken`);
    expect(printed).toEqual(["attemptsHold: t1 is at attempt 5; 4 are the most", four.join(" → ")]);
  });

  it("10: a worker that asks for money with its report is caught, in the one order that shows it", async () => {
    const [message, script, right] = await runExample("10-wrong-worker", await serverFor({}));
    expect(message).toMatch(/t1#1 asks for money .* nobody hears the answer/);
    expect(script).toBe("t1#1/draft is done → t1#1/facts is done");
    expect(right).toMatch(/^Without it: \d+ states, no broken promise\.$/);
  });

  it("are all run here or beside", async () => {
    const files = await readdir(new URL("../../examples", import.meta.url));
    const tests = await Promise.all(
      (await readdir(new URL(".", import.meta.url)))
        .filter((file) => file.endsWith(".test.ts"))
        .map((file) => readFile(new URL(file, import.meta.url), "utf8")),
    );
    const untested = files.filter(
      (file) => /^\d\d-.*\.ts$/.test(file) && !tests.some((text) => text.includes(`"${file.slice(0, -3)}"`)),
    );
    expect(untested).toEqual([]);
  });
});
