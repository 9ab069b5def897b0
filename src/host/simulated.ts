// The simulated host: virtual time, seeded order, and crashes on request. Nothing sleeps; a whole run takes milliseconds.
//   S1  Time jumps from one due time to the next and never goes back.
//   S2  Every perform that is not waiting on this clock has settled before the next delivery is chosen, and its latency
//       was drawn when it began: so the order depends on the seed only.
//   S3  Parts and outcome of one effect keep their order.
import { randomFrom } from "../core/random.ts";
import { heapClock } from "./clocks.ts";
import { Crash, crashing, type CrashPoint } from "./crash.ts";
import { putCommand, RunHost } from "./host.ts";
import type { Journal } from "./journal.ts";
import { memoryJournal } from "./memory-journal.ts";
import { placed } from "./entry.ts";
import type { Job, StartedEffect } from "./entry.ts";
import type { Command, EffectContext, Host, HostEnd, SendOptions } from "./port.ts";
import { Runtime } from "./runtime.ts";
import { type Deliverable, Pool, type SimulatedEffect } from "./pool.ts";
import { Timers } from "./timers.ts";

/** Options of `simulatedHost`. */
export interface SimulatedHostOptions {
  /** @default 1 */
  readonly seed?: number;
  /** @default a new journal in memory, readable as `host.journal` */
  readonly journal?: Journal;
  /**
   * How long an effect takes, in virtual ms; Infinity: its outcome comes only when it is stopped.
   * @default log-normal around 200 ms
   */
  readonly latency?: (effect: SimulatedEffect, random: () => number) => number;
  /**
   * Work in place of an effect's own, timers of machines included: it may wait on its context's clock. `never`: it does not
   * begin, and ends when it is stopped. Neither gate nor admission holds it. @default each effect's own work
   */
  readonly instead?: (effect: SimulatedEffect) => ((context: EffectContext) => unknown) | "never" | undefined;
  /** Picks what is delivered next among what is due, by index. @default seeded */
  readonly choose?: (options: readonly Deliverable[]) => number;
  /** Asked before and after every append: true ends `run()` as `crashed`. A new host over the same journal resumes. */
  readonly crash?: (point: CrashPoint) => boolean;
  /** Virtual wall-clock ms at the start; a resumed run goes on from its last row. @default 2026-01-01 UTC */
  readonly startAt?: number;
  /** Most deliveries that are committed in one append. @default 1 */
  readonly batch?: number;
}

/** How `run()` ended. `stalled`: nothing will ever become due; it may be called again after `send`. */
export type SimulatedEnd = HostEnd | { readonly kind: "stalled" };

/** A host that only moves inside `run()`. */
export interface SimulatedHost extends Host {
  readonly journal: Journal;
  /** Runs until the end, a crash, or until nothing is left to come. */
  run(): Promise<SimulatedEnd>;
  /**
   * The machine sleeps for `ms`: the wall clock jumps and nothing happens meanwhile. Above 30 s the run is told, by the
   * event `host.slept`. To sleep in the middle of a run, call it from `clock.setTimeout`.
   */
  sleep(ms: number): void;
  /** `at`: virtual ms at which the command is sent. @default now */
  send(command: Command, options?: SendOptions & { readonly at?: number }): void;
}

/** Builds a simulated host. Start the actor, then call `run()`. */
export function simulatedHost(options: SimulatedHostOptions = {}): SimulatedHost {
  const journal = options.journal ?? memoryJournal();
  return new Simulation({ ...options, journal: options.crash ? crashing(journal, options.crash) : journal }, journal);
}

/** Virtual time, and whether the runtime asked for another step. */
class Time {
  now: number;
  isDirty = false;
  constructor(now: number) {
    this.now = now;
  }
}

class Simulation extends RunHost implements SimulatedHost {
  readonly journal: Journal;
  readonly #options: SimulatedHostOptions & { readonly journal: Journal };
  readonly #random: () => number;
  readonly #time: Time;
  readonly #timers: Timers;
  readonly #pool: Pool;
  readonly #simulated: Runtime;
  #waitingForIdle: (() => void)[] = [];

  constructor(options: SimulatedHostOptions & { readonly journal: Journal }, journal: Journal) {
    const random = randomFrom(options.seed ?? 1);
    const time = new Time(Math.max(options.startAt ?? Date.UTC(2026, 0), lastAt(journal)));
    const timers = new Timers();
    const clock = heapClock(timers, () => time.now);
    const pool = new Pool(clock, (effect) => (options.latency ?? logNormal)(effect, random));
    const { instead } = options;
    const runtime = new Runtime({
      ...(instead && { through: (effect) => replaced(effect, instead(placed(effect))) }),
      journal: options.journal,
      timers,
      clock,
      strict: true,
      now: () => time.now,
      wake: () => {
        time.isDirty = true;
      },
      arrive: (arrival, fired) => pool.add(arrival, fired),
      onStopped: (entry) => pool.hurry(entry),
      onBegin: (entry) => pool.begin(entry),
      onPromise: (entry, settled) => pool.await(entry, settled),
    });
    super({ runtime, journal, clock, idle: () => this.#idle() });
    this.journal = journal;
    this.#options = options;
    this.#random = random;
    this.#time = time;
    this.#timers = timers;
    this.#pool = pool;
    this.#simulated = runtime;
  }

  override send(command: Command, options: SendOptions & { readonly at?: number } = {}): void {
    const { at = this.#time.now, id } = options;
    if (this.#simulated.ended) return;
    if (at <= this.#time.now) putCommand(this.journal, command, id);
    else this.#timers.add(at, () => putCommand(this.journal, command, id));
  }

  /** Without grace: time stands still outside `run()`. */
  override async close(): Promise<void> {
    await super.close();
  }

  sleep(ms: number): void {
    this.#time.now += Math.max(0, ms);
    this.#simulated.jumped(ms);
  }

  async run(): Promise<SimulatedEnd> {
    try {
      await this.#loop();
    } catch (error) {
      this.#simulated.finish(error instanceof Crash ? { kind: "crashed" } : { kind: "error", error });
    }
    for (const resolve of this.#waitingForIdle.splice(0)) resolve();
    return this.#simulated.ended ?? { kind: "stalled" };
  }

  async #loop(): Promise<void> {
    do {
      do this.#time.isDirty = false;
      while (this.#simulated.step() || this.#time.isDirty);
      if (this.#simulated.ended) return;
      if (this.#pool.isWaiting) await this.#pool.settled();
    } while (this.#advance());
  }

  /** S1. False: nothing will ever be due. */
  #advance(): boolean {
    const { now } = this.#time;
    const next = Math.min(
      this.#pool.nextDueAt(),
      this.#timers.nextDueAt() ?? Number.POSITIVE_INFINITY,
      this.#hasMail ? now : Number.POSITIVE_INFINITY,
    );
    if (next === Number.POSITIVE_INFINITY) return false;
    this.#time.now = Math.max(now, next);
    if (!this.#fireDue()) this.#deliverDue();
    return true;
  }

  get #hasMail(): boolean {
    return this.journal.inbox().length > 0;
  }

  /** What performs do on a timer comes before the choice of the next delivery (S2). */
  #fireDue(): boolean {
    let timer = this.#timers.takeDue(this.#time.now);
    if (!timer) return false;
    for (; timer; timer = this.#timers.takeDue(this.#time.now)) timer.fire();
    return true;
  }

  #deliverDue(): void {
    const candidates = [...this.#pool.due(this.#time.now), ...this.#pool.commands(this.journal.inbox(), this.#time.now)];
    for (let count = this.#options.batch ?? 1; count > 0 && candidates.length > 0; count--) {
      const options = candidates.map((candidate) => candidate.deliverable);
      const index = this.#options.choose?.(options) ?? Math.floor(this.#random() * options.length);
      const [chosen] = candidates.splice(index, 1);
      if (!chosen) throw new RangeError(`choose returned ${index} for ${options.length} options. Return an index of the array.`);
      this.#simulated.enqueue(this.#pool.take(chosen));
    }
  }

  #idle(): Promise<void> {
    if (this.#simulated.ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waitingForIdle.push(resolve);
    });
  }
}

/** An effect with another work. */
function replaced(effect: StartedEffect, work: ReturnType<NonNullable<SimulatedHostOptions["instead"]>>): StartedEffect {
  if (work === undefined) return effect;
  const { job } = effect;
  const rules: Pick<Job, "inputFault" | "outputFault"> = {
    inputFault: () => job.inputFault(),
    outputFault: (value) => job.outputFault(value),
  };
  const other: Job = work === "never" ? { ...rules, perform: () => null, enter: () => undefined } : { ...rules, perform: work };
  return { ...effect, gated: false, job: other };
}

function lastAt(journal: Journal): number {
  let last = 0;
  for (const { at } of journal.read()) last = at;
  return last;
}

/** Around 200 ms, a few of them seconds. */
function logNormal(_effect: SimulatedEffect, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.round(200 * Math.exp(0.8 * normal));
}
