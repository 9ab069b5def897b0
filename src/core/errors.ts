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

/** The message of anything thrown, as a text that is not empty. Never throws, whatever was thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return told(thrown) || UNTOLD;
  } catch {
    return UNTOLD;
  }
}

/** Why a file can't be used: plain words for the system's codes, else the message. Without the path; never throws. */
export function fileTrouble(thrown: unknown): string {
  const code: unknown = typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, "code") : undefined;
  return typeof code === "string" && Object.hasOwn(TROUBLES, code) ? (TROUBLES[code] ?? code) : messageOf(thrown);
}

const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of its path is no folder",
  EISDIR: "it is a folder",
  EACCES: "this user may not",
  EPERM: "this user may not",
  ENOSPC: "the disk is full",
  EROFS: "the disk is read-only",
  ENAMETOOLONG: "its name is too long",
  ERR_STRING_TOO_LONG: "it is too large",
  ERR_FS_FILE_TOO_LARGE: "it is too large",
};

const UNTOLD = "something was thrown that tells nothing";

function told(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name;
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  const message: unknown = Reflect.get(thrown, "message");
  if (typeof message === "string" && message !== "") return message;
  return JSON.stringify(thrown) ?? "";
}
