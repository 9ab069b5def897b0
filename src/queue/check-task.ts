// What can be said about one task of a draft without looking at the others: texts, lists, paths, worker and input.
import type { Json } from "../core/json.ts";
import { oneLine } from "../core/text.ts";
import { isTooNested, listed, quote, suggester } from "./issues.ts";
import type { IssueList } from "./issues.ts";
import { hasControls } from "./labels.ts";
import type { PlanLimits } from "./limits.ts";
import { readPath } from "./paths.ts";
import { readInput } from "./read-draft.ts";
import type { ReadTask } from "./read-draft.ts";

/** What a plan is checked against: which workers there are and what input they take. */
export interface PlanWorker {
  readonly name: string;
  /** What is wrong with an input (null: none given); empty when nothing is. */
  checkInput(input: Json): readonly string[];
}

/** The parts of a task that are read, not only looked at. */
export interface CheckedTask {
  readonly input: Json;
  readonly files: readonly string[];
  readonly writes: readonly string[];
}

/** What tasks are checked against, and where the issues go. */
export interface TaskChecking {
  readonly workers: readonly PlanWorker[];
  readonly limits: PlanLimits;
  readonly issues: IssueList;
}

const LISTS = ["files", "constraints", "depends_on", "after", "writes", "acceptance"] as const;

/** A function that checks one task after the other. */
export function taskChecker(checking: TaskChecking): (task: ReadTask) => CheckedTask {
  const { limits, issues } = checking;
  const workers = new Map(checking.workers.map((worker) => [worker.name, worker]));
  const suggest = suggester([...workers.keys()]);
  return (task) => {
    const { draft, name, broken } = task;
    const text = textChecker(task, checking);
    if (!broken.has("task")) text("task", draft.task, true);
    text("output_format", draft.output_format, false);
    for (const [at, entry] of draft.constraints.entries()) text(`constraints[${at}]`, entry, true);
    for (const [at, entry] of draft.acceptance.entries()) text(`acceptance[${at}]`, entry, true);
    for (const field of LISTS) {
      if (draft[field].length <= limits.listLength) continue;
      issues.add("TooLong", `${name}: ${field} has more than ${limits.listLength} entries. Keep what matters most.`, draft.label);
    }
    const worker = workers.get(draft.worker);
    if (!worker && !broken.has("worker")) {
      const message = `${name} is given to worker ${quote(draft.worker)}, which does not exist.${suggest(draft.worker)}`;
      issues.add("UnknownWorker", `${message} Workers are ${listed([...workers.keys()])}.`, draft.label);
    }
    const input = checkInput(task, worker, checking);
    return { input, files: checkPaths(task, "files", issues), writes: checkPaths(task, "writes", issues) };
  };
}

/** Checks a text: not empty where one is needed, not too long, nothing in it that can't be shown. */
function textChecker(task: ReadTask, { limits, issues }: TaskChecking): (field: string, text: string, isNeeded: boolean) => void {
  const { name, draft } = task;
  return (field, text, isNeeded) => {
    if (isNeeded && text.trim() === "")
      issues.add("EmptyText", `${name}: ${field} is empty. Say what is meant, or leave the entry out.`, draft.label);
    if (text.length > limits.textLength) {
      const message = `${name}: ${field} has ${text.length} characters; at most ${limits.textLength} are allowed.`;
      issues.add("TooLong", `${message} Put long material into a file and name it.`, draft.label);
    }
    if (hasControls(text)) {
      issues.add(
        "ControlCharacters",
        `${name}: ${field} holds control or direction characters: ${quote(text)}. Leave them out.`,
        draft.label,
      );
    }
  };
}

/** The input as JSON; null where it is missing or was reported. */
function checkInput(task: ReadTask, worker: PlanWorker | undefined, { limits, issues }: TaskChecking): Json {
  const { name, draft } = task;
  const input = readInput(task.input);
  if (input === undefined) {
    issues.add("BadInput", `${name}: input is no JSON text: ${quote(task.input)}. Write JSON, or null for none.`, draft.label);
    return null;
  }
  if (isTooNested(input)) {
    issues.add("BadInput", `${name}: input is nested more than 64 deep. Write it flatter.`, draft.label);
    return null;
  }
  const { length } = JSON.stringify(input);
  if (length > limits.textLength) {
    issues.add("TooLong", `${name}: input has ${length} characters; at most ${limits.textLength} are allowed.`, draft.label);
    return null;
  }
  for (const fault of worker ? faultsOf(worker, input) : []) {
    const message = `${name}: input ${quote(input)} does not suit worker ${quote(worker?.name)}: ${oneLine(fault, 300)}`;
    issues.add("BadInput", message, draft.label);
  }
  return input;
}

function faultsOf(worker: PlanWorker, input: Json): readonly string[] {
  try {
    return worker.checkInput(input);
  } catch (error) {
    return [`its check failed: ${error instanceof Error ? error.message : "no reason given"}`];
  }
}

/** The good paths of a list in our spelling, each once. */
function checkPaths(task: ReadTask, field: "files" | "writes", issues: IssueList): readonly string[] {
  const good = new Set<string>();
  for (const [at, raw] of task.draft[field].entries()) {
    const reading = readPath(raw);
    if ("path" in reading) good.add(reading.path);
    else issues.add(reading.code, `${task.name}: ${field}[${at}] ${quote(raw)} ${reading.fault}.`, task.draft.label);
  }
  return [...good];
}
