// How good the order is in which the task queue starts tasks: simulated makespan over proven optimum, for the 180 graphs
// of bench/data. Nothing waits: the figures are exact and the same on every machine.
import { readFileSync } from "node:fs";
import { createQueue, finishTask, isSettled, startReady } from "../dist/queue/queue.js";

const GRAPHS = new URL("data/stg50.json", import.meta.url);
const RESULT = { ref: "", bytes: 0, summary: "" };

/** The most that the queue may be over the optimum on average, where it knows the durations. */
const TARGETS = { 2: 1.01, 4: 1.01, 8: 1.01, 16: 1.005 };

/**
 * Plays every graph (with `quick` every ninth) under each policy and cap. A row: `name`, `value` (mean makespan over
 * optimum), `unit`, `optimal` (share of graphs played to the optimum), and `target` where there is one.
 */
export function run({ quick = false } = {}) {
  const graphs = JSON.parse(readFileSync(GRAPHS, "utf8")).filter((_graph, at) => !quick || at % 9 === 0);
  return Object.keys(TARGETS).flatMap((cap) =>
    Object.entries(POLICIES).map(([policy, makespanOf]) => {
      const ratios = graphs.map((graph) => makespanOf(graph, Number(cap)) / graph.opt[cap]);
      const row = {
        name: `makespan, ${policy}, ${cap} at once`,
        value: round(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length),
        unit: "x optimum",
        optimal: round(ratios.filter((ratio) => ratio === 1).length / ratios.length),
      };
      return policy === "known durations" ? { ...row, target: TARGETS[cap] } : row;
    }),
  );
}

const POLICIES = {
  /** The baseline: whoever became ready first, plan order on ties. */
  fifo: playFifo,
  /** The queue while it knows no durations. */
  "hop level": (graph, cap) => playQueue(graph, cap, {}),
  /** The queue with estimates for all but the last task: the critical path alone, a constant added to every path. */
  "critical path": (graph, cap) => playQueue(graph, cap, estimatesOf(graph.dur.slice(0, -1))),
  /** The queue with the durations as estimates: the critical path, rehearsed. */
  "known durations": (graph, cap) => playQueue(graph, cap, estimatesOf(graph.dur)),
};

function playQueue(graph, cap, estimates) {
  const plan = planOf(graph);
  let queue = createQueue(plan, { concurrency: cap, estimates });
  return play(graph, {
    start(now) {
      const next = startReady(queue, plan, now);
      queue = next.queue;
      return next.started.map(({ task }) => Number(task.slice(1)) - 1);
    },
    finish(at, now) {
      queue = finishTask(queue, plan, { task: `t${at + 1}`, at: now, result: RESULT, usd: 0 });
    },
    isSettled: () => isSettled(queue),
  });
}

function playFifo(graph, cap) {
  const open = graph.deps.map((list) => list.length);
  const ready = open.flatMap((count, at) => (count === 0 ? [at] : []));
  let running = 0;
  let finished = 0;
  return play(graph, {
    start() {
      const started = ready.splice(0, cap - running);
      running += started.length;
      return started;
    },
    finish(done) {
      running -= 1;
      finished += 1;
      for (const [at, list] of graph.deps.entries()) {
        if (list.includes(done) && --open[at] === 0) ready.push(at);
      }
    },
    isSettled: () => finished === graph.dur.length,
  });
}

/** Lets a dispatcher start what it wants and jumps to the next end of a task, until all is done. Returns that moment. */
function play(graph, dispatcher) {
  const running = [];
  let now = 0;
  while (!dispatcher.isSettled()) {
    for (const at of dispatcher.start(now)) running.push({ at, end: now + graph.dur[at] });
    if (running.length === 0) throw new Error(`${graph.name}: the dispatcher starts nothing, and nothing runs.`);
    now = Math.min(...running.map(({ end }) => end));
    for (const { at } of running.filter(({ end }) => end === now).toSorted((a, b) => a.at - b.at)) dispatcher.finish(at, now);
    running.splice(0, running.length, ...running.filter(({ end }) => end > now));
  }
  return now;
}

function estimatesOf(durations) {
  return Object.fromEntries(durations.map((ms, at) => [`t${at + 1}`, ms]));
}

function planOf(graph) {
  const tasks = graph.deps.map((list, at) => ({
    id: `t${at + 1}`,
    label: `t${at + 1}`,
    worker: "any",
    dependencies: list.map((to) => ({ task: `t${to + 1}`, kind: "hard" })),
  }));
  return { rationale: "", tasks };
}

const round = (value) => Math.round(value * 10_000) / 10_000;
