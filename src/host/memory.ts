// The host in memory: for embedding, browsers and unit tests. It keeps no journal unless given one.
import { systemClock } from "./clocks.ts";
import { RunHost } from "./host.ts";
import type { Journal } from "./journal.ts";
import { liveRuntime } from "./live.ts";
import { volatileJournal } from "./memory-journal.ts";
import type { Host, HostClock } from "./port.ts";

/** Options of `memoryHost`. */
export interface MemoryHostOptions {
  /** @default the system's clock */
  readonly clock?: HostClock;
  /** Makes the run durable as far as the journal is: the rules of durable hosts hold then. @default none is kept */
  readonly journal?: Journal;
}

/** A host in this process's memory and time. Nothing in it keeps a process alive but pending timers and the effects' own work. */
export function memoryHost(options: MemoryHostOptions = {}): Host {
  const journal = options.journal ?? volatileJournal();
  const { runtime, clock, idle } = liveRuntime({ journal, clock: options.clock ?? systemClock(), strict: true });
  return new RunHost({ journal, runtime, clock, idle });
}
