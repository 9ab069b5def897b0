// The rewording: a task whose text a model refused is said anew, without a change of what it is about.
import { z } from "zod";
import type { Task } from "../protocol/plan.ts";
import { bulletList, READING_PARTS, renderParts } from "./fence.ts";
import type { Part } from "./fence.ts";
import { answerFormat } from "./prompt.ts";
import type { Prompt } from "./prompt.ts";

/** What the one who words a task anew looks at. */
export interface RewordData {
  readonly request: string;
  readonly task: Pick<Task, "label" | "worker" | "task" | "constraints" | "outputFormat">;
  /** Why it was not done, oldest first. */
  readonly issues: readonly string[];
}

/** The task in other words. Files, tools and checks stay as they are. */
export const RewordAnswer = z.object({
  task: z.string().describe("What to achieve, complete enough for somebody who sees nothing else."),
  constraints: z.array(z.string()).describe("What must hold and what must not be done."),
});
/** The task in other words. */
export type RewordAnswer = z.infer<typeof RewordAnswer>;

/** Words one task anew. */
export const rewordPrompt: Prompt<RewordData> = {
  name: "reword",
  version: "reword/1",
  system: () => [`${RULES}\n\n${READING_PARTS}`],
  user: (data) => `A worker's model refused this task. Word it anew.\n\n${renderParts(partsOf(data))}`,
  format: answerFormat("reword", RewordAnswer),
};

const RULES = `You are the planner of a team of specialised workers. The model of a worker refused one task of your plan. Often that comes from how a task is put: it names a danger without its purpose, leaves out who asked and why, or reads like something else. You write its text anew so that a careful reader sees what is wanted, for what, and within which bounds.

- Same objective, same result, same files, same report. Do not widen the task and do not drop a part of it.
- Say the purpose as the request gives it. Invent no permission, no role and no reason; hide nothing, and use no trick to get around a rule.
- Keep every constraint that bounds the work; you may add bounds that make it safer.
- If the task should not be done at all, write it as the part of it that is harmless and useful, and say in the constraints what is left out and has to be reported as left out.

Answer with one JSON object { task, constraints } and nothing around it.`;

function partsOf({ request, task, issues }: RewordData): readonly Part[] {
  const own = (name: string, text: string): Part => ({ name, origin: "orchestrator", kind: "data", text });
  return [
    own("task to word anew", `label: ${task.label}\nworker: ${task.worker}\n\n${task.task}`),
    own("constraints", bulletList(task.constraints)),
    own("output_format", task.outputFormat),
    { name: "why it was not done", origin: "verification", kind: "data", text: bulletList(issues) },
    { name: "request", origin: "user", kind: "data", text: request },
  ];
}
