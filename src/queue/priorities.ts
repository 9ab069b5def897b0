// How urgent a task is: the longest path of work that hangs on it. Counted in hops while no duration is known, then in
// ms by what is known best: an estimate for the task, the mean of its worker, the mean of all. Where every task has an
// estimate, the plan is rehearsed (see rehearse.ts), and nothing that is learnt changes the order any more.
import { taskIdAt } from "../core/ids.ts";
import type { Plan } from "../protocol/plan.ts";
import { indexOf, pathLengths } from "./plan-index.ts";
import { LARGEST_REHEARSED, rehearse } from "./rehearse.ts";
import type { LearntMean, Queue } from "./state.ts";

/** The part of the queue that says who goes first. */
export type Urgency = Pick<Queue, "priorities" | "unit" | "learnt" | "estimates">;

/** A worker's planned mean is replaced once the real one has moved by more than this share of it. */
const NOTABLE_CHANGE = 0.25;

/** The priorities to begin with. O(tasks + dependencies), but for a rehearsal. */
export function firstUrgency(plan: Plan, options: Pick<Queue, "estimates" | "concurrency" | "caps">): Urgency {
  const { estimates, concurrency, caps } = options;
  const urgency = urgencyOf(plan, { learnt: {}, estimates });
  if (plan.tasks.length > LARGEST_REHEARSED || !isAllKnown(plan, estimates)) return urgency;
  const durations = plan.tasks.map((_task, at) => estimates[taskIdAt(at)] ?? 0);
  const workers = plan.tasks.map((task) => task.worker);
  return {
    ...urgency,
    priorities: rehearse({ index: indexOf(plan), durations, workers, concurrency, caps }, urgency.priorities),
  };
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
  if (!due || isAllKnown(plan, urgency.estimates)) return { ...urgency, learnt };
  return urgencyOf(plan, { learnt, estimates: urgency.estimates });
}

/** The priorities of a plan that has changed, by what is known. O(tasks + dependencies). */
export const urgencyAfter = (plan: Plan, { learnt, estimates }: Urgency): Urgency => urgencyOf(plan, { learnt, estimates });

/** The priorities of a plan by what has been learnt and estimated. */
function urgencyOf(plan: Plan, known: Pick<Queue, "learnt" | "estimates">): Urgency {
  const { learnt, estimates } = known;
  const fallback = meanOf(learnt, estimates);
  const means = new Map(Object.entries(learnt).map(([worker, mean]) => [worker, mean.plannedMs]));
  const hasEstimates = Object.keys(estimates).length > 0;
  const weigh = (at: number): number => {
    if (fallback === undefined) return 1;
    const mean = means.get(plan.tasks[at]?.worker ?? "") ?? fallback;
    if (!hasEstimates) return mean;
    const id = taskIdAt(at);
    return Object.hasOwn(estimates, id) ? (estimates[id] ?? mean) : mean;
  };
  const unit = fallback === undefined ? "hops" : "ms";
  return { priorities: pathLengths(indexOf(plan), weigh), unit, learnt, estimates };
}

const isAllKnown = (plan: Plan, estimates: Readonly<Record<string, number>>): boolean =>
  plan.tasks.every((_task, at) => Object.hasOwn(estimates, taskIdAt(at)));

function meanOf(learnt: Readonly<Record<string, LearntMean>>, estimates: Readonly<Record<string, number>>): number | undefined {
  const means = Object.values(learnt);
  const samples = means.reduce((sum, mean) => sum + mean.samples, 0);
  if (samples > 0) return means.reduce((sum, mean) => sum + mean.plannedMs * mean.samples, 0) / samples;
  const given = Object.values(estimates);
  return given.length > 0 ? given.reduce((sum, ms) => sum + ms, 0) / given.length : undefined;
}
