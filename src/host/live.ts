// The driver of real time: steps a runtime in microtasks and keeps one timer of the clock for the whole heap.
//   D1  Everything that arrived in one microtask turn goes into one step, so into one append.
//   D2  At most one timer of the clock is set, and none after the end.
//   D3  A jump of the clock is told before anything that it made due, and nothing due waits longer than to the next tick:
//       timers of JavaScript stand still while a machine sleeps.
import type { AnyActorRef } from "xstate";
import { heapClock, MAX_WAIT_MS, systemClock } from "./clocks.ts";
import { rootOf } from "./entry.ts";
import type { Journal } from "./journal.ts";
import { volatileJournal } from "./memory-journal.ts";
import type { HostClock } from "./port.ts";
import { Runtime } from "./runtime.ts";
import type { EffectHost, RuntimeOptions } from "./runtime-port.ts";
import { Timers } from "./timers.ts";

/** A runtime with its driver. */
export interface Live {
  readonly runtime: Runtime;
  readonly clock: HostClock;
  /** Settles when nothing is deliverable and nothing but timers is being performed. */
  readonly idle: () => Promise<void>;
}

/** What a live runtime is made of. */
export interface LiveOptions {
  readonly journal: Journal;
  readonly clock: HostClock;
  readonly strict: boolean;
  /** See RuntimeOptions. @default false */
  readonly rests?: boolean;
  /** See RuntimeOptions. */
  readonly through?: RuntimeOptions["through"];
}

/** A runtime that runs by itself. */
export function liveRuntime(options: LiveOptions): Live {
  return new Driver(options);
}

/** The runtime of a tree without a host: nothing is kept, no rule ends the run. */
export function privateRuntime(actor: AnyActorRef): EffectHost {
  const { runtime } = liveRuntime({ journal: volatileJournal(), clock: systemClock(), strict: false });
  runtime.adopt(rootOf(actor));
  return runtime;
}

class Driver implements Live {
  readonly runtime: Runtime;
  readonly clock: HostClock;
  readonly #base: HostClock;
  readonly #timers = new Timers();
  #scheduled = false;
  #running = false;
  #armed: { readonly at: number; readonly handle: unknown } | undefined;
  readonly #ticks: boolean;
  /** Wall-clock ms when the driver last looked; undefined where the clock doesn't tick. */
  #seenAt: number | undefined;
  #stopTicking: (() => void) | undefined;
  #idle: (() => void)[] = [];

  constructor({ journal, clock, strict, rests = false, through }: LiveOptions) {
    this.#base = clock;
    this.clock = heapClock(this.#timers, () => clock.now(), this.#wake);
    this.runtime = new Runtime({
      journal,
      strict,
      rests,
      timers: this.#timers,
      now: () => clock.now(),
      clock: this.clock,
      wake: this.#wake,
      ...(through && { through }),
    });
    this.#ticks = strict && !rests;
    this.runtime.onEnd(() => {
      this.#disarm();
      this.#stopTicking?.();
      this.#tellIdle();
    });
  }

  readonly idle = (): Promise<void> => {
    if (this.#isIdle) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  };

  readonly #wake = (): void => {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (!this.#running) queueMicrotask(this.#turn);
  };

  readonly #turn = (): void => {
    this.#running = true;
    try {
      this.#lookAtClock();
      do {
        this.#scheduled = false;
        this.#fireDue();
      } while (this.runtime.step() || this.#scheduled);
    } catch (error) {
      this.runtime.finish({ kind: "error", error });
    } finally {
      this.#running = false;
      this.#scheduled = false;
    }
    // A turn that took long is no gap.
    if (this.#seenAt !== undefined) this.#seenAt = this.#base.now();
    this.#arm();
    this.#tellIdle();
  };

  get #isIdle(): boolean {
    return !this.#scheduled && !this.#running && this.runtime.isIdle;
  }

  #tellIdle(): void {
    if (this.#idle.length === 0 || !this.#isIdle) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** D3; from the first turn on. */
  #lookAtClock(): void {
    if (!this.#ticks || this.runtime.ended) return;
    const now = this.#base.now();
    if (this.#seenAt !== undefined) this.runtime.jumped(now - this.#seenAt);
    else this.#stopTicking = this.#base.everySecond?.(this.#tick);
    if (this.#stopTicking) this.#seenAt = now;
  }

  readonly #tick = (): void => {
    const dueAt = this.#timers.nextDueAt() ?? Number.POSITIVE_INFINITY;
    this.#lookAtClock();
    if (dueAt <= this.#base.now()) this.#wake();
  };

  #fireDue(): void {
    const now = this.#base.now();
    for (let timer = this.#timers.takeDue(now); timer; timer = this.#timers.takeDue(now)) timer.fire();
  }

  /** D2. */
  #arm(): void {
    const dueAt = this.runtime.ended ? undefined : this.#timers.nextDueAt();
    if (dueAt === this.#armed?.at) return;
    this.#disarm();
    if (dueAt === undefined || dueAt === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(Math.max(0, dueAt - this.#base.now()), MAX_WAIT_MS);
    const handle = this.#base.setTimeout(() => {
      this.#armed = undefined;
      this.#wake();
    }, waitMs);
    this.#armed = { at: dueAt, handle };
  }

  #disarm(): void {
    if (this.#armed) this.#base.clearTimeout(this.#armed.handle);
    this.#armed = undefined;
  }
}
