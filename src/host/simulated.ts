// The simulated host: virtual time, seeded order, and crashes on request. Nothing sleeps; a whole run takes milliseconds.
//   S1  Time jumps from one due time to the next and never goes back.
//   S2  Every perform that is not waiting on this clock has settled before the next delivery is chosen, and its latency
//       was drawn when it began: so the order depends on the seed only.
//   S3  Parts and outcome of one effect keep their order.
//   S4  By hand, anything in flight may come next, whatever its latency, but of the timers only the earliest. Time jumps
//       to what is delivered, never back; what was due before it is late then, not lost.
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
import { type Candidate, type Deliverable, Pool, type SimulatedEffect, type WaitingEffect } from "./pool.ts";
import { type Timer, Timers } from "./timers.ts";

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

/** A host that only moves inside `run()`, or as far as it is told: `advance`, or `pending` and `deliver`. Never two at once. */
export interface SimulatedHost extends Host {
  readonly journal: Journal;
  /** Runs until the end, a crash, or until nothing is left to come. */
  run(): Promise<SimulatedEnd>;
  /**
   * Delivers all that becomes due within `ms`, in order; then the clock stands at exactly now + `ms`. Undefined where the
   * run goes on. Throws RangeError for a negative or infinite `ms`.
   */
  advance(ms: number): Promise<SimulatedEnd | undefined>;
  /**
   * What can come next, by hand: the outcome or next part of each effect in flight, the commands in the inbox, and the
   * earliest timers. It begins what may begin, and delivers nothing but what the host has to say itself after a resume.
   */
  pending(): Promise<readonly Deliverable[]>;
  /** How the run ended; undefined while it goes on. */
  readonly ended: HostEnd | undefined;
  /** Effects that have not begun, since the gate is closed or there is no room. */
  readonly waiting: readonly WaitingEffect[];
  /** All timers that are set, in the order in which they will come. */
  readonly timers: readonly Deliverable[];
  /**
   * Delivers one of `pending()` and begins what follows from it. The clock jumps to when it is due; an outcome that
   * would take for ever comes now. Undefined where the run goes on. Throws RangeError for what is not pending.
   */
  deliver(chosen: Pick<Deliverable, "kind" | "id">): Promise<SimulatedEnd | undefined>;
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
    await this.#guarded(() => this.#loop(Number.POSITIVE_INFINITY));
    for (const resolve of this.#waitingForIdle.splice(0)) resolve();
    return this.#simulated.ended ?? { kind: "stalled" };
  }

  async advance(ms: number): Promise<SimulatedEnd | undefined> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new RangeError(`The clock can't advance by ${ms} ms. Give 0 or more.`);
    const until = this.#time.now + ms;
    await this.#guarded(() => this.#loop(until));
    this.#time.now = Math.max(this.#time.now, until);
    return this.#simulated.ended;
  }

  async pending(): Promise<readonly Deliverable[]> {
    await this.#guarded(() => this.#rest());
    if (this.#simulated.ended) return [];
    return [...this.#inFlight().map(({ deliverable }) => deliverable), ...this.#earliest().map(describeTimer)];
  }

  get ended(): HostEnd | undefined {
    return this.#simulated.ended;
  }

  get waiting(): readonly WaitingEffect[] {
    return this.#simulated.waiting.map(({ id, lost }) => ({ id, lost }));
  }

  get timers(): readonly Deliverable[] {
    return this.#timers.inLine().map(describeTimer);
  }

  #earliest(): readonly Timer[] {
    const line = this.#timers.inLine();
    return line.filter(({ dueAt }) => dueAt === line[0]?.dueAt);
  }

  async deliver({ kind, id }: Pick<Deliverable, "kind" | "id">): Promise<SimulatedEnd | undefined> {
    if (this.#simulated.ended) return this.#simulated.ended;
    const isChosen = (one: Deliverable): boolean => one.kind === kind && one.id === id;
    const found = this.#inFlight().find(({ deliverable }) => isChosen(deliverable));
    const timer = found ? undefined : this.#earliest().find((one) => isChosen(describeTimer(one)));
    if (found) {
      const { dueAt } = found.deliverable;
      if (dueAt < Number.POSITIVE_INFINITY) this.#jumpTo(dueAt);
      this.#simulated.enqueue(this.#pool.take(found));
    } else if (timer) this.#fire(timer);
    else throw new RangeError(`Nothing of the kind ${kind} with the id "${id}" is pending. Choose from pending().`);
    await this.#guarded(() => this.#rest());
    return this.#simulated.ended;
  }

  /** A timer that the tree waits for is delivered; one that a perform waits for only goes off. */
  #fire(timer: Timer): void {
    this.#jumpTo(timer.dueAt);
    this.#timers.cancel(timer);
    timer.fire();
    const arrived = this.#inFlight().find(({ deliverable: { id, kind } }) => id === timer.label && kind !== "command");
    if (arrived) this.#simulated.enqueue(this.#pool.take(arrived));
  }

  #inFlight(): readonly Candidate[] {
    return [...this.#pool.due(Number.POSITIVE_INFINITY), ...this.#pool.commands(this.journal.inbox(), this.#time.now)];
  }

  #jumpTo(at: number): void {
    this.#time.now = Math.max(this.#time.now, at);
  }

  async #guarded(move: () => Promise<void>): Promise<void> {
    try {
      await move();
    } catch (error) {
      this.#simulated.finish(error instanceof Crash ? { kind: "crashed" } : { kind: "error", error });
    }
  }

  async #loop(until: number): Promise<void> {
    do {
      await this.#rest();
      if (this.#simulated.ended) return;
    } while (this.#advance(until));
  }

  /** Until the tree is at rest and every perform has settled or waits on the clock. */
  async #rest(): Promise<void> {
    do {
      do this.#time.isDirty = false;
      while (this.#simulated.step() || this.#time.isDirty);
      if (this.#simulated.ended) return;
      if (this.#pool.isWaiting) await this.#pool.settled();
    } while (this.#time.isDirty);
  }

  /** S1. False: nothing will be due until then. */
  #advance(until: number): boolean {
    const { now } = this.#time;
    const next = Math.min(
      this.#pool.nextDueAt(),
      this.#timers.nextDueAt() ?? Number.POSITIVE_INFINITY,
      this.#hasMail ? now : Number.POSITIVE_INFINITY,
    );
    if (next === Number.POSITIVE_INFINITY || next > until) return false;
    this.#jumpTo(next);
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

/** Timers of effects and of machines have a label; waits of performs and commands to come have none. */
const describeTimer = ({ label, order, dueAt }: Timer): Deliverable => ({
  kind: "timer",
  id: label ?? `clock/${order}`,
  dueAt,
});

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
