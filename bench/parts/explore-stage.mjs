// What explorations are measured on: independent tasks, all at once, two attempts that end well or fail with one code.
import { getAdjacencyMap } from "xstate/graph";
import { createOrchestrator } from "../../dist/machines/create-orchestrator.js";
import { eventOf } from "../../dist/testing/explore/chart/chart-events.js";
import { exploreRun, graphOf, inputOf } from "../../dist/testing/explore/chart/explore-run.js";
import { planShapes } from "../../dist/testing/index.js";
import { defineWorker } from "../../dist/workers/define-worker.js";

const worker = defineWorker({ name: "worker", description: "Does a task.", instructions: "Work." });

function optionsOf(tasks) {
  const [alone] = planShapes({ tasks: 1, worker: worker.name }).flatMap((plan) => plan.tasks);
  const plan = {
    rationale: "",
    tasks: Array.from({ length: tasks }, (_, at) => ({ ...alone, id: `t${at + 1}`, label: `task-${at + 1}` })),
  };
  return {
    workers: [worker],
    plan,
    options: { concurrency: tasks },
    outcomes: ["WorkspaceFailed"],
    calls: [],
    stale: false,
    limits: { states: 1_000_000 },
  };
}

/** Explores; returns `{ states, transitions }`. Throws where a promise is broken: then there is nothing to measure. */
export function explore(tasks) {
  const { states, transitions, violations, isExhausted } = exploreRun(optionsOf(tasks));
  if (violations.length > 0 || !isExhausted) throw new Error(`The exploration is not what is measured: ${violations[0]?.script}`);
  return { states, transitions };
}

/** The same by xstate/graph, over the shipped machine, the same events and the same keys; nothing is checked. */
export function exploreByXstate(tasks) {
  const options = optionsOf(tasks);
  const { possibilities, how } = graphOf({ ...options, limits: { states: 1 } });
  const map = getAdjacencyMap(createOrchestrator({ workers: [worker] }), {
    input: inputOf(options),
    limit: 1_000_000,
    serializeState: how.keyOf,
    serializeEvent: (event) => event.type + (event.output?.kind ?? ""),
    events: (snapshot) => possibilities.from(snapshot).map((step) => eventOf(step, snapshot, [])),
  });
  const states = Object.values(map);
  return { states: states.length, transitions: states.reduce((sum, state) => sum + Object.keys(state.transitions).length, 0) };
}
