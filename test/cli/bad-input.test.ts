// Each kind of bad input: what is said, and the exit code.
import { chmod, writeFile } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Brain } from "../../src/testing/stand-in/brain.ts";
import type { Fault } from "../../src/testing/stand-in/faults.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { call, draft, ended, folders, held, smallJob, talkTo } from "./helpers.ts";

const places = folders();
let server: StandIn;
let brain: Brain = smallJob();
let fault: Fault | null = null;
let directory = "";

beforeAll(async () => {
  server = await standIn({
    brain: (request, context) => brain(request, context),
    faults: () => fault ?? undefined,
    apiKeys: ["test-key"],
  });
});
afterAll(() => server.close());
beforeEach(async () => {
  talkTo(server.url);
  brain = smallJob();
  fault = null;
  directory = await places.make();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await places.clean();
});

describe("what is refused before anything starts", () => {
  it.each<[string, readonly string[], RegExp]>([
    ["an empty request", ["run", "  "], /The request is empty; say what is to be done/],
    ["no request", ["run"], /missing required argument 'request'/],
    [
      "an unknown worker",
      ["run", "x", "--workers", "backend,fronted"],
      /There is no worker "fronted"; did you mean "frontend"\? Known: /,
    ],
    ["no worker at all", ["run", "x", "--workers", " , "], /--workers is empty; name at least one/],
    ["a budget of 0", ["run", "x", "--budget", "0"], /--budget is "0"; give an amount in USD above 0/],
    ["a negative budget", ["run", "x", "--budget=-2"], /--budget is "-2"; give an amount/],
    ["half a token", ["run", "x", "--budget-tokens", "0.5"], /--budget-tokens is "0\.5"; give a whole number of tokens/],
    ["no tokens", ["run", "x", "--budget-tokens", ""], /--budget-tokens is ""; give a whole number of tokens/],
    ["a time without a unit", ["run", "x", "--budget-time", "90"], /--budget-time is "90"; give a time such as 90s, 30m or 2h/],
    ["no time", ["run", "x", "--budget-time", "0m"], /--budget-time is "0m"; give a time/],
    ["a task budget of 0", ["run", "x", "--task-budget", "0"], /--task-budget is "0"; give an amount in USD above 0/],
    ["a task time of another unit", ["run", "x", "--task-time", "3 days"], /--task-time is "3 days"; give a time/],
    ["a budget that is no number", ["run", "x", "--budget", "much"], /--budget is "much"; give an amount/],
    [
      "a budget without a price",
      ["run", "x", "--budget", "1", "--model-worker", "own-model"],
      /No price is known for own-model, so a budget can't be kept\. Leave out --budget/,
    ],
    ["a concurrency of 0", ["run", "x", "--concurrency", "0"], /--concurrency is "0"; give a whole number from 1 to 1000/],
    ["an unknown mode", ["run", "x", "--mode", "dirct"], /--mode is "dirct"; did you mean direct\?/],
    ["a bad address", ["run", "x", "--base-url", "localhost"], /--base-url is "localhost"; give an address such as/],
    [
      "a missing workspace",
      ["run", "x", "--workspace", "nowhere"],
      /The workspace \S+nowhere does not exist; make it, or name another folder/,
    ],
    ["a workspace that is a file", ["run", "x", "--workspace", "a.txt"], /The workspace \S+a\.txt is no folder/],
    [
      "a state folder that can't be made",
      ["run", "x", "--state-dir", "a.txt/state"],
      /The state folder \S+ can't be written .* Choose another with --state-dir\./,
    ],
    ["an unknown flag", ["run", "x", "--bugdet", "3"], /unknown option '--bugdet'\n\(Did you mean --budget\?\)/],
    ["an unknown command", ["rum", "x"], /unknown command 'rum'\n\(Did you mean run\?\)/],
    ["an unknown run to resume", ["resume", "r-none"], /There is no run "r-none" in \S+\. It holds no runs/],
    ["no run to resume", ["resume"], /There is no open run in \S+\. See all with: quatrain runs/],
    ["an unknown run to show", ["show", "r-none"], /There is no run "r-none"/],
    ["an unknown run to pause", ["pause", "r-none"], /There is no run "r-none" in \S+\. It holds no runs/],
    ["a question without an answer", ["answer", "r-1", "plan"], /missing required argument 'yes\|no'/],
    ["an answer that is none", ["answer", "r-1", "plan", "maybe"], /The answer is "maybe"; give yes or no/],
    ["nothing to tell", ["tell", "r-1"], /missing required argument 'text'/],
    ["a task that is not named", ["skip", "r-1"], /missing required argument 'task'/],
    ["an unknown run to fork", ["fork", "r-none"], /There is no run "r-none"/],
    ["a row that is none", ["show", "r-none", "--at"], /option '--at <row>' argument missing/],
    ["an unknown run to continue", ["continue", "r-none", "more"], /There is no run "r-none"/],
    ["an unknown run to export", ["export", "r-none"], /There is no run "r-none"/],
    [
      "a file to import that is not there",
      ["import", "none.ndjson"],
      /none.ndjson can't be used: there is no such file\. Name a file that can be used/,
    ],
  ])("%s", async (_name, argv, message) => {
    const { code, stdout, stderr } = await ended(argv, { directory });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^quatrain: /);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  it("no key: 5, and a way on without one", async () => {
    talkTo(server.url, null);
    const { code, stderr } = await ended(["run", "x"], { directory });
    expect(stderr).toMatch(/There is no API key: set ANTHROPIC_API_KEY, or try "quatrain demo"/);
    expect(code).toBe(5);
  });

  it("with --json: one result line that says it, stderr empty", async () => {
    const { code, stdout, stderr } = await ended(["run", "x", "--json", "--budget", "0"], { directory });
    expect(JSON.parse(stdout)).toMatchObject({
      type: "result",
      exitCode: 2,
      outcome: null,
      error: { code: "BadOption", message: expect.stringContaining("--budget") as string },
    });
    expect([code, stderr]).toEqual([2, ""]);
    const unknown = await ended(["run", "x", "--json", "--bugdet"], { directory });
    expect(JSON.parse(unknown.stdout)).toMatchObject({ exitCode: 2, error: { code: "BadOption" } });
    expect([unknown.code, unknown.stderr]).toEqual([2, ""]);
  });

  it.skipIf(process.getuid?.() === 0)("a workspace that can't be written", async () => {
    await chmod(directory, 0o500);
    const { code, stderr } = await ended(["run", "x"], { directory });
    await chmod(directory, 0o700);
    expect(stderr).toMatch(/can't be written .* Choose another with --state-dir/);
    expect(code).toBe(2);
  });
});

describe("what the other side refuses", () => {
  const direct = ["run", "x", "--plain", "--mode", "direct", "--no-workspace", "--workers", "docs"];

  it("a wrong key: 5, with the command to go on", async () => {
    talkTo(server.url, "wrong");
    const { code, stdout } = await ended(direct, { directory });
    expect(stdout).toMatch(
      /AuthFailed: 127\.0\.0\.1:\d+ refused the key\. Check ANTHROPIC_API_KEY \(or ANTHROPIC_AUTH_TOKEN\)\./,
    );
    expect(stdout).toMatch(/Take it up again: quatrain resume r-\w+/);
    expect(stdout).not.toContain("wrong");
    expect(code).toBe(5);
    talkTo(server.url);
    expect((await ended(["resume", "--plain"], { directory })).code).toBe(0);
  });

  it("an unknown model: 2, with the flags that name models", async () => {
    const { code, stdout } = await ended([...direct, "--model-worker", "claude-nobody-1"], { directory });
    expect(stdout).toMatch(
      /ModelNotFound: .* does not know the model "claude-nobody-1"\. Correct it with --model-orchestrator, --model-worker or --model-router/,
    );
    expect(code).toBe(2);
  });

  it("an endpoint that answers with a web page: 1, and where to look", async () => {
    fault = { kind: "body", body: "html" };
    const called = call(direct, { directory });
    await called.shows("MalformedAnswer: The answer is not an API message (text/html");
    expect(called.stdout()).toContain("Check --base-url or ANTHROPIC_BASE_URL and whether a proxy or login page is in between.");
    expect(await called.code).toBe(1);
  });

  it("an endpoint that can't be reached: named at the first try, which is repeated", async () => {
    talkTo("http://127.0.0.1:9");
    const called = call(direct, { directory });
    await called.shows("turn 1 failed (NetworkFault:");
    expect(called.stdout()).toMatch(/127\.0\.0\.1:9.*; again in \d/);
    called.signal("SIGINT");
    expect(await called.code).toBe(130);
  });

  it("a plan that stays invalid: 1, with what is wrong with it", async () => {
    brain = smallJob({
      plan: {
        rationale: "r",
        tasks: [draft("a", "backend", { depends_on: ["b"] }), draft("b", "plumber", { depends_on: ["a"] })],
      },
    });
    const { code, stdout } = await ended(["run", "x", "--plain", "--mode", "orchestrate", "--no-workspace"], { directory });
    expect(stdout).toMatch(/\[plan\] has 2 issues and goes back: .*plumber/);
    expect(stdout).toMatch(/PlanInvalid: .*plumber/);
    expect(code).toBe(1);
  });
});

describe("what stands in the way of a recorded run", () => {
  it("a second process on the same run: 2, naming the owner", async () => {
    const models = held({ content: ["done"] });
    brain = models.brain;
    const first = call(["run", "x", "--plain", "--mode", "direct", "--no-workspace"], { directory });
    await first.shows("attempt 1 on");
    const second = await ended(["resume", "--plain"], { directory });
    expect(second.stderr).toMatch(
      /is owned by .* until .*send the run a command with: quatrain tell, answer, pause, cancel, skip or retry\./,
    );
    expect(second.code).toBe(2);
    await vi.waitUntil(() => server.requests.at(-1)?.status === null, { interval: 2 });
    models.release();
    expect(await first.code).toBe(0);
  });

  it("an endpoint of one's own that is not named again: 2, and then it goes on", async () => {
    const models = held({ content: ["done"] });
    brain = models.brain;
    const argv = ["run", "x", "--plain", "--mode", "direct", "--no-workspace", "--base-url", server.url];
    const environment = { QUATRAIN_API_KEY: "test-key" };
    const first = call(argv, { directory, environment });
    await first.shows("attempt 1 on");
    first.signal("SIGINT");
    models.release();
    await first.code;
    talkTo("http://127.0.0.1:9", null);
    const refused = await ended(["resume", "--plain"], { directory });
    expect(refused.stderr).toMatch(/asks claude-\S+ at an endpoint of your own; give the same --base-url again\./);
    expect(refused.code).toBe(2);
    const resumed = await ended(["resume", "--plain", "--base-url", server.url], { directory, environment });
    expect(resumed.code).toBe(0);
  });

  it("a journal from a newer version: 2, and it is left alone", async () => {
    await ended(["run", "x", "--plain", "--mode", "direct", "--no-workspace"], { directory });
    const database = new DatabaseSync(path.join(directory, ".quatrain", "runs.db"));
    database.exec("UPDATE host_meta SET value = '999' WHERE key = 'format'");
    database.close();
    for (const argv of [["runs"], ["resume"], ["run", "x"]]) {
      const { code, stderr } = await ended(argv, { directory });
      expect(stderr).toMatch(/format 999/);
      expect(code).toBe(2);
    }
  });

  it("a journal that is none", async () => {
    await ended(["run", "x", "--plain", "--mode", "direct", "--no-workspace"], { directory });
    await writeFile(
      path.join(directory, ".quatrain", "runs.db"),
      "this is no database, and it is long enough to be looked at ".repeat(100),
    );
    const { code, stderr } = await ended(["runs"], { directory });
    expect(stderr).toMatch(/runs\.db/);
    expect(code).toBe(1);
  });
});
