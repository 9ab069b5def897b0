// The clock XState gets for `after` and delayed sends: each timer is the nth of the run, so it can be journaled and found again.
//   M1  A timer is due `delay` after the delivery that set it, in this process and in the next.
//   M2  During a replay timers only fire by their rows.
import { HostError } from "./errors.ts";
import type { Timer, Timers } from "./timers.ts";

/** A timer set by XState. */
export interface MachineTimer {
  /** Its place among all timers of the run, from 1. */
  readonly number: number;
  readonly dueAt: number;
  /** Sequence of the delivery that set it. */
  readonly cause: number;
  readonly fire: () => void;
  timer: Timer | undefined;
}

/** What the clock needs from its runtime. */
export interface MachineClockOptions {
  readonly timers: Timers;
  /** Wall-clock ms and sequence of the current delivery. */
  readonly current: () => { readonly at: number; readonly seq: number; readonly replaying: boolean };
  readonly due: (timer: MachineTimer) => void;
  readonly wake: () => void;
}

/** XState's clock of one run. */
export class MachineClock {
  readonly #options: MachineClockOptions;
  readonly #set = new Map<number, MachineTimer>();
  #count = 0;

  constructor(options: MachineClockOptions) {
    this.#options = options;
  }

  readonly setTimeout = (fire: () => void, delayMs: number): number => {
    const { at, seq, replaying } = this.#options.current();
    const timer: MachineTimer = { number: ++this.#count, dueAt: at + Math.max(0, delayMs), cause: seq, fire, timer: undefined };
    this.#set.set(timer.number, timer);
    if (!replaying) this.#arm(timer);
    return timer.number;
  };

  readonly clearTimeout = (handle: unknown): void => {
    if (typeof handle !== "number") return;
    const timer = this.#set.get(handle);
    this.#set.delete(handle);
    if (timer?.timer) this.#options.timers.cancel(timer.timer);
  };

  /** True while the timer is neither fired nor cleared. */
  has(number: number): boolean {
    return this.#set.has(number);
  }

  /** Calls XState for a timer whose row is committed; a timer that was cleared since is skipped. */
  fire(number: number, seq: number): void {
    if (number > this.#count) {
      throw new HostError(
        "Drift",
        `Row ${seq} fires timer ${number}, but the machine has set only ${this.#count} so far. The machine has changed: resume with the version that wrote the journal.`,
      );
    }
    const timer = this.#set.get(number);
    this.#set.delete(number);
    timer?.fire();
  }

  /** After a replay: lets the timers that are still set run. */
  arm(): void {
    for (const timer of this.#set.values()) this.#arm(timer);
  }

  #arm(timer: MachineTimer): void {
    timer.timer = this.#options.timers.add(timer.dueAt, () => this.#options.due(timer), String(timer.number));
    this.#options.wake();
  }
}
