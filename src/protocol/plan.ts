// The plan: what the model writes (flat, in the API's JSON-schema subset) and what we make of it once it is checked.
import { z } from "zod";
import type { TaskId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";

/** The class of model a task asks for; null leaves it to the worker. */
export const Tier = z.enum(["haiku", "sonnet", "opus"]);
/** The class of model a task asks for. */
export type Tier = z.infer<typeof Tier>;

/** A task as a model (or a person) writes it. */
export const DraftTask = z.object({
  label: z.string().describe("Short unique name of this task, such as add-session-table."),
  worker: z.string().describe("Name of the worker that does it."),
  task: z.string().describe("What to achieve, complete enough for somebody who sees nothing else."),
  input: z.string().nullable().describe("JSON text for workers that declare an input, else null."),
  files: z.array(z.string()).describe("Paths, relative to the workspace, that the worker should read first."),
  constraints: z.array(z.string()).describe("What must hold and what must not be done."),
  output_format: z.string().describe("What the worker has to report back."),
  depends_on: z.array(z.string()).describe("Labels of the tasks whose results this one needs."),
  after: z.array(z.string()).describe("Labels of tasks to wait for that this one can do without if they fail."),
  writes: z.array(z.string()).describe("Paths, relative to the workspace, that this task may create or change."),
  acceptance: z.array(z.string()).describe("Shell commands that must exit 0 when the task is done."),
  optional: z.boolean().describe("True when the whole can do without this task."),
  tier: Tier.nullable().describe("haiku for easy work, opus for the hardest, null for the worker's own model."),
});
/** A task as a model writes it. */
export type DraftTask = z.infer<typeof DraftTask>;

/** A plan as a model writes it. */
export const DraftPlan = z.object({ rationale: z.string(), tasks: z.array(DraftTask) });
/** A plan as a model writes it. */
export type DraftPlan = z.infer<typeof DraftPlan>;

/** One edge of the plan. A hard dependency that does not finish skips the dependant; a soft one only delays it. */
export interface Dependency {
  readonly task: TaskId;
  readonly kind: "hard" | "soft";
}

/** A checked task: ids instead of labels, parsed input, paths normalised. */
export interface Task {
  readonly id: TaskId;
  readonly label: string;
  readonly worker: string;
  readonly task: string;
  readonly input: Json;
  readonly files: readonly string[];
  readonly constraints: readonly string[];
  readonly outputFormat: string;
  readonly dependencies: readonly Dependency[];
  readonly writes: readonly string[];
  readonly acceptance: readonly string[];
  readonly optional: boolean;
  readonly tier: Tier | null;
}

/** A checked plan: acyclic, every reference resolved, tasks in plan order (`tasks[i].id` is `t<i+1>`). */
export interface Plan {
  readonly rationale: string;
  readonly tasks: readonly Task[];
}

/** What is wrong with a draft, in words a model can repair from. */
export interface PlanIssue {
  readonly code:
    | "NotJson"
    | "Schema"
    | "Empty"
    | "TooManyTasks"
    | "TooManyDependencies"
    | "TooDeep"
    | "DuplicateLabel"
    | "ConfusableLabel"
    | "BadLabel"
    | "UnknownWorker"
    | "UnknownDependency"
    | "SelfDependency"
    | "DuplicateDependency"
    | "Cycle"
    | "BadInput"
    | "EmptyText"
    | "TooLong"
    | "ControlCharacters"
    | "PathOutside"
    | "WriteConflict";
  /** Label of the task concerned, where there is one. */
  readonly task?: string;
  readonly message: string;
}
