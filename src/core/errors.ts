// The one error class that Quatrain throws at its callers (bad configuration, bad input). Failures of runs are data, see failure.ts.

/** What a thrown QuatrainError can be about. */
export type QuatrainErrorCode =
  | "BadOption"
  | "BadPlan"
  | "BadWorker"
  | "EmptyRequest"
  | "UnknownWorker"
  | "UnknownTool"
  | "UnknownRun"
  | "UnknownModel"
  | "UnpricedModel"
  | "MissingKey"
  | "MissingWorkspace"
  | "WorkspaceNotWritable"
  | "RunBusy"
  | "StoreTooNew"
  | "StoreCorrupt";

const marker: unique symbol = Symbol.for("quatrain.error");

/** An error with a closed code; its message says what is wrong, with which value, and what to do. */
export class QuatrainError extends Error {
  override readonly name = "QuatrainError";
  readonly code: QuatrainErrorCode;
  readonly [marker] = true;

  constructor(code: QuatrainErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for errors of this class, also from another copy of the package. */
  static is(value: unknown): value is QuatrainError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** The message of anything thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return typeof thrown === "string" ? thrown : String(thrown);
}
