// Time: how long attempts, tasks, workers and the run may take; what a gap in the clock changes. Pauses: orchestrator-pause.test.ts.
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import type { PolicyRow } from "../../src/core/policy.ts";
import type { Budget } from "../../src/protocol/budget.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import { runInput } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";
import type { RunShape } from "../support/cast.ts";

const HOUR = 3_600_000;
const one = planOf({ a: {} });
const two = planOf({ a: {}, b: {} });
const { at: START } = runInput();

const withBudget = (budget: Budget, plan: Plan | null = two, more: RunShape = {}) =>
  new RunByHand({ plan, ...more, options: { ...more.options, budget } });

/** The host tells of a gap that ends `ms` later than the last event. */
function sleep(run: RunByHand, ms: number): void {
  run.hands.now += ms;
  run.actor.send({ type: "host.slept", ms, at: run.hands.now });
  run.hands.settle();
}

const startOf = ({ context }: RunByHand, at: number) => context.queue?.tasks[at]?.startedAt;

describe("an attempt", () => {
  it.each([
    ["of a model", "backend"],
    ["of a function", "sum"],
    ["of a machine", "parrot"],
  ])("%s is stopped after its time", (_kind, worker) => {
    const run = new RunByHand({ plan: planOf({ a: { worker } }) }, { prepare: (hands) => (hands.atOnce = {}) });
    expect(run.hands.alarm).toBe(START + HOUR);
    run.hands.ring();
    expect(run.workers).toEqual([]);
    expect(run.all("task.retrying")).toMatchObject([
      {
        task: "t1",
        attempt: 1,
        failure: {
          code: "WorkerTimeout",
          message: `The attempt was not over after 3600 s, the most an attempt of ${worker} may take.`,
        },
      },
    ]);
  });

  it("may take as long as its worker says, and not a millisecond more", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }));
    expect(run.hands.alarm).toBe(START + 60_000);
    run.hands.now = START + 59_998;
    run.finish("t1#1");
    expect(run.all("task.finished")).toMatchObject([{ durationMs: 60_000 }]);
  });

  it("that is stopped is paid for, and what it still says is a dead letter", () => {
    const run = withBudget({ usd: 1 }, planOf({ a: { worker: "hasty" } }));
    run.hands.ring();
    expect(run.context.accounts["t1#1"]).toMatchObject({ inFlight: true });
    run.bury("too late");
    expect(run.context.accounts).toEqual({});
    expect(run.context.spend.turns).toBe(1);
    expect(run.context.queue?.tasks[0]?.usd).toBe(run.context.spend.usd);
    expect(run.letters).toEqual(["t1#1: modelTurn (its actor was stopped; its cost is booked)"]);
  });

  it("stands still while a person is asked, and has the rest of its time after the answer", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }), { options: { asks: "wait", hasWorkspace: true } });
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    const [ask] = run.context.asks;
    const worked = ask!.at - START;
    run.hands.ring();
    expect(run.statuses).toBe("running");
    expect(run.hands.alarm).toBeUndefined();
    run.hands.now = START + 10 * HOUR;
    run.command({ type: "ask.answer", ask: ask!.id, decision: "approve" });
    expect(run.hands.alarm).toBe(run.hands.now + 60_000 - worked);
    run.hands.ring();
    expect(run.all("task.retrying")).toMatchObject([{ failure: { code: "WorkerTimeout" } }]);
  });

  it("of a snapshot that was restored without a host begins its time anew", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }));
    run.hands.ring(5 * HOUR);
    expect(run.statuses).toBe("running");
    expect(run.hands.alarm).toBe(run.hands.now + 60_000);
    expect(run.context.standstill.sleptMs).toBe(5 * HOUR);
    run.hands.ring();
    expect(run.statuses).toBe("retrying");
  });
});

describe("the timer of all deadlines", () => {
  const hasty = planOf({ a: {}, b: { worker: "hasty" }, c: { worker: "hasty", needs: ["a"] } });

  it("is one, for the earliest", () => {
    const run = withBudget({}, hasty);
    expect(run.hands.alarm).toBe(startOf(run, 1)! + 60_000);
  });

  it("goes off too early when what it was for is over, and is set for the next", () => {
    const run = withBudget({}, hasty);
    run.hands.now = START + 30_000;
    run.finish("t2#1");
    run.hands.ring();
    expect(run.statuses).toBe("running finished waiting");
    expect(run.hands.alarm).toBe(startOf(run, 0)! + HOUR);
    run.finish("t1#1");
    expect(run.hands.alarm).toBe(startOf(run, 2)! + 60_000);
  });

  it("is not set again when nothing runs", () => {
    const run = new RunByHand(
      { plan: planOf({ a: { worker: "parrot" } }), options: { asks: "wait" } },
      { policy: { attempts: 1 } },
    );
    run.command({ type: "run.tell", text: "fail", task: "t1" });
    expect(run.statuses).toBe("asking");
    run.hands.ring();
    expect(run.hands.alarm).toBeUndefined();
  });

  it("stops all that are over their time at once", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" }, b: { worker: "hasty" }, c: {} }));
    run.hands.ring();
    expect(run.statuses).toBe("retrying retrying running");
  });
});

describe("a limit of time of each task", () => {
  it("counts all its attempts", () => {
    const run = withBudget({ task: { ms: 100_000 } }, one);
    run.hands.now = START + 70_000;
    run.hands.answer("t1#1", { stop: "refusal" });
    run.hands.wake();
    expect(run.hands.doing("modelTurn")).toEqual(["t1#2/turn/1.0"]);
    const left = 100_000 - (run.context.use.tasks[0]?.ms ?? 0);
    expect(left).toBeLessThan(30_000);
    // The timer was set for the first attempt: by now it is early.
    run.hands.ring();
    expect(run.statuses).toBe("running");
    run.hands.ring();
    expect(run.hands.now).toBe(startOf(run, 0)! + left);
    run.bury();
    expect(run.output.tasks[0]).toMatchObject({
      status: "failed",
      attempts: 2,
      failure: { code: "WorkerTimeout", message: "The attempts of t1 have taken 100 s in all, the most a task may take." },
    });
  });

  it("that is used up starts no further attempt", () => {
    const run = withBudget({ task: { ms: 100_000 } }, one);
    run.hands.ring();
    expect(run.all("task.retrying")).toEqual([]);
    expect(run.statuses).toBe("failed");
  });
});

describe("a limit of time of a worker", () => {
  it("is used up the sooner the more of its tasks run", () => {
    const run = withBudget({ worker: { backend: { ms: 100_000 } } }, planOf({ a: {}, b: {}, c: { worker: "frontend" } }));
    expect(run.hands.alarm).toBe(START + 50_000);
    run.hands.now = START + 30_000;
    run.finish("t1#1");
    run.hands.ring();
    expect(run.statuses).toBe("finished running running");
    expect(run.hands.alarm).toBe(START + 100_000 - run.context.use.workers["backend"]!.ms);
    run.hands.ring();
    expect(run.statuses).toBe("finished failed running");
    expect(run.context.queue?.tasks[1]?.failure).toMatchObject({
      code: "WorkerTimeout",
      message: "The tasks of backend have taken 100 s in all, the most they may take.",
    });
  });
});

describe("the timer, when nothing is left to be stopped,", () => {
  it("is not set for a worker whose only attempt waits for a person, however long it has worked", () => {
    const run = withBudget({ worker: { hasty: { ms: 50_000 } } }, planOf({ a: { worker: "hasty" } }), {
      options: { asks: "wait", hasWorkspace: true },
    });
    run.hands.now = START + 49_990;
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    run.hands.ring();
    expect(run.hands.alarm).toBeUndefined();
    expect(run.statuses).toBe("running");
  });

  it("is not set for a time of the run that is over, while a bill is waited for", () => {
    const run = withBudget({ ms: 10_000 });
    run.hands.ring();
    run.hands.ring();
    expect(run.hands.alarm).toBeUndefined();
    expect(run.phase).toBe("dispatching");
    run.bury();
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true });
  });

  it("is taken away with the end of the run", () => {
    const run = withBudget({}, one, { options: { synthesis: false } });
    run.finish("t1#1");
    expect(run.output.outcome).toBe("complete");
    expect(run.hands.alarm).toBeUndefined();
  });
});

describe("the row of WorkerTimeout", () => {
  const run = (row: PolicyRow) =>
    new RunByHand(
      { plan: planOf({ a: { worker: "hasty" } }) },
      { policy: { table: { ...DEFAULT_POLICY.table, WorkerTimeout: row } } },
    );

  it("says what the next attempt changes", () => {
    const renewed = run({
      turn: [],
      attempt: [{ do: "renew", change: { model: "orchestrator" }, waitMs: [0, 0] }],
      then: "fail",
    });
    renewed.hands.ring();
    expect(renewed.all("task.retrying")).toMatchObject([{ changes: ["model claude-sonnet-5-5 -> claude-opus-5-5"] }]);
    renewed.hands.wake();
    renewed.hands.ring();
    expect(renewed.statuses).toBe("failed");
  });

  it.each(["fail", "skip", "suspend"] as const)("says what comes last: %s", (then) => {
    const ended = run({ turn: [], attempt: [], then });
    ended.hands.ring();
    expect(ended.statuses).toBe({ fail: "failed", skip: "skipped", suspend: "ready" }[then]);
  });
});

describe("a limit of time of the run", () => {
  const plan = planOf({ a: {}, b: {}, c: { needs: ["b"] } });

  it("stops what runs and starts nothing new when nine tenths are over; then the answer is written", () => {
    const run = withBudget({ ms: 100_000 }, plan);
    expect(run.hands.alarm).toBe(START + 90_000);
    run.finish("t1#1");
    run.hands.ring();
    expect(run.all("budget.reached")).toMatchObject([{ what: "ms", limit: 100_000, used: 100_000 }]);
    run.bury();
    expect(run.phase).toBe("synthesizing");
    expect(run.hands.alarm).toBe(START + 100_000);
    run.hands.answer("synthesis", "what there was");
    expect(run.output).toMatchObject({ outcome: "partial", answer: "what there was", budgetReached: true });
    expect(run.output.tasks.map(({ status, cause }) => [status, cause?.message ?? null])).toEqual([
      ["finished", null],
      ["skipped", "The time of the run, 100 s, is used up."],
      ["skipped", "The time of the run, 100 s, is used up."],
    ]);
  });

  it("keeps two minutes for the answer at most", () => {
    expect(withBudget({ ms: 10 * HOUR }, planOf({ a: {} })).context.alarm.dueAt).toBe(START + HOUR);
    const run = withBudget({ ms: HOUR });
    expect(run.hands.alarm).toBe(START + HOUR - 120_000);
  });

  it("makes do without a model's answer when all of it is over", () => {
    const run = withBudget({ ms: 100_000 }, one);
    run.finish("t1#1");
    expect(run.phase).toBe("synthesizing");
    run.hands.ring();
    expect(run.phase).toBe("synthesizing");
    run.hands.ring();
    expect(run.output).toMatchObject({ outcome: "partial", budgetReached: true, failure: { code: "BudgetExceeded" } });
    expect(run.output.answer).toContain("a: finished");
    expect(run.context.accounts).toEqual({});
    expect(run.output.spend.estimatedUsd).toBeGreaterThan(0);
  });

  it("ends the wait for another try of the answer", () => {
    const run = withBudget({ ms: 100_000 }, one);
    run.finish("t1#1");
    run.hands.answer("synthesis", { stop: "max_tokens", text: "cut" });
    expect(run.phase).toBe("retrying");
    run.hands.ring();
    run.hands.ring();
    expect(run.output).toMatchObject({ outcome: "partial", budgetReached: true });
  });

  it.each([
    ["routing", {}],
    ["decomposing", { mode: "orchestrate" as const }],
    ["reviewing", { plan: one, options: { review: true, asks: "wait" as const } }],
  ])("fails the run that is still %s", (phase, shape: RunShape) => {
    const run = withBudget({ ms: 100_000 }, null, shape);
    expect(run.phase).toBe(phase);
    run.hands.ring();
    run.bury();
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true, failure: { code: "BudgetExceeded" } });
    expect(run.context.asks).toEqual([]);
  });

  it("fails the run that waits for another try of the plan", () => {
    const run = withBudget({ ms: 100_000 }, null, { mode: "orchestrate" });
    run.hands.answer("plan", { stop: "max_tokens", text: "cut" });
    expect(run.phase).toBe("retrying");
    run.hands.ring();
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "BudgetExceeded" } });
  });

  it("of a direct run holds, too", () => {
    const run = withBudget({ ms: 100_000 }, null, { mode: "direct" });
    run.hands.ring();
    run.bury();
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true });
  });

  it("takes no task up again", () => {
    const run = withBudget({ ms: 100_000 });
    run.finish("t1#1");
    run.hands.ring();
    run.command({ type: "task.retry", task: "t2" });
    expect(run.letters.at(-1)).toBe("person: task.retry (the budget is used up)");
  });
});

describe("a gap in the clock", () => {
  it("moves the starts of what runs, so that neither deadlines nor durations count it", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" }, b: {} }));
    run.hands.now = START + 10_000;
    sleep(run, 5 * HOUR);
    expect([startOf(run, 0), startOf(run, 1)]).toEqual([START + 5 * HOUR, START + 5 * HOUR]);
    // The timer itself is overdue by the wall clock.
    run.hands.ring();
    expect(run.statuses).toBe("running running");
    expect(run.hands.alarm).toBe(START + 5 * HOUR + 60_000);
    run.finish("t1#1");
    expect(run.all("task.finished")[0]?.durationMs).toBeLessThan(11_000);
    run.finish("t2#1");
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ startedAt: START, sleptMs: 5 * HOUR });
    expect(run.output.tasks[1]?.durationMs).toBeLessThan(11_000);
  });

  it("leaves the rest of its time to an attempt, to the millisecond", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }));
    run.hands.now = START + 40_000;
    sleep(run, HOUR);
    run.hands.ring();
    run.hands.ring();
    expect(run.hands.now).toBe(START + HOUR + 60_000);
    expect(run.statuses).toBe("retrying");
  });

  it("moves the run's deadline", () => {
    const run = withBudget({ ms: 100_000 });
    sleep(run, HOUR);
    run.hands.ring();
    expect(run.context.broke).toBeNull();
    expect(run.hands.alarm).toBe(START + HOUR + 90_000);
    run.hands.ring();
    expect(run.context.broke).toBe("ms");
  });

  it("does not move a wake-up time, which is by the wall clock", () => {
    const run = withBudget({}, one);
    run.hands.answer("t1#1", { fail: "WorkspaceFailed", retryAfterMs: 100_000 });
    const { wakeAt } = run.context.queue!.tasks[0]!;
    sleep(run, HOUR);
    expect(run.context.queue!.tasks[0]!.wakeAt).toBe(wakeAt);
    expect(run.hands.inputOf("sleepUntil", "wake/t1#1").dueAt).toBe(wakeAt);
    run.hands.wake();
    expect(startOf(run, 0)).toBe(run.hands.now);
  });

  it("moves the window in which restarts are counted", () => {
    const run = withBudget({}, two);
    run.hands.answer("t1#1", { fail: "WorkspaceFailed" });
    const [before] = run.context.restarts;
    sleep(run, HOUR);
    expect(run.context.restarts).toEqual([before! + HOUR]);
  });

  it("changes nothing that started within it, and nothing when it is none", () => {
    const run = withBudget({}, one);
    run.hands.now = START + 10;
    run.actor.send({ type: "host.slept", ms: HOUR, at: START + 10 });
    expect(startOf(run, 0)).toBe(START + 10);
    const { queue } = run.context;
    run.actor.send({ type: "host.slept", ms: 0, at: START + 20 });
    run.actor.send({ type: "host.slept", ms: Number.NaN, at: START + 30 });
    expect(run.context.queue).toBe(queue);
  });

  it("while a person is asked is not taken off twice", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }), { options: { asks: "wait", hasWorkspace: true } });
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    const worked = run.context.asks[0]!.at - START;
    run.hands.now += 1_000;
    sleep(run, HOUR);
    run.hands.ring();
    run.hands.now += 1_000;
    run.command({ type: "ask.answer", ask: run.context.asks[0]!.id, decision: "approve" });
    expect(run.hands.alarm).toBe(run.hands.now + 60_000 - worked);
  });
});
