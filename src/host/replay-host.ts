// Time travel: the real tree of a run as it stood at one of its rows. Nothing is performed, begun, written or resolved.
import { systemClock } from "./clocks.ts";
import { placed } from "./entry.ts";
import type { StartedEffect } from "./entry.ts";
import { HostError } from "./errors.ts";
import { RunHost } from "./host.ts";
import type { Row } from "./journal.ts";
import { liveRuntime } from "./live.ts";
import { recordedJournal } from "./memory-journal.ts";
import type { SimulatedEffect } from "./pool.ts";
import type { Host } from "./port.ts";

/** Options of `replayHost`. */
export interface ReplayHostOptions {
  /** Rows 1 to n of a run, without gaps: from `readRows`, perhaps cut by its `upTo`. */
  readonly rows: readonly Row[];
  /** Told of each effect as the machine starts it, with its input, which no journal holds. @default nobody */
  readonly started?: (effect: SimulatedEffect) => void;
}

/**
 * A host that replays rows and then rests: after `idle()` the actor's snapshot is the one it had when the last of them
 * was delivered. Effects that were pending then are not begun, and no clock fires. `send` throws HostError `ReadOnly`,
 * `close()` stops the actor; a machine that behaves otherwise than recorded ends it as `error` with `Drift`. Throws
 * HostError `UnknownRun` when there is no row.
 */
export function replayHost({ rows, started }: ReplayHostOptions): Host {
  if (rows.length === 0) throw new HostError("UnknownRun", "There is no row to replay. Give the rows of a run, from row 1 on.");
  const journal = recordedJournal(rows);
  const through = (effect: StartedEffect): StartedEffect => {
    started?.(placed(effect));
    return effect;
  };
  const { runtime, clock, idle } = liveRuntime({ journal, clock: systemClock(), strict: true, rests: true, through });
  return new RunHost({ journal, runtime, clock, idle });
}
