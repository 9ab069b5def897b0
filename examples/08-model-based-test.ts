// A test that is generated from the machine: every path through every order in which the workers of a plan can end,
// well or badly. Nothing is started; xstate/graph walks the chart's pure transitions, and results are fed as events.
import assert from "node:assert/strict";
import { definePlan, defineWorker, prepareRun } from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import type { OrchestratorMachine, RunContext } from "quatrain/machines";
import { scriptedModel } from "quatrain/testing";
import type { EventFromLogic, SnapshotFrom } from "xstate";
import { getShortestPaths } from "xstate/graph";

type Snapshot = SnapshotFrom<OrchestratorMachine>;
type Event = EventFromLogic<OrchestratorMachine>;

const step = defineWorker({ name: "step", description: "Does a step.", perform: () => "done" });
const diamond = definePlan(
  [step],
  [
    { label: "top", worker: "step", task: "top" },
    { label: "left", worker: "step", task: "left", dependsOn: ["top"] },
    { label: "right", worker: "step", task: "right", dependsOn: ["top"], optional: true },
    { label: "bottom", worker: "step", task: "bottom", dependsOn: ["left"], after: ["right"] },
  ],
);

const CONCURRENCY = 2;
const { input } = prepareRun(diamond, { concurrency: CONCURRENCY, synthesis: true, model: scriptedModel({}) });

/** What can happen next: each live child ends, workers well or badly. To the types ends are `xstate.done.actor.*`. */
function whatMayHappen({ children, context }: Snapshot): readonly Event[] {
  return livingIn(children).flatMap((id) => {
    const end = (output: unknown) => ({ type: `xstate.done.actor.${id}`, actorId: id, output }) as unknown as Event;
    if (id.startsWith("worker:")) return [end(finished(context)), end(failed(context))];
    return [end(id === "synthesis" ? said(context) : { value: null, at: context.now })];
  });
}

const finished = ({ now: at, spend }: RunContext) => ({
  kind: "finished",
  report: {
    worker: "step",
    success: true,
    output: { ref: "", bytes: 0, value: "done" },
    summary: "done",
    changes: { ref: "", files: [] },
    evidence: [],
  },
  spend,
  at,
});

const failed = ({ now: at, spend }: RunContext) => ({
  kind: "failed",
  failure: { code: "WorkerCrashed", message: "It broke.", retryable: true },
  spend,
  at,
});

const said = ({ now: at, spend }: RunContext) => ({
  kind: "finished",
  text: "Done.",
  value: "Done.",
  messages: [],
  spend,
  turns: 1,
  toolCalls: 0,
  at,
});

/** Two snapshots are the same state when all that is checked below is the same. */
const keyOf = ({ value, status, context, children }: Snapshot): string =>
  JSON.stringify([
    value,
    status,
    context.queue?.tasks.map((task) => [task.status, task.attempts]),
    livingIn(children).toSorted(),
  ]);

/** The children, but for the timer of all deadlines, which is set anew as often as it goes off too early. */
function livingIn(children: Snapshot["children"]): readonly string[] {
  return Object.keys(children).filter((id) => !id.startsWith("wake:limit/"));
}

const paths = getShortestPaths(createOrchestrator({ workers: [step] }), {
  input,
  events: whatMayHappen,
  serializeState: keyOf,
  limit: 5_000,
});

for (const { state } of paths) {
  const { context, children, status } = state;
  const tasks = context.queue?.tasks ?? [];
  const running = tasks.filter((task) => task.status === "running");
  const workers = Object.keys(children).filter((id) => id.startsWith("worker:"));

  assert.ok(running.length <= CONCURRENCY, "never more than the cap");
  assert.deepEqual(
    workers.toSorted(),
    running.map(({ id, attempts }) => `worker:${id}#${attempts}`).toSorted(),
    "one live worker for each running task, and no other",
  );
  for (const { id } of running) {
    const needed = diamond.plan.tasks.find((task) => task.id === id)?.dependencies ?? [];
    for (const { task, kind } of needed) {
      const end = tasks.find((one) => one.id === task)?.status;
      assert.ok(end === "finished" || (kind === "soft" && (end === "failed" || end === "skipped")), `${id} waits for ${task}`);
    }
  }
  if (status === "active") assert.ok(Object.keys(children).length > 0, "somebody is always at work: no deadlock");
  else
    assert.ok(
      tasks.every((task) => ["finished", "failed", "skipped"].includes(task.status)),
      "every task is settled",
    );
}

const ends = paths.filter(({ state }) => state.status === "done");
const outcomes = new Set(ends.map(({ state }) => state.context.outcome));
assert.deepEqual(outcomes, new Set(["complete", "partial", "failed"]));
console.log(`${paths.length} states, ${ends.length} ends, outcomes ${[...outcomes].join(", ")}: all hold`);
