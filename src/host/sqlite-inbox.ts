// Commands that wait in a SQLite file; any process may put one.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { InboxEntry } from "./journal.ts";
import type { Command } from "./port.ts";

/** The inbox of one run. */
export class InboxTable {
  readonly #run: string;
  readonly #put: StatementSync;
  readonly #count: StatementSync;
  readonly #waiting: StatementSync;
  readonly #take: StatementSync;

  constructor(database: DatabaseSync, run: string) {
    this.#run = run;
    this.#put = database.prepare("INSERT OR IGNORE INTO host_inbox (run, id, event) VALUES (?, ?, ?)");
    this.#count = database.prepare("SELECT count(*) AS count FROM host_inbox WHERE run = ?");
    this.#waiting = database.prepare("SELECT id, event FROM host_inbox WHERE run = ? AND taken IS NULL ORDER BY position");
    this.#take = database.prepare("UPDATE host_inbox SET taken = ? WHERE run = ? AND id = ?");
  }

  /** False: the id is known, nothing was added. Without an id one is made; in the caller's transaction. */
  put(event: Command, id?: string): boolean {
    const ownId = id ?? `#${Number(this.#count.get(this.#run)?.["count"]) + 1}`;
    return this.#put.run(this.#run, ownId, JSON.stringify(event)).changes > 0;
  }

  waiting(): readonly InboxEntry[] {
    return this.#waiting.all(this.#run).map(({ id, event }) => ({ id: String(id), event: JSON.parse(String(event)) as Command }));
  }

  /** Marks a command as delivered by row `seq`. */
  take(id: string, seq: number): void {
    this.#take.run(seq, this.#run, id);
  }
}
