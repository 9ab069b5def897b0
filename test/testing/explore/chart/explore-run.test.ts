// What exploreRun finds, and what it says about its own bounds.
import { describe, expect, it } from "vitest";
import { assign } from "xstate";
import { defineWorker } from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import type { RunContext } from "quatrain/machines";
import { always, atEnd, exploreRun } from "quatrain/testing";
import type { ExploreRunOptions } from "quatrain/testing";
import { failure } from "../../../../src/core/failure.ts";
import { DEFAULT_TABLE } from "../../../../src/core/policy.ts";
import { parseAttemptId } from "../../../../src/core/ids.ts";
import { childId } from "../../../../src/machines/run-ends.ts";
import { skip, wakeUp } from "../../../../src/machines/settle.ts";
import { sequence, step } from "../../../../src/machines/step.ts";
import { withActions } from "../../../support/mutants.ts";
import { diamond, planOf } from "../../../support/plans.ts";

const backend = defineWorker({ name: "backend", description: "does the back", instructions: "work" });
const workers = [backend];
const single = planOf({ a: {} });
const two = planOf({ a: {}, b: {} });

const explore = (options: Partial<ExploreRunOptions>) => exploreRun({ workers, plan: two, ...options });
const changing = (name: string, change: (context: RunContext) => Partial<RunContext>) =>
  createOrchestrator({ workers }).provide({
    actions: { [name]: assign(({ context }) => change(context as unknown as RunContext)) },
  });

describe("exploreRun", () => {
  it("says what it visited, checked and left out", () => {
    const report = explore({ plan: diamond });
    expect(report).toMatchObject({ level: "chart", isExhausted: true, violations: [] });
    expect(report.checked).toEqual(
      expect.arrayContaining(["capsHold", "attemptsHold", "everyWaitHasAWakeUp", "everyRunCanEnd", "sameKeySameFuture"]),
    );
    expect(report.limits.join(" ")).toMatch(/200000 states: not reached.*WorkspaceFailed, crash.*Time stands still.*no money/);
    expect(report.coverage.machines["run"]?.transitions["run xstate.done.actor.*[0]"]).toBeGreaterThan(100);
    expect(report.coverage.failures["WorkspaceFailed"]).toBeGreaterThan(0);
    expect(Object.values(report.ends).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3);
  });

  it("gives the same report for the same options", () => {
    expect(explore({ plan: single })).toEqual(explore({ plan: single }));
  });

  it("is not exhausted where a bound was reached, and claims nothing about ends then", () => {
    const byStates = explore({ limits: { states: 20 } });
    expect(byStates).toMatchObject({ states: 20, isExhausted: false, violations: [] });
    expect(byStates.limits[0]).toBe("At most 20 states: reached, so that there are more.");
    expect(byStates.checked).not.toContain("everyRunCanEnd");
    const byDepth = explore({ limits: { depth: 3 } });
    expect(byDepth).toMatchObject({ depth: 3, isExhausted: false, violations: [] });
    expect(byDepth.limits[1]).toBe("Ways of at most 3 steps: reached, so that there are more.");
  });

  it("is exhausted at exactly as many states as there are", () => {
    const { states } = explore({ plan: single });
    expect(explore({ plan: single, limits: { states } }).isExhausted).toBe(true);
    expect(explore({ plan: single, limits: { states: states - 1 } }).isExhausted).toBe(false);
  });

  it("checks invariants of one's own in every state, and names those that need a history", () => {
    const never = always("neverPartial", ({ context }) => (context.outcome === "partial" ? "half done" : undefined));
    const late = atEnd("needsTheEnd", () => "broken");
    const { violations, checked, limits } = explore({ invariants: [never, late], stale: false, calls: [] });
    expect(violations).toEqual([
      expect.objectContaining({
        invariant: "neverPartial",
        message: "half done",
        script: "t1 finishes → t2 fails as WorkspaceFailed → t2 is woken → t2#2 fails as WorkspaceFailed → the synthesis is done",
      }),
    ]);
    expect(checked).toContain("neverPartial");
    expect(checked).not.toContain("needsTheEnd");
    expect(limits.at(-1)).toBe("Not looked at, since they need a history: needsTheEnd.");
  });

  it("tells a policy that tries without limit with eight steps", () => {
    const again = { do: "renew", change: {}, waitMs: [0, 0] } as const;
    const stubborn = { turn: [], attempt: Array.from({ length: 1_000 }, () => again), then: "fail" } as const;
    const { violations } = explore({
      policy: {
        table: { ...DEFAULT_TABLE, WorkspaceFailed: stubborn },
        attempts: 1_000,
        restarts: { intensity: 1_000_000, periodMs: 1 },
      },
      outcomes: ["WorkspaceFailed"],
    });
    expect(violations).toHaveLength(1);
    expect(violations[0]).toMatchObject({ invariant: "attemptsHold", message: "t1 is at attempt 5; 4 are the most" });
    expect(violations[0]?.steps).toHaveLength(8);
  });

  it("tells what is thrown in a transition, with the way to it", () => {
    const machine = changing("takeSynthesis", () => {
      throw new Error("no such thing");
    });
    const { violations, isExhausted } = explore({ plan: single, machine, calls: [] });
    expect(isExhausted).toBe(true);
    expect(violations[0]).toMatchObject({
      invariant: "nothingBreaks",
      message: "it threw: no such thing",
      script: "t1 finishes → the synthesis is done",
    });
  });

  it("tells where a run goes round for ever", () => {
    const machine = changing("takeSynthesis", ({ calls }) => ({
      talking: null,
      returning: { call: "synthesis", woken: true },
      calls: { ...calls, route: { ...calls.route, tried: 1 - calls.route.tried }, synthesis: { ...calls.synthesis, tried: 0 } },
    }));
    // That a person could cancel it is no end of its own.
    for (const commands of [[], [{ type: "run.cancel" }]] as const) {
      const { violations } = explore({ plan: single, machine, calls: [], stale: false, commands });
      expect(violations.map(({ invariant, script }) => `${invariant}: ${script}`)).toEqual(["everyRunCanEnd: t1 finishes"]);
    }
  });

  it("tells where only a person could move a run", () => {
    const machine = withActions({ wakeUp: (context) => step(context) });
    const { violations } = explore({ plan: single, machine, commands: [{ type: "task.skip", task: "t1" }], stale: false });
    expect(violations[0]).toMatchObject({ invariant: "everyWaitHasAWakeUp", script: "t1 fails as WorkspaceFailed" });
    expect(violations[0]?.message).toContain('"retrying"');
  });

  it("tells when a chart decides by what the key leaves out, until the key has it", () => {
    const machine = withActions({
      wakeUp: (context, event) =>
        sequence(step(context, { do: "stop", child: childId(event) }), (next) => {
          const attempt = parseAttemptId(childId(event).slice("wake:".length));
          return attempt && next.letters.count === 0 ? wakeUp(next, attempt, next.now) : step(next);
        }),
    });
    const options = { plan: single, machine, outcomes: ["WorkspaceFailed"] } as const;
    const names = (found: ReturnType<typeof explore>) => found.violations.map(({ invariant }) => invariant);
    expect(names(explore(options))).toContain("sameKeySameFuture");
    const mended = explore({ ...options, key: ({ context }) => String(Math.min(1, context.letters.count)) });
    expect(names(mended)).toEqual(["everyWaitHasAWakeUp", "everyRunCanEnd"]);
    expect(mended.violations[0]?.script).toBe("t1 fails as WorkspaceFailed → t1#1 reports late → t1 is woken");
  });

  it("tells so, too, where both ways lead to states that are known", () => {
    const machine = withActions({
      wakeUp: (context, event) =>
        sequence(step(context, { do: "stop", child: childId(event) }), (next) => {
          const attempt = parseAttemptId(childId(event).slice("wake:".length));
          if (!attempt) return step(next);
          return next.letters.count === 0
            ? wakeUp(next, attempt, next.now)
            : skip(next, attempt.task, failure("Skipped", "late"));
        }),
    });
    const commands = [{ type: "task.skip", task: "t1" }] as const;
    const { violations } = explore({ plan: single, machine, outcomes: ["WorkspaceFailed"], calls: [], commands });
    expect(violations).toEqual([
      expect.objectContaining({
        invariant: "sameKeySameFuture",
        message: '"t1 is woken" leads to another state by one way to it than by another',
      }),
    ]);
  });

  it("refuses bad options as orchestrate does", () => {
    expect(() => explore({ policy: { attempts: 0 } })).toThrow(/attempts/);
  });
});
