// What the task queue itself costs: all its work for one task's life (start and finish), by size of the plan.
import { createQueue, finishTask, isSettled, startReady } from "../dist/queue/queue.js";

const RESULT = { ref: "artifact", bytes: 10, summary: "done" };
/** Most microseconds a task, by number of tasks. */
const TARGETS = { 1000: 10, 10000: 15 };

/** Shapes that stress different parts: all ready at once, a web of layers, a long chain with caps by worker. */
const SHAPES = {
  flat: () => [],
  layers: (at) =>
    at < 100 ? [] : [at - 100, at - 100 + ((at * 7) % 50), at - 50].filter((to, place, all) => all.indexOf(to) === place),
  pairs: (at) => (at % 2 === 0 ? [] : [at - 1]),
};

/** Rows of `name`, `value` (median of 7 runs, 3 with `quick`), `unit` and `target`. */
export function run({ quick = false } = {}) {
  return Object.entries(SHAPES).flatMap(([shape, needs]) =>
    Object.entries(TARGETS).map(([size, target]) => {
      const plan = planOf(Number(size), needs);
      for (let warm = 0; warm < 2; warm++) lifeOfAll(plan);
      const runs = Array.from({ length: quick ? 3 : 7 }, () => lifeOfAll(plan)).toSorted((a, b) => a - b);
      const value = Math.round((runs[runs.length >> 1] / Number(size)) * 100_000) / 100;
      return { name: `queue, ${shape}, ${size} tasks`, value, unit: "us a task", target };
    }),
  );
}

/** Milliseconds for a whole plan, eight at once, each finished one by one with others started in between. */
function lifeOfAll(plan) {
  const begin = performance.now();
  let queue = createQueue(plan, { concurrency: 8 });
  const running = [];
  for (let now = 0; !isSettled(queue); now += 1) {
    const next = startReady(queue, plan, now);
    for (const { task } of next.started) running.push(task);
    queue = finishTask(next.queue, plan, { task: running.shift(), at: now + (now % 5), result: RESULT, usd: 0.01 });
  }
  return performance.now() - begin;
}

function planOf(size, needs) {
  const tasks = Array.from({ length: size }, (_, at) => ({
    id: `t${at + 1}`,
    label: `task-${at + 1}`,
    worker: ["api", "docs", "ui"][at % 3],
    dependencies: needs(at).map((to) => ({ task: `t${to + 1}`, kind: "hard" })),
  }));
  return { rationale: "", tasks };
}
