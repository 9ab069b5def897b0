// Tasks that are done again: a finished one with what builds on it, or one that failed or was skipped.
//   R1  The report of a task that is done again is dropped, and so are those that built on it (rest-for-one).
//   R2  What was alive for them is stopped; its money still counts.
import { taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Policy } from "../core/policy.ts";
import { dependantClosure } from "../queue/plan-index.ts";
import { redoTask, reviveTask } from "../queue/queue.ts";
import type { RunContext } from "./run-state.ts";
import { stopTask } from "./settle.ts";
import { emit, sequence, step } from "./step.ts";
import type { Step } from "./step.ts";

/** Has a finished task done again; undefined where it is not finished. */
export function redo(
  context: RunContext,
  { task, because }: { readonly task: TaskId; readonly because: string },
  strategy: Policy["strategy"],
): Step | undefined {
  const { queue, plan } = context;
  if (!queue || !plan) return undefined;
  const { queue: after, reopened } = redoTask(queue, plan, { task, strategy });
  if (after === queue) return undefined;
  return sequence(step(context), ...reopened.map((id) => (next: RunContext) => stopTask(next, id)), (next) => {
    const redone = next.queue && redoTask(next.queue, plan, { task, strategy }).queue;
    const reports = reopened.reduce((all, id) => all.with(taskIndex(id), null), next.reports);
    const told: RunContext = { ...next, queue: redone, reports };
    return step(
      told,
      ...reopened.map((id) =>
        emit(told, {
          type: "task.invalidated",
          task: id,
          because: id === task ? because : `it builds on ${task}, which is done again`,
        }),
      ),
    );
  });
}

/** Has a failed or skipped task tried again, with those that were skipped for it; undefined where that can't be. */
export function revive(context: RunContext, task: TaskId): Step | undefined {
  const { queue, plan } = context;
  if (!queue || !plan) return undefined;
  const after = reviveTask(queue, plan, task);
  if (after === queue) return undefined;
  const next = { ...context, queue: after };
  const revived = [task, ...dependantClosure(plan, task)].filter((id) => {
    const at = taskIndex(id);
    return queue.tasks[at]?.settledAt !== null && after.tasks[at]?.settledAt === null;
  });
  return step(next, ...revived.map((id) => emit(next, { type: "task.revived", task: id })));
}
