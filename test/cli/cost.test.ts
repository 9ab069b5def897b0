import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { costLines, costSummary } from "../../src/cli/cost-text.ts";
import { cellsOf } from "../../src/cli/words.ts";
import { failure } from "../../src/core/failure.ts";
import { foldLedger } from "../../src/model/ledger-fold.ts";
import { resolveModels } from "../../src/model/models.ts";
import { costOf, priceOf } from "../../src/model/prices.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { HOSTILE } from "./events.ts";
import { call, ended, folders, held, smallJob, talkTo } from "./helpers.ts";

const NOW = Date.UTC(2026, 10, 22);
const OPUS = "claude-opus-5-5";
const SONNET = "claude-sonnet-5-5";
const models = resolveModels({}, NOW);
const usage = {
  inputTokens: 1_000,
  outputTokens: 2_000,
  cacheReadTokens: 40_000,
  cacheWrite5mTokens: 8_000,
  cacheWrite1hTokens: 0,
};

function turn(conversation: string, model: string, estimated = false): RunEvent {
  const price = priceOf(model, NOW);
  const usd = price && costOf({ ...usage, estimated }, price);
  return { type: "turn.completed", at: NOW, conversation, turn: 1, model, stop: "end_turn", usd, ...usage, estimated };
}
const started = (task: string, attempt: number, worker = "docs"): RunEvent => ({
  type: "task.started",
  at: NOW,
  task,
  attempt,
  worker,
  model: SONNET,
  changes: [],
});
const finished = (task: string, attempt: number): RunEvent => ({
  type: "task.finished",
  at: NOW,
  task,
  attempt,
  summary: "",
  files: [],
  usd: 0,
  durationMs: 0,
  outputBytes: 4_000,
});
const retrying: RunEvent = {
  type: "task.retrying",
  at: NOW,
  task: "t2",
  attempt: 1,
  failure: failure("Refused", "no"),
  changes: [],
  wakeAt: NOW,
};
const RUN: readonly RunEvent[] = [
  { type: "route.decided", at: NOW, mode: "orchestrate", worker: null, reason: "" },
  turn("plan", OPUS),
  started("t2", 1),
  turn("t2#1", SONNET),
  retrying,
  started("t1", 1, HOSTILE),
  turn("t1#1", SONNET, true),
  finished("t1", 1),
  started("t2", 2),
  turn("t2#2", SONNET),
  finished("t2", 2),
];

describe("the text of a ledger", () => {
  // Opus: 0.004 + 0.04 + 0.008 + 0.04 = $0.092. Sonnet: 0.002 + 0.02 + 0.004 + 0.02 = $0.046.
  it("is a table of workers, tasks with their attempts, and models, then comparisons and costs", () => {
    const lines = costLines(foldLedger(RUN, { models }));
    expect(lines).toEqual(
      expect.arrayContaining([
        "By worker                turns      in     out    read written     cost   on top",
        "  the run itself             1    1.0k    2.0k   40.0k    8.0k    $0.09    $0.09",
        "  docs                       2    2.0k    4.0k   80.0k   16.0k    $0.09    $0.18",
        "  t2 docs                    2    2.0k    4.0k   80.0k   16.0k    $0.09    $0.18",
        "    t2#1 failed              1    1.0k    2.0k   40.0k    8.0k    $0.05    $0.09",
        "    t2#2                     1    1.0k    2.0k   40.0k    8.0k    $0.05    $0.09",
        "  claude-opus-5-5            1    1.0k    2.0k   40.0k    8.0k    $0.09    $0.09",
        "  claude-sonnet-5-5          3    3.0k    6.0k  120.0k   24.0k   ~$0.14    $0.28",
        "  spent                                       $0.23  $0.05 of it estimated",
        "  same tokens on claude-opus-5-5              $0.37  models saved $0.14",
        "  same tokens, nothing cached                 $0.59  caching saved $0.36",
        "  attempts that were not accepted             $0.05",
        "  all of it, per accepted task                $0.11  2 tasks",
        "~ partly estimated: tokens that the provider never reported.",
      ]),
    );
    // In plan order, whatever began first.
    const tasks = lines.slice(lines.findIndex((line) => line.startsWith("By task")));
    expect(tasks.findIndex((line) => line.startsWith("  t1"))).toBeLessThan(tasks.findIndex((line) => line.startsWith("  t2")));
    expect(lines.filter((line) => cellsOf(line) > 80)).toEqual([]);
    // oxlint-disable-next-line no-control-regex -- these must not be there
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it("is two lines at the end of a run", () => {
    expect(costSummary(foldLedger(RUN, { models }))).toEqual([
      "Cost ~$0.23 · same tokens on claude-opus-5-5 $0.37 · caching saved $0.36",
      "failed attempts $0.05 · $0.11 per accepted task",
    ]);
    expect(costSummary(foldLedger([], { models }))).toEqual([]);
  });

  it("says honestly what is not known, and what cost more", () => {
    const home = { model: "home-made", baseURL: "http://127.0.0.1:1" };
    const unknown = foldLedger([turn("t1#1", "home-made"), turn("t1#1", SONNET)], {
      models: resolveModels({ orchestrator: home }, NOW),
    });
    const lines = costLines(unknown);
    expect(lines).toContain("  No fair twin: no price is known for home-made.");
    expect(lines).toContain("? 1 turn of models without a known price: tokens counted, dollars not.");
    expect(lines).toContain("  home-made                  1    1.0k    2.0k   40.0k    8.0k        ?        ?");
    expect(costSummary(unknown)[0]).toBe("Cost $0.05? · no price known for home-made · caching saved $0.07");
    const dear = foldLedger([turn("t1#1", OPUS)], { models: resolveModels({ orchestrator: "sonnet" }, NOW) });
    expect(costLines(dear)).toContain("  same tokens on claude-sonnet-5-5            $0.05  models cost $0.05 more");
    expect(costLines(foldLedger([], { models }))).toEqual(["No model was paid in this run so far."]);
  });
});

describe("quatrain show --cost", () => {
  const places = folders();
  const gate = held({ content: ["All is done."] });
  let server: StandIn;
  let directory = "";
  let waits = false;

  beforeAll(async () => {
    const job = smallJob();
    server = await standIn({
      brain: (request, context) => {
        const isAnswer = request.model.includes("opus") && request.output_config?.format === undefined;
        return waits && isAnswer ? gate.brain(request, context) : job(request, context);
      },
    });
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    waits = false;
    talkTo(server.url);
    directory = await places.make();
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await places.clean();
  });

  it("tells where the money of an ended run went, as text and as JSON", async () => {
    const run = await ended(["run", "do it", "--json"], { directory });
    const result = JSON.parse(run.stdout.trimEnd().split("\n").at(-1) ?? "") as { runId: string; ledger: object };
    const text = await ended(["show", result.runId, "--cost"], { directory });
    expect(text).toMatchObject({ code: 0, stderr: "" });
    expect(text.stdout).toMatch(/^r-\w+: ended · do it\n\nBy worker/);
    expect(text.stdout).toMatch(/\n {2}t1 backend +3 .*\n/);
    const json = await ended(["show", result.runId, "--cost", "--json"], { directory });
    const { type, state, byModel, byWorker, byTask, byConversation, runId, ...ledger } = JSON.parse(json.stdout) as Record<
      string,
      unknown
    >;
    expect({ type, state, runId }).toEqual({ type: "cost", state: "ended", runId: result.runId });
    expect(ledger).toEqual(result.ledger);
    for (const totals of [byModel, byWorker, byTask, byConversation]) expect(totals).not.toEqual([]);
    const plain = await ended(["show", result.runId], { directory });
    expect(plain.stdout).toMatch(/\nCost \$0\.\d+ · same tokens on claude-opus-5-5 \$0\.\d+ · caching /);
  });

  it("tells of an open run what its journal knows", async () => {
    waits = true;
    const called = call(["run", "do it", "--plain"], { directory });
    await called.shows("[run] synthesizing");
    const id = /r-[a-z0-9]+/.exec((await ended(["runs"], { directory })).stdout)?.[0] ?? "";
    const { code, stdout } = await ended(["show", id, "--cost"], { directory });
    called.signal("SIGINT");
    called.signal("SIGINT");
    gate.release();
    await called.code;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^r-\w+: open · do it\n\nBy worker/);
    expect(stdout).toMatch(/\n {2}t1 backend +3 /);
  });
});
