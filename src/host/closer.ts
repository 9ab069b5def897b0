// Ends effects that don't end by themselves: stopped by the tree, refused, or left in flight by a crash.
//   C1  A stopped effect gets exactly one closing row: at once when it is not being performed, else when it settles.
//   C2  During a replay recorded rows come first: what a stop would write then is only written if they leave it open.
import type { Arrival } from "./arrivals.ts";
import type { Entry } from "./entry.ts";
import { recoveryOf } from "./replay.ts";
import type { Timers } from "./timers.ts";
import type { Outcome } from "./values.ts";

/** What the closer needs from its runtime. */
export interface CloserOptions {
  readonly timers: Timers;
  readonly durable: boolean;
  readonly enqueue: (arrival: Arrival) => void;
  /** An effect that is being performed, or whose outcome the driver keeps, was stopped. */
  readonly onStopped: ((entry: Entry) => void) | undefined;
}

/** Closes effects from outside. */
export class Closer {
  readonly #options: CloserOptions;

  constructor(options: CloserOptions) {
    this.#options = options;
  }

  /** XState has stopped the effect's actor, or its whole tree has ended. Twice is fine. */
  stop(entry: Entry): void {
    if (entry.stopped) return;
    entry.stopped = true;
    entry.abort();
    if (entry.phase === "waiting" || entry.timer) {
      if (entry.timer) this.#options.timers.cancel(entry.timer);
      this.resolve(entry);
    } else {
      this.#options.onStopped?.(entry);
    }
  }

  /** After a replay and the inbox: closes the effect where its class asks for it; else it may begin. */
  resolve(entry: Entry): void {
    const outcome = recoveryOf(entry, this.#options.durable);
    if (outcome !== "again") this.settle(entry, outcome);
  }

  /** Gives an outcome to an effect that is not being performed; undefined: it never began. */
  settle(entry: Entry, outcome: Outcome | undefined): void {
    if (entry.phase !== "waiting" && !entry.timer) return;
    entry.phase = "arrived";
    this.#options.enqueue({ kind: "outcome", entry, outcome, performed: entry.lost > 0 });
  }
}
