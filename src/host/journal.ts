// The journal port: rows of one run in order, and its inbox. Implemented in memory (memory-journal.ts) and by SQLite.
import type { Json } from "../core/json.ts";
import type { Command } from "./port.ts";

/**
 * What a row records. `intent`: an effect is about to be performed; `head`: row 1 of every run; `gap`: time has passed
 * without the run.
 */
export type RowKind = "head" | "intent" | "part" | "result" | "error" | "cancelled" | "command" | "timer" | "gap";

/** One row. `at` is wall-clock ms and never falls from one row to the next. */
export interface Row {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly kind: RowKind;
  /** Effect rows: `path:key`. */
  readonly id?: string;
  /** Effects: their key; commands: their id; timers: their number in the run, from 1. */
  readonly key?: string;
  /** Sequence of the delivery that started the effect or set the timer. */
  readonly cause?: number;
  readonly at: number;
  /** head: HeadBody; result and part: the value; error: code, message, retryable; cancelled: CancelledBody; command: the event; gap: `{ ms }`. */
  readonly body: Json;
  /** Digest of the effect's name and input; on the closing row where an effect has no intent row. */
  readonly digest?: string;
}

/** Body of row 1. */
export interface HeadBody {
  readonly [key: string]: Json;
  /** Version of the row format. */
  readonly format: number;
  /** Id of the root machine. */
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly input: Json;
}

/** A command that waits for delivery. */
export interface InboxEntry {
  readonly id: string;
  readonly event: Command;
}

/** Rows and inbox of one run. Every method is synchronous and throws HostError when the store fails. */
export interface Journal {
  /** False: rows are dropped, nothing can be resumed, and foreign asynchronous work is allowed. */
  readonly durable: boolean;
  /** Wall-clock ms at which an owner of the run was last seen alive before this one. @default the time of the last row */
  readonly aliveAt?: number | undefined;
  /** All rows in order, one at a time; may be asked again. */
  read(): Iterable<Row>;
  /** One transaction, durable on return. Takes the inbox entries named by command rows out of the inbox. */
  append(rows: readonly Row[]): void;
  /** Durable on return. Without an id the journal makes one. False: the id is known already and nothing was added. */
  putInbox(entry: { readonly id?: string; readonly event: Command }): boolean;
  /** Commands not yet delivered, oldest first. */
  inbox(): readonly InboxEntry[];
  /** Notes that the run has ended, for lists of runs. */
  end(kind: "done" | "error", at: number): void;
  /** Gives back what the journal holds (lease, file). Twice is fine. */
  close(): void;
}

/** Version of the row format this code writes and reads. Kinds may be added to a format: `gap` came after the others. */
export const JOURNAL_FORMAT = 1;
