// What must hold of every run, as data: a named predicate that is shown a run while it goes on and when it is over, and
// says in words what is broken.
import { messageOf } from "../../core/errors.ts";
import type { RunEvent } from "../../protocol/run-event.ts";
import type { RunListener, RunSnapshot, SimulatedRun } from "./stage.ts";

/** What is wrong, in words; undefined when all is well. */
export type Breach = string | undefined;

/** Watches one run. */
export interface RunWatch {
  /** Sees every snapshot of the root, in order. */
  readonly snapshot?: (snapshot: RunSnapshot) => Breach;
  /** Sees every event the moment it is emitted. */
  readonly event?: (event: RunEvent) => Breach;
  /** Sees the whole run when it has come to its end, or to a stall. */
  readonly end?: (run: SimulatedRun) => Breach;
}

/** Looks at a snapshot of the root; `before` is the one before it, undefined for the first. */
export type StepCheck = (snapshot: RunSnapshot, before: RunSnapshot | undefined) => Breach;

/** A promise that is checked of every run. */
export interface Invariant {
  /** Unique in a list. */
  readonly name: string;
  /** Called for each run; what it returns may remember what it saw of that run. */
  readonly watch: () => RunWatch;
  /** The same promise without a memory. Only these can be checked where many ways lead to one state, as in explorations. */
  readonly step?: StepCheck;
}

/** A broken promise: the first thing of its kind in a run. */
export interface Broken {
  readonly invariant: string;
  readonly message: string;
}

/** An invariant of every snapshot, or of every step from one to the next. */
export const always = (name: string, broken: StepCheck): Invariant => ({
  name,
  step: broken,
  watch: () => {
    let before: RunSnapshot | undefined;
    return {
      snapshot(snapshot) {
        const breach = broken(snapshot, before);
        before = snapshot;
        return breach;
      },
    };
  },
});

/** An invariant of a run that is over: of its events, rows, output and last snapshot. */
export const atEnd = (name: string, broken: (run: SimulatedRun) => Breach): Invariant => ({
  name,
  watch: () => ({ end: broken }),
});

/** An invariant that remembers what it saw: `watch` is called for each run. */
export const throughout = (name: string, watch: () => RunWatch): Invariant => ({ name, watch });

/** What an invariant says. One that throws, or says anything but a text, is broken itself: that is told, never passed over. */
export function breachOf(look: () => unknown): Breach {
  try {
    const said = look();
    if (said === undefined || typeof said === "string") return said;
    const what = said instanceof Promise ? "a promise" : (JSON.stringify(said) ?? `a ${typeof said}`);
    return `the invariant answered ${what}: let it say in a text what is wrong, or answer undefined`;
  } catch (error) {
    return `the invariant threw: ${messageOf(error)}`;
  }
}

type Look<Seen> = { readonly name: string; readonly see: (seen: Seen) => Breach };

/** Watches one run for many invariants; of each the first breach is kept. */
export class Auditor implements RunListener {
  readonly #onSnapshot: readonly Look<RunSnapshot>[];
  readonly #onEvent: readonly Look<RunEvent>[];
  readonly #atEnd: readonly Look<SimulatedRun>[];
  readonly #broken = new Map<string, string>();

  constructor(invariants: readonly Invariant[]) {
    const watches = invariants.map(({ name, watch }) => ({ name, watch: this.#watchOf(name, watch) }));
    this.#onSnapshot = watches.flatMap(({ name, watch }) => (watch.snapshot ? { name, see: watch.snapshot.bind(watch) } : []));
    this.#onEvent = watches.flatMap(({ name, watch }) => (watch.event ? { name, see: watch.event.bind(watch) } : []));
    this.#atEnd = watches.flatMap(({ name, watch }) => (watch.end ? { name, see: watch.end.bind(watch) } : []));
  }

  snapshot(snapshot: RunSnapshot): void {
    for (const look of this.#onSnapshot) this.#note(look, snapshot);
  }

  event(event: RunEvent): void {
    for (const look of this.#onEvent) this.#note(look, event);
  }

  /** The run is over: all that it broke. */
  verdict(run: SimulatedRun): readonly Broken[] {
    for (const look of this.#atEnd) this.#note(look, run);
    return this.broken;
  }

  /** What was broken so far. */
  get broken(): readonly Broken[] {
    return [...this.#broken].map(([invariant, message]) => ({ invariant, message }));
  }

  #watchOf(name: string, watch: Invariant["watch"]): RunWatch {
    let made: RunWatch | undefined;
    const breach = breachOf(() => {
      made = watch();
      return undefined;
    });
    if (breach === undefined && typeof made === "object") return made;
    this.#broken.set(name, breach ?? "the invariant watches nothing: its function gave no { snapshot, event, end }");
    return {};
  }

  #note<Seen>({ name, see }: Look<Seen>, seen: Seen): void {
    if (this.#broken.size > 0 && this.#broken.has(name)) return;
    const breach = breachOf(() => see(seen));
    if (breach !== undefined) this.#broken.set(name, breach);
  }
}
