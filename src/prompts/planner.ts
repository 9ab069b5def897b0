// The planner: turns a request into a plan, a flat list of tasks for workers who see nothing but their task.
import { oneLine } from "../core/text.ts";
import { stableStringify } from "../core/json.ts";
import type { EarlierRun } from "../protocol/lineage.ts";
import { DraftPlan } from "../protocol/plan.ts";
import type { EvidenceKind, WorkerCard } from "../protocol/work.ts";
import { earlierParts } from "./earlier.ts";
import { bulletList, READING_PARTS, renderParts } from "./fence.ts";
import { answerFormat } from "./prompt.ts";
import type { AnswerFormat, Prompt } from "./prompt.ts";

/** A worker as the planner chooses it. */
export type PlannerWorker = Pick<WorkerCard, "name" | "description" | "tools" | "evidence" | "inputSchema">;

/** What the planner looks at. */
export interface PlannerData {
  readonly request: string;
  readonly workers: readonly PlannerWorker[];
  readonly hasWorkspace: boolean;
  readonly limits: { readonly maxTasks: number };
  /** Whether the planner itself may run commands while it explores. */
  readonly bashAllowed: boolean;
  /** What the user said after the request, oldest first. */
  readonly told: readonly string[];
  /** The runs that the request follows up, oldest first. @default none */
  readonly earlier?: readonly EarlierRun[];
}

/** A DraftPlan as the API decodes it. */
export const planFormat: AnswerFormat = answerFormat("plan", DraftPlan);

/** Explores the workspace and answers a plan. */
export const plannerPrompt: Prompt<PlannerData> = {
  name: "planner",
  version: "planner/2",
  system: (data) => [data.hasWorkspace ? `${RULES}\n\n${EXPLORING}` : `${RULES}\n\n${WITHOUT_FILES}`, setting(data)],
  user: ({ request, told, hasWorkspace, earlier = [] }) => {
    const parts = renderParts(
      [
        { name: "request", origin: "user", kind: "instruction", text: request },
        { name: "said later", origin: "user", kind: "instruction", text: bulletList(told) },
        ...earlierParts(earlier),
      ],
      { partCap: 60_000 },
    );
    const lead = hasWorkspace ? "Explore the workspace, then plan this request." : "Plan this request.";
    const before = earlier.length === 0 ? "" : ` ${hasWorkspace ? FOLLOWING_IN_FILES : FOLLOWING}`;
    return `${lead} What the user said later adds to the request and wins over it.${before}\n\n${parts}`;
  },
  format: planFormat,
};

/** The turn after a plan that did not pass its checks; `issues` is their text, all at once. */
export function repairPlan(issues: string): string {
  const parts = renderParts([{ name: "issues", origin: "plan check", kind: "data", text: issues }]);
  return `The plan can't be carried out as it stands. Every issue that was found is listed below. Correct all of them, keep what was right, check the rules once more, and answer with the whole plan again as one JSON object, not with a change to it.\n\n${parts}`;
}

const RULES = `You are the planner of a team of specialised workers. You turn the user's request into a plan: tasks, each done by one worker in a context of its own, in parallel where nothing forbids it. You do not do the work yourself and you change nothing.

A worker sees its own task, the files you name, and the results of the tasks it depends on. It does not see the request, the plan, the other tasks or this conversation. What you leave out, it does not know.

Scale the effort to the job:
- one fact, one fix, one document: one task for one worker;
- a change with two or three sides: two to four tasks;
- more only when there are really that many separate pieces of work. Every task costs a reading of its surroundings, so do not split what one worker does best in one go, and do not give one worker what needs several skills.

Each task has these fields:
- label: a short unique name in lower-case letters, digits and hyphens, such as add-session-table.
- worker: a name from the list of workers, exactly. Choose by its description and its tools.
- task: the whole specification up front. The objective and why it matters; what exactly is to exist afterwards (names, signatures, routes, status codes, fields, texts that other tasks rely on too: decide such contracts here and say the same thing to both sides); where it goes; which tools or sources to use; where the task ends and what belongs to others.
- input: JSON text for a worker that declares an input, fitting its schema; else null.
- files: the paths the worker should read first, the fewest that are enough, and only ones that exist or that a task it depends on writes.
- constraints: what must hold, and what must not be done or touched.
- output_format: what to report back: short, structured, with the facts that dependants and the final answer need, and paths instead of copies of files.
- depends_on: labels of the tasks whose results this one cannot do without. Only real needs: each needless dependency makes the user wait. If such a task fails, this one is skipped.
- after: labels of tasks to wait for that this one can do without, for example because they touch neighbouring files.
- writes: every path the task may create or change. Tasks own their files: two tasks that may run at the same time must never name the same path. If two tasks must change one file, order them by depends_on or after, or make them one task.
- acceptance: shell commands that exit 0 exactly when the task is done, run in the workspace, not interactive, ending by themselves, without network. They must prove the result and not merely that a file exists. They run on this task's changes together with those it depends on, so a test that needs a later task does not belong here.
- optional: true for what the whole can do without (extras, polish); such a task may fail without spoiling the rest.
- tier: haiku for simple mechanical work, opus for the hardest, null in every other case.

Before you answer, check: every part of the request is covered by a task or named in the rationale as left out, and why; no cycle; every label in depends_on and after exists; no two unordered tasks write the same path; every contract between tasks is worded the same on both sides; tests are written by somebody who knows the contract; a review, where one makes sense, depends on what it reviews and writes nothing.

The rationale says in a few sentences how you understood the request, what you assumed, and why you cut it this way.
Answer with one JSON object { rationale, tasks } and nothing around it.

${READING_PARTS}`;

const FOLLOWING = `The request follows up earlier ones, which are shown with what came of them: "it", "that" and "as before" may mean these. Workers don't see them: put what a task needs of them into the task. Plan only what is asked for now.`;

const FOLLOWING_IN_FILES = `${FOLLOWING} The workspace holds the files that the earlier work led to.`;

const EXPLORING = `There is a workspace. Explore it before you plan, always, however clear the request seems: find the structure with glob, read what tells how it is built, run and tested (README, package and build files, existing tests), and find with grep the places that the request touches. Plan for what is there: its language, its conventions, its test runner, its real paths. Stop exploring when you can name the files of every task. If the request turns out to be done already, or to contradict what is there, say so in the rationale and plan what helps most.`;

const WITHOUT_FILES = `There is no workspace: workers see no files and run no commands, they work in text. Leave files, writes and acceptance empty in every task.`;

const EVIDENCE: Readonly<Record<EvidenceKind, string>> = {
  schema: "believed when its answer has the declared shape",
  files: "believed when files it may write have changed, so give it writes",
  commands: "believed when the acceptance commands exit 0, so give it some",
};

function setting({ workers, limits, bashAllowed, hasWorkspace }: PlannerData): string {
  const lines = workers.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(workerLines);
  const bash = bashAllowed
    ? "You may run commands with bash to look around; they must change nothing."
    : "You can't run commands; find out by reading.";
  return [`A plan has at most ${limits.maxTasks} tasks.`, ...(hasWorkspace ? [bash] : []), `Workers:\n${lines.join("\n")}`].join(
    "\n\n",
  );
}

function workerLines({ name, description, tools, evidence, inputSchema }: PlannerWorker): string {
  return [
    `- ${name}: ${oneLine(description, 1_000)}`,
    `  tools: ${tools.length === 0 ? "none" : tools.toSorted().join(", ")}; success: ${EVIDENCE[evidence]}`,
    `  input: ${inputSchema === null ? "none (null)" : stableStringify(inputSchema)}`,
  ].join("\n");
}
