// A checked plan as a person or a model would write it: labels instead of ids, inputs as JSON text.
import { taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { DraftPlan, DraftTask, Plan, Task } from "../protocol/plan.ts";

/** The draft of a plan: checked again, it gives the same plan. */
export function draftOf({ rationale, tasks }: Plan): DraftPlan {
  const labelOf = (id: TaskId): string => tasks[taskIndex(id)]?.label ?? id;
  return { rationale, tasks: tasks.map((task) => draftTask(task, labelOf)) };
}

function draftTask({ dependencies, input, outputFormat, ...task }: Task, labelOf: (id: TaskId) => string): DraftTask {
  const labels = (wanted: "hard" | "soft") =>
    dependencies.flatMap(({ kind, task: id }) => (kind === wanted ? [labelOf(id)] : []));
  return {
    label: task.label,
    worker: task.worker,
    task: task.task,
    input: input === null ? null : JSON.stringify(input),
    files: [...task.files],
    constraints: [...task.constraints],
    output_format: outputFormat,
    depends_on: labels("hard"),
    after: labels("soft"),
    writes: [...task.writes],
    acceptance: [...task.acceptance],
    optional: task.optional,
    tier: task.tier,
  };
}
