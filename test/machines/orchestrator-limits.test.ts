// Limits of tokens, and those of a task or a worker: what fits, what waits, what is refused, and what comes of it.
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import type { PolicyRow } from "../../src/core/policy.ts";
import type { Budget } from "../../src/protocol/budget.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const one = planOf({ a: {} });
const two = planOf({ a: {}, b: {} });
const read = { calls: [{ tool: "read", input: { file_path: "a" } }] };

const withBudget = (budget: Budget, plan = two, more: ConstructorParameters<typeof RunByHand>[0] = {}) =>
  new RunByHand({ plan, ...more, options: { hasWorkspace: true, ...more.options, budget } });

/** What the first turn of a task reserves: the same in every run of these plans. */
function firstTurn(): { readonly usd: number; readonly tokens: number } {
  const account = withBudget({ usd: 1 }, one).context.accounts["t1#1"];
  if (!account) throw new Error("No turn was started.");
  return { usd: account.reservedUsd, tokens: account.reservedInputTokens + account.reservedOutputTokens };
}

const first = firstTurn();

/** An attempt takes turns of 0.1 cents and some, each with a call whose result has so many characters. */
function work(run: RunByHand, from: string, { turns = 1, characters = 10 }: { turns?: number; characters?: number }): void {
  for (let turn = 1; turn <= turns; turn++) {
    run.hands.answer(from, read);
    run.hands.give("toolCall", `${from}/turn/${turn}/call/0`, { content: `${turn}`.padEnd(characters, "x"), isError: false });
  }
}

describe("a limit of tokens", () => {
  it("is reserved from before a turn and counts every token after it", () => {
    const run = withBudget({ tokens: 1_000_000 }, one);
    expect(run.context.accounts["t1#1"]).toMatchObject({ reservedOutputTokens: 1_000, inFlight: true });
    run.finish("t1#1");
    const { spend } = run.context;
    expect(run.hands.doing("modelTurn")).toEqual(["synthesis/turn/1.0"]);
    run.hands.answer("synthesis", "done");
    expect(run.output.spend.inputTokens).toBeGreaterThan(spend.inputTokens);
  });

  it("holds back the turn that does not fit beside others", () => {
    const run = withBudget({ tokens: Math.floor(first.tokens * 2.2) });
    expect(run.hands.doing("modelTurn")).toEqual(["t1#1/turn/1.0"]);
    expect(run.context.funding).toMatchObject([{ from: "t2#1" }]);
    run.finish("t1#1");
    expect(run.hands.doing("modelTurn")).toEqual(["t2#1/turn/1.0"]);
  });

  it("that is too small for a turn ends the run as a used up budget does", () => {
    const run = withBudget({ tokens: first.tokens }, one);
    expect(run.hands.requests).toEqual([]);
    expect(run.context.broke).toBe("tokens");
    expect(run.all("budget.reached")).toMatchObject([
      { what: "tokens", limit: first.tokens, used: 0, limitUsd: null, spentUsd: 0 },
    ]);
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true, failure: { code: "BudgetExceeded" } });
    expect(run.output.failure?.message).toMatch(
      /The next turn may take \d+ tokens; of the \d+ tokens of the run \d+ tokens is left/,
    );
  });

  it("is kept for models without a price, too", () => {
    const { models } = withBudget({}, one).context;
    const free = { ...models.tiers.sonnet, price: null };
    const run = withBudget({ tokens: first.tokens }, one, {
      models: { ...models, tiers: { haiku: free, sonnet: free, opus: free } },
    });
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true });
  });

  it("leaves the synthesis its share", () => {
    const run = withBudget({ tokens: Math.ceil(first.tokens / 0.75) + 1 }, one);
    run.finish("t1#1");
    const before = run.context.spend;
    expect(run.phase).toBe("synthesizing");
    expect(before.outputTokens).toBe(100);
  });

  it("counts a turn that was never told of at its worst", () => {
    const run = withBudget({ tokens: 100_000 });
    run.command({ type: "task.skip", task: "t1" });
    run.hands.wake();
    expect(run.context.spend.outputTokens).toBe(1_000);
    expect(run.context.spend.inputTokens).toBe(first.tokens - 1_000);
  });
});

describe("a limit of each task", () => {
  it("refuses its turn as WorkerBudget, and a new attempt is told what failed", () => {
    const run = withBudget({ task: { usd: first.usd + 0.0005 } });
    work(run, "t1#1", { characters: 4_000 });
    expect(run.all("task.retrying")).toMatchObject([
      { task: "t1", failure: { code: "WorkerBudget" }, changes: ["told what failed before"] },
    ]);
    expect(run.all("task.retrying")[0]?.failure.message).toContain("of task t1");
    // The other task has a limit of its own.
    expect(run.statuses).toBe("retrying running");
    expect(run.context.broke).toBeNull();
  });

  it("counts all attempts together: where nothing is left for another, none is started", () => {
    const run = withBudget({ task: { usd: first.usd } });
    work(run, "t1#1", { turns: 2 });
    expect(run.all("task.retrying")).toEqual([]);
    expect(run.all("task.failed")).toMatchObject([{ task: "t1", attempt: 1, failure: { code: "WorkerBudget" } }]);
    run.finish("t2#1");
    run.hands.answer("synthesis", "one of two");
    expect(run.output).toMatchObject({ outcome: "partial", budgetReached: false });
  });

  it("ends another failure's retries, too, when it is used up", () => {
    const run = withBudget({ task: { usd: first.usd } }, one);
    work(run, "t1#1", { turns: 1 });
    run.hands.answer("t1#1", { stop: "refusal" });
    expect(run.all("task.retrying")).toEqual([]);
    expect(run.output.tasks[0]).toMatchObject({ status: "failed", attempts: 1, failure: { code: "Refused" } });
  });

  it("asks a person when it is used up, where there is one", () => {
    const run = withBudget({ task: { usd: first.usd / 2 } }, one, { options: { asks: "wait" } });
    expect(run.hands.requests).toEqual([]);
    expect(run.context.asks).toMatchObject([{ id: "t1#1/escalation", detail: { code: "WorkerBudget" } }]);
    run.command({ type: "ask.answer", ask: "t1#1/escalation", decision: "reject" });
    expect(run.output.tasks[0]).toMatchObject({ status: "failed", failure: { code: "WorkerBudget" } });
  });

  it("of tokens holds, too", () => {
    const run = withBudget({ task: { tokens: first.tokens - 1 } }, one);
    run.hands.wake();
    expect(run.hands.requests).toEqual([]);
    expect(run.output.tasks[0]).toMatchObject({ status: "failed", attempts: 2, failure: { code: "WorkerBudget" } });
  });

  it("waits for the bill of an attempt that was stopped", () => {
    const run = withBudget({ task: { usd: first.usd * 1.5 } }, planOf({ a: { worker: "hasty" } }));
    run.hands.ring();
    run.hands.wake();
    expect(run.statuses).toBe("running");
    // The worst case of the stopped turn is still reserved: both together do not fit.
    expect(run.context.funding).toMatchObject([{ from: "t1#2" }]);
    run.bury("late");
    expect(run.hands.doing("modelTurn")).toEqual(["t1#2/turn/1.0"]);
  });
});

describe("a limit of a worker", () => {
  const plan = planOf({ a: {}, b: {}, c: { worker: "frontend" } });

  it("holds over all its tasks at once, and for nobody else", () => {
    const run = withBudget({ worker: { backend: { usd: first.usd * 1.2 } } }, plan);
    expect(run.hands.doing("modelTurn")).toEqual(["t1#1/turn/1.0", "t3#1/turn/1.0"]);
    expect(run.context.funding).toMatchObject([{ from: "t2#1" }]);
    run.finish("t1#1");
    expect(run.hands.doing("modelTurn")).toEqual(["t3#1/turn/1.0", "t2#1/turn/1.0"]);
  });

  it("refuses its later tasks as WorkerBudget when it is used up", () => {
    const options = { hasWorkspace: true, budget: { worker: { backend: { usd: first.usd } } } };
    const run = new RunByHand({ plan, options }, { policy: { attempts: 1 } });
    run.finish("t1#1");
    expect(run.all("task.failed")).toMatchObject([{ task: "t2", failure: { code: "WorkerBudget" } }]);
    expect(run.all("task.failed")[0]?.failure.message).toContain("of the worker backend");
    run.finish("t3#1");
    run.hands.answer("synthesis", "two of three");
    expect(run.output).toMatchObject({ outcome: "partial", budgetReached: false });
  });
});

describe("the row of WorkerBudget", () => {
  const table = (row: PolicyRow) => ({ table: { ...DEFAULT_POLICY.table, WorkerBudget: row } });
  const run = (row: PolicyRow, usd: number) =>
    new RunByHand({ plan: one, options: { hasWorkspace: true, budget: { task: { usd } } } }, { policy: table(row) });

  it("says what the next attempt changes", () => {
    const renewed = run(
      { turn: [], attempt: [{ do: "renew", change: { effort: "lower" }, waitMs: [0, 0] }], then: "fail" },
      first.usd + 0.0005,
    );
    work(renewed, "t1#1", { characters: 4_000 });
    expect(renewed.all("task.retrying")).toMatchObject([{ changes: ["effort medium -> low"] }]);
  });

  it.each(["fail", "skip", "suspend", "synthesize"] as const)("says what comes last: %s", (then) => {
    const ended = run({ turn: [], attempt: [], then }, first.usd / 2);
    const status = { fail: "failed", skip: "skipped", suspend: "ready", synthesize: "failed" }[then];
    expect(ended.statuses).toBe(status);
    expect(ended.activity).toBe(then === "suspend" ? "suspended" : "");
    expect(ended.context.broke !== null).toBe(then === "synthesize");
  });
});
