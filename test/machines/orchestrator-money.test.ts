// The budget: who may spend when, what happens when it is used up, and that it is never exceeded.
import { describe, expect, it } from "vitest";
import { lostTurn } from "../../src/actors/lost-turn.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const two = planOf({ a: {}, b: {} });
/** With these prices the worst case of a worker's first turn is 1.1 to 1.3 cents, and it costs 0.2. */
const withBudget = (usd: number, plan = two) => new RunByHand({ plan, options: { budget: { usd } } });
const reserved = ({ context }: RunByHand) =>
  Object.values(context.accounts).reduce((sum, { reservedUsd }) => sum + reservedUsd, 0);

describe("money", () => {
  it("is reserved before a turn and settled after it", () => {
    const run = withBudget(1);
    expect(reserved(run)).toBeGreaterThan(0.02);
    run.finish("t1#1", "t2#1");
    expect(run.context.spend.usd).toBeGreaterThan(0.002);
    expect(run.context.queue?.tasks[0]?.usd).toBeCloseTo(run.context.spend.usd / 2, 3);
    expect(Object.keys(run.context.accounts)).toEqual(["synthesis"]);
  });

  it("is waited for while another turn has reserved it", () => {
    const run = withBudget(0.03);
    expect(run.hands.doing("modelTurn")).toEqual(["t1#1/turn/1.0"]);
    expect(run.context.funding).toMatchObject([{ from: "t2#1" }]);
    run.finish("t1#1");
    expect(run.hands.doing("modelTurn")).toEqual(["t2#1/turn/1.0"]);
    expect(run.context.funding).toEqual([]);
  });

  it("that others give back by being stopped goes to who waits", () => {
    const run = withBudget(0.03);
    run.command({ type: "task.skip", task: "t1" });
    expect(run.hands.doing("modelTurn")).toEqual([]);
    run.bury();
    expect(run.hands.doing("modelTurn")).toEqual(["t2#1/turn/1.0"]);
  });

  it("for the synthesis is kept from the tasks", () => {
    const run = withBudget(0.02, planOf({ a: {} }));
    const { accounts, spend } = run.context;
    expect(accounts["t1#1"]?.reservedUsd).toBeLessThanOrEqual(0.02 * 0.75);
    expect(spend.usd).toBe(0);
    run.finish("t1#1");
    expect(run.phase).toBe("synthesizing");
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete", budgetReached: false });
    const tight = withBudget(accounts["t1#1"]!.reservedUsd * 1.2, planOf({ a: {} }));
    expect(tight.output).toMatchObject({ outcome: "failed", budgetReached: true });
  });

  it("that can't come any more is refused: what has not started is skipped, and the answer tells what there is", () => {
    const run = withBudget(0.0165, planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["b"] } }));
    run.hands.answer("t1#1", { calls: [], text: "x".repeat(10) });
    run.hands.answer("t1#1", "done");
    expect(run.all("budget.reached").length + run.all("task.finished").length).toBeGreaterThan(0);
    while (run.hands.doing("modelTurn").some((key) => key.startsWith("t")))
      run.finish(run.hands.doing("modelTurn")[0]!.replace(/\/.*/, ""));
    if (run.phase === "synthesizing") run.hands.answer("synthesis", "what there is");
    expect(run.output.spend.usd).toBeLessThanOrEqual(0.0165);
    expect(run.output.tasks.every(({ status }) => status !== "unfinished")).toBe(true);
  });

  it("too little for the first turn fails the run without a call", () => {
    const run = withBudget(0.005);
    expect(run.hands.requests).toEqual([]);
    expect(run.all("budget.reached")).toMatchObject([{ limitUsd: 0.005, spentUsd: 0 }]);
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true, failure: { code: "BudgetExceeded" } });
  });

  it("too little for the plan fails the run", () => {
    const run = new RunByHand({ mode: "orchestrate", options: { budget: { usd: 0.005 } } });
    expect(run.output).toMatchObject({ outcome: "failed", budgetReached: true, failure: { code: "BudgetExceeded" } });
  });

  it("too little for the synthesis leaves the plain answer", () => {
    const run = withBudget(0.0165, planOf({ a: {} }));
    run.hands.answer("t1#1", "y".repeat(9_000));
    if (run.phase === "synthesizing") run.hands.answer("synthesis", "done");
    expect(run.output.answer.length).toBeGreaterThan(0);
    expect(run.output.spend.usd).toBeLessThanOrEqual(0.0165);
  });

  it("of a direct run is not kept for a synthesis that never comes", () => {
    const run = new RunByHand({ mode: "direct", options: { budget: { usd: 0.0135 } } });
    run.finish("t1#1");
    expect(run.output.outcome).toBe("complete");
  });

  it("of lost turns is booked as an estimate", () => {
    const run = withBudget(1, planOf({ a: {} }));
    const worstUsd = reserved(run);
    run.hands.give("modelTurn", "t1#1/turn/1.0", lostTurn(1));
    expect(run.all("turn.lost")).toMatchObject([{ conversation: "t1#1", usd: worstUsd }]);
    expect(run.all("turn.failed")).toMatchObject([{ failure: { code: "TurnLost" }, usd: 0 }]);
    expect(run.context.spend).toMatchObject({ turns: 1, usd: worstUsd, estimatedUsd: worstUsd });
    run.hands.wake();
    run.finish("t1#1");
    const { spend } = run.context;
    expect(spend.turns).toBe(2);
    expect(run.context.queue?.tasks[0]?.usd).toBeCloseTo(spend.usd, 12);
  });

  it("of a lost turn leaves no room for another sending where there was room for one only", () => {
    const run = withBudget(0.02, planOf({ a: {} }));
    run.hands.give("modelTurn", "t1#1/turn/1.0", lostTurn(1));
    run.hands.wake();
    expect(run.hands.requests).toHaveLength(1);
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "BudgetExceeded" } });
    expect(run.output.spend.usd).toBeLessThanOrEqual(0.02);
  });

  it("is asked for anew after a turn that broke", () => {
    const run = withBudget(0.03);
    run.hands.breakOff("modelTurn", "t1#1/turn/1.0");
    expect(run.hands.doing("modelTurn")).toEqual(["t2#1/turn/1.0"]);
    run.command({ type: "run.resume" });
    expect(run.hands.doing("modelTurn")).toEqual(["t2#1/turn/1.0"]);
    expect(reserved(run)).toBeLessThan(0.02);
    run.finish("t2#1");
    expect(run.hands.doing("modelTurn")).toEqual(["t1#1/turn/1.1"]);
  });

  it("is not asked for by models without a price", () => {
    const { models } = new RunByHand({ plan: two }).context;
    const free = { ...models.tiers.sonnet, price: null };
    const run = new RunByHand({
      plan: two,
      models: { ...models, tiers: { haiku: free, sonnet: free, opus: free } },
      options: { budget: { usd: 0.0001 } },
    });
    run.finish("t1#1", "t2#1");
    expect(run.context.spend.unpricedTurns).toBe(2);
  });
});

describe("a run whose budget is used up", () => {
  const broke = (asks: "deny" | "wait" = "deny") => {
    const run = new RunByHand({
      plan: planOf({ a: {}, p: { worker: "parrot" }, q: { worker: "parrot" } }),
      options: { budget: { usd: 0.005 }, asks },
    });
    expect(run.context.broke).toBe("usd");
    expect(run.statuses).toBe("failed running running");
    return run;
  };

  it("does not wait for another attempt that it can't start", () => {
    const run = broke();
    run.command({ type: "run.tell", text: "fail", task: "t2" });
    run.command({ type: "run.tell", text: "stop", task: "t3" });
    expect(run.statuses).toBe("failed skipped finished");
    expect(run.output).toMatchObject({ outcome: "partial", budgetReached: true });
  });

  it("takes no failed task up again", () => {
    const run = broke();
    run.command({ type: "task.retry", task: "t1" });
    for (const task of ["t2", "t3"]) run.command({ type: "run.tell", text: "stop", task });
    expect(run.output.tasks.map(({ status }) => status)).toEqual(["failed", "finished", "finished"]);
    expect(run.letters).toEqual(["person: task.retry (the budget is used up)"]);
  });

  it("asks nobody any more about a task that it can't start", () => {
    const run = new RunByHand(
      {
        plan: planOf({ p: { worker: "parrot" }, a: { after: ["s"] }, s: { worker: "parrot" } }),
        options: { budget: { usd: 0.005 }, asks: "wait" },
      },
      { policy: { attempts: 1 } },
    );
    run.command({ type: "run.tell", text: "fail", task: "t1" });
    run.command({ type: "run.tell", text: "stop", task: "t3" });
    expect(run.all("ask.closed")).toMatchObject([{ ask: "t1#1/escalation", by: "policy" }]);
    expect(run.output.tasks.map(({ status }) => status)).toEqual(["skipped", "failed", "finished"]);
  });
});

describe("the bill of a stopped turn", () => {
  it("that does not come is estimated after a while, so that nobody waits for ever", () => {
    const run = withBudget(1);
    run.finish("t2#1");
    run.command({ type: "task.skip", task: "t1" });
    expect(run.phase).toBe("dispatching");
    expect(run.hands.wake()).toBe("wake/t1#1/bill");
    expect(run.phase).toBe("synthesizing");
    expect(run.context.spend.estimatedUsd).toBeGreaterThan(0.01);
    expect(run.context.queue?.tasks[0]?.usd).toBeCloseTo(run.context.spend.estimatedUsd, 12);
    expect(run.letters).toEqual(["t1#1: modelTurn (its actor was stopped and no bill came; its worst case is booked)"]);
  });

  it("that does not come does not keep a cancelled run", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.command({ type: "run.cancel" });
    expect(run.phase).toBe("stopping");
    expect(run.hands.wake()).toBe("wake/plan#1/bill");
    expect(run.output).toMatchObject({ outcome: "cancelled", spend: { turns: 1 } });
    expect(run.context.accounts).toEqual({});
  });

  it("that comes ends the wait for it", () => {
    const run = withBudget(1);
    run.command({ type: "task.skip", task: "t1" });
    run.bury("too late");
    expect(run.hands.doing("sleepUntil")).toEqual([]);
    expect(run.context.spend.estimatedUsd).toBe(0);
  });

  it("that nobody knows is estimated at once", () => {
    const run = withBudget(1);
    run.command({ type: "task.skip", task: "t1" });
    run.actor.send({
      type: "effect.orphaned",
      id: "x",
      path: "",
      key: "t1#1/turn/1.0",
      name: "modelTurn",
      performed: true,
      at: 2_000,
    });
    expect(run.context.accounts).not.toHaveProperty("t1#1");
    expect(run.context.spend.estimatedUsd).toBeGreaterThan(0.01);
  });

  it("that comes although it was estimated before is not booked twice", () => {
    const run = withBudget(1);
    run.command({ type: "task.skip", task: "t1" });
    run.hands.wake();
    const { spend } = run.context;
    run.bury("far too late");
    expect(run.context.spend).toEqual(spend);
    expect(run.letters.at(-1)).toBe("t1#1: modelTurn (its actor was stopped; its cost was booked before)");
  });

  it("is not taken for that of another turn of the same conversation", () => {
    const run = withBudget(1);
    run.hands.answer("t1#1", { calls: [], text: "x" });
    const before = run.context.accounts["t1#1"];
    const orphan = { type: "effect.orphaned", id: "x", path: "", name: "modelTurn", performed: true, at: 2_000 } as const;
    run.actor.send({ ...orphan, key: "t1#1/turn/7.0" });
    expect(run.context.accounts["t1#1"]).toEqual(before);
  });

  it("that was lost in a crash is estimated", () => {
    const run = withBudget(1);
    run.command({ type: "task.skip", task: "t1" });
    const value = lostTurn(2);
    const worstUsd = run.context.accounts["t1#1"]?.reservedUsd;
    run.actor.send({
      type: "effect.orphaned",
      id: "x",
      path: "",
      key: "t1#1/turn/1.0",
      name: "modelTurn",
      performed: true,
      value,
      at: 2_000,
    });
    expect(run.context.spend).toMatchObject({ turns: 1, usd: worstUsd, estimatedUsd: worstUsd, outputTokens: 1_000 });
    expect(run.context.queue?.tasks[0]?.usd).toBe(worstUsd);
  });

  it("whose actor broke before it could tell is estimated at once, so that nobody waits for it", () => {
    const run = withBudget(1);
    run.finish("t2#1");
    run.actor.send({
      type: "xstate.error.actor.worker:t1#1",
      actorId: "worker:t1#1",
      error: new Error("the check threw"),
    } as never);
    expect(run.context.accounts).toEqual({});
    expect(run.context.queue?.tasks[0]).toMatchObject({
      status: "retrying",
      failure: { code: "WorkerCrashed", message: "the check threw" },
    });
    expect(run.context.queue?.tasks[0]?.usd).toBeGreaterThan(0.01);
    run.hands.wake();
    run.finish("t1#2");
    expect(run.phase).toBe("synthesizing");
  });

  it("is estimated for a planner that broke, too", () => {
    const run = new RunByHand({ mode: "orchestrate" }, { policy: { attempts: 1 } });
    run.actor.send({ type: "xstate.error.actor.plan", actorId: "plan", error: new Error("the check threw") } as never);
    expect(run.output).toMatchObject({
      outcome: "failed",
      failure: { code: "WorkerCrashed", message: "the check threw" },
      spend: { turns: 1 },
    });
    expect(run.context.accounts).toEqual({});
  });
});
