// Journals in memory. Rows are kept as text, so that a host can't share objects with what it has recorded.
import { HostError } from "./errors.ts";
import type { InboxEntry, Journal, Row } from "./journal.ts";

/** A journal in memory that outlives its host, for tests and simulations. Two hosts must not use it at once. */
export interface MemoryJournal extends Journal {
  /** The rows as they would be stored, one JSON text each. */
  readonly lines: readonly string[];
  read(): readonly Row[];
}

/** A durable journal in memory. `recorded`: the lines of another one, which it goes on from; its inbox is not among them. */
export function memoryJournal(recorded: readonly string[] = []): MemoryJournal {
  const lines: string[] = [...recorded];
  const inbox = inboxInMemory();
  return {
    ...inbox,
    durable: true,
    lines,
    read: () => lines.map((line) => JSON.parse(line) as Row),
    append(rows) {
      for (const row of rows) lines.push(JSON.stringify(row));
      inbox.take(rows);
    },
    end() {},
    close() {},
  };
}

/** A journal that keeps no rows: only the inbox works. */
export function volatileJournal(): Journal {
  const inbox = inboxInMemory();
  return { ...inbox, durable: false, read: () => [], append: (rows) => inbox.take(rows), end() {}, close() {} };
}

/** A journal of rows that were recorded elsewhere: whoever writes to it gets HostError `ReadOnly`. */
export function recordedJournal(rows: readonly Row[]): Journal {
  const refuse = (): never => {
    throw new HostError(
      "ReadOnly",
      "This is a replay of recorded rows, which takes no commands. Resume or fork the run instead.",
    );
  };
  return { durable: true, read: () => rows, append: refuse, putInbox: refuse, inbox: () => [], end() {}, close() {} };
}

function inboxInMemory(): Pick<Journal, "putInbox" | "inbox"> & { take(rows: readonly Row[]): void } {
  const known = new Set<string>();
  let waiting: InboxEntry[] = [];
  return {
    putInbox({ id = `#${known.size + 1}`, event }) {
      if (known.has(id)) return false;
      known.add(id);
      waiting.push({ id, event });
      return true;
    },
    inbox: () => waiting,
    take(rows) {
      if (waiting.length === 0) return;
      const taken = new Set(rows.filter((row) => row.kind === "command").map((row) => row.key));
      if (taken.size > 0) waiting = waiting.filter((entry) => !taken.has(entry.id));
    },
  };
}
