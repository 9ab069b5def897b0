// Commands that wait in a SQLite file; any process may put one.
//   I1  A command that was changed in the file is refused, never delivered. Those from files of before have no checksum.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { HostError } from "./errors.ts";
import type { InboxEntry } from "./journal.ts";
import type { Command } from "./port.ts";
import { checksumOfParts } from "./sqlite-rows.ts";

/** The inbox of one run. */
export class InboxTable {
  readonly #run: string;
  readonly #put: StatementSync;
  readonly #count: StatementSync;
  readonly #waiting: StatementSync;
  readonly #take: StatementSync;

  constructor(database: DatabaseSync, run: string) {
    this.#run = run;
    this.#put = database.prepare("INSERT OR IGNORE INTO host_inbox (run, id, event, checksum) VALUES (?, ?, ?, ?)");
    this.#count = database.prepare("SELECT count(*) AS count FROM host_inbox WHERE run = ?");
    this.#waiting = database.prepare(
      "SELECT id, event, checksum FROM host_inbox WHERE run = ? AND taken IS NULL ORDER BY position",
    );
    this.#take = database.prepare("UPDATE host_inbox SET taken = ? WHERE run = ? AND id = ?");
  }

  /** False: the id is known, nothing was added. Without an id one is made; in the caller's transaction. */
  put(event: Command, id?: string): boolean {
    const ownId = id ?? `#${Number(this.#count.get(this.#run)?.["count"]) + 1}`;
    const text = JSON.stringify(event);
    return this.#put.run(this.#run, ownId, text, checksumOfParts([this.#run, ownId, text])).changes > 0;
  }

  /** Oldest first. Throws HostError `StoreCorrupt` (I1). */
  waiting(): readonly InboxEntry[] {
    return this.#waiting.all(this.#run).map(({ id, event, checksum }) => {
      if (checksum !== null && checksum !== checksumOfParts([this.#run, id, event])) throw damaged(this.#run, String(id));
      return { id: String(id), event: JSON.parse(String(event)) as Command };
    });
  }

  /** Marks a command as delivered by row `seq`. */
  take(id: string, seq: number): void {
    this.#take.run(seq, this.#run, id);
  }
}

function damaged(run: string, id: string): HostError {
  return new HostError(
    "StoreCorrupt",
    `The command "${id}" that waits for run "${run}" does not match its checksum. The journal may be whole: export the run, import it into another file and send the command again.`,
  );
}
