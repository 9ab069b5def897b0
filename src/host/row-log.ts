// The end of the journal: numbers and stamps new rows, and follows recorded ones.
//   L1  Sequences have no gaps and times never fall, also when the clock steps back and across processes.
import type { Journal, Row } from "./journal.ts";

/** A row before it has its place. */
export type RowDraft = Omit<Row, "seq" | "at">;

/** Where the next row goes. */
export class RowLog {
  readonly #journal: Journal;
  readonly #now: () => number;
  #seq = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor(journal: Journal, now: () => number) {
    this.#journal = journal;
    this.#now = now;
  }

  /** Sequence of the last row. */
  get seq(): number {
    return this.#seq;
  }

  /** The time a row would get now; no later row is earlier. */
  stamp(): number {
    this.#at = Math.max(this.#at, this.#now());
    return this.#at;
  }

  /** Commits rows in one append and returns them. Nothing counts as written when the journal throws. */
  commit(drafts: readonly RowDraft[], at = this.stamp()): readonly Row[] {
    const rows = drafts.map((draft, index): Row => ({ seq: this.#seq + 1 + index, at, ...draft }));
    this.#journal.append(rows);
    this.#seq += rows.length;
    return rows;
  }

  /** Takes note of a recorded row. */
  follow({ seq, at }: Pick<Row, "seq" | "at">): void {
    this.#seq = seq;
    this.#at = Math.max(this.#at, at);
  }
}
