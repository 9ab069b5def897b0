// Simulated runs a second: whole runs of the real machines on the simulated host, by `simulateRuns` as users call it.
// Plans of 10 tasks of five shapes, the same every time; nothing fails and nobody commands.
import { assign, createActor, setup } from "xstate";
import { randomFrom } from "../../dist/core/random.js";
import { simulateRuns } from "../../dist/testing/index.js";
import { randomPlan } from "../../dist/testing/simulate/random-plan.js";
import { Stage } from "../../dist/testing/simulate/stage.js";
import { defineWorker } from "../../dist/workers/define-worker.js";
import { compare, QUICK_ROUNDS, ROUNDS, rowOf, workOf } from "./measure.mjs";

/** The baseline: one machine of XState that counts as many events as a run of ours has, and nothing else. */
const BASELINE = "bare XState machine";
const TASKS = 10;
const RUNS = 50;
/** 250 runs a second with the full machines. */
const MOST_MS = 4;

const model = defineWorker({ name: "maker", description: "makes files", instructions: "work" });
const performed = defineWorker({ name: "maker", description: "makes files", perform: () => "done" });

/**
 * Rows of milliseconds a run, and of runs a second: the full machines with model workers (a copy, one turn, a commit for
 * each task; the folding and a synthesis for each run), with and without invariants; the same with workers that are
 * functions; and the baseline.
 */
export async function simulation({ quick = false } = {}) {
  const events = await eventsOf(model);
  const arms = {
    [BASELINE]: () => countTo(events * RUNS),
    "full machines": () => play(model, {}),
    "full machines, no invariants": () => play(model, { invariants: [] }),
    "null workers": () => play(performed, {}),
    "null workers, no invariants": () => play(performed, { invariants: [] }),
  };
  const perRun = Object.fromEntries(Object.entries(arms).map(([name, once]) => [name, async () => (await workOf(once)) / RUNS]));
  const found = await compare(perRun, { rounds: quick ? QUICK_ROUNDS : ROUNDS });
  return [
    { name: `simulation, events in a run of ${TASKS} tasks`, value: events, unit: "events", exact: true },
    ...Object.entries(found).flatMap(([name, figures]) => rowsOf(name, figures, found[BASELINE].median)),
  ];
}

function rowsOf(name, figures, baseMs) {
  const { median, least, most } = figures;
  const aSecond = { median: 1_000 / median, least: 1_000 / most, most: 1_000 / least };
  return [
    rowOf(`simulation, ${name}, ${TASKS} tasks`, figures, {
      unit: "ms a run",
      baseline: BASELINE,
      ratio: Math.round((median / baseMs) * 10) / 10,
      ...(name === "full machines" && { target: MOST_MS }),
    }),
    rowOf(`simulation, ${name}, ${TASKS} tasks, runs a second`, aSecond, { unit: "a second" }),
  ];
}

/** The same plans and seeds every time. */
const casesOf = ({ card }) =>
  Array.from({ length: RUNS }, (_, at) => ({
    seed: at + 1,
    mode: "orchestrate",
    plan: randomPlan(randomFrom(at + 1), [card], [TASKS, TASKS]),
    options: { hasWorkspace: true, concurrency: 4 },
    commands: [],
    world: { script: {} },
  }));

const casesBy = new Map([model, performed].map((worker) => [worker, casesOf(worker)]));

async function play(worker, options) {
  const report = await simulateRuns({ workers: [worker], cases: casesBy.get(worker), repeatEvery: 0, ...options });
  if (report.violations.length > 0 || report.outcomes.complete !== RUNS || report.tasks !== RUNS * TASKS)
    throw new Error(`Not all of ${RUNS} runs were complete: ${JSON.stringify(report.outcomes)}`);
}

/** Events that the actors of one run are sent, on average. */
async function eventsOf(worker) {
  let events = 0;
  const inspect = ({ type }) => (events += type === "@xstate.event" ? 1 : 0);
  const stage = new Stage({ workers: [worker] });
  for (const one of casesBy.get(worker)) await stage.play(one, { inspect });
  return Math.round(events / RUNS);
}

const counter = setup({ types: {}, actions: { count: assign(({ context }) => ({ count: context.count + 1 })) } }).createMachine({
  context: { count: 0 },
  on: { tick: { actions: "count" } },
});

function countTo(events) {
  const actor = createActor(counter).start();
  for (let at = 0; at < events; at++) actor.send({ type: "tick" });
  if (actor.getSnapshot().context.count !== events) throw new Error("The baseline lost an event.");
}
