// One look at a whole draft, from a model or a person: either a plan that can run, or everything that is wrong with it,
// each in words to repair from. Total: it answers for any value and never throws.
//   C1  A plan it returns is acyclic, every reference is resolved, every path is inside the workspace in one spelling.
//   C2  In it, two tasks that may write the same file are ordered by dependencies.
//   C3  Labels are compared, never used as keys of objects; ids are ours.
import { taskIdAt } from "../core/ids.ts";
import type { Plan, PlanIssue, Task } from "../protocol/plan.ts";
import { checkGraph, checkWrites, resolveEdges } from "./check-edges.ts";
import type { DraftEdge } from "./check-edges.ts";
import { taskChecker } from "./check-task.ts";
import type { CheckedTask, PlanWorker } from "./check-task.ts";
import { IssueList, quote } from "./issues.ts";
import { foldCase, foldLooks, hasControls, labelFault } from "./labels.ts";
import { PLAN_LIMITS } from "./limits.ts";
import type { PlanLimits } from "./limits.ts";
import { readGraph } from "./plan-graph.ts";
import { readDraft } from "./read-draft.ts";
import type { ReadDraft, ReadTask } from "./read-draft.ts";

export { describeIssues } from "./issues.ts";
export type { PlanLimits } from "./limits.ts";
export type { PlanWorker } from "./check-task.ts";

/** What a draft is checked against. */
export interface CheckOptions {
  readonly workers: readonly PlanWorker[];
  readonly limits?: Partial<PlanLimits>;
}

/** A plan that can run, or what is wrong with the draft. */
export type PlanCheck =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly issues: readonly PlanIssue[] };

/** Tasks that are looked into at most, unless the limit is higher. */
const MOST_TASKS = 1000;

/**
 * Checks a draft as a whole. Text may hold the JSON inside a fence or prose. Lists, flags and texts that are left out or
 * null count as empty. At most 200 issues of each code are listed, and of a draft with more than a thousand tasks (or
 * the limit, where that is higher) only those are looked into.
 */
export function checkPlan(draft: unknown, options: CheckOptions): PlanCheck {
  const issues = new IssueList();
  const limits = { ...PLAN_LIMITS, ...options.limits };
  const read = readDraft(draft, Math.max(MOST_TASKS, limits.tasks), issues);
  if (!read) return { ok: false, issues: issues.all };
  checkSize(read, limits, issues);
  checkLabels(read, limits, issues);
  const checked = read.tasks.map(taskChecker({ workers: options.workers, limits, issues }));
  const edges = resolveEdges(read, issues);
  const graph = readGraph(edges.map((list) => list.map((edge) => edge.at)));
  checkGraph(read, graph, { limits, issues });
  checkWrites(read, checked, { graph, issues });
  if (!issues.isEmpty) return { ok: false, issues: issues.all };
  const tasks = read.tasks.flatMap((task, at) => {
    const parts = checked[at];
    return parts ? [{ id: taskIdAt(at), ...planTask(task, parts, edges[at] ?? []) }] : [];
  });
  return { ok: true, plan: { rationale: read.rationale, tasks } };
}

function planTask({ draft }: ReadTask, parts: CheckedTask, edges: readonly DraftEdge[]): Omit<Task, "id"> {
  return {
    label: draft.label,
    worker: draft.worker,
    task: draft.task,
    ...parts,
    constraints: [...new Set(draft.constraints)],
    outputFormat: draft.output_format,
    dependencies: edges.map(({ at, kind }) => ({ task: taskIdAt(at), kind })),
    acceptance: [...new Set(draft.acceptance)],
    optional: draft.optional,
    tier: draft.tier,
  };
}

function checkSize(read: ReadDraft, limits: PlanLimits, issues: IssueList): void {
  if (read.count === 0) issues.add("Empty", "The plan has no tasks. Write at least one.");
  if (read.count > limits.tasks) {
    issues.add("TooManyTasks", `The plan has ${read.count} tasks; at most ${limits.tasks} are allowed. Merge small ones.`);
  }
  const dependencies = read.tasks.reduce((sum, { draft }) => sum + draft.depends_on.length + draft.after.length, 0);
  if (dependencies > limits.dependencies) {
    const message = `The plan has ${dependencies} dependencies; at most ${limits.dependencies} are allowed.`;
    issues.add("TooManyDependencies", `${message} Name only tasks whose results are needed, not those that they need in turn.`);
  }
  if (read.rationale.length > limits.textLength) {
    issues.add("TooLong", `rationale has ${read.rationale.length} characters; at most ${limits.textLength} are allowed.`);
  }
  if (hasControls(read.rationale)) {
    issues.add("ControlCharacters", `rationale holds control or direction characters: ${quote(read.rationale)}. Leave them out.`);
  }
}

/** Reports labels that are bad in themselves or can't be told apart. */
function checkLabels(read: ReadDraft, limits: PlanLimits, issues: IssueList): void {
  const exact = new Set<string>();
  const byCase = new Map<string, string>();
  const byLooks = new Map<string, string>();
  for (const [at, { draft, broken }] of read.tasks.entries()) {
    const { label } = draft;
    const fault = labelFault(label, limits.labelLength);
    if (fault !== undefined) {
      if (!broken.has("label")) issues.add("BadLabel", `The label ${quote(label)} of task number ${at + 1} ${fault}.`, label);
      continue;
    }
    const cased = foldCase(label);
    const looks = foldLooks(label);
    const twin = byCase.get(cased) ?? byLooks.get(looks);
    if (exact.has(label)) {
      issues.add(
        "DuplicateLabel",
        `Task number ${at + 1} has the label ${quote(label)}, which an earlier task has. Give each its own.`,
        label,
      );
    } else if (twin !== undefined) {
      const message = `The label ${escaped(label)} of task number ${at + 1} looks like the earlier ${escaped(twin)}.`;
      issues.add("ConfusableLabel", `${message} Give it one that reads differently.`, label);
    }
    exact.add(label);
    if (!byCase.has(cased)) byCase.set(cased, label);
    if (!byLooks.has(looks)) byLooks.set(looks, label);
  }
}

/** A label with every character outside ASCII spelled out: that is where look-alikes differ. */
function escaped(label: string): string {
  return quote(label).replaceAll(
    /[^\u0020-\u007e]/gu,
    (letter) => `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}
