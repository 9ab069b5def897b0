// The split: a task that proved too large for one worker is cut into parts for the same worker, inside its own bounds.
import type { Task } from "../protocol/plan.ts";
import { DraftPlan } from "../protocol/plan.ts";
import { bulletList, pathText, READING_PARTS, renderParts } from "./fence.ts";
import type { Part } from "./fence.ts";
import { answerFormat } from "./prompt.ts";
import type { Prompt } from "./prompt.ts";

/** What the one who cuts a task looks at. */
export interface SplitData {
  readonly request: string;
  readonly task: Pick<Task, "label" | "worker" | "task" | "files" | "writes" | "constraints" | "acceptance" | "outputFormat">;
  /** Every path that the plan names: what parts may be told to read first. */
  readonly paths: readonly string[];
  /** Why it could not be done as it is, oldest first. */
  readonly issues: readonly string[];
  readonly parts: { readonly fewest: number; readonly most: number };
}

/** Cuts one task into parts, answered in the shape of a plan. */
export const splitPrompt: Prompt<SplitData> = {
  name: "split",
  version: "split/1",
  system: ({ parts: { fewest, most } }) => [`${RULES}\n\nCut it into ${fewest} to ${most} parts.\n\n${READING_PARTS}`],
  user: (data) => `This task is too large for one go. Cut it into parts.\n\n${renderParts(partsOf(data))}`,
  format: answerFormat("split", DraftPlan),
};

const RULES = `You are the planner of a team of specialised workers. One task of your plan was given to a worker, who could not do it in one go. You cut it into smaller parts. The same worker does each part in a context of its own, then does the whole task once more with the results of all parts, only to put them together. You do not do the work yourself.

The parts lie inside the task:
- label: begins with the label of the task, then a hyphen and a word of its own.
- worker: the worker of the task, exactly.
- task: the whole specification of the part, for somebody who sees nothing else: its objective, what is to exist afterwards, which contracts with the other parts hold, and where it ends. What you leave out is not known.
- input: as the task has it, else null.
- files: from the listed paths only, the fewest that are enough.
- writes: from the paths that the task may write, none besides. Two parts that may be done at the same time never name the same path: order them, or give the path to one of them.
- acceptance: from the checks of the task, and only those that hold once this part alone is done; often none.
- constraints: what holds for this part besides the constraints of the task, which hold in any case.
- output_format: what to report back, short, with the facts that putting together needs.
- depends_on, after: labels of other parts, only real needs.
- optional: false. tier: null.

Cut where the earlier attempts got stuck: each part must need clearly less reading, less output and fewer steps than the whole. Together the parts are the whole task, and nothing more. The rationale says in two sentences why you cut it so.
Answer with one JSON object { rationale, tasks } and nothing around it.`;

function partsOf({ request, task, paths, issues }: SplitData): readonly Part[] {
  const own = (name: string, text: string): Part => ({ name, origin: "orchestrator", kind: "data", text });
  return [
    own("task to cut", `label: ${task.label}\nworker: ${task.worker}\n\n${task.task}`),
    own("constraints", bulletList(task.constraints)),
    own("output_format", task.outputFormat),
    own("files it reads first", bulletList(task.files.map(pathText))),
    own("paths it may write", bulletList(task.writes.map(pathText))),
    own("checks", bulletList(task.acceptance)),
    own("paths that parts may read first", bulletList(paths.map(pathText))),
    { name: "why it could not be done in one go", origin: "verification", kind: "data", text: bulletList(issues) },
    { name: "request", origin: "user", kind: "data", text: request },
  ];
}
