// Every reachable state of the orchestrator's chart on small plans, and what must hold in each; and that a mistake in any
// of five rules is found, with the shortest way to it.
import { describe, expect, it } from "vitest";
import { exploreRun } from "quatrain/testing";
import type { ExploreRunOptions } from "quatrain/testing";
import type { Command } from "../../src/protocol/command.ts";
import { workers } from "../support/cast.ts";
import { mutants } from "../support/mutants.ts";
import { diamond, planOf } from "../support/plans.ts";

const explore = (options: Partial<ExploreRunOptions>) => exploreRun({ workers, plan: diamond, ...options });
const chain = planOf({ a: {}, b: { needs: ["a"] } });

describe("every state of a diamond", () => {
  it.each([
    [1, 180],
    [2, 200],
  ])("keeps every promise with %i at once", (concurrency, floor) => {
    const { states, ends, violations, isExhausted, coverage } = explore({ options: { concurrency } });
    expect(violations).toEqual([]);
    expect(isExhausted).toBe(true);
    expect(states).toBeGreaterThan(floor);
    expect(Object.keys(ends).toSorted((a, b) => a.localeCompare(b))).toEqual(["complete", "failed", "partial"]);
    expect(coverage.machines.run?.states["run.active.phase.retrying"]).toBeGreaterThan(0);
  });

  it("keeps every promise whatever people command", () => {
    const commands: readonly Command[] = [
      { type: "run.pause" },
      { type: "run.resume" },
      { type: "run.cancel" },
      ...["t1", "t2", "t4"].map((task) => ({ type: "task.skip" as const, task })),
    ];
    const { states, ends, violations } = explore({ options: { concurrency: 2 }, commands, stale: false });
    expect(violations).toEqual([]);
    expect(states).toBeGreaterThan(700);
    expect(ends["cancelled"]).toBeGreaterThan(0);
  });

  it.each([
    ["cuts", "PromptTooLong"],
    ["words anew", "Refused"],
  ] as const)("keeps every promise while it %s tasks", (_what, code) => {
    const { states, violations, coverage } = explore({
      plan: chain,
      options: { concurrency: 2, maxTasks: 4 },
      outcomes: [code],
      stale: false,
    });
    expect(violations).toEqual([]);
    expect(states).toBeGreaterThan(40);
    expect(coverage.events["task.mending"]).toBeGreaterThan(0);
  });

  it("keeps every promise whatever is wanted done again", () => {
    const commands = ["t1", "t2"].map((task): Command => ({ type: "task.retry", task }));
    // Every redo is another attempt: the graph ends where somebody has had enough of them.
    const until: ExploreRunOptions["until"] = ({ context }) => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 3);
    const { states, violations } = explore({ plan: chain, commands, stale: false, until });
    expect(violations).toEqual([]);
    expect(states).toBeGreaterThan(70);
  });

  it("keeps every promise while people are asked, and answer either way", () => {
    const { violations, coverage } = explore({
      plan: chain,
      options: { asks: "wait", review: true },
      outcomes: ["WorkerGaveUp"],
      mostAttempts: 4,
      until: ({ context }) => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 3),
    });
    expect(violations).toEqual([]);
    expect(coverage.machines.run?.states["run.active.phase.reviewing"]).toBeGreaterThan(0);
    expect(coverage.events["ask.closed"]).toBeGreaterThan(0);
  });

  it("keeps every promise when a run is suspended and resumed", () => {
    const until: ExploreRunOptions["until"] = ({ context }) => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 2);
    const { violations, coverage } = explore({ plan: chain, outcomes: ["AuthFailed"], until });
    expect(violations).toEqual([]);
    expect(coverage.machines.run?.states["run.active.activity.suspended"]).toBeGreaterThan(0);
  });

  it("keeps every promise from the request to the plan, and while files collide", () => {
    const cards = workers.slice(0, 2);
    const { violations, coverage } = exploreRun({
      workers: cards,
      plan: null,
      plans: [planOf({ a: {}, b: {} }), chain],
      options: { hasWorkspace: true, asks: "wait" },
      outcomes: ["WorkspaceFailed"],
      stale: false,
    });
    expect(violations).toEqual([]);
    const visited = Object.keys(coverage.machines.run?.states ?? {});
    for (const phase of ["routing", "decomposing", "dispatching", "integrating", "resolving", "synthesizing", "retrying"])
      expect(visited).toContain(`run.active.phase.${phase}`);
  });
});

describe("a mistake in a rule is found with the shortest way to it:", () => {
  it.each(mutants)("$name", ({ machine, concurrency, stale, breaks, script }) => {
    const { violations } = explore({ options: { concurrency }, machine, stale });
    expect(violations[0]).toMatchObject({ invariant: breaks, script });
  });
});
