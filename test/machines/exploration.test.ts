// Every reachable state of the orchestrator's chart on a diamond of four tasks, and what must hold in each; and that a
// mistake in any of five rules would be found, with the shortest way to it.
import { describe, expect, it } from "vitest";
import { taskIndex } from "../../src/core/ids.ts";
import { runInput } from "../support/cast.ts";
import { explore, witness } from "../support/explore.ts";
import type { Explored, RunChartEvent } from "../support/explore.ts";
import { mutants } from "../support/mutants.ts";
import { diamond, planOf } from "../support/plans.ts";
import type { RunSnapshot } from "../../src/testing/simulate/stage.ts";

const inputOf = (concurrency: number) => runInput({ plan: diamond, options: { concurrency } });
const settled = new Set(["finished", "failed", "skipped"]);

/** The first promise that a state breaks. `most`: attempts that a task may have. */
function brokenIn({ context, children, status }: RunSnapshot, most = 2): string | undefined {
  const { queue, options } = context;
  const tasks = queue?.tasks ?? [];
  const running = tasks.filter((task) => task.status === "running");
  const alive = Object.keys(children)
    .filter((id) => id.startsWith("worker:"))
    .toSorted();
  if (running.length > options.concurrency) return "too many tasks run";
  if (running.some((task) => !mayRun(context, task.id))) return "a task runs before what it needs is finished";
  if (tasks.some((task) => task.attempts > most)) return "a task has more attempts than it may have";
  if (
    status === "active" &&
    alive.join() !==
      running
        .map(({ id, attempts }) => `worker:${id}#${attempts}`)
        .toSorted()
        .join()
  )
    return "live workers and running tasks differ";
  for (const [name, count] of Object.entries(queue?.counts ?? {})) {
    if (tasks.filter((task) => task.status === name).length !== count) return `the count of ${name} is wrong`;
  }
  if (tasks.some((task) => task.status === "finished" && !context.reports[taskIndex(task.id)])) return "a report is lost";
  const mended = tasks.filter((task) => task.status === "mending").map(({ id }) => id);
  if (
    mended.toSorted().join() !==
    context.mending
      .map(({ task }) => task)
      .toSorted()
      .join()
  )
    return "a mending is lost";
  if (context.plan?.tasks.length !== tasks.length || context.reports.length !== tasks.length) return "plan and queue differ";
  if (status === "done" && !tasks.every((task) => settled.has(task.status))) return "the run ended before its tasks";
  if (status === "done" && context.outcome === null) return "the run ended without an outcome";
  return undefined;
}

function mayRun({ plan, queue }: RunSnapshot["context"], id: string): boolean {
  return (plan?.tasks[taskIndex(id)]?.dependencies ?? []).every(
    (edge) => queue?.tasks[taskIndex(edge.task)]?.status === "finished",
  );
}

/** States that are not the end and that nothing but a command leads on from. */
function deadlocks(states: readonly Explored[]): readonly string[] {
  const isCommand = (event: RunChartEvent) => /^(run|task|ask|plan)\./.test(event.type);
  return states
    .filter(
      ({ state, key, leads }) =>
        state.status === "active" && !state.hasTag("hold") && !leads.some(({ event, to }) => to !== key && !isCommand(event)),
    )
    .map(({ key }) => key);
}

describe("every state of a diamond", () => {
  it.each([
    [1, 130],
    [2, 140],
  ])("keeps every promise with %i at once", (concurrency, floor) => {
    const states = explore({ input: inputOf(concurrency) });
    expect(states.length).toBeGreaterThan(floor);
    expect(states.flatMap(({ key, state }) => (brokenIn(state) ? [`${brokenIn(state)}: ${key}`] : []))).toEqual([]);
    expect(deadlocks(states)).toEqual([]);
    const ends = states.filter(({ state }) => state.status === "done").map(({ state }) => state.context.outcome ?? "none");
    expect([...new Set(ends)].toSorted((a, b) => a.localeCompare(b))).toEqual(["complete", "failed", "partial"]);
  });

  it("keeps every promise whatever people command", () => {
    const at = 0;
    const commands: readonly RunChartEvent[] = [
      { type: "run.pause", at },
      { type: "run.resume", at },
      { type: "run.cancel", at },
      ...["t1", "t2", "t4"].map((task) => ({ type: "task.skip" as const, task, at })),
    ];
    const states = explore({ input: inputOf(2), commands, stale: false });
    expect(states.length).toBeGreaterThan(700);
    expect(states.flatMap(({ key, state }) => (brokenIn(state) ? [`${brokenIn(state)}: ${key}`] : []))).toEqual([]);
    expect(deadlocks(states)).toEqual([]);
  });

  it.each([
    ["cuts", "PromptTooLong", 3],
    ["words anew", "Refused", 3],
  ] as const)("keeps every promise while it %s tasks", (_what, code, most) => {
    const plan = planOf({ a: {}, b: { needs: ["a"] } });
    const input = runInput({ plan, options: { concurrency: 2, maxTasks: 4 } });
    const states = explore({ input, codes: [code], stale: false });
    expect(states.length).toBeGreaterThan(40);
    expect(states.some(({ state }) => state.context.mending.length > 0)).toBe(true);
    expect(states.flatMap(({ key, state }) => (brokenIn(state, most) ? [`${brokenIn(state, most)}: ${key}`] : []))).toEqual([]);
    expect(deadlocks(states)).toEqual([]);
  });

  it("keeps every promise whatever is wanted done again", () => {
    const at = 0;
    const commands = ["t1", "t2"].map((task): RunChartEvent => ({ type: "task.retry", task, at }));
    const plan = planOf({ a: {}, b: { needs: ["a"] } });
    // Every redo is another attempt: the graph ends where somebody has had enough of them.
    const until = ({ context }: RunSnapshot): boolean => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 3);
    const states = explore({ input: runInput({ plan }), commands, stale: false, until });
    expect(states.length).toBeGreaterThan(70);
    expect(states.flatMap(({ key, state }) => (brokenIn(state, 4) ? [`${brokenIn(state, 4)}: ${key}`] : []))).toEqual([]);
  });

  it("comes to its end from everywhere", () => {
    const states = explore({ input: inputOf(2) });
    const ends = new Set(states.filter(({ state }) => state.status === "done").map(({ key }) => key));
    for (let before = -1; before !== ends.size;) {
      before = ends.size;
      for (const { key, leads } of states) if (leads.some(({ to }) => ends.has(to))) ends.add(key);
    }
    expect(states.filter(({ key }) => !ends.has(key))).toEqual([]);
  });
});

describe("a mistake in a rule is found with the shortest way to it:", () => {
  it.each(mutants)("$name", ({ machine, concurrency, stale, way }) => {
    const states = explore({ input: inputOf(concurrency), machine, stale });
    const stuck = new Set(deadlocks(states));
    expect(witness(states, ({ key, state }) => brokenIn(state) !== undefined || stuck.has(key))).toEqual(way);
  });
});
