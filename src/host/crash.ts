// Crashes on request, for simulations: a journal that stops the process, so to speak, before or after an append.
import type { Journal, Row } from "./journal.ts";

/** Where a simulated process may end. */
export interface CrashPoint {
  readonly when: "before" | "after";
  /** Number of the append in the life of this host, from 0. */
  readonly append: number;
  readonly rows: readonly Row[];
}

/** Thrown at a crash point; nothing of the host runs after it. */
export class Crash extends Error {
  override readonly name = "Crash";
}

/** A journal that asks before and after every append whether to crash there. */
export function crashing(journal: Journal, crash: (point: CrashPoint) => boolean): Journal {
  let count = 0;
  const ask = (when: CrashPoint["when"], append: number, rows: readonly Row[]): void => {
    if (crash({ when, append, rows })) throw new Crash(`Crashed ${when} append ${append}.`);
  };
  return {
    durable: journal.durable,
    aliveAt: journal.aliveAt,
    read: () => journal.read(),
    append(rows) {
      const append = count++;
      ask("before", append, rows);
      journal.append(rows);
      ask("after", append, rows);
    },
    putInbox: (entry) => journal.putInbox(entry),
    inbox: () => journal.inbox(),
    end: (kind, at) => journal.end(kind, at),
    close: () => journal.close(),
  };
}
