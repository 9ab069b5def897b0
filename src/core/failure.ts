// Everything that can go wrong, as a closed set of codes. A failure is data (plain JSON), never an Error object: it
// crosses actors, journals and the terminal unchanged. Whether it may be retried and who acts on it stands here, once.

/** Who acts on a failure: the conversation (`turn`), the orchestrator for one task (`attempt`), or for the whole run (`run`). */
export type FailureLevel = "turn" | "attempt" | "run";

interface FailureKind {
  readonly retryable: boolean;
  readonly level: FailureLevel;
}

const turn: FailureKind = { retryable: true, level: "turn" };
const attempt: FailureKind = { retryable: true, level: "attempt" };
const final: FailureKind = { retryable: false, level: "attempt" };
const run: FailureKind = { retryable: false, level: "run" };

/** Every failure code with its nature. */
export const FAILURES = {
  RateLimited: turn,
  Overloaded: turn,
  ServerFault: turn,
  NetworkFault: turn,
  StreamCut: turn,
  StreamStalled: turn,
  TurnLost: turn,
  MalformedAnswer: turn,
  OutputTruncated: attempt,
  PromptTooLong: attempt,
  ContextFull: attempt,
  RequestTooLarge: attempt,
  HistoryBroken: attempt,
  ThinkingBindingBroken: attempt,
  Refused: attempt,
  WorkerOutputInvalid: attempt,
  WorkerLooping: attempt,
  WorkerTimeout: attempt,
  WorkerBudget: attempt,
  WorkerCrashed: attempt,
  WorkerGaveUp: attempt,
  ToolFailed: attempt,
  ToolDenied: final,
  VerifyFailed: attempt,
  WorkspaceFailed: attempt,
  DependencyFailed: final,
  Poisoned: final,
  Rejected: final,
  Skipped: final,
  Cancelled: final,
  PlanInvalid: attempt,
  ConflictingOutputs: attempt,
  BudgetExceeded: final,
  AuthFailed: run,
  BillingBlocked: run,
  ModelNotFound: run,
  RequestInvalid: run,
  StoreFull: run,
  StoreCorrupt: run,
  LeaseLost: run,
  RestartIntensity: run,
  Internal: run,
} as const satisfies Record<string, FailureKind>;

/** A code of the closed set. */
export type FailureCode = keyof typeof FAILURES;

/** All codes, in the order of the table. */
export const FAILURE_CODES = Object.keys(FAILURES) as readonly FailureCode[];

/** What went wrong, as plain JSON. */
export interface Failure {
  readonly code: FailureCode;
  /** One or two sentences: what, with which value, what to do. */
  readonly message: string;
  readonly retryable: boolean;
  /** Earliest moment for another try, where the other side named one; ms in all. */
  readonly retryAfterMs?: number;
  /** The failure this one follows from. */
  readonly cause?: Failure;
}

/** Makes a failure; `retryable` comes from the table, unless a fault is known to last until a person mends it. */
export function failure(
  code: FailureCode,
  message: string,
  more: Partial<Pick<Failure, "retryable" | "retryAfterMs" | "cause">> = {},
): Failure {
  return { code, message, retryable: FAILURES[code].retryable, ...more };
}

/** True when a text is one of our codes. */
export function isFailureCode(text: string): text is FailureCode {
  return Object.hasOwn(FAILURES, text);
}

/** The deepest cause of a failure (itself, when it has none). */
export function rootCause(outer: Failure): Failure {
  let inner = outer;
  while (inner.cause) inner = inner.cause;
  return inner;
}
