// The journal over one SQLite file. Two hosts can't write one run: the lease is checked in every append, and the key
// (run, seq) refuses whatever gets past it.
import type { DatabaseSync } from "node:sqlite";
import type { InboxEntry, Journal, Row } from "./journal.ts";
import { type Lease, leaseLost } from "./lease.ts";
import type { Command } from "./port.ts";
import { guarded, hostErrorOf, transaction } from "./sqlite-file.ts";
import { InboxTable } from "./sqlite-inbox.ts";
import { insertRun, RowTable } from "./sqlite-rows.ts";

/** What a SQLite journal is made of. */
export interface SqliteJournalParts {
  readonly file: string;
  readonly run: string;
  readonly database: DatabaseSync;
  readonly lease: Lease;
}

/** Rows and inbox of one run whose lease is held. */
export class SqliteJournal implements Journal {
  readonly durable = true;
  readonly #parts: SqliteJournalParts;
  readonly #rows: RowTable;
  readonly #inbox: InboxTable;
  /** Commands that have a row: never delivered again, whatever the inbox says. */
  readonly #delivered = new Set<string>();
  #isOpen = true;

  constructor(parts: SqliteJournalParts) {
    this.#parts = parts;
    this.#rows = new RowTable(parts.database, parts.run);
    this.#inbox = new InboxTable(parts.database, parts.run);
  }

  get aliveAt(): number | undefined {
    return this.#parts.lease.aliveAt;
  }

  *read(): Generator<Row> {
    try {
      for (const row of this.#rows.read()) {
        if (row.kind === "command" && row.key !== undefined) this.#delivered.add(row.key);
        yield row;
      }
    } catch (error) {
      throw hostErrorOf(this.#parts.file, error);
    }
  }

  append(rows: readonly Row[]): void {
    const committed = this.#guarded(() => transaction(this.#parts.database, () => this.#append(rows)));
    committed();
  }

  putInbox(entry: { readonly id?: string; readonly event: Command }): boolean {
    return this.#guarded(() => transaction(this.#parts.database, () => this.#inbox.put(entry.event, entry.id)));
  }

  inbox(): readonly InboxEntry[] {
    return this.#guarded(() => this.#inbox.waiting()).filter(({ id }) => !this.#delivered.has(id));
  }

  /** Holds the lease; throws HostError `LeaseLost`. */
  renew(): void {
    this.#guarded(() => this.#parts.lease.renew());
  }

  /** A number that changes when another connection has written to the file. */
  get version(): number {
    return Number(this.#guarded(() => this.#parts.database.prepare("PRAGMA data_version").get())?.["data_version"]);
  }

  /** What is done stays done, since when it was: it may be opened again to be looked at. */
  end(kind: "done" | "error", at: number): void {
    const { database, run } = this.#parts;
    const note = "UPDATE host_runs SET ended = ?, ended_at = ? WHERE run = ? AND ended IS NOT 'done'";
    this.#guarded(() => database.prepare(note).run(kind, at, run));
  }

  /** Gives the lease back as well as the store still can; a store that has failed is only let go. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#parts.lease.release();
    } catch {
      // The lease runs out by itself.
    }
    this.#parts.database.close();
  }

  #append(rows: readonly Row[]): () => void {
    const { lease, run } = this.#parts;
    lease.renew();
    for (const row of rows) {
      if (row.kind === "head") insertRun(this.#parts.database, run, row);
      if (row.kind === "command" && row.key !== undefined) this.#inbox.take(row.key, row.seq);
    }
    try {
      return this.#rows.insert(rows, lease.epoch);
    } catch (error) {
      throw isConflict(error) ? leaseLost(run) : error;
    }
  }

  #guarded<T>(work: () => T): T {
    return guarded(this.#parts.file, work);
  }
}

/** SQLITE_CONSTRAINT: the row is there already. */
function isConflict(error: unknown): boolean {
  return typeof error === "object" && error !== null && "errcode" in error && (Number(error.errcode) & 0xff) === 19;
}
