// How a queue grows when a task is cut into parts: they come last, and the task waits for them.
//   G1  Positions never change: parts get the next ids, so that nothing that names a task goes astray.
//   G2  The plan given is the grown one; the queue afterwards is that of the whole of it, with nothing lost.
import { taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../protocol/plan.ts";
import { QueueDraft } from "./draft.ts";
import { indexOf } from "./plan-index.ts";
import { urgencyAfter } from "./priorities.ts";
import { isSettledStatus } from "./state.ts";
import type { Queue, TaskState } from "./state.ts";

/**
 * mending -> waiting for its parts, which `plan` has behind the tasks that the queue knows. Returns the queue unchanged
 * where the task is not being mended or the plan has no more tasks than the queue.
 */
export function splitTask(queue: Queue, plan: Plan, task: TaskId): Queue {
  const position = taskIndex(task);
  const known = queue.tasks.length;
  if (queue.tasks[position]?.status !== "mending" || plan.tasks.length <= known) return queue;
  const parts = plan.tasks.slice(known).map(({ id, label, worker }): TaskState => {
    const start = { attempts: 0, waitingFor: 0, wakeAt: null, startedAt: null, settledAt: null };
    return { id, label, worker, status: "waiting", ...start, usd: 0, result: null, failure: null };
  });
  const grown: Queue = {
    ...queue,
    tasks: [...queue.tasks, ...parts],
    priorities: [...queue.priorities, ...parts.map(() => 0)],
    counts: { ...queue.counts, waiting: queue.counts.waiting + parts.length },
  };
  const draft = new QueueDraft(grown);
  const openOf = (at: number): number =>
    (indexOf(plan).dependencies[at] ?? []).filter((edge) => !isSettledStatus(draft.task(edge.at)?.status ?? "waiting")).length;
  for (const at of [...parts.keys()].map((part) => known + part).concat(position)) {
    draft.change(at, { waitingFor: openOf(at) });
    draft.enqueue(at);
  }
  draft.prioritise((urgency) => urgencyAfter(plan, urgency));
  return draft.finish();
}
