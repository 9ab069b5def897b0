// The durable host of one machine: a run in a SQLite file, owned by a lease. No server, no native module.
//   H1  From its first step to its end a run keeps its process alive: a command may come from elsewhere.
//   H2  No timer, lease or file handle outlives the end.
import { systemClock } from "./clocks.ts";
import { HostError } from "./errors.ts";
import { putCommand, RunHost } from "./host.ts";
import type { InboxEntry, Row } from "./journal.ts";
import { Lease } from "./lease.ts";
import { liveRuntime } from "./live.ts";
import { ownerOfThisProcess } from "./owner.ts";
import type { Command, Host, HostClock } from "./port.ts";
import type { Runtime } from "./runtime.ts";
import { guarded, hostErrorOf, openExisting, openFile, transaction } from "./sqlite-file.ts";
import { InboxTable } from "./sqlite-inbox.ts";
import { SqliteJournal } from "./sqlite-journal.ts";
import { RowTable } from "./sqlite-rows.ts";

/** Options of `sqliteHost`. */
export interface SqliteHostOptions {
  /** Path of the SQLite file; made when missing, its folder is not. May hold other tables. */
  readonly file: string;
  /** Id of the run. A known one is resumed. */
  readonly run: string;
  /** Names the owner in the lease. @default `place:pid:start` of this process, by which others see whether it is alive */
  readonly owner?: string;
  /** @default the system's clock */
  readonly clock?: HostClock;
  /** How long the lease holds without renewal; renewed with every append and three times a term. @default 10_000 */
  readonly leaseMs?: number;
  /** How often to look for commands of other processes. @default 200 */
  readonly pollMs?: number;
}

/** A run in a file, as `listRuns` tells it. */
export interface RunInfo {
  readonly id: string;
  /** Wall-clock ms. */
  readonly createdAt: number;
  /** Id of the root machine. */
  readonly machine: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly input: unknown;
  readonly ended?: { readonly kind: "done" | "error"; readonly at: number };
}

/** The inbox of somebody else's run. */
export interface Inbox {
  /** Durable on return. False: a command with this id was there already. Throws HostError `NotJson` or `ReservedEvent`. */
  send(command: Command, id?: string): boolean;
  close(): void;
}

/**
 * Opens a run in a SQLite file and takes its lease, synchronously. Throws HostError `LeaseHeld`, `StoreCorrupt`,
 * `StoreFailed`, `StoreFull`, `VersionMismatch` (newer format) or `NoSqlite` (Node before 22.13).
 */
export function sqliteHost(options: SqliteHostOptions): Host {
  const { file, run, leaseMs = 10_000, pollMs = 200, clock = systemClock() } = options;
  const database = openFile(file);
  try {
    const owner = options.owner ?? ownerOfThisProcess();
    const lease = guarded(file, () => new Lease(database, { run, owner, leaseMs, now: () => clock.now() }));
    const journal = new WatchedJournal({ file, run, database, lease });
    const live = liveRuntime({ journal, clock, strict: true });
    journal.watch(live.runtime, { leaseMs, pollMs });
    return new RunHost({ journal, runtime: live.runtime, clock: live.clock, idle: live.idle });
  } catch (error) {
    if (database.isOpen) database.close();
    throw error;
  }
}

/** The runs of a file, oldest first; none when there is no such file. */
export function listRuns({ file }: { readonly file: string }): readonly RunInfo[] {
  return withFile(file, [], (database) =>
    database
      .prepare("SELECT * FROM host_runs ORDER BY created_at, run")
      .all()
      .map((stored) => ({
        id: String(stored["run"]),
        createdAt: Number(stored["created_at"]),
        machine: String(stored["machine"]),
        versions: JSON.parse(String(stored["versions"])) as Record<string, string>,
        input: JSON.parse(String(stored["input"])) as unknown,
        ...(stored["ended"] !== null && {
          ended: { kind: stored["ended"] === "done" ? "done" : "error", at: Number(stored["ended_at"]) } as const,
        }),
      })),
  );
}

/** Options of `readRows`. */
export interface ReadRowsOptions {
  readonly file: string;
  readonly run: string;
  /** Sequence of the last row to read; what comes after it is not looked at. @default all */
  readonly upTo?: number;
  /** True: what is damaged is told beside what is still good. @default false: it is thrown */
  readonly salvage?: boolean;
}

/** What is still good of a run: `rows` is a prefix of what was written, `error` says where and how it breaks off. */
export interface SalvagedRows {
  readonly rows: readonly Row[];
  readonly error?: HostError;
}

/** The rows of a run, without owning it. Throws HostError `UnknownRun` or `StoreCorrupt`; with `salvage` only the former. */
export function readRows(options: ReadRowsOptions & { readonly salvage: true }): SalvagedRows;
export function readRows(options: ReadRowsOptions): readonly Row[];
export function readRows(options: ReadRowsOptions): readonly Row[] | SalvagedRows {
  const { file, run, upTo = Number.POSITIVE_INFINITY, salvage = false } = options;
  const rows: Row[] = [];
  let error: HostError | undefined;
  try {
    withFile(file, undefined, (database) => {
      for (const row of new RowTable(database, run).read()) if (row.seq > upTo || rows.push(row) === upTo) break;
    });
  } catch (thrown) {
    error = hostErrorOf(file, thrown);
    if (!salvage) throw error;
  }
  if (rows.length === 0 && !error) throw unknownRun(file, run);
  return salvage ? { rows, ...(error && { error }) } : rows;
}

/** Opens the inbox of a run, from any process. Throws HostError `UnknownRun`. */
export function openInbox({ file, run }: { readonly file: string; readonly run: string }): Inbox {
  const database = openExisting(file);
  if (!database) throw unknownRun(file, run);
  return guarded(file, () => {
    if (!database.prepare("SELECT 1 FROM host_runs WHERE run = ?").get(run)) {
      database.close();
      throw unknownRun(file, run);
    }
    const inbox = new InboxTable(database, run);
    const putInbox = ({ event, id }: Partial<InboxEntry> & { readonly event: Command }): boolean =>
      guarded(file, () => transaction(database, () => inbox.put(event, id)));
    return {
      send: (command, id) => putCommand({ putInbox }, command, id),
      close: () => {
        if (database.isOpen) database.close();
      },
    };
  });
}

/** A journal that renews its lease and looks for commands until it is closed. */
class WatchedJournal extends SqliteJournal {
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #poll: ReturnType<typeof setInterval> | undefined;

  watch(runtime: Runtime, { leaseMs, pollMs }: { readonly leaseMs: number; readonly pollMs: number }): void {
    let seen = this.version;
    const look = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        runtime.finish({ kind: "error", error });
      }
    };
    this.#heartbeat = setInterval(() => look(() => this.renew()), leaseMs / 3);
    this.#heartbeat.unref();
    const poll = (): void => {
      const { version } = this;
      if (version !== seen) runtime.mail();
      seen = version;
    };
    this.#poll = setInterval(() => look(poll), pollMs);
    this.#poll.unref();
  }

  /** H1: the loop looks into the inbox in its first step. */
  override inbox(): readonly InboxEntry[] {
    this.#poll?.ref();
    return super.inbox();
  }

  /** H2. */
  override close(): void {
    clearInterval(this.#heartbeat);
    clearInterval(this.#poll);
    super.close();
  }
}

function withFile<T>(file: string, none: T, work: (database: NonNullable<ReturnType<typeof openExisting>>) => T): T {
  const database = openExisting(file);
  if (!database) return none;
  try {
    return guarded(file, () => work(database));
  } finally {
    database.close();
  }
}

function unknownRun(file: string, run: string): HostError {
  return new HostError("UnknownRun", `${file} holds no run "${run}". See listRuns({ file }) for those it has.`);
}
