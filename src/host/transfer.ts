// A run as NDJSON: a line for its head, one for each row with its chained checksum, one to close. Blobs stand inline.
//   N1  Each line has one spelling: a line that is not written as this code writes it is no export.
//   N2  An import is one transaction: a run that is damaged, cut off or known leaves nothing behind.
import type { DatabaseSync } from "node:sqlite";
import { isPlainObject, parseJson } from "../core/json.ts";
import { HostError } from "./errors.ts";
import { type HeadBody, JOURNAL_FORMAT, type Row } from "./journal.ts";
import type { Command } from "./port.ts";
import { guarded, hostErrorOf, openExisting, openFile, transaction } from "./sqlite-file.ts";
import { InboxTable } from "./sqlite-inbox.ts";
import { chained, checksumOfParts, insertRun, RowTable } from "./sqlite-rows.ts";

/** The first line. */
interface Head {
  /** Format of the rows. */
  readonly journal: number;
  readonly run: string;
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** The last line. */
interface Foot {
  readonly rows: number;
  readonly ended: { readonly kind: "done" | "error"; readonly at: number } | null;
  readonly checksum: string;
}

/**
 * The lines of a run (without line ends), from its head to a closing line with the count of its rows. Commands that
 * still wait in the inbox are no part of it. While it is iterated, it throws HostError `UnknownRun` or `StoreCorrupt`.
 */
export function* exportRun({ file, run }: { readonly file: string; readonly run: string }): Generator<string> {
  const database = openExisting(file);
  try {
    const count = database ? yield* linesOf(run, new RowTable(database, run).readChecked(), () => endOf(database, run)) : 0;
    if (count === 0) throw new HostError("UnknownRun", `${file} holds no run "${run}". See listRuns({ file }) for those it has.`);
  } catch (error) {
    throw hostErrorOf(file, error);
  } finally {
    database?.close();
  }
}

/** What `exportRows` makes a run of. */
export interface ExportRowsOptions {
  /** Rows 1 to n, without gaps, such as a memory journal holds. */
  readonly rows: Iterable<Row>;
  /** Its id. */
  readonly run: string;
  /** How its machine ended: well, or by an error. @default it has not ended, and can be taken up */
  readonly ended?: "done" | "error" | undefined;
}

/**
 * The same lines for rows that stand in no file, so that a simulated run can be imported, too. While it is iterated, it
 * throws HostError `UnknownRun` when there is no row, `StoreCorrupt` when the rows do not begin with a head or have gaps.
 */
export function* exportRows({ rows, run, ended }: ExportRowsOptions): Generator<string> {
  let at = 0;
  const count = yield* linesOf(
    run,
    checked(rows, run, (row) => (at = row.at)),
    () => (ended ? { kind: ended, at } : null),
  );
  if (count === 0) throw new HostError("UnknownRun", `Run "${run}" has no rows, so it can't be exported.`);
}

/** Rows with their checksums, as a store would keep them. */
function* checked(rows: Iterable<Row>, run: string, seen: (row: Row) => void): Generator<CheckedRow> {
  let last = run;
  let seq = 0;
  for (const row of rows) {
    if (row.seq !== ++seq || (row.kind === "head") !== (seq === 1))
      throw new HostError("StoreCorrupt", `Row ${seq} of run "${run}" is missing. Give all its rows, from the head on.`);
    last = chained(last, row).checksum;
    seen(row);
    yield { row, checksum: last };
  }
}

interface CheckedRow {
  readonly row: Row;
  readonly checksum: string;
}

/** All lines of a run, and how many rows there are: with none there is no line. */
function* linesOf(run: string, rows: Iterable<CheckedRow>, end: () => Foot["ended"]): Generator<string, number> {
  let last = "";
  let count = 0;
  for (const { row, checksum } of rows) {
    if (count === 0) yield JSON.stringify(headOf(run, row));
    yield rowLine(row, checksum);
    last = checksum;
    count++;
  }
  if (count > 0) yield JSON.stringify(footOf(last, count, end()));
  return count;
}

/**
 * Writes an exported run into a file and returns its id. Throws HostError `StoreCorrupt` with the number of the line that
 * is damaged or missing, `RunExists`, or `VersionMismatch` for a newer format; the file is then as it was before.
 */
export function importRun(options: {
  readonly file: string;
  readonly lines: Iterable<string>;
  /** @default the id it had */
  readonly run?: string;
}): string {
  const { file, lines } = options;
  const database = openFile(file);
  try {
    return guarded(file, () => transaction(database, () => write(database, new Lines(lines), options.run)));
  } finally {
    database.close();
  }
}

/** Takes lines one by one and knows where it is. */
class Lines {
  readonly #lines: Iterator<string, unknown>;
  number = 0;

  constructor(lines: Iterable<string>) {
    this.#lines = lines[Symbol.iterator]();
  }

  /** The next line and what it says; N1 is the caller's to check. */
  next(): { readonly line: string; readonly value: Record<string, unknown> } {
    const next = this.#lines.next();
    this.number++;
    if (next.done === true) throw this.damaged("is missing: the export was cut off");
    const value = parseJson(next.value);
    if (!isPlainObject(value)) throw this.damaged("is no line of an export");
    return { line: next.value, value };
  }

  /** Throws when anything but the end of the last line follows. */
  expectEnd(): void {
    for (let next = this.#lines.next(); next.done !== true; next = this.#lines.next()) {
      this.number++;
      if (next.value !== "") throw this.damaged("comes after the end of the export");
    }
  }

  damaged(what: string): HostError {
    return new HostError("StoreCorrupt", `Line ${this.number} ${what}. Nothing was imported: export the run again.`);
  }
}

function write(database: DatabaseSync, lines: Lines, given: string | undefined): string {
  const head = takeHead(lines);
  const run = given ?? head.run;
  refuseKnown(database, run);
  const table = new RowTable(database, run);
  const inbox = new InboxTable(database, run);
  let last = head.run;
  for (let seq = 1; ; seq++) {
    const { line, value } = lines.next();
    if (!("seq" in value)) {
      const foot = takeFoot(lines, { line, value, last, rows: seq - 1 });
      if (foot.ended)
        database.prepare("UPDATE host_runs SET ended = ?, ended_at = ? WHERE run = ?").run(foot.ended.kind, foot.ended.at, run);
      return run;
    }
    const row = takeRow(lines, { line, value, last, seq });
    last = String(value["checksum"]);
    if (seq === 1) {
      if (JSON.stringify(headOf(head.run, row)) !== JSON.stringify(head))
        throw lines.damaged("tells otherwise than the first line");
      insertRun(database, run, row);
    }
    if (row.kind === "command" && row.key !== undefined) {
      inbox.put(row.body as Command, row.key);
      inbox.take(row.key, seq);
    }
    // Each row is chained to the one before it under the run's id here, which may be another.
    table.insert([row], 0)();
  }
}

function takeHead(lines: Lines): Head {
  const { line, value } = lines.next();
  const { journal, run, machine, versions } = value;
  if (typeof journal === "number" && journal > JOURNAL_FORMAT) {
    throw new HostError(
      "VersionMismatch",
      `The export has format ${journal}; this version reads format ${JOURNAL_FORMAT}. Import it with the version that wrote it.`,
    );
  }
  const isHead = journal === JOURNAL_FORMAT && typeof run === "string" && typeof machine === "string" && isPlainObject(versions);
  if (!isHead || JSON.stringify({ journal, run, machine, versions }) !== line) throw lines.damaged("is no head of an export");
  return { journal, run, machine, versions: versions as Head["versions"] };
}

function takeRow(
  lines: Lines,
  {
    line,
    value,
    last,
    seq,
  }: { readonly line: string; readonly value: Record<string, unknown>; readonly last: string; readonly seq: number },
): Row {
  const { checksum, ...fields } = value;
  const row = fields as unknown as Row;
  if (row.seq !== seq) throw lines.damaged(`is not row ${seq}`);
  if (row.body === undefined || chained(last, row).checksum !== checksum) throw lines.damaged("does not match its checksum");
  if (rowLine(row, checksum) !== line) throw lines.damaged("is not written as an export is");
  if ((row.kind === "head") !== (seq === 1)) throw lines.damaged("stands where no head may stand, or none does");
  return row;
}

function takeFoot(
  lines: Lines,
  found: { readonly line: string; readonly value: Record<string, unknown>; readonly last: string; readonly rows: number },
): Foot {
  const { ended } = found.value as unknown as Foot;
  const foot = footOf(found.last, found.rows, ended);
  if (found.rows === 0 || JSON.stringify(foot) !== found.line)
    throw lines.damaged(`does not close an export of ${found.rows} rows`);
  lines.expectEnd();
  return foot;
}

function refuseKnown(database: DatabaseSync, run: string): void {
  const known = database
    .prepare("SELECT 1 FROM host_runs WHERE run = ?1 UNION ALL SELECT 1 FROM host_rows WHERE run = ?1")
    .get(run);
  if (known) throw new HostError("RunExists", `There is a run "${run}" already. Import it under another id.`);
}

function headOf(run: string, row: Row): Head {
  const { format, machine, versions } = row.body as HeadBody;
  return { journal: format, run, machine, versions };
}

function rowLine(row: Row, checksum: unknown): string {
  const { seq, kind, id, key, cause, at, digest, body } = row;
  return JSON.stringify({ seq, kind, id, key, cause, at, digest, body, checksum });
}

function footOf(last: string, rows: number, ended: Foot["ended"]): Foot {
  return { rows, ended, checksum: checksumOfParts([last, rows, ended]) };
}

function endOf(database: DatabaseSync, run: string): Foot["ended"] {
  const stored = database.prepare("SELECT ended, ended_at FROM host_runs WHERE run = ?").get(run);
  const { ended, ended_at: at } = stored ?? {};
  return ended === "done" || ended === "error" ? { kind: ended, at: Number(at) } : null;
}
