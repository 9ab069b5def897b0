// How urgent a task is: the longest path of work that hangs on it. Counted in hops while no duration is known, then in
// ms by what is known best: an estimate for the task, the mean of its worker, the mean of all.
import { taskIdAt } from "../core/ids.ts";
import type { Plan } from "../protocol/plan.ts";
import { indexOf, pathLengths } from "./plan-index.ts";
import type { LearntMean, Queue } from "./state.ts";

/** The part of the queue that says who goes first. */
export type Urgency = Pick<Queue, "priorities" | "unit" | "learnt" | "estimates">;

/** A worker's planned mean is replaced once the real one has moved by more than this share of it. */
const NOTABLE_CHANGE = 0.25;

/** The priorities of a plan by what has been learnt and estimated. O(tasks + dependencies). */
export function urgencyOf(plan: Plan, known: Pick<Queue, "learnt" | "estimates">): Urgency {
  const { learnt, estimates } = known;
  const fallback = meanOf(learnt, estimates);
  const weigh = (at: number): number => {
    if (fallback === undefined) return 1;
    const id = taskIdAt(at);
    if (Object.hasOwn(estimates, id)) return estimates[id] ?? fallback;
    const worker = plan.tasks[at]?.worker ?? "";
    return Object.hasOwn(learnt, worker) ? (learnt[worker]?.plannedMs ?? fallback) : fallback;
  };
  const unit = fallback === undefined ? "hops" : "ms";
  return { priorities: pathLengths(indexOf(plan), weigh), unit, learnt, estimates };
}

/**
 * Takes in how long a finished task took. Priorities are computed anew only where the worker's mean is new or has moved
 * by more than a quarter, and that is looked at when its samples have doubled: at most log2(tasks) + 1 times a worker.
 */
export function learnDuration(urgency: Urgency, plan: Plan, seen: { readonly worker: string; readonly ms: number }): Urgency {
  const { worker, ms } = seen;
  const before = Object.hasOwn(urgency.learnt, worker) ? urgency.learnt[worker] : undefined;
  const samples = (before?.samples ?? 0) + 1;
  const meanMs = before ? before.meanMs + (ms - before.meanMs) / samples : ms;
  const plannedMs = before?.plannedMs ?? meanMs;
  const moved = before === undefined || Math.abs(meanMs - plannedMs) > NOTABLE_CHANGE * plannedMs;
  const due = moved && (samples & (samples - 1)) === 0;
  const learnt = { ...urgency.learnt, [worker]: { samples, meanMs, plannedMs: due ? meanMs : plannedMs } };
  return due ? urgencyOf(plan, { learnt, estimates: urgency.estimates }) : { ...urgency, learnt };
}

function meanOf(learnt: Readonly<Record<string, LearntMean>>, estimates: Readonly<Record<string, number>>): number | undefined {
  const means = Object.values(learnt);
  const samples = means.reduce((sum, mean) => sum + mean.samples, 0);
  if (samples > 0) return means.reduce((sum, mean) => sum + mean.plannedMs * mean.samples, 0) / samples;
  const given = Object.values(estimates);
  return given.length > 0 ? given.reduce((sum, ms) => sum + ms, 0) / given.length : undefined;
}
