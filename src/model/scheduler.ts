// rxjs on a host's clock: the scheduler that watchdogs and frames run on.
import { Subscription, type SchedulerAction, type SchedulerLike } from "rxjs";
import type { PlaceClock } from "./governor.ts";

/** A scheduler whose time is that of a clock (a host's, or a fake one). Unsubscribing from what was scheduled clears its timer. */
export function schedulerFrom(clock: PlaceClock): SchedulerLike {
  return {
    now: () => clock.now(),
    schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription {
      return new ClockAction(clock, work).schedule(state, delay);
    },
  };
}

/** One piece of scheduled work; it may schedule itself again while it runs. */
class ClockAction<T> extends Subscription implements SchedulerAction<T> {
  readonly #clock: PlaceClock;
  readonly #work: (this: SchedulerAction<T>, state?: T) => void;
  #timer: { readonly handle: unknown } | null = null;

  constructor(clock: PlaceClock, work: (this: SchedulerAction<T>, state?: T) => void) {
    super();
    this.#clock = clock;
    this.#work = work;
  }

  schedule(state?: T, delay = 0): Subscription {
    if (this.closed) return this;
    this.#clear();
    const run = (): void => {
      this.#timer = null;
      this.#work(state);
      if (this.#timer === null) this.unsubscribe();
    };
    this.#timer = { handle: this.#clock.setTimeout(run, Math.max(0, delay)) };
    return this;
  }

  override unsubscribe(): void {
    this.#clear();
    super.unsubscribe();
  }

  #clear(): void {
    if (this.#timer) this.#clock.clearTimeout(this.#timer.handle);
    this.#timer = null;
  }
}
