// A pause counts towards no limit of time, whatever happens in it.
import { describe, expect, it } from "vitest";
import type { Budget } from "../../src/protocol/budget.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import { runInput } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const HOUR = 3_600_000;
const { at: START } = runInput();

const withBudget = (budget: Budget, plan: Plan) => new RunByHand({ plan, options: { budget } });

describe("a pause", () => {
  it("counts for nothing", () => {
    const run = withBudget({ ms: 200_000 }, planOf({ a: { worker: "hasty" }, b: {} }));
    run.hands.now = START + 9_999;
    run.command({ type: "run.pause" });
    run.hands.ring();
    expect(run.hands.alarm).toBeUndefined();
    expect(run.statuses).toBe("running running");
    run.hands.now = START + 10_000 + HOUR - 1;
    run.command({ type: "run.resume" });
    expect(run.hands.alarm).toBe(START + HOUR + 60_000);
    run.hands.ring();
    expect(run.statuses).toBe("retrying running");
    expect(run.hands.alarm).toBe(START + HOUR + 180_000);
    expect(run.context.standstill).toEqual({ sleptMs: 0, heldMs: HOUR, since: null });
  });

  it("is not charged to an attempt that ends during it", () => {
    const run = withBudget({ task: { ms: 100_000 } }, planOf({ a: {} }));
    run.hands.now = START + 10_000;
    run.command({ type: "run.pause" });
    run.hands.now = START + 90_000;
    run.finish("t1#1");
    expect(run.context.use.tasks[0]?.ms).toBeLessThan(11_000);
  });

  it("with a gap in it is taken off once", () => {
    const run = withBudget({}, planOf({ a: { worker: "hasty" } }));
    run.hands.now = START + 9_999;
    run.command({ type: "run.pause" });
    run.hands.now += HOUR;
    run.actor.send({ type: "host.slept", ms: HOUR, at: run.hands.now });
    run.hands.settle();
    run.hands.now += 4_999;
    run.command({ type: "run.resume" });
    expect(run.context.standstill).toEqual({ sleptMs: HOUR, heldMs: 5_000, since: null });
    expect(run.context.queue?.tasks[0]?.startedAt).toBe(START + HOUR + 5_000);
  });

  it("that turns into a suspension is one standstill", () => {
    const run = withBudget({}, planOf({ a: {}, b: {} }));
    run.hands.now = START + 999;
    run.command({ type: "run.pause" });
    run.hands.answer("t1#1", { fail: "AuthFailed" });
    expect(run.activity).toBe("suspended");
    run.hands.now = START + 10_999;
    run.command({ type: "run.resume" });
    expect(run.context.standstill.heldMs).toBe(10_000);
  });
});
