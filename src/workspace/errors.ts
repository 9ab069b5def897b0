// What can go wrong with a workspace: one class, closed codes, a message that says what to do.

/** What a WorkspaceError is about. */
export type WorkspaceErrorCode =
  /** The user's folder is not there or is no folder. */
  | "WorkspaceMissing"
  | "WorkspaceNotReadable"
  | "WorkspaceNotWritable"
  /** No space left where the copies are kept. */
  | "WorkspaceFull"
  /** The user changed files that a result would overwrite; `files` names them. */
  | "WorkspaceChanged"
  | "FileTooLarge"
  | "TooManyFiles"
  /** The copy of this attempt is not there: it was never prepared, or discarded. */
  | "AttemptMissing"
  /** There is nothing to apply: the run was not integrated. */
  | "ResultMissing"
  /** A stored content is missing or is not what its hash says. */
  | "ContentBroken"
  /** A run or attempt id that is no safe name for a folder. */
  | "BadName"
  /** Anything else the file system refused. */
  | "WorkspaceFailed";

const marker: unique symbol = Symbol.for("quatrain.workspace-error");

/** Thrown by every workspace port. */
export class WorkspaceError extends Error {
  override readonly name = "WorkspaceError";
  readonly code: WorkspaceErrorCode;
  /** Workspace-relative paths that the error is about. @default [] */
  readonly files: readonly string[];
  readonly [marker] = true;

  constructor(code: WorkspaceErrorCode, message: string, options: ErrorOptions & { readonly files?: readonly string[] } = {}) {
    super(message, options);
    this.code = code;
    this.files = options.files ?? [];
  }

  /** True for errors of this class, also from another copy of the package. */
  static is(value: unknown): value is WorkspaceError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** Makes a WorkspaceError of what a file system call threw; what is one already, or no system error, stays as it is. */
export function workspaceErrorOf(thrown: unknown): unknown {
  if (WorkspaceError.is(thrown) || !isSystemError(thrown)) return thrown;
  const { code, advice } = meaningOf(thrown);
  return new WorkspaceError(code, `${thrown.message}. ${advice}`, { cause: thrown });
}

/** The system's code (`ENOENT` …) of anything thrown; undefined where there is none. */
export function systemCodeOf(thrown: unknown): string | undefined {
  return isSystemError(thrown) ? thrown.code : undefined;
}

interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
}

function isSystemError(value: unknown): value is SystemError {
  return (
    value instanceof Error &&
    "code" in value &&
    typeof value.code === "string" &&
    "syscall" in value &&
    typeof value.syscall === "string"
  );
}

const reading = new Set(["scandir", "lstat", "stat", "open", "read", "readlink", "realpath"]);

function meaningOf(error: SystemError): { readonly code: WorkspaceErrorCode; readonly advice: string } {
  switch (error.code) {
    case "ENOSPC":
    case "EDQUOT":
      return { code: "WorkspaceFull", advice: "Free some space, or keep the state in a folder elsewhere." };
    case "EROFS":
      return { code: "WorkspaceNotWritable", advice: "Keep the state in a folder that can be written to." };
    case "EACCES":
    case "EPERM":
      return reading.has(error.syscall)
        ? { code: "WorkspaceNotReadable", advice: "Make it readable for this user, or move it out of the workspace." }
        : { code: "WorkspaceNotWritable", advice: "Make it writable for this user, or keep the state in another folder." };
    default:
      return { code: "WorkspaceFailed", advice: "Try again; if it stays, check the disk." };
  }
}
