// A plan as watchers see it.
import type { TaskId } from "../core/ids.ts";
import type { Dependency, Plan } from "../protocol/plan.ts";
import { criticalPath } from "../queue/plan-index.ts";

interface PlanLines {
  readonly tasks: { id: TaskId; label: string; worker: string; dependencies: Dependency[]; optional: boolean }[];
  readonly criticalPath: TaskId[];
}

/** The tasks of a plan without their texts, and its longest path, for events. */
export function planLines(plan: Plan): PlanLines {
  const tasks = plan.tasks.map(({ id, label, worker, dependencies, optional }) => ({
    id,
    label,
    worker,
    dependencies: [...dependencies],
    optional,
  }));
  return { tasks, criticalPath: [...criticalPath(plan).tasks] };
}
