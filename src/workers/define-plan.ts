// Plans written by hand, typed by the workers that carry them out: an unknown worker or a wrong input does not compile.
import { QuatrainError, messageOf } from "../core/errors.ts";
import { taskIdAt } from "../core/ids.ts";
import type { Plan, Tier } from "../protocol/plan.ts";
import { checkPlan, describeIssues } from "../queue/check-plan.ts";
import type { Worker } from "./define-worker.ts";

type ByName<W extends readonly Worker[]> = { [One in W[number] as One["name"]]: One };
type InputOf<One> = One extends { readonly types?: { readonly input: infer In } } ? In : never;
/** The output of a worker. */
export type OutputOf<One> = One extends { readonly types?: { readonly output: infer Out } } ? Out : never;

/** A task of a hand-written plan. `input` is asked for exactly where the worker declares one. */
export type PlannedTask<W extends readonly Worker[]> = {
  [Name in keyof ByName<W>]: {
    readonly label: string;
    readonly worker: Name;
    readonly task: string;
    readonly files?: readonly string[];
    readonly constraints?: readonly string[];
    readonly outputFormat?: string;
    /** Labels of tasks whose results it needs. */
    readonly dependsOn?: readonly string[];
    /** Labels of tasks to wait for that it can do without. */
    readonly after?: readonly string[];
    readonly writes?: readonly string[];
    readonly acceptance?: readonly string[];
    readonly optional?: boolean;
    /** How long it will take, in ms, where that is known: it orders what starts first. @default learnt from the worker's other tasks */
    readonly estimateMs?: number;
    readonly tier?: Tier;
  } & ([InputOf<ByName<W>[Name]>] extends [null] ? { readonly input?: null } : { readonly input: InputOf<ByName<W>[Name]> });
}[keyof ByName<W>];

/** A checked plan with the workers it is for. */
export interface DefinedPlan<W extends readonly Worker[] = readonly Worker[]> {
  readonly workers: W;
  readonly plan: Plan;
  /** Durations known beforehand, in ms, by task id. */
  readonly estimatesMs: Readonly<Record<string, number>>;
}

/** What a person writes is bounded by sense alone; the usual limits are for models. */
const LIMITS = { tasks: 10_000, depth: 10_000, dependencies: 1_000_000, textLength: 200_000, listLength: 10_000 };

/**
 * Checks a hand-written plan (10,000 tasks at most). Throws QuatrainError "BadPlan" that lists everything that is wrong
 * with it.
 */
export function definePlan<const W extends readonly Worker[]>(workers: W, tasks: readonly PlannedTask<W>[]): DefinedPlan<W> {
  const drafts = tasks.map(({ dependsOn, outputFormat, input, estimateMs: _estimate, ...task }) => ({
    ...task,
    // A plan holds inputs as JSON text: a text that happens to look like JSON stays a text.
    input: input === undefined || input === null ? null : textOf(input),
    depends_on: dependsOn ?? [],
    output_format: outputFormat ?? "",
  }));
  const checked = checkPlan({ rationale: "", tasks: drafts }, { workers, limits: LIMITS });
  if (!checked.ok) throw new QuatrainError("BadPlan", `The plan can't be carried out:\n${describeIssues(checked.issues)}`);
  const known = tasks.flatMap(({ estimateMs }, at) => (estimateMs === undefined ? [] : [[taskIdAt(at), estimateMs] as const]));
  return { workers, plan: checked.plan, estimatesMs: Object.fromEntries(known) };
}

/** What can't be written as JSON is left to the check, which says so. */
function textOf(input: unknown): string {
  try {
    return JSON.stringify(input) ?? "undefined";
  } catch (error) {
    return messageOf(error);
  }
}
