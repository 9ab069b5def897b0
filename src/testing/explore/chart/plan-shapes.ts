// Every shape that a plan of a few tasks can have: all acyclic graphs, each once, however its tasks are numbered.
import { z } from "zod";
import { taskIdAt } from "../../../core/ids.ts";
import type { Plan, Task } from "../../../protocol/plan.ts";
import { checkGiven, count, optionsOf } from "../../check/given.ts";

/** Six tasks have 5,984 shapes, seven 243,668. */
const MOST_TASKS = 6;

/** Which plans are made. */
export interface PlanShapesOptions {
  /** How many tasks; 1 to 6. */
  readonly tasks: number;
  /** Name of the worker of every task. */
  readonly worker: string;
}

const OPTIONS = optionsOf({ tasks: count(1, MOST_TASKS), worker: z.string("name a worker") });

/**
 * All plans of that many tasks up to isomorphism, by hard dependencies: 1, 2, 6, 31, 302 or 5,984 of them (OEIS A003087).
 * The first has no dependencies, the last has all. Throws QuatrainError "BadOption" for other
 * numbers of tasks.
 */
export function planShapes(options: PlanShapesOptions): readonly Plan[] {
  checkGiven("planShapes", OPTIONS, options);
  const { tasks, worker } = options;
  const orders = permutations(tasks);
  const pairs = Array.from({ length: tasks }, (_, to) => Array.from({ length: to }, (_each, from) => ({ from, to }))).flat();
  const seen = new Set<number>();
  const plans: Plan[] = [];
  // Each acyclic graph can be numbered so that edges lead from lower to higher numbers.
  for (let chosen = 0; chosen < 2 ** pairs.length; chosen++) {
    const edges = pairs.filter((_, bit) => (chosen >> bit) & 1);
    const code = Math.min(...orders.map((order) => codeOf(edges, order)));
    if (seen.has(code)) continue;
    seen.add(code);
    plans.push(planOf(tasks, worker, edges));
  }
  return plans;
}

interface Edge {
  readonly from: number;
  readonly to: number;
}

/** A graph renumbered, as the sum of one power of two for each edge; above 2^31 with six tasks. */
const codeOf = (edges: readonly Edge[], order: readonly number[]): number =>
  edges.reduce((sum, { from, to }) => sum + 2 ** ((order[from] ?? 0) * order.length + (order[to] ?? 0)), 0);

function permutations(size: number): readonly (readonly number[])[] {
  if (size === 0) return [[]];
  return permutations(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  );
}

function planOf(size: number, worker: string, edges: readonly Edge[]): Plan {
  const tasks = Array.from({ length: size }, (_, at): Task => {
    const dependencies = edges.flatMap(({ from, to }) => (to === at ? [{ task: taskIdAt(from), kind: "hard" as const }] : []));
    const empty = { input: null, files: [], constraints: [], outputFormat: "", writes: [], acceptance: [] };
    const id = taskIdAt(at);
    return { id, label: `task-${at + 1}`, worker, task: `Do ${id}.`, ...empty, dependencies, optional: false, tier: null };
  });
  return { rationale: "", tasks };
}
