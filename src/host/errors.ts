// The one error class the host throws. What goes wrong inside an effect is data (EffectError), never an exception.

/** What a HostError can be about. */
export type HostErrorCode =
  | "AlreadyAttached"
  | "Drift"
  | "ForeignAsync"
  | "InputChanged"
  | "KeyReused"
  | "LeaseHeld"
  | "LeaseLost"
  | "MissingKey"
  | "NoSqlite"
  | "NotJson"
  | "ReadOnly"
  | "ReservedEvent"
  | "RunExists"
  | "StoreCorrupt"
  | "StoreFailed"
  | "StoreFull"
  | "UnjournaledActor"
  | "UnknownRun"
  | "UnstableId"
  | "VersionMismatch";

const marker: unique symbol = Symbol.for("quatrain.host.error");

/** A broken rule or a broken store. The message says what, with which value, and what to do. */
export class HostError extends Error {
  override readonly name = "HostError";
  readonly code: HostErrorCode;
  /** Always false: repeating the same call gives the same error. */
  readonly retryable = false;
  readonly [marker] = true;

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for errors of this class, also from another copy of the package. */
  static is(value: unknown): value is HostError {
    return typeof value === "object" && value !== null && marker in value;
  }
}
