// Admits model calls: one governor for all runs and workers of a process, one lane per (endpoint, model line).
// Its border is two calls: `enter` before a turn is booked, `learned` after it ended.
//   G1  A refused place is kept until it is woken, and woken at most once per refusal.
//   G2  Whenever a lane may have room, all its places are woken, in the order they came: one that was stopped meanwhile
//       costs nothing, and nobody waits for somebody who never comes back. One that throws stops no other.
//   G3  A timer exists only while a place waits for time; one per clock, since runs may end and take their clock along.
//   G4  A leave function counts once.
import { BehaviorSubject, type Observable } from "rxjs";
import type { FailureCode } from "../core/failure.ts";
import type { ModelChoice, TurnOutcome } from "../protocol/turn.ts";
import { atMoment, freshLane, hasRoom, nextMoment, settingsFrom, taught } from "./lane.ts";
import type { GovernorOptions, LaneSignal, LaneState } from "./lane.ts";
import { canonicalModel } from "./prices.ts";

/** The part of a host's clock that a governor needs. */
export interface PlaceClock {
  now(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

/** Who waits: `wake` is called once when it is worth asking again. */
export interface Place {
  wake(): void;
  readonly clock: PlaceClock;
}

/** Paces all calls to the models of a process. */
export interface Governor {
  /**
   * Asks for room in a lane. Returns a leave function (call it once the turn is over, however it ended), or undefined:
   * then the place is kept and woken later, and must ask again.
   */
  enter(lane: string, place: Place): (() => void) | undefined;
  /**
   * Tells how a call of the lane ended. A call that was cancelled or refused for its content teaches nothing (see
   * `signalOf`), and neither does one of a lane that nobody entered.
   */
  learned(lane: string, signal: LaneSignal): void;
  /** All lanes, sorted by name: now and at each change. Never completes. */
  readonly states$: Observable<readonly LaneState[]>;
}

/** Makes a governor. */
export function createGovernor(options: GovernorOptions = {}): Governor {
  const settings = settingsFrom(options);
  const lanes = new Map<string, LaneQueue>();
  const states = new BehaviorSubject<readonly LaneState[]>([]);
  const changed = (): void =>
    states.next([...lanes.values()].map((one) => one.state).toSorted((a, b) => (a.lane < b.lane ? -1 : 1)));
  const laneNamed = (name: string): LaneQueue => {
    const found = lanes.get(name) ?? new LaneQueue(name, settings, changed);
    lanes.set(name, found);
    return found;
  };
  return {
    enter: (lane, place) => laneNamed(lane).enter(place),
    learned: (lane, signal) => laneNamed(lane).learned(signal),
    states$: states.asObservable(),
  };
}

/** The lane of a choice: rate limits are counted per endpoint and model line; 4.x models share one per family. */
export function laneOf({ endpoint, model }: Pick<ModelChoice, "endpoint" | "model">): string {
  return `${endpoint}/${canonicalModel(model).replace(/^(claude-[a-z]+-4)-\d+$/, "$1")}`;
}

const LESSONS: Partial<Record<FailureCode, LaneSignal["kind"]>> = {
  RateLimited: "limited",
  Overloaded: "overloaded",
  ServerFault: "failed",
  NetworkFault: "failed",
  StreamCut: "failed",
  StreamStalled: "failed",
};

/** What an outcome teaches; undefined when it says nothing about the server (refused key, bad request, cancelled …). */
export function signalOf(outcome: TurnOutcome, headers?: LaneSignal["headers"]): LaneSignal | undefined {
  const more = headers === undefined ? {} : { headers };
  if (outcome.kind === "answered") return { kind: "ok", ...more };
  const { code, retryAfterMs } = outcome.failure;
  const kind = LESSONS[code];
  return kind && { kind, ...more, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

class LaneQueue {
  readonly #settings: Required<GovernorOptions>;
  readonly #changed: () => void;
  #state: LaneState;
  /** Refused places in the order they came. */
  #places = new Set<Place>();
  readonly #timers = new Map<PlaceClock, unknown>();
  /** Lessons come without a clock; the last one seen tells the time. */
  #clock: PlaceClock | undefined;

  constructor(lane: string, settings: Required<GovernorOptions>, changed: () => void) {
    this.#settings = settings;
    this.#changed = changed;
    this.#state = freshLane(lane, settings);
  }

  get state(): LaneState {
    return this.#state;
  }

  enter(place: Place): (() => void) | undefined {
    this.#clock = place.clock;
    const state = atMoment(this.#state, place.clock.now());
    if (!hasRoom(state)) {
      this.#places.add(place);
      this.#set(state);
      this.#arm(place.clock);
      return undefined;
    }
    this.#places.delete(place);
    this.#set({ ...state, inFlight: state.inFlight + 1 });
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      this.#set({ ...this.#state, inFlight: this.#state.inFlight - 1 });
      this.#wakeIfRoom(place.clock.now());
    };
  }

  learned(signal: LaneSignal): void {
    if (!this.#clock) return;
    const now = this.#clock.now();
    this.#set(taught(atMoment(this.#state, now), signal, { now, settings: this.#settings }));
    this.#wakeIfRoom(now);
  }

  #wakeIfRoom(now: number): void {
    if (hasRoom(atMoment(this.#state, now))) this.#wake([...this.#places]);
    else for (const clock of new Set([...this.#places].map((place) => place.clock))) this.#arm(clock);
  }

  /** G2: forgets the places first, so that one which asks again at once is a new refusal. */
  #wake(places: readonly Place[]): void {
    for (const place of places) this.#places.delete(place);
    for (const [clock, handle] of this.#timers) {
      if ([...this.#places].some((place) => place.clock === clock)) continue;
      clock.clearTimeout(handle);
      this.#timers.delete(clock);
    }
    this.#set(this.#state);
    const thrown: unknown[] = [];
    for (const place of places) {
      try {
        place.wake();
      } catch (error) {
        thrown.push(error);
      }
    }
    if (thrown.length > 0) throw thrown[0];
  }

  /** G3: one timer per clock, at the moment that is known now. */
  #arm(clock: PlaceClock): void {
    const running = this.#timers.get(clock);
    if (running !== undefined) clock.clearTimeout(running);
    this.#timers.delete(clock);
    const moment = nextMoment(this.#state);
    if (moment === null) return;
    const expire = (): void => {
      this.#timers.delete(clock);
      this.#wake([...this.#places].filter((place) => place.clock === clock));
    };
    this.#timers.set(clock, clock.setTimeout(expire, Math.max(0, moment - clock.now())));
  }

  #set(state: LaneState): void {
    const next = state.waiting === this.#places.size ? state : { ...state, waiting: this.#places.size };
    if (next === this.#state) return;
    this.#state = next;
    this.#changed();
  }
}
