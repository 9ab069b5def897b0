// Drafts for the tests of plan checking, and short ways to look at what came out.
import { checkPlan } from "../../src/queue/check-plan.ts";
import type { PlanLimits } from "../../src/queue/check-plan.ts";
import type { Json } from "../../src/core/json.ts";
import type { Plan, PlanIssue } from "../../src/protocol/plan.ts";

/** Workers: `api` and `docs` take no input that matters; `resize` needs `{ width: number }`. */
export const WORKERS = [
  { name: "api", checkInput: () => [] },
  { name: "docs", checkInput: () => [] },
  {
    name: "resize",
    checkInput: (input: Json) =>
      typeof input === "object" && input !== null && "width" in input && typeof input.width === "number"
        ? []
        : ["width: a number is needed"],
  },
];

/** One task of a draft; what is not given is fine. */
export const task = (label: string, more: object = {}): object => ({ label, worker: "api", task: "Do it.", ...more });

/** A draft of tasks, or of labels with the labels they depend on: `{ b: ["a"], a: [] }`. */
export function draft(tasks: readonly object[] | Readonly<Record<string, readonly string[]>>): object {
  if (Array.isArray(tasks)) return { rationale: "why", tasks };
  return { rationale: "why", tasks: Object.entries(tasks).map(([label, needs]) => task(label, { depends_on: needs })) };
}

export const check = (value: unknown, limits: Partial<PlanLimits> = {}) => checkPlan(value, { workers: WORKERS, limits });

/** The issues of a draft; empty for a good one. */
export function issuesOf(value: unknown, limits: Partial<PlanLimits> = {}): readonly PlanIssue[] {
  const result = check(value, limits);
  return result.ok ? [] : result.issues;
}

export const codesOf = (value: unknown, limits: Partial<PlanLimits> = {}): string[] =>
  issuesOf(value, limits).map(({ code }) => code);

/** The plan of a good draft. */
export function planOf(value: unknown, limits: Partial<PlanLimits> = {}): Plan {
  const result = check(value, limits);
  if (!result.ok) throw new Error(`The draft is not good: ${JSON.stringify(result.issues)}`);
  return result.plan;
}
