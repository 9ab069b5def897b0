// The door `quatrain/host`: a durable host for any XState v5 tree.

// Hosts
export { memoryHost, type MemoryHostOptions } from "./memory.ts";
export {
  type Inbox,
  listRuns,
  openInbox,
  readRows,
  type ReadRowsOptions,
  type RunInfo,
  type SalvagedRows,
  sqliteHost,
  type SqliteHostOptions,
} from "./sqlite.ts";
export { exportRows, type ExportRowsOptions, exportRun, importRun } from "./transfer.ts";
export { replayHost, type ReplayHostOptions } from "./replay-host.ts";
export { simulatedHost, type SimulatedEnd, type SimulatedHost, type SimulatedHostOptions } from "./simulated.ts";
export type { CrashPoint } from "./crash.ts";
export type { Deliverable, SimulatedEffect, WaitingEffect } from "./pool.ts";

// Effects
export { effect, type EffectLogic, type EffectSnapshot, sleepUntil } from "./effect.ts";
export type {
  Admission,
  AdmissionPlace,
  EffectClass,
  EffectContext,
  EffectError,
  EffectInput,
  EffectOrphaned,
  EffectPart,
  EffectSchema,
  EffectSpec,
  HostSlept,
  Settled,
} from "./port.ts";

// The host port
export type { AttachedOptions, AttachOptions, Command, Host, HostClock, HostEnd, SendOptions } from "./port.ts";
export { HostError, type HostErrorCode } from "./errors.ts";

// Journals
export { type HeadBody, type InboxEntry, type Journal, JOURNAL_FORMAT, type Row, type RowKind } from "./journal.ts";
export { memoryJournal, type MemoryJournal } from "./memory-journal.ts";
