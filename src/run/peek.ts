// The state of a run at any moment, from its journal alone: the recorded rows are replayed, nothing else happens.
//   P1  Nothing is performed and nothing is written: no lease, no key, no file, no process is touched, so a run that
//       somebody works on can be looked at, too.
import { createActor } from "xstate";
import type { Snapshot, SnapshotFrom } from "xstate";
import { QuatrainError } from "../core/errors.ts";
import { systemClock } from "../host/clocks.ts";
import type { Row } from "../host/journal.ts";
import type { SalvagedRows } from "../host/sqlite.ts";
import type { SimulatedEffect } from "../host/pool.ts";
import { replayHost } from "../host/replay-host.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import type { RunContext } from "../machines/run-state.ts";
import { foldLedger } from "../model/ledger-fold.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { EventLog } from "./event-log.ts";
import type { SharedOptions } from "./options.ts";
import { storeError } from "./orchestrate.ts";
import { checkBinding, recordOf, salvagedRows, workersOf } from "./records.ts";
import type { RunRecord, StoreOptions } from "./records.ts";
import { resultOf } from "./result.ts";
import type { RunResult } from "./result.ts";
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
  return (await look(id, options)).peeked;
}

/**
 * The same with the result of a run that has ended at that moment; null where it goes on, as does a run that another
 * orchestrator brought to its end. Rejects as `peekRun`.
 */
export async function peekResult(
  id: string,
  options: PeekOptions<readonly Worker[]> = {},
): Promise<{ readonly peeked: Peeked; readonly result: RunResult | null }> {
  const { peeked, world } = await look(id, options);
  const { snapshot, events, context } = peeked;
  if (snapshot.status !== "done") return { peeked, result: null };
  const book = { read: () => foldLedger(events, { models: context.models }) };
  return { peeked, result: await resultOf({ id, actor: { getSnapshot: () => snapshot }, world, book }, { kind: "done" }, null) };
}

async function look(
  id: string,
  options: PeekOptions<readonly Worker[]>,
): Promise<{ readonly peeked: Peeked; readonly world: World }> {
  const record = recordOf(id, options);
  const world = quietWorld(record, options);
  checkBinding(record, world.versions);
  const salvaged = salvagedRows(record);
  if (salvaged.error && options.at === undefined) throw storeError(salvaged.error);
  const { peeked, fault } = await replay(upTo(salvaged, options.at, id), world, world.versions);
  if (!peeked) throw storeError(fault);
  return { peeked: { ...peeked, rows: salvaged.rows.length }, world };
}

/** The good rows up to one of them. Throws QuatrainError "BadOption" for a row that is not there, "StoreCorrupt" for a damaged one. */
export function upTo({ rows, error }: SalvagedRows, at: number | undefined, id: string): readonly Row[] {
  if (at === undefined) return rows;
  if (Number.isInteger(at) && at >= 1 && at <= rows.length) return rows.slice(0, at);
  if (error && at > rows.length) throw storeError(error);
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

/** What rows are replayed on. */
export interface Replaying {
  readonly machines: Pick<World["machines"], "orchestrator">;
  /** Told of each effect as it is started, and by which row. @default nobody */
  readonly started?: (effect: SimulatedEffect, seq: number) => void;
}

/** Replays rows on the machines of a world. Without versions any journal is tried. */
export async function replay(
  rows: readonly Row[],
  { machines, started }: Replaying,
  versions?: Readonly<Record<string, string>>,
): Promise<Replayed> {
  const log = new EventLog();
  const events: NumberedEvent[] = [];
  log.stream.subscribe((event) => events.push(event));
  const host = replayHost({ rows, ...(started && { started: (effect) => started(effect, host.seq) }) });
  // An attached host takes its input from the journal's head; the types can't say so.
  type Options = Parameters<typeof createActor<OrchestratorMachine>>[1];
  const actor = createActor(machines.orchestrator, host.attach(versions ? { versions } : {}) as Options);
  actor.on("*", (event) => log.add(event, host.seq));
  actor.start();
  await host.idle();
  const { seq } = host;
  const snapshot = actor.getSnapshot();
  const at = rows.find((row) => row.seq === seq)?.at ?? 0;
  const peeked = { seq, at, snapshot, persisted: actor.getPersistedSnapshot(), context: snapshot.context, events: [...events] };
  await host.close();
  const end = await host.settled();
  // A row that did not fit has stopped the tree before it was closed here.
  return snapshot.status === "stopped"
    ? { peeked: null, fault: end.kind === "error" ? end.error : null, reached: seq }
    : { peeked, fault: null, reached: seq };
}
