// What a shell is told. One place for all codes; docs/reference/cli.md lists them.
import { QuatrainError } from "../core/errors.ts";
import type { QuatrainErrorCode } from "../core/errors.ts";
import type { Failure, FailureCode } from "../core/failure.ts";
import { unreachable } from "../core/unreachable.ts";

/** Exit codes by meaning. Signals add 128 to their number. */
export const EXIT = { done: 0, failed: 1, usage: 2, partial: 3, budget: 4, key: 5, readerGone: 141 } as const;

/** The part of a run's result that decides. */
export interface Ended {
  readonly outcome: "complete" | "partial" | "failed" | "cancelled" | "suspended";
  readonly failure: Failure | null;
  readonly budgetReached: boolean;
}

/** The code of a run that ended or stands still. */
export function exitCodeOf({ outcome, failure, budgetReached }: Ended): number {
  if (failure && outcome !== "complete" && hasCode(failure, KEY)) return EXIT.key;
  if (budgetReached) return EXIT.budget;
  switch (outcome) {
    case "complete":
      return EXIT.done;
    case "partial":
      return EXIT.partial;
    case "failed":
    case "suspended":
      return failure && hasCode(failure, CONFIGURATION) ? EXIT.usage : EXIT.failed;
    case "cancelled":
      return EXIT.failed;
    default:
      return unreachable(outcome);
  }
}

/** The code of anything thrown. */
export function exitCodeOfError(error: unknown): number {
  return QuatrainError.is(error) ? ERRORS[error.code] : EXIT.failed;
}

const KEY: readonly FailureCode[] = ["AuthFailed"];
const CONFIGURATION: readonly FailureCode[] = ["ModelNotFound"];

const ERRORS: Readonly<Record<QuatrainErrorCode, number>> = {
  BadOption: EXIT.usage,
  BadPlan: EXIT.usage,
  BadWorker: EXIT.usage,
  EmptyRequest: EXIT.usage,
  UnknownWorker: EXIT.usage,
  UnknownTool: EXIT.usage,
  UnknownRun: EXIT.usage,
  UnknownModel: EXIT.usage,
  UnpricedModel: EXIT.usage,
  MissingKey: EXIT.key,
  MissingWorkspace: EXIT.usage,
  WorkspaceNotWritable: EXIT.usage,
  RunBusy: EXIT.usage,
  StoreTooNew: EXIT.usage,
  StoreCorrupt: EXIT.failed,
};

/** True when the failure, or what it follows from, is one of these. */
function hasCode(failure: Failure, codes: readonly FailureCode[]): boolean {
  return codes.includes(failure.code) || (failure.cause !== undefined && hasCode(failure.cause, codes));
}
