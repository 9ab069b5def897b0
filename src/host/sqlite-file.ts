// One SQLite file of runs: opening, tables, and SQLite's errors as HostErrors. node:sqlite is loaded on first use only.
//   F1  Durable means durable: WAL with synchronous=FULL; nothing here ever relaxes it.
//   F2  A file of a newer format, or one that is no database, is refused before anything is written.
import type * as crypto from "node:crypto";
import type * as fs from "node:fs";
import type * as os from "node:os";
import type * as sqlite from "node:sqlite";
import type { DatabaseSync } from "node:sqlite";
import { messageOf } from "../core/errors.ts";
import { HostError } from "./errors.ts";

/** Version of the tables below. */
export const FILE_FORMAT = 1;

const TABLES = `
CREATE TABLE IF NOT EXISTS host_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS host_runs (
  run TEXT PRIMARY KEY, created_at REAL NOT NULL, machine TEXT NOT NULL, versions TEXT NOT NULL, input TEXT NOT NULL,
  ended TEXT, ended_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS host_rows (
  run TEXT NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT, key TEXT, cause INTEGER,
  at REAL NOT NULL, digest TEXT, body TEXT, blob TEXT, checksum TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS host_blobs (sha256 TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS host_inbox (
  position INTEGER PRIMARY KEY, run TEXT NOT NULL, id TEXT NOT NULL, event TEXT NOT NULL, taken INTEGER, checksum TEXT,
  UNIQUE (run, id)
) STRICT;
CREATE TABLE IF NOT EXISTS host_leases (
  run TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch INTEGER NOT NULL, until REAL NOT NULL
) STRICT;`;

/** Opens a file, and makes the tables where they are missing. Throws HostError. */
export function openFile(file: string): DatabaseSync {
  return guarded(file, () => {
    const database = connect(file);
    try {
      if (!hasTables(database)) createTables(database);
      checkFormat(file, database);
      completeTables(database);
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

/** Opens a file that must have runs already; undefined when there is none. Throws HostError. */
export function openExisting(file: string): DatabaseSync | undefined {
  if (!builtin("node:fs").existsSync(file)) return undefined;
  return guarded(file, () => {
    const database = connect(file);
    if (!hasTables(database)) {
      database.close();
      return undefined;
    }
    checkFormat(file, database);
    completeTables(database);
    return database;
  });
}

/** Runs work on a file and throws what SQLite throws as HostError. */
export function guarded<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw hostErrorOf(file, error);
  }
}

/** What SQLite throws as HostError; a HostError as it is. */
export function hostErrorOf(file: string, error: unknown): HostError {
  return HostError.is(error) ? error : storeError(file, error);
}

/** Runs work in one transaction that takes the write lock at once. */
export function transaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    // A failed commit may have ended the transaction itself.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

/** The modules of Node that the SQLite host uses. */
interface Modules {
  readonly "node:sqlite": typeof sqlite;
  readonly "node:fs": typeof fs;
  readonly "node:os": typeof os;
  readonly "node:crypto": typeof crypto;
}

/** A module of Node, loaded now. Throws HostError `NoSqlite` outside Node or before 22.13. */
export function builtin<Name extends keyof Modules>(name: Name): Modules[Name] {
  const module: Modules[Name] | undefined = typeof process === "undefined" ? undefined : process.getBuiltinModule?.(name);
  if (!module) {
    throw new HostError(
      "NoSqlite",
      `${name} is missing here. The SQLite host needs Node 22.13 or newer; use memoryHost() elsewhere.`,
    );
  }
  return module;
}

function connect(file: string): DatabaseSync {
  const { DatabaseSync } = builtin("node:sqlite");
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    database.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function hasTables(database: DatabaseSync): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'host_meta'").get() !== undefined;
}

function createTables(database: DatabaseSync): void {
  transaction(database, () => {
    database.exec(TABLES);
    database.prepare("INSERT OR IGNORE INTO host_meta VALUES ('format', ?)").run(String(FILE_FORMAT));
  });
}

/** Adds what tables of this format did not have from the beginning. */
function completeTables(database: DatabaseSync): void {
  const isComplete = (): boolean =>
    database.prepare("SELECT 1 FROM pragma_table_info('host_inbox') WHERE name = 'checksum'").get() !== undefined;
  if (isComplete()) return;
  transaction(database, () => {
    if (!isComplete()) database.exec("ALTER TABLE host_inbox ADD COLUMN checksum TEXT");
  });
}

/** F2. */
function checkFormat(file: string, database: DatabaseSync): void {
  const found = database.prepare("SELECT value FROM host_meta WHERE key = 'format'").get()?.["value"];
  if (found === String(FILE_FORMAT)) return;
  if (typeof found === "string" && Number(found) > FILE_FORMAT) {
    throw new HostError(
      "VersionMismatch",
      `${file} has format ${found}; this version reads format ${FILE_FORMAT}. Use the newer version that wrote it.`,
    );
  }
  throw new HostError(
    "StoreCorrupt",
    `${file} names no known format (${String(found)}). Nothing was changed; restore a copy of the file.`,
  );
}

function storeError(file: string, error: unknown): HostError {
  const code = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  const told = `${file}: ${messageOf(error)} (SQLite ${code}).`;
  const cause = { cause: error };
  if (code === 26)
    return new HostError(
      "StoreCorrupt",
      `${told} The file is no SQLite database: nothing is usable, choose another file.`,
      cause,
    );
  if (code === 11)
    return new HostError(
      "StoreCorrupt",
      `${told} The file is damaged: restore a copy, or recover it with the sqlite3 tool.`,
      cause,
    );
  if (code === 13) return new HostError("StoreFull", `${told} The disk is full: free space and resume the run.`, cause);
  return new HostError(
    "StoreFailed",
    `${told} Check that the folder exists, can be written and works, then resume the run.`,
    cause,
  );
}
