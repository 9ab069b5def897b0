// Calls perform functions and turns what they return, throw or send as parts into arrivals.
import type { Due } from "./arrivals.ts";
import type { Entry } from "./entry.ts";
import type { EffectContext, HostClock } from "./port.ts";
import type { Timers } from "./timers.ts";
import { failure, type Outcome, outcomeOf, thrownOutcome } from "./values.ts";

/** What the performer needs from its runtime. */
export interface PerformerOptions {
  readonly timers: Timers;
  readonly durable: boolean;
  readonly clock: HostClock;
  readonly onBegin?: (entry: Entry) => HostClock;
  readonly onPromise?: (entry: Entry, settled: Promise<void>) => void;
  /** `fired`: a timer is due. */
  readonly arrive: (arrival: Due, fired: boolean) => void;
}

/** The effects of one run that are being performed. */
export class Performer {
  readonly #options: PerformerOptions;
  #count = 0;

  constructor(options: PerformerOptions) {
    this.#options = options;
  }

  /** How many performs are running, timers not counted. */
  get count(): number {
    return this.#count;
  }

  /** Begins an admitted effect. Never called inside a delivery. */
  begin(entry: Entry): void {
    const { job } = entry.effect;
    entry.phase = "performing";
    if (job.dueAt !== undefined) {
      if (job.dueAt <= this.#options.clock.now()) this.#fire(entry);
      else entry.timer = this.#options.timers.add(job.dueAt, () => this.#fire(entry), entry.id);
      return;
    }
    this.#count++;
    let returned: unknown;
    try {
      returned = job.perform(this.#contextOf(entry));
    } catch (thrown) {
      this.#settle(entry, thrownOutcome(thrown));
      return;
    }
    if (isThenable(returned)) this.#wait(entry, returned);
    else this.#settle(entry, this.#outcomeOf(entry, returned));
  }

  #wait(entry: Entry, returned: PromiseLike<unknown>): void {
    const settled = Promise.resolve(returned).then(
      (value) => this.#settle(entry, this.#outcomeOf(entry, value)),
      (thrown: unknown) => this.#settle(entry, thrownOutcome(thrown)),
    );
    this.#options.onPromise?.(entry, settled);
  }

  #fire(entry: Entry): void {
    entry.timer = undefined;
    entry.phase = "arrived";
    this.#options.arrive({ kind: "outcome", entry, outcome: { kind: "value", value: null }, performed: true }, true);
  }

  #settle(entry: Entry, outcome: Outcome): void {
    this.#count--;
    entry.phase = "arrived";
    entry.release();
    this.#options.arrive({ kind: "outcome", entry, outcome, performed: true }, false);
  }

  #outcomeOf(entry: Entry, returned: unknown): Outcome {
    const outcome = outcomeOf(returned, this.#options.durable);
    if (outcome.kind === "error") return outcome;
    const fault = entry.effect.job.outputFault(outcome.value);
    return fault === undefined ? outcome : failure("EffectOutput", fault);
  }

  #contextOf(entry: Entry): EffectContext {
    return {
      id: entry.id,
      key: entry.key,
      get signal() {
        return entry.signal;
      },
      clock: this.#options.onBegin?.(entry) ?? this.#options.clock,
      lost: entry.lost,
      recovering: entry.lost > 0,
      part: (value) => this.#part(entry, value),
    };
  }

  /** A part that is not JSON throws into the perform that sent it; one that comes after the outcome is dropped. */
  #part(entry: Entry, value: unknown): void {
    if (entry.phase !== "performing") return;
    const outcome = outcomeOf(value, this.#options.durable);
    if (outcome.kind === "error") throw Object.assign(new TypeError(outcome.message), { code: outcome.code });
    this.#options.arrive({ kind: "part", entry, value: outcome.value }, false);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
