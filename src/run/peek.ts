// The state of a run at any moment, from its journal alone: the recorded rows are replayed, nothing else happens.
//   P1  Nothing is performed and nothing is written: no lease, no key, no file, no process is touched, so a run that
//       somebody works on can be looked at, too.
//   P2  The tree is looked at the moment the last row has been delivered, before anything could follow from it.
import { createActor } from "xstate";
import type { Snapshot, SnapshotFrom } from "xstate";
import { QuatrainError } from "../core/errors.ts";
import { systemClock } from "../host/clocks.ts";
import { HostError } from "../host/errors.ts";
import type { Journal, Row } from "../host/journal.ts";
import { memoryHost } from "../host/memory.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { EventLog } from "./event-log.ts";
import type { SharedOptions } from "./options.ts";
import { storeError } from "./orchestrate.ts";
import { checkBinding, recordOf, rowsOf, workersOf } from "./records.ts";
import type { RunRecord, StoreOptions } from "./records.ts";
import { createWorld } from "./world.ts";
import type { World } from "./world.ts";

/** Options of `peekRun`: which moment, and what the run's machines were made of where that is not the usual. */
export interface PeekOptions<W extends readonly Worker[] = BuiltIn>
  extends StoreOptions, Pick<SharedOptions<W>, "workers" | "policy" | "tools"> {
  /** The journal row after which to look. @default the last one */
  readonly at?: number;
}

/** A run at one moment. */
export interface Peeked {
  /** The journal row that was delivered last. */
  readonly seq: number;
  /** Its wall-clock time in ms. */
  readonly at: number;
  /** Rows that the journal holds now. */
  readonly rows: number;
  readonly snapshot: SnapshotFrom<OrchestratorMachine>;
  /** The whole tree, as XState persists it. */
  readonly persisted: Snapshot<unknown>;
  readonly context: RunContext;
  /** All events up to that moment. */
  readonly events: readonly NumberedEvent[];
}

/**
 * The real state of a run at a moment, also of one that another process owns: no lease, key or workspace is needed. Rejects
 * with QuatrainError "UnknownRun", "BadOption" (no such row; other workers or another policy than it was started with),
 * "UnknownWorker", "StoreTooNew" (another version wrote it) or "StoreCorrupt".
 */
export async function peekRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  options: PeekOptions<W> = {},
): Promise<Peeked> {
  const record = recordOf(id, options);
  const world = quietWorld(record, options);
  checkBinding(record, world.versions);
  const all = rowsOf(record);
  const rows = upTo(all, options.at, id);
  const { peeked, fault } = await replay(rows, world, world.versions);
  if (!peeked) throw storeError(fault);
  return { ...peeked, rows: all.length };
}

/** The rows up to one of them. Throws QuatrainError "BadOption" for a row that is not there. */
export function upTo(rows: readonly Row[], at: number | undefined, id: string): readonly Row[] {
  if (at === undefined) return rows;
  if (Number.isInteger(at) && at >= 1 && at <= rows.length) return rows.slice(0, at);
  throw new QuatrainError("BadOption", `at is ${at}; run "${id}" has rows 1 to ${rows.length}.`);
}

/** A world of a run's machines in which nothing is ever performed. */
export function quietWorld(record: RunRecord, options: Pick<SharedOptions, "workers" | "policy" | "tools">): World {
  const { input, info, store } = record;
  const { tools, policy } = options;
  return createWorld({
    ...(tools ? { tools } : {}),
    ...(policy ? { policy } : {}),
    runId: info.id,
    workers: workersOf(record, options),
    workspacePath: input.world.workspace,
    store,
    endpoints: {},
    clock: systemClock(),
    maxTasks: input.options.maxTasks,
    permissions: input.options.permissions,
  });
}

/** What a replay came to: the tree after the last row that fits it, and what is wrong with the next one. */
export interface Replayed {
  /** Null when a row did not fit. */
  readonly peeked: Omit<Peeked, "rows"> | null;
  readonly fault: unknown;
  /** The row that was delivered last. */
  readonly reached: number;
}

/** Replays rows on the machines of a world. Without versions any journal is tried. */
export async function replay(
  rows: readonly Row[],
  { machines }: World,
  versions?: Readonly<Record<string, string>>,
): Promise<Replayed> {
  const log = new EventLog();
  const events: NumberedEvent[] = [];
  log.stream.subscribe((event) => events.push(event));
  let peeked: Replayed["peeked"] = null;
  const look = (): void => {
    const snapshot = actor.getSnapshot();
    const [seq, at] = [host.seq, rows.find((row) => row.seq === host.seq)?.at ?? 0];
    peeked = { seq, at, snapshot, persisted: actor.getPersistedSnapshot(), context: snapshot.context, events: [...events] };
    void host.close();
  };
  const host = memoryHost({ journal: finished(rows, look) });
  // An attached host takes its options from the journal's head; the types can't say so.
  type Options = Parameters<typeof createActor<OrchestratorMachine>>[1];
  const actor = createActor(machines.orchestrator, attached());
  function attached(): Options {
    return host.attach(versions ? { versions } : {}) as Options;
  }
  actor.on("*", (event) => log.add(event, host.seq));
  actor.start();
  const end = await host.settled();
  return { peeked, fault: end.kind === "error" ? end.error : null, reached: host.seq };
}

/** A journal that takes nothing more. The host asks for its inbox when all rows are delivered and nothing has followed: P2. */
function finished(rows: readonly Row[], whenDelivered: () => void): Journal {
  const refuse = (): never => {
    throw new HostError("StoreFailed", "This journal is only looked at; nothing can be added to it.");
  };
  return {
    durable: true,
    read: () => rows,
    append: refuse,
    putInbox: refuse,
    inbox() {
      whenDelivered();
      return [];
    },
    end() {},
    close() {},
  };
}
