// Supervision as data. For each failure code: what the conversation tries on the same turn, what the orchestrator
// tries with a new attempt, and what happens when both are used up. The machines read this table with the pure
// functions below and decide nothing themselves; users replace rows.
import type { FailureCode } from "./failure.ts";

/** A try inside the conversation; costs no attempt. */
export type TurnStep =
  /** The same request again after a random wait between the two bounds, in ms (a longer `retryAfterMs` wins). */
  | { readonly do: "again"; readonly waitMs: readonly [number, number] }
  /** What is wrong goes back to the model in the same conversation. */
  | { readonly do: "append" };

/** What the next attempt of a task does differently. Each set field is told in the journal and the events. */
export interface Change {
  readonly effort?: "lower" | "higher";
  readonly maxTokens?: "double";
  /** Hand over less: dependency outputs and files cut to 60 %. */
  readonly context?: "trimmed";
  /** Tell the new conversation what was tried and why it failed. */
  readonly issues?: true;
  /** `other`: the next model of the same class; `orchestrator`: the orchestrator's model does the task itself. */
  readonly model?: "other" | "orchestrator";
  /**
   * Another worker does the task, with its own instructions, tools and model. Passed over where that one takes another
   * input, or gives another output, than the worker that failed.
   */
  readonly worker?: string;
}

/** A new attempt of the task in a new conversation, after a random wait in ms. */
export interface RenewStep {
  readonly do: "renew";
  readonly change: Change;
  readonly waitMs: readonly [number, number];
}

/**
 * What a task is tried with after it failed.
 * `split`: the orchestrator's model cuts it into 2 to 4 parts inside its own files, tools and checks; then it is done
 * once more, putting them together. Once a task, never a part; not above the most tasks of a plan.
 * `reword`: the orchestrator's model writes its text anew. Once a task.
 * Both cost no attempt of their own, and only tasks of model workers have them.
 * `redo`: only for ConflictingOutputs: the later task is done again on top of the earlier one. Once a run.
 */
export type AttemptStep =
  | RenewStep
  | { readonly do: "split" | "reword"; readonly waitMs: readonly [number, number] }
  | { readonly do: "redo" };

/** What happens when nothing is left to try. `ask` without a person is `fail`. */
export type LastStep = "fail" | "skip" | "ask" | "suspend" | "synthesize";

/** One row of the policy table. */
export interface PolicyRow {
  readonly turn: readonly TurnStep[];
  readonly attempt: readonly AttemptStep[];
  readonly then: LastStep;
}

/** The whole table. */
export type PolicyTable = Readonly<Record<FailureCode, PolicyRow>>;

/** How a run supervises its workers. */
export interface Policy {
  readonly table: PolicyTable;
  /** Most attempts of one task, over all resumes. @default 2 */
  readonly attempts: number;
  /** Most new attempts in the whole run inside `periodMs`; more suspends the run as RestartIntensity. */
  readonly restarts: { readonly intensity: number; readonly periodMs: number };
  /** Longest wait that a conversation sits out itself, in ms; a longer one suspends the run. @default 900_000 */
  readonly longestWaitMs: number;
  /** Most repair turns for a plan and for any other structured answer. */
  readonly repairs: { readonly plan: number; readonly answer: number };
  /** Fall back to one worker when the plan stays invalid. @default false */
  readonly planFallback: boolean;
  /**
   * What becomes of the tasks that build on one that is done again. `rest-for-one`: they are done again, too, and those
   * that run are stopped. `one-for-one`: finished ones keep their results. @default "rest-for-one"
   */
  readonly strategy: "rest-for-one" | "one-for-one";
}

const again = (from: number, to: number): TurnStep => ({ do: "again", waitMs: [from, to] });
const renew = (change: Change, waitMs: readonly [number, number] = [0, 0]): RenewStep => ({ do: "renew", change, waitMs });
const split: AttemptStep = { do: "split", waitMs: [0, 0] };
const reword: AttemptStep = { do: "reword", waitMs: [0, 0] };
const row = (turn: readonly TurnStep[], attempt: readonly AttemptStep[], then: LastStep): PolicyRow => ({ turn, attempt, then });

/** Before a costly second attempt: long enough for a person to see it and step in. */
const PAUSE = [500, 1_500] as const;

const network = row([again(500, 2_000), again(2_000, 8_000), again(8_000, 30_000)], [renew({}, [1_000, 5_000])], "fail");
const transcript = row([], [renew({ issues: true })], "fail");
const tooLong = row([], [renew({ context: "trimmed" }), split], "fail");
const worker = row([], [renew({ issues: true }), renew({ issues: true, model: "orchestrator" })], "ask");
const tooLarge = row([], [...worker.attempt, split], "ask");
const stopPaying = row([], [], "suspend");
const never = row([], [], "fail");

/** The default table. Waits are ms; why each row is as it is stands in docs/concepts/supervision.md. */
export const DEFAULT_TABLE: PolicyTable = {
  RateLimited: row(
    Array.from({ length: 30 }, () => again(1_000, 10_000)),
    [],
    "suspend",
  ),
  Overloaded: row([again(1_000, 4_000), again(4_000, 15_000)], [renew({ model: "other" }, [5_000, 15_000])], "suspend"),
  ServerFault: network,
  NetworkFault: network,
  StreamCut: network,
  StreamStalled: row([again(0, 1_000)], [renew({ effort: "lower" }), split], "fail"),
  TurnLost: row(
    Array.from({ length: 10 }, () => again(0, 0)),
    [renew({})],
    "fail",
  ),
  MalformedAnswer: row([again(0, 1_000)], [renew({})], "fail"),
  OutputTruncated: row(
    [],
    [renew({ maxTokens: "double", issues: true }, PAUSE), renew({ effort: "lower", issues: true }, PAUSE), split],
    "fail",
  ),
  PromptTooLong: tooLong,
  ContextFull: tooLong,
  RequestTooLarge: tooLong,
  HistoryBroken: transcript,
  ThinkingBindingBroken: transcript,
  Refused: row([], [renew({ model: "other" }), reword], "ask"),
  WorkerOutputInvalid: row([{ do: "append" }], [renew({ issues: true }), renew({ issues: true, model: "orchestrator" })], "fail"),
  WorkerLooping: tooLarge,
  WorkerTimeout: tooLarge,
  WorkerBudget: worker,
  WorkerCrashed: worker,
  WorkerGaveUp: worker,
  ToolFailed: row([{ do: "append" }], [renew({ issues: true })], "fail"),
  ToolDenied: row([{ do: "append" }], [], "ask"),
  VerifyFailed: row(
    [{ do: "append" }],
    [renew({ issues: true }, PAUSE), renew({ issues: true, model: "orchestrator" }, PAUSE)],
    "fail",
  ),
  WorkspaceFailed: row([], [renew({})], "fail"),
  DependencyFailed: row([], [], "skip"),
  Poisoned: row([], [], "ask"),
  Rejected: never,
  Skipped: row([], [], "skip"),
  Cancelled: never,
  PlanInvalid: row([{ do: "append" }, { do: "append" }], [], "fail"),
  ConflictingOutputs: row([], [{ do: "redo" }], "ask"),
  BudgetExceeded: row([], [], "synthesize"),
  AuthFailed: stopPaying,
  BillingBlocked: stopPaying,
  ModelNotFound: stopPaying,
  RequestInvalid: stopPaying,
  StoreFull: stopPaying,
  StoreCorrupt: stopPaying,
  LeaseLost: stopPaying,
  RestartIntensity: stopPaying,
  Internal: stopPaying,
};

/** The default policy. */
export const DEFAULT_POLICY: Policy = {
  table: DEFAULT_TABLE,
  attempts: 2,
  restarts: { intensity: 10, periodMs: 300_000 },
  longestWaitMs: 900_000,
  repairs: { plan: 2, answer: 1 },
  planFallback: false,
  strategy: "rest-for-one",
};

/** An entry of the table that was applied: its row, and which of the row it is. */
export interface AppliedEntry {
  readonly code: FailureCode;
  /** Its place and what it does: `turn[0] again`, `attempt[1] renew`, `then suspend`. */
  readonly entry: string;
}

/** The `at`th entry of a row for the same turn, by its name. */
export const turnEntry = (code: FailureCode, at: number, step: TurnStep): AppliedEntry => ({
  code,
  entry: `turn[${at}] ${step.do}`,
});

/** The last word of a row, by its name. */
export const lastEntry = (code: FailureCode, then: LastStep): AppliedEntry => ({ code, entry: `then ${then}` });

/** What to do on the same turn after `tried` tries that ended in this code; undefined when the conversation has nothing left. */
export function nextTurnStep(policy: Policy, code: FailureCode, tried: number): TurnStep | undefined {
  return policy.table[code].turn[tried];
}

/** A step with the name of its entry in the row. */
export type NamedStep = AttemptStep & { readonly entry: string };

/** The entry by which a model is told what is wrong after it was told `tried` times; null where the row has none. */
export function tellingEntry(policy: Policy, code: FailureCode, tried: number): AppliedEntry | null {
  const step = nextTurnStep(policy, code, tried);
  return step?.do === "append" ? turnEntry(code, tried, step) : null;
}

/** What a row leaves to try after a failure. */
export interface Remedy {
  /** In order: the first that fits is taken, and the next one where it fails itself. */
  readonly steps: readonly NamedStep[];
  readonly then: LastStep;
}

/**
 * What is left to try after `failed` failures (this one included) with this code last: the row from its `failed`th entry
 * on, without the new attempts that `attempts` no longer allows. Each mending so far (`split`, `reword`) allows one more.
 */
export function remedyFor(
  policy: Policy,
  code: FailureCode,
  { failed, mended = 0 }: { readonly failed: number; readonly mended?: number },
): Remedy {
  const { attempt, then } = policy.table[code];
  const mayRenew = failed < policy.attempts + mended;
  const named = attempt.map((step, at): NamedStep => ({ ...step, entry: `attempt[${at}] ${step.do}` }));
  const left = failed < 1 ? [] : named.slice(failed - 1);
  return { steps: left.filter((step) => step.do !== "renew" || mayRenew), then };
}

/** A wait between two bounds for a draw in [0, 1), in whole ms. */
export function waitBetween([from, to]: readonly [number, number], drawn: number): number {
  return Math.round(from + (to - from) * drawn);
}
