// What a runtime needs and offers, as types: between effect actors, runtimes and their drivers.
import type { AnyActorRef } from "xstate";
import type { Due } from "./arrivals.ts";
import type { Entry, StartedEffect } from "./entry.ts";
import type { HeadBody, Journal, Row } from "./journal.ts";
import type { HostClock } from "./port.ts";
import type { Timers } from "./timers.ts";

/** What effect actors need from the runtime of their system. */
export interface EffectHost {
  start(effect: StartedEffect): void;
  stop(actor: AnyActorRef): void;
}

/** What a driver gives a runtime. */
export interface RuntimeOptions {
  readonly journal: Journal;
  readonly timers: Timers;
  readonly now: () => number;
  readonly clock: HostClock;
  /** There is something to do: call `step` soon, never from inside this call. */
  readonly wake: () => void;
  /** True: broken rules end the run (hosts). False: they only throw (no host at all). */
  readonly strict: boolean;
  /** True: it replays its journal and then rests: it delivers, writes and performs nothing of its own. @default false */
  readonly rests?: boolean;
  /** Keeps an arrival until the driver gives it to `enqueue`. `fired`: it is a timer that is due. @default enqueued at once */
  readonly arrive?: (arrival: Due, fired: boolean) => void;
  /** An effect that is being performed, or whose outcome the driver keeps, was stopped. */
  readonly onStopped?: (entry: Entry) => void;
  /** Sees each effect as it is started, also in a replay, and may give another in its place. @default the effect itself */
  readonly through?: (effect: StartedEffect) => StartedEffect;
  /** A perform begins; returns the clock for it. @default clock */
  readonly onBegin?: (entry: Entry) => HostClock;
  /** A perform has returned a promise; `settled` never rejects. */
  readonly onPromise?: (entry: Entry, settled: Promise<void>) => void;
}

/** What `attach` found out about the run. */
export interface RunHead {
  readonly body: HeadBody;
  /** Row 1, where there is one: the journal is replayed. */
  readonly first: Row | undefined;
}
