// The rules of replay: each row must fit the tree that the rows before it have built, and what was in flight at the
// end is resolved by its class.
import type { Entry } from "./entry.ts";
import { HostError } from "./errors.ts";
import type { Row } from "./journal.ts";
import { failure, type Outcome, outcomeOf, thrownOutcome } from "./values.ts";

/** Throws HostError `StoreCorrupt` or `Drift` when a recorded row does not fit. `entry`: the open effect it names. */
export function checkRow(row: Row, expectedSeq: number, entry: Entry | undefined): void {
  if (row.seq !== expectedSeq) {
    throw new HostError(
      "StoreCorrupt",
      `Row ${expectedSeq} is missing (row ${row.seq} follows). Rows 1 to ${expectedSeq - 1} are still usable.`,
    );
  }
  if ((row.kind === "head") !== (row.seq === 1)) {
    throw new HostError("StoreCorrupt", `Row ${row.seq} is a "${row.kind}" row: only row 1 is the head.`);
  }
  if (row.id === undefined) return;
  if (!entry) throw drift(row, "which the machine has not started, or has started under another key");
  if (row.digest !== undefined && row.digest !== entry.digest) throw drift(row, "whose input is different now");
  if (row.kind === "cancelled" && !entry.stopped) throw drift(row, "which the machine has not stopped");
}

/** The error for a row that the tree contradicts. */
export function drift(row: Row, what: string): HostError {
  return new HostError(
    "Drift",
    `Row ${row.seq} (${row.kind}) is about effect "${row.id}", ${what}. The machine behaves otherwise than when the row was written: resume with that version, and keep time, randomness and I/O out of the machine.`,
  );
}

/**
 * How an open effect goes on after a replay: `again` (perform it, for the first or another time), or an outcome. For a
 * stopped one the outcome of its closing row; undefined: it never began.
 */
export function recoveryOf(entry: Entry, durable: boolean): Outcome | undefined | "again" {
  if (entry.lost === 0) return entry.stopped ? undefined : "again";
  if (entry.stopped) return inDoubt(entry);
  if (entry.parts > 0) {
    return failure("Cut", `Effect "${entry.id}" was cut off after ${entry.parts} parts. It is not run again from the start.`);
  }
  if (entry.effect.class !== "once") return "again";
  const answer = entry.effect.job.inDoubt;
  if (!answer) return inDoubt(entry);
  try {
    return outcomeOf(answer(), durable);
  } catch (thrown) {
    return thrownOutcome(thrown);
  }
}

function inDoubt(entry: Entry): Outcome {
  return failure("InDoubt", `Effect "${entry.id}" was in flight when its process ended: it is unknown whether it ran.`);
}
