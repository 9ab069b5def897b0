// The entries of a policy table, by the names that `policy.applied` tells, and which of them no run can ever apply.
import { z } from "zod";
import { FAILURE_CODES } from "../../core/failure.ts";
import type { FailureCode } from "../../core/failure.ts";
import { lastEntry, turnEntry } from "../../core/policy.ts";
import type { AttemptStep, Policy, TurnStep } from "../../core/policy.ts";
import { checkGiven } from "../check/given.ts";

/** The entries of a policy. */
export interface PolicyRows {
  /** Those that a run can apply, by name, in the order of the table: `Overloaded turn[0] again`, `Overloaded then suspend`. */
  readonly rows: readonly string[];
  /** Those that no run applies while the steps before them can be taken, each with the reason. */
  readonly outOfReach: Readonly<Record<string, string>>;
}

const advice = "give a whole policy, such as { ...DEFAULT_POLICY, attempts: 3 }";
const WHOLE = z.looseObject(
  { table: z.record(z.enum(FAILURE_CODES), z.looseObject({}), advice), repairs: z.looseObject({}, advice) },
  advice,
);

/**
 * Lists the entries of a whole policy, and by rule those that are out of reach. Throws QuatrainError "BadOption" for what
 * is none.
 */
export function policyRowsOf(policy: Policy): PolicyRows {
  checkGiven("policyRowsOf", WHOLE, policy);
  const entries = FAILURE_CODES.flatMap((code) => entriesOf(policy, code));
  const unused = entries.flatMap(({ name, why }) => (why === undefined ? [] : [[name, why] as const]));
  return { rows: entries.flatMap(({ name, why }) => (why === undefined ? [name] : [])), outOfReach: Object.fromEntries(unused) };
}

interface Entry {
  readonly name: string;
  /** Why it is never applied; undefined where it can be. */
  readonly why: string | undefined;
}

function entriesOf(policy: Policy, code: FailureCode): readonly Entry[] {
  const { turn, attempt, then } = policy.table[code];
  return [
    ...turn.map((step, at) => ({
      name: `${code} ${turnEntry(code, at, step).entry}`,
      why: whyNotTurn(policy, code, { step, at }),
    })),
    ...attempt.map((step, at) => ({ name: `${code} attempt[${at}] ${step.do}`, why: whyNotAttempt(policy, code, { step, at }) })),
    { name: `${code} ${lastEntry(code, then).entry}`, why: undefined },
  ];
}

/** Codes of what a conversation can be told of, and how often it may be. */
const TOLD: { readonly [Code in FailureCode]?: (policy: Policy) => number } = {
  ToolFailed: () => Infinity,
  ToolDenied: () => Infinity,
  VerifyFailed: () => Infinity,
  WorkerOutputInvalid: ({ repairs }) => repairs.answer,
  PlanInvalid: ({ repairs }) => repairs.plan,
};

function whyNotTurn(
  policy: Policy,
  code: FailureCode,
  { step, at }: { readonly step: TurnStep; readonly at: number },
): string | undefined {
  if (step.do === "again") return undefined;
  const most = TOLD[code]?.(policy);
  if (most === undefined) return `${code} ends a conversation: there is nobody to be told`;
  return at < most ? undefined : `there are ${most} repairs`;
}

function whyNotAttempt(
  policy: Policy,
  code: FailureCode,
  { step, at }: { readonly step: AttemptStep; readonly at: number },
): string | undefined {
  if (step.do === "redo") return code === "ConflictingOutputs" ? undefined : "only tasks in conflict are redone";
  if (step.do !== "renew") return undefined;
  // Entry `at` is due at failure `at + 1`, or earlier where what stands before it may cost too much.
  const { attempt } = policy.table[code];
  const due = attempt.slice(0, at).findLastIndex((before) => !mayCostTooMuch(before)) + 2;
  const most = policy.attempts + mendsBefore(policy, due - 1);
  return due < most ? undefined : `it would be attempt ${due + 1}, and there are ${most}`;
}

/** True for a step that the budget may forbid where it allows a plainer one: then the next one is taken. */
const mayCostTooMuch = (step: AttemptStep): boolean =>
  step.do === "renew" && (step.change.maxTokens ?? step.change.model ?? step.change.worker) !== undefined;

/** Mendings that a task can have had before entry `at` is due: each allows one more attempt. */
function mendsBefore({ table }: Policy, at: number): number {
  const kinds = FAILURE_CODES.flatMap((code) => table[code].attempt.slice(0, at).map((step) => step.do));
  return new Set(kinds.filter((kind) => kind === "split" || kind === "reword")).size;
}
