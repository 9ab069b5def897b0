// Plans to measure with, the same every time.
import { seededRandom } from "./measure.mjs";

const WINDOW = 32;

/** A draft of `size` tasks in which each needs one to three of the 32 before it; the first 16 need none. */
export function windowDraft(size, worker) {
  const random = seededRandom(size);
  return {
    rationale: "",
    tasks: Array.from({ length: size }, (_, at) => ({
      label: `task-${at + 1}`,
      worker,
      task: "Do the work.",
      depends_on: needs(at, random).map((to) => `task-${to + 1}`),
      writes: [`out/${at + 1}.txt`],
    })),
  };
}

/** The same tasks as positions: for each its dependencies. */
export function dependenciesOf(plan) {
  return plan.tasks.map(({ dependencies }) => dependencies.map(({ task }) => Number(task.slice(1)) - 1));
}

/** A checked plan from positions. */
export function planOf(dependencies, worker) {
  const tasks = dependencies.map((list, at) => ({
    id: `t${at + 1}`,
    label: `t${at + 1}`,
    worker: worker(at),
    task: "Do the work.",
    input: null,
    files: [],
    constraints: [],
    outputFormat: "",
    dependencies: list.map((to) => ({ task: `t${to + 1}`, kind: "hard" })),
    writes: [],
    acceptance: [],
    optional: false,
    tier: null,
  }));
  return { rationale: "", tasks };
}

function needs(at, random) {
  if (at < 16) return [];
  const wanted = 1 + Math.floor(random() * 3);
  const found = new Set();
  for (let one = 0; one < wanted; one++) found.add(at - 1 - Math.floor(random() * Math.min(WINDOW, at)));
  return [...found].toSorted((a, b) => a - b);
}
