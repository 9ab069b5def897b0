// Makespan by the wall clock: the real orchestrator on the memory host, workers that are timers, against the proven
// optimum and against the hand-written scheduler on the same timers.
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { memoryHost } from "../dist/host/memory.js";
import { defineWorker } from "../dist/workers/define-worker.js";
import { floor } from "./parts/floor.mjs";
import { compare, rowOf, ROUNDS } from "./parts/measure.mjs";
import { planOf } from "./parts/plans.mjs";
import { nullMachine, play, runInput } from "./parts/stage.mjs";

const GRAPHS = new URL("data/stg50.json", import.meta.url);
const COUNT = 8;
const UNIT_MS = 30;
const CAPS = [4, 8];
const TARGET = 1.03;

/** Rows of mean wall clock over optimum by cap, for Quatrain and the hand-written scheduler. */
export async function run({ quick = false } = {}) {
  const all = JSON.parse(readFileSync(GRAPHS, "utf8"));
  const graphs = all.filter((_graph, at) => at % Math.floor(all.length / COUNT) === 0).slice(0, COUNT);
  const arms = Object.fromEntries(
    CAPS.flatMap((cap) => [
      [`floor, first come first served, ${cap} at once`, () => meanRatio(graphs, cap, prepareFloor)],
      [`orchestrator, ${cap} at once`, () => meanRatio(graphs, cap, prepareOrchestrator)],
    ]),
  );
  const found = await compare(arms, { rounds: quick ? 1 : ROUNDS, warmUp: 1 });
  return Object.entries(found).map(([name, figures]) =>
    rowOf(`makespan by wall clock, ${name}`, figures, {
      unit: "x optimum",
      ...(name.startsWith("orchestrator") && { target: TARGET }),
      digits: 4,
    }),
  );
}

/**
 * All graphs side by side: they only wait, and the longest of them takes seconds. What has to be made first is made
 * before any clock starts, since making one would delay the others.
 */
async function meanRatio(graphs, cap, prepare) {
  const ready = graphs.map((graph) => ({ play: prepare(graph, cap), optimumMs: graph.opt[cap] * UNIT_MS }));
  const ratios = await Promise.all(
    ready.map(async ({ play: start, optimumMs }) => {
      const begin = performance.now();
      await start();
      return (performance.now() - begin) / optimumMs;
    }),
  );
  return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
}

function prepareFloor(graph, cap) {
  return () => floor(graph.deps, cap, (at) => work(graph.dur[at]));
}

function prepareOrchestrator(graph, cap) {
  const machine = nullMachine(({ task }) => work(graph.dur[Number(task.slice(1)) - 1]), workersOf(graph));
  const plan = planOf(graph.deps, (at) => workerFor(graph.dur[at]));
  const estimatesMs = Object.fromEntries(graph.dur.map((units, at) => [`t${at + 1}`, units * UNIT_MS]));
  return () => play(machine, memoryHost(), { input: runInput(plan, { concurrency: cap, estimatesMs }) });
}

/** A worker for each duration, so that what the queue learns of a worker is what its next task takes. */
function workersOf(graph) {
  return [...new Set(graph.dur)].map((units) =>
    defineWorker({ name: workerFor(units), description: `takes ${units}`, instructions: "work" }),
  );
}

function workerFor(units) {
  return `takes-${units}`;
}

function work(units) {
  return units === 0 ? Promise.resolve() : setTimeout(units * UNIT_MS);
}
