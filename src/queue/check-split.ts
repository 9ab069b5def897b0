// One look at the parts that a model cut a task into: a small plan inside the bounds of that task, or everything that is
// wrong with it. Total, as checkPlan is. What a part may touch was fixed when the plan was checked, and nothing a model
// has read since can widen it:
//   P1  A part writes and checks nothing that its task does not, and reads first what the plan names already.
//   P2  Its worker, model and dependencies are the task's own.
import { taskIdAt } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import type { Plan, Task } from "../protocol/plan.ts";
import { checkPlan } from "./check-plan.ts";
import type { PlanCheck, PlanWorker } from "./check-plan.ts";
import { IssueList, listed, quote } from "./issues.ts";
import { foldLooks } from "./labels.ts";
import { PLAN_LIMITS } from "./limits.ts";
import { covers } from "./paths.ts";

/** What the parts of one task are held to. Plain JSON. */
export type SplitBounds = {
  readonly label: string;
  readonly worker: string;
  readonly writes: readonly string[];
  readonly acceptance: readonly string[];
  /** Every path that the plan names. */
  readonly paths: readonly string[];
  /** Labels that are taken. */
  readonly labels: readonly string[];
};

/** Fewest and most parts. */
export const FEWEST_PARTS = 2;
export const MOST_PARTS = 4;

/** The bounds of a task of a plan. */
export function splitBounds(plan: Plan, task: Task): SplitBounds {
  return {
    label: task.label,
    worker: task.worker,
    writes: task.writes,
    acceptance: task.acceptance,
    paths: [...new Set(plan.tasks.flatMap(({ files, writes }) => [...files, ...writes]))],
    labels: plan.tasks.map(({ label }) => label),
  };
}

/** Checks parts (text or JSON, in the shape of a plan). The plan it returns has them as t1 … tn of their own. */
export function checkSplit(draft: unknown, bounds: SplitBounds, workers: readonly PlanWorker[]): PlanCheck {
  const limits = { tasks: MOST_PARTS, labelLength: PLAN_LIMITS.labelLength + bounds.label.length };
  const checked = checkPlan(draft, { workers: workers.filter(({ name }) => name === bounds.worker), limits });
  if (!checked.ok) return checked;
  const issues = new IssueList();
  const { tasks } = checked.plan;
  if (tasks.length < FEWEST_PARTS)
    issues.add("Empty", `There are ${tasks.length} parts. Cut it into ${FEWEST_PARTS} to ${MOST_PARTS}.`);
  const taken = new Set(bounds.labels.map(foldLooks));
  for (const part of tasks) checkPart(part, { bounds, taken, issues });
  return issues.isEmpty ? checked : { ok: false, issues: issues.all };
}

/** The plan with a task cut: its parts come last, after all that the task waits for, and the task waits for them. */
export function withParts(plan: Plan, task: Task, parts: Plan): Plan {
  const known = plan.tasks.length;
  const idOf = (at: number): TaskId => taskIdAt(known + at);
  const indexes = new Map(parts.tasks.map(({ id }, at) => [id, idOf(at)]));
  const added = parts.tasks.map((part, at): Task => ({
    ...part,
    id: idOf(at),
    constraints: [...new Set([...task.constraints, ...part.constraints])],
    dependencies: [
      ...task.dependencies,
      ...part.dependencies.flatMap(({ task: on, kind }) => {
        const other = indexes.get(on);
        return other ? [{ task: other, kind }] : [];
      }),
    ],
    optional: task.optional,
    tier: task.tier,
  }));
  const whole: Task = {
    ...task,
    constraints: [...task.constraints, PUT_TOGETHER],
    dependencies: [...task.dependencies, ...added.map(({ id }) => ({ task: id, kind: "hard" as const }))],
  };
  return { ...plan, tasks: [...plan.tasks.map((one) => (one.id === task.id ? whole : one)), ...added] };
}

const PUT_TOGETHER =
  "This task was cut into parts, and the parts are done: their results are given below, and their changes are in place. Put them together into the result of the whole task, mend what does not fit, and do nothing twice.";

function checkPart(
  part: Task,
  { bounds, taken, issues }: { readonly bounds: SplitBounds; readonly taken: ReadonlySet<string>; readonly issues: IssueList },
): void {
  const { label } = part;
  const name = `Part ${quote(label)}`;
  if (!label.startsWith(bounds.label) || label === bounds.label) {
    issues.add(
      "BadLabel",
      `${name}: the label must begin with ${quote(bounds.label)}, as in ${quote(`${bounds.label}-one`)}.`,
      label,
    );
  } else if (taken.has(foldLooks(label))) {
    issues.add("DuplicateLabel", `${name}: the plan has a task of that label. Give it another one.`, label);
  }
  outside(part.writes, bounds.writes).forEach((path) => {
    issues.add(
      "PathOutside",
      `${name}: writes ${quote(path)}, which the task may not. It may write ${names(bounds.writes)}.`,
      label,
    );
  });
  outside(part.files, bounds.paths).forEach((path) => {
    issues.add(
      "PathOutside",
      `${name}: files names ${quote(path)}, which the plan does not. It names ${names(bounds.paths)}.`,
      label,
    );
  });
  for (const command of part.acceptance) {
    if (bounds.acceptance.includes(command)) continue;
    issues.add("BadInput", `${name}: acceptance ${quote(command)} is none of the task's: ${names(bounds.acceptance)}.`, label);
  }
}

const outside = (paths: readonly string[], owners: readonly string[]): readonly string[] =>
  paths.filter((path) => !owners.some((owner) => covers(owner, path)));

const names = (entries: readonly string[]): string => (entries.length === 0 ? "nothing" : listed(entries));

/** Bounds that travelled as JSON; undefined for anything else. */
export function readBounds(value: Json): SplitBounds | undefined {
  if (typeof value !== "object" || value === null || !("label" in value && "writes" in value && "paths" in value))
    return undefined;
  // Only `splitBounds` makes objects with these fields.
  return value as unknown as SplitBounds;
}
