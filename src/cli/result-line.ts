// The last line of `--json`: how it ended. docs/reference/cli.md documents it, a test compares.
import type { Failure } from "../core/failure.ts";
import type { RunResult } from "../run/run.ts";
import type { PlanData } from "./plan-text.ts";

/** How a command with `--json` ended. Raised with a change of meaning: `schema`. */
export interface ResultLine extends Partial<Omit<RunResult, "outcome">> {
  readonly type: "result";
  readonly schema: 1;
  readonly exitCode: number;
  /** Null when no run came to be. */
  readonly outcome: RunResult["outcome"] | null;
  /** Bad configuration or input; null when there was a run. */
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Why the run did not end well. */
  readonly failure: Failure | null;
  /** Folder with all files as the run left them; null when nothing changed. */
  readonly resultFolder: string | null;
  /** Files carried into the workspace; null without `--apply`. */
  readonly applied: readonly string[] | null;
  /** Why `--apply` did not. */
  readonly notApplied: string | null;
  /** The command that takes the run up again; null when it has ended. */
  readonly resume: string | null;
  /** What `plan` made. */
  readonly plan?: PlanData;
}

/** What is told besides the run's own result. */
export type ResultExtras = Pick<ResultLine, "exitCode" | "resultFolder" | "applied" | "notApplied" | "resume">;

/** The line of a run. */
export function resultLine(result: RunResult, extras: ResultExtras): ResultLine {
  return { type: "result", schema: 1, ...extras, error: null, ...result };
}

/** The line of a command that came to no run. */
export function errorLine(code: string, message: string, exitCode: number): ResultLine {
  const nothing = { resultFolder: null, applied: null, notApplied: null, resume: null };
  return { type: "result", schema: 1, exitCode, outcome: null, error: { code, message }, failure: null, ...nothing };
}
