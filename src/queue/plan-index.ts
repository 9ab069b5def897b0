// The shape of a plan, derived once: who depends on whom by position, and one order that respects it.
// The cache below holds nothing but what the plan itself implies. Plans are immutable, so an entry can't go stale, and
// it goes with its plan: it saves deriving the shape per operation without putting it into every persisted snapshot.
import { taskIdAt, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../protocol/plan.ts";

/** An edge of the plan, seen from either end. */
export interface Edge {
  /** Position of the task at the other end. */
  readonly at: number;
  readonly hard: boolean;
}

/** The edges of a plan by position in both directions, and its tasks in an order that respects them. */
export interface PlanIndex {
  readonly dependencies: ReadonlyArray<readonly Edge[]>;
  readonly dependants: ReadonlyArray<readonly Edge[]>;
  /** All positions, dependencies before dependants, plan order among equals of one wave. */
  readonly order: readonly number[];
  /** The same the other way round. */
  readonly backwards: readonly number[];
}

/** A longest path through a plan. */
export interface CriticalPath {
  readonly tasks: readonly TaskId[];
  /** Tasks on the path. */
  readonly hops: number;
  /** Sum of their durations, where durations were given. */
  readonly ms?: number;
}

const indexes = new WeakMap<Plan, PlanIndex>();

/** The index of a plan; derived at the first call, O(1) after. Edges to tasks the plan does not have are left out. */
export function indexOf(plan: Plan): PlanIndex {
  const known = indexes.get(plan);
  if (known) return known;
  const made = deriveIndex(plan);
  indexes.set(plan, made);
  return made;
}

/** All task ids, every dependency before its dependants. */
export function topologicalOrder(plan: Plan): readonly TaskId[] {
  return indexOf(plan).order.map(taskIdAt);
}

/** Everything a task builds on, directly or not, over hard and soft dependencies, without the task itself; in topological order. */
export function dependencyClosure(plan: Plan, id: TaskId): readonly TaskId[] {
  const { dependencies, order, backwards } = indexOf(plan);
  return reached(plan, order, sweep(backwards, dependencies, taskIndex(id)));
}

/** Everything that builds on a task, directly or not, over hard and soft dependencies, without the task itself; in topological order. */
export function dependantClosure(plan: Plan, id: TaskId): readonly TaskId[] {
  const { dependants, order } = indexOf(plan);
  return reached(plan, order, sweep(order, dependants, taskIndex(id)));
}

/**
 * The longest path through the plan: by duration where durations (ms, by task id) are given, a missing one counting 0;
 * else by number of tasks. Ties go to plan order. Empty for an empty plan.
 */
export function criticalPath(plan: Plan, durationsMs?: Readonly<Record<string, number>>): CriticalPath {
  const index = indexOf(plan);
  const weigh = (at: number): number => (durationsMs ? durationOf(durationsMs, at) : 1);
  const lengths = pathLengths(index, weigh);
  const tasks: number[] = [];
  let next = longest(
    plan.tasks.map((_, at) => at),
    lengths,
  );
  while (next !== undefined && tasks.length <= plan.tasks.length) {
    tasks.push(next);
    next = longest(
      (index.dependants[next] ?? []).map((edge) => edge.at),
      lengths,
    );
  }
  const path = { tasks: tasks.map(taskIdAt), hops: tasks.length };
  return durationsMs ? { ...path, ms: tasks.reduce((sum, at) => sum + weigh(at), 0) } : path;
}

/** The wave each task belongs to: 0 for tasks without dependencies, else one more than its latest dependency. */
export function levelsOf(plan: Plan): readonly number[] {
  const { dependencies, order } = indexOf(plan);
  const levels = plan.tasks.map(() => 0);
  for (const at of order) {
    for (const edge of dependencies[at] ?? []) levels[at] = Math.max(levels[at] ?? 0, (levels[edge.at] ?? 0) + 1);
  }
  return levels;
}

/** For each task the longest path of work from its start to the end of the plan, itself included. */
export function pathLengths(index: PlanIndex, weigh: (at: number) => number): number[] {
  const lengths = index.order.map(() => 0);
  for (let step = index.order.length - 1; step >= 0; step--) {
    const at = index.order[step] ?? 0;
    let after = 0;
    for (const edge of index.dependants[at] ?? []) after = Math.max(after, lengths[edge.at] ?? 0);
    lengths[at] = after + weigh(at);
  }
  return lengths;
}

function deriveIndex(plan: Plan): PlanIndex {
  const dependencies: Edge[][] = plan.tasks.map(() => []);
  const dependants: Edge[][] = plan.tasks.map(() => []);
  for (const [at, task] of plan.tasks.entries()) {
    for (const { task: id, kind } of task.dependencies) {
      const other = taskIndex(id);
      const back = dependants[other];
      if (!back) continue;
      dependencies[at]?.push({ at: other, hard: kind === "hard" });
      back.push({ at, hard: kind === "hard" });
    }
  }
  const order = orderOf(dependencies, dependants);
  return { dependencies, dependants, order, backwards: order.toReversed() };
}

/** Kahn's order. A checked plan has no cycle; tasks of one would follow at the end, in plan order. */
function orderOf(dependencies: ReadonlyArray<readonly Edge[]>, dependants: ReadonlyArray<readonly Edge[]>): number[] {
  const open = dependencies.map((edges) => edges.length);
  const order = [...open.keys()].filter((at) => open[at] === 0);
  // The list grows while it is walked: that is the queue of Kahn's algorithm.
  for (const at of order) {
    for (const edge of dependants[at] ?? []) {
      const left = (open[edge.at] ?? 0) - 1;
      open[edge.at] = left;
      if (left === 0) order.push(edge.at);
    }
  }
  if (order.length < open.length) {
    const placed = new Set(order);
    order.push(...[...open.keys()].filter((at) => !placed.has(at)));
  }
  return order;
}

/**
 * Marks what is reached from a task over edges that all point onwards in `order`: one pass is enough then. It is done
 * for every task that starts and for each of its layers, so it is kept free of sets (bench: full workers).
 */
function sweep(order: readonly number[], edges: ReadonlyArray<readonly Edge[]>, start: number): Uint8Array {
  const marks = new Uint8Array(order.length);
  for (const edge of edges[start] ?? []) marks[edge.at] = 1;
  for (const at of order) if (marks[at] === 1) for (const edge of edges[at] ?? []) marks[edge.at] = 1;
  marks[start] = 0;
  return marks;
}

/** The ids of the marked tasks, in order. */
function reached(plan: Plan, order: readonly number[], marks: Uint8Array): readonly TaskId[] {
  const ids: TaskId[] = [];
  for (const at of order) {
    const task = marks[at] === 1 ? plan.tasks[at] : undefined;
    if (task) ids.push(task.id);
  }
  return ids;
}

function longest(candidates: readonly number[], lengths: readonly number[]): number | undefined {
  let best: number | undefined;
  for (const at of candidates) {
    const ahead = best === undefined ? -1 : (lengths[best] ?? 0);
    const length = lengths[at] ?? 0;
    if (length > ahead || (length === ahead && best !== undefined && at < best)) best = at;
  }
  return best;
}

function durationOf(durationsMs: Readonly<Record<string, number>>, at: number): number {
  const id = taskIdAt(at);
  return Object.hasOwn(durationsMs, id) ? Math.max(0, durationsMs[id] ?? 0) : 0;
}
