// What a simulated run has in the air: outcomes with their due times, and performs that are still computing.
import type { Due } from "./arrivals.ts";
import { placed } from "./entry.ts";
import type { Entry } from "./entry.ts";
import type { InboxEntry } from "./journal.ts";
import type { EffectInput, HostClock } from "./port.ts";

/** An effect as it was started. */
export interface SimulatedEffect {
  readonly name: string;
  /** Actor ids from below the root to the effect, joined by `/`. */
  readonly path: string;
  /** `path:key` */
  readonly id: string;
  readonly input: EffectInput;
}

/** An effect that has not begun. `lost`: how often it was in flight at a crash before. */
export interface WaitingEffect {
  /** `path:key` */
  readonly id: string;
  readonly lost: number;
}

/** Something that can be delivered next. */
export interface Deliverable {
  readonly kind: "result" | "error" | "cancelled" | "part" | "timer" | "command";
  /** `path:key` of an effect, number of a timer, id of a command. */
  readonly id: string;
  /** Effects: their name; commands: their type. */
  readonly name?: string;
  /** Effects: their key. */
  readonly key?: string;
  /** Effects: how often they were in flight at a crash before. */
  readonly lost?: number;
  /** Effects: how much more of the same effect comes after it, where there is more. */
  readonly behind?: number;
  /** Virtual wall-clock ms. */
  readonly dueAt: number;
}

/** A deliverable and what it stands for. */
export interface Candidate {
  readonly deliverable: Deliverable;
  readonly arrival: Due;
}

/** One perform: when its outcome is due, its place in the order of beginnings, and its waits on the clock. */
interface Flight {
  dueAt: number;
  readonly order: number;
  armed: number;
}

interface Pooled {
  readonly arrival: Due;
  dueAt: number;
  readonly order: number;
}

/** The air of one simulated run. */
export class Pool {
  readonly #clock: HostClock;
  readonly #latency: (effect: SimulatedEffect) => number;
  readonly #flights = new Map<Entry, Flight>();
  readonly #promises = new Map<Entry, Promise<void>>();
  #pooled: Pooled[] = [];
  #count = 0;
  /** Wakes who waits for performs: one of them waits on the clock now. */
  #onArmed: () => void = () => undefined;

  constructor(clock: HostClock, latency: (effect: SimulatedEffect) => number) {
    this.#clock = clock;
    this.#latency = latency;
  }

  /** A perform begins: draws its latency and returns its clock, which knows how often the perform waits on it. */
  begin(entry: Entry): HostClock {
    const dueAt = this.#clock.now() + Math.max(0, this.#latency(placed(entry.effect)));
    const flight: Flight = { dueAt, order: ++this.#count, armed: 0 };
    this.#flights.set(entry, flight);
    return countingClock(this.#clock, flight, () => this.#onArmed());
  }

  await(entry: Entry, settled: Promise<void>): void {
    this.#promises.set(
      entry,
      settled.then(() => {
        this.#promises.delete(entry);
      }),
    );
  }

  get isWaiting(): boolean {
    return this.#promises.size > 0;
  }

  /** Settles when every perform that does not wait on the clock has settled. */
  async settled(): Promise<void> {
    while (this.#promises.size > 0) {
      const busy = [...this.#promises].filter(([entry]) => (this.#flights.get(entry)?.armed ?? 0) === 0);
      if (busy.length > 0) {
        const armed = new Promise<void>((resolve) => {
          this.#onArmed = resolve;
        });
        await Promise.race([armed, ...busy.map(([, promise]) => promise)]);
        continue;
      }
      const before = this.#promises.size;
      await macrotask();
      const stillArmed = [...this.#promises.keys()].every((entry) => (this.#flights.get(entry)?.armed ?? 0) > 0);
      if (stillArmed && this.#promises.size === before) return;
    }
  }

  add(arrival: Due, fired: boolean): void {
    const now = this.#clock.now();
    const flight = arrival.kind === "outcome" || arrival.kind === "part" ? this.#flights.get(arrival.entry) : undefined;
    const isOutcome = arrival.kind === "outcome" && !fired;
    this.#pooled.push({
      arrival,
      dueAt: isOutcome && flight ? Math.max(now, flight.dueAt) : now,
      order: flight?.order ?? ++this.#count,
    });
    if (isOutcome) this.#flights.delete(arrival.entry);
  }

  /** A stopped effect answers at once. */
  hurry(entry: Entry): void {
    const now = this.#clock.now();
    const flight = this.#flights.get(entry);
    if (flight) flight.dueAt = now;
    for (const pooled of this.#pooled) {
      if (pooled.arrival.kind === "outcome" && pooled.arrival.entry === entry) pooled.dueAt = now;
    }
  }

  nextDueAt(): number {
    return this.#pooled.reduce((least, { dueAt }) => Math.min(least, dueAt), Number.POSITIVE_INFINITY);
  }

  /** What may be delivered at `now`, in a fixed order; of each effect only what comes first. */
  due(now: number): readonly Candidate[] {
    const seen = new Map<Entry, number>();
    const first: Pooled[] = [];
    for (const pooled of this.#pooled.toSorted((a, b) => a.dueAt - b.dueAt || a.order - b.order)) {
      if (pooled.dueAt > now) continue;
      const entry = entryOf(pooled);
      const before = entry && seen.get(entry);
      if (before === undefined) first.push(pooled);
      if (entry) seen.set(entry, (before ?? -1) + 1);
    }
    return first.map((pooled) => {
      const entry = entryOf(pooled);
      const behind = entry ? (seen.get(entry) ?? 0) : 0;
      return {
        arrival: pooled.arrival,
        deliverable: { ...describe(pooled.arrival, pooled.dueAt), ...(behind > 0 && { behind }) },
      };
    });
  }

  commands(inbox: readonly InboxEntry[], now: number): readonly Candidate[] {
    return inbox.map((command) => {
      const arrival: Due = { kind: "command", command };
      return { arrival, deliverable: describe(arrival, now) };
    });
  }

  take(candidate: Candidate): Due {
    this.#pooled = this.#pooled.filter(({ arrival }) => arrival !== candidate.arrival);
    return candidate.arrival;
  }
}

const entryOf = ({ arrival }: Pooled): Entry | undefined => ("entry" in arrival ? arrival.entry : undefined);

function describe(arrival: Due, dueAt: number): Deliverable {
  if (arrival.kind === "timer") return { kind: "timer", id: String(arrival.timer.number), dueAt };
  if (arrival.kind === "command") return { kind: "command", id: arrival.command.id, name: arrival.command.event.type, dueAt };
  const { entry } = arrival;
  const place = { id: entry.id, name: entry.effect.name, key: entry.key, lost: entry.lost, dueAt };
  if (arrival.kind === "part") return { kind: "part", ...place };
  if (entry.stopped || !arrival.outcome) return { kind: "cancelled", ...place };
  return { kind: arrival.outcome.kind === "value" ? "result" : "error", ...place };
}

function countingClock(clock: HostClock, flight: Flight, onArmed: () => void): HostClock {
  const armed = new Set<unknown>();
  const settle = (handle: unknown): void => {
    if (armed.delete(handle)) flight.armed--;
  };
  return {
    now: () => clock.now(),
    setTimeout(fn, ms) {
      const handle = clock.setTimeout(() => {
        settle(handle);
        fn();
      }, ms);
      armed.add(handle);
      flight.armed++;
      onArmed();
      return handle;
    },
    clearTimeout(handle) {
      settle(handle);
      clock.clearTimeout(handle);
    },
  };
}

/** A turn of the event loop: every microtask has run when it settles. */
function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}
