// Rows as SQLite keeps them: bodies over 4 kB as blobs by content hash, and a checksum chained from row to row.
//   C1  The checksum of a row covers the row before it, so a changed, missing or moved row is noticed at its place.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Json } from "../core/json.ts";
import { HostError } from "./errors.ts";
import type { HeadBody, Row, RowKind } from "./journal.ts";
import { builtin } from "./sqlite-file.ts";

const MAX_INLINE = 4_096;

/** Reads and writes the rows of one run. */
export class RowTable {
  readonly #run: string;
  readonly #select: StatementSync;
  /** A run is listed in the transaction that writes its first row. */
  readonly #isListed: StatementSync;
  readonly #insert: StatementSync;
  readonly #insertBlob: StatementSync;
  /** Checksum of the last row that was read or written. */
  #last: string;
  #isChecked = false;

  constructor(database: DatabaseSync, run: string) {
    this.#run = run;
    this.#last = run;
    this.#select = database.prepare(
      "SELECT seq, kind, id, key, cause, at, digest, host_rows.body AS body, blob, host_blobs.body AS big, checksum FROM host_rows LEFT JOIN host_blobs ON sha256 = blob WHERE run = ? ORDER BY seq",
    );
    this.#isListed = database.prepare("SELECT 1 FROM host_runs WHERE run = ?");
    this.#insert = database.prepare("INSERT INTO host_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    this.#insertBlob = database.prepare("INSERT OR IGNORE INTO host_blobs VALUES (?, ?)");
  }

  *read(): Generator<Row> {
    for (const { row } of this.readChecked()) yield row;
  }

  /**
   * All rows in order, with their checksums. Throws HostError `StoreCorrupt`, naming the row and what is still usable. What was read to its end
   * once is not checked again.
   */
  *readChecked(): Generator<{ readonly row: Row; readonly checksum: string }> {
    this.#last = this.#run;
    let seq = 0;
    for (const stored of this.#select.iterate(this.#run)) {
      const row = this.#decode(stored, ++seq);
      yield { row, checksum: this.#last };
    }
    if (seq === 0 && this.#isListed.get(this.#run)) throw damaged(this.#run, 1, "is missing");
    this.#isChecked = true;
  }

  /** Inserts rows; inside the caller's transaction. Returns a function to call after the commit. */
  insert(rows: readonly Row[], epoch: number): () => void {
    let last = this.#last;
    for (const row of rows) {
      const { text, blob, checksum } = chained(last, row);
      last = checksum;
      if (blob) this.#insertBlob.run(blob, text);
      this.#insert.run(
        this.#run,
        row.seq,
        epoch,
        row.kind,
        row.id ?? null,
        row.key ?? null,
        row.cause ?? null,
        row.at,
        row.digest ?? null,
        blob ? null : text,
        blob,
        last,
      );
    }
    return () => {
      this.#last = last;
    };
  }

  #decode(stored: Record<string, unknown>, expectedSeq: number): Row {
    if (stored["seq"] !== expectedSeq) throw damaged(this.#run, expectedSeq, "is missing");
    const { blob } = stored;
    const text = String(blob === null ? stored["body"] : stored["big"]);
    const row: Row = {
      seq: expectedSeq,
      kind: stored["kind"] as RowKind,
      ...(typeof stored["id"] === "string" && { id: stored["id"] }),
      ...(typeof stored["key"] === "string" && { key: stored["key"] }),
      ...(typeof stored["cause"] === "number" && { cause: stored["cause"] }),
      at: Number(stored["at"]),
      body: null,
      ...(typeof stored["digest"] === "string" && { digest: stored["digest"] }),
    };
    const checksum = String(stored["checksum"]);
    if (!this.#isChecked) this.#check(row, { text, blob, checksum });
    this.#last = checksum;
    return { ...row, body: JSON.parse(text) as Json };
  }

  #check(row: Row, { text, blob, checksum }: { readonly text: string; readonly blob: unknown; readonly checksum: string }): void {
    if (blob !== null && hashOf(text) !== blob) throw damaged(this.#run, row.seq, "has a body that does not match its hash");
    if (checksumOf(this.#last, row, typeof blob === "string" ? blob : text) !== checksum)
      throw damaged(this.#run, row.seq, "does not match its checksum");
  }
}

/** Enters a run into the list of runs, by its head row. */
export function insertRun(database: DatabaseSync, run: string, head: Row): void {
  const { machine, versions, input } = head.body as HeadBody;
  database
    .prepare("INSERT INTO host_runs (run, created_at, machine, versions, input) VALUES (?, ?, ?, ?, ?)")
    .run(run, head.at, machine, JSON.stringify(versions), JSON.stringify(input));
}

/**
 * How a row is stored after the row whose checksum is `before` (the run's id for row 1): the text of its body, its hash
 * where it is a blob, and the row's checksum.
 */
export function chained(
  before: string,
  row: Row,
): { readonly text: string; readonly blob: string | null; readonly checksum: string } {
  const text = JSON.stringify(row.body);
  const blob = text.length > MAX_INLINE ? hashOf(text) : null;
  return { text, blob, checksum: checksumOf(before, row, blob ?? text) };
}

/** C1. */
function checksumOf(before: string, row: Row, body: string): string {
  const { seq, kind, id, key, cause, at, digest } = row;
  return checksumOfParts([before, seq, kind, id, key, cause, at, digest, body]);
}

/** A checksum of plain values, in 128 bits as hex. */
export function checksumOfParts(parts: readonly unknown[]): string {
  return hashOf(JSON.stringify(parts)).slice(0, 32);
}

function hashOf(text: string): string {
  return builtin("node:crypto").hash("sha256", text, "hex");
}

function damaged(run: string, seq: number, what: string): HostError {
  const usable = seq === 1 ? "No row of it is usable." : `Rows 1 to ${seq - 1} are still usable: fork the run from there.`;
  return new HostError("StoreCorrupt", `Row ${seq} of run "${run}" ${what}. ${usable}`);
}
