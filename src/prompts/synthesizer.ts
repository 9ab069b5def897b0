// The synthesizer: reads what came back from all tasks and writes the one answer that the user gets.
import type { EarlierRun } from "../protocol/lineage.ts";
import type { Task } from "../protocol/plan.ts";
import type { ChangedFile, Conflict, Evidence } from "../protocol/work.ts";
import type { FailureCode } from "../core/failure.ts";
import { oneLine } from "../core/text.ts";
import { earlierParts } from "./earlier.ts";
import { bulletList, pathText, READING_PARTS, renderParts } from "./fence.ts";
import type { Part } from "./fence.ts";
import type { Prompt } from "./prompt.ts";

/** A finished task as the synthesizer reads it. */
export interface SynthesisReport {
  readonly label: string;
  readonly worker: string;
  readonly summary: string;
  /** The output as text, JSON where the worker declares one. */
  readonly output: string;
  readonly files: readonly ChangedFile[];
  /** What was looked at before the report was believed. */
  readonly evidence: ReadonlyArray<Pick<Evidence, "what" | "ok">>;
}

/** A task that did not finish. */
export interface SynthesisFailure {
  readonly label: string;
  readonly code: FailureCode;
  readonly message: string;
  /** What it comes down to, where that is something else: such as the label and failure of the task it needed. */
  readonly rootCause: string | null;
}

/** A task of the plan, as far as the synthesizer needs it. */
export type SynthesisTask = Pick<Task, "label" | "worker" | "task" | "optional">;

/** What the synthesizer looks at. Reports and failures keep the order they come in (plan order). */
export interface SynthesizerData {
  readonly request: string;
  readonly plan: { readonly rationale: string; readonly tasks: readonly SynthesisTask[] };
  readonly reports: readonly SynthesisReport[];
  readonly failures: readonly SynthesisFailure[];
  /** Files that several tasks changed; `tasks` and `kept` as labels. */
  readonly conflicts: readonly Conflict[];
  /** What the integrated result changes in the workspace. */
  readonly changedFiles: readonly ChangedFile[];
  /** The runs that the request follows up, oldest first. @default none */
  readonly earlier?: readonly EarlierRun[];
}

/** Writes the final answer, as Markdown. */
export const synthesizerPrompt: Prompt<SynthesizerData> = {
  name: "synthesizer",
  version: "synthesizer/2",
  system: () => [RULES],
  user: (data) => `All tasks have ended. Write the answer to the request.${following(data)}\n\n${renderParts(parts(data))}`,
  format: null,
};

const RULES = `You write the final answer of a team of specialised workers to the user who made the request. A planner split the request into tasks; the parts below are all that came back. You have no tools and can't look anything up.

Write Markdown, in the language of the request, as short as the matter allows, for a reader who saw none of the work. In this order, leaving out what would be empty:
1. The answer: what the user asked for, said first and directly. If the request was only partly met, that is the first sentence.
2. What was done: by topic, not by worker; each with the files that changed.
3. Contradictions. Compare what the workers claim: numbers, names, durations, routes, formats, defaults, what is tested. Wherever two reports, or a report and the list of changed files, can't both be right, name it: who says what (task label and worker, with the words that matter), which one the result follows and how you know, and what else would have to change. If the parts do not tell which one holds, say that it is open. Never smooth a contradiction over, and never decide one silently. Files that several tasks changed belong here, too: whose version stands.
4. What failed or was skipped: each task by its label, why, down to the root cause, and what that means for the result.
5. What to do next: concrete steps for the user, the most important first: what to check, decide, run or ask for again.

Rules: claim nothing that no part shows. A worker's word is a claim: "tests pass" holds if the checks of the tasks show it; otherwise report it as what the worker says. Do not invent file contents, figures or results. Do not praise the work or describe the process.

${READING_PARTS}`;

const following = ({ earlier = [] }: SynthesizerData): string =>
  earlier.length === 0
    ? ""
    : " It follows up earlier requests, which are shown with what came of them; tell what is new, and name an earlier result only where the answer needs it.";

function parts(data: SynthesizerData): readonly Part[] {
  const system = (name: string, text: string): Part => ({ name, origin: "orchestrator", kind: "data", text });
  return [
    { name: "request", origin: "user", kind: "instruction", text: data.request },
    ...earlierParts(data.earlier ?? []),
    system("plan", planText(data.plan)),
    system("failed and skipped tasks", bulletList(data.failures.map(failureLine))),
    system("files changed by several tasks", bulletList(data.conflicts.map(conflictLine))),
    { name: "changes in the workspace", origin: "workspace", kind: "data", text: changes(data) },
    { name: "checks of the tasks", origin: "verification", kind: "data", text: bulletList(data.reports.flatMap(checkLines)) },
    ...data.reports.map(({ label, worker, summary, output }): Part => ({
      name: `report of ${label}`,
      origin: `worker ${worker}`,
      kind: "data",
      text: output.startsWith(summary) ? output : `Summary: ${summary}\n\n${output}`,
    })),
  ];
}

function planText({ rationale, tasks }: SynthesizerData["plan"]): string {
  const lines = tasks.map(
    ({ label, worker, task, optional }) => `${label} (${worker}${optional ? ", optional" : ""}): ${oneLine(task, 300)}`,
  );
  return `${rationale}\n\n${bulletList(lines)}`;
}

function failureLine({ label, code, message, rootCause }: SynthesisFailure): string {
  return `${label}: ${code}: ${oneLine(message, 600)}${rootCause === null ? "" : ` Root cause: ${oneLine(rootCause, 600)}`}`;
}

function checkLines({ label, evidence }: SynthesisReport): readonly string[] {
  return evidence.map(({ what, ok }) => `${label}: ${ok ? "held" : "failed"}: ${oneLine(what, 200)}`);
}

function conflictLine({ path, tasks, kept }: Conflict): string {
  return `${pathText(path)}: changed by ${tasks.join(", ")}; the version of ${kept} stands`;
}

/** The integrated changes, then who changed what, both sorted by path. */
function changes({ changedFiles, reports }: SynthesizerData): string {
  const byTask = reports.filter(({ files }) => files.length > 0).map(({ label, files }) => `by ${label}:\n${fileLines(files)}`);
  const all = changedFiles.length === 0 ? "" : `in the result:\n${fileLines(changedFiles)}`;
  return [all, ...byTask].filter((text) => text !== "").join("\n");
}

function fileLines(files: readonly ChangedFile[]): string {
  return bulletList(files.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(({ path, kind }) => `${pathText(path)} (${kind})`));
}
