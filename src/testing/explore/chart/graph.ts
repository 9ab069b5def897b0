// All states of a chart that can be reached, breadth-first, so that the first way to a state is a shortest one.
// Our own walk, and not getAdjacencyMap of xstate/graph, because that one makes an actor for each transition, keeps every
// snapshot with every edge, throws at its limit, and knows no order: here a state is a key and three numbers, and
// snapshots live until their state was left. A test compares the states of both.
//   G1  Promises are looked at in the snapshot that each step gives, also where its state is known already.
//   G2  Nothing leads on from a state that breaks a promise: what follows would only repeat it.
//   G3  Ways out of state n stand together: `firstWay[n]` to `firstWay[n + 1]`, in the order of their steps.
import { messageOf } from "../../../core/errors.ts";
import { breachOf } from "../../simulate/invariant.ts";
import type { Invariant, StepCheck } from "../../simulate/invariant.ts";
import type { RunSnapshot } from "../../simulate/stage.ts";
import type { Possibilities } from "./chart-events.ts";
import type { ChartStep } from "./chart-step.ts";

/** What a graph is made from. */
export interface GraphOptions {
  readonly first: RunSnapshot;
  readonly possibilities: Possibilities;
  /** The next state. It may throw: that breaks the promise `nothingBreaks`. */
  readonly next: (snapshot: RunSnapshot, step: ChartStep) => RunSnapshot;
  readonly keyOf: (snapshot: RunSnapshot) => string;
  readonly invariants: readonly Invariant[];
  readonly until: (snapshot: RunSnapshot) => boolean;
  readonly mostStates: number;
  readonly mostDepth: number;
}

/** A promise that is broken `at` a state, or by a step that leads on from it. */
export interface BrokenAt {
  readonly invariant: string;
  readonly message: string;
  readonly at: number;
  readonly by: ChartStep | null;
}

/** A snapshot of a state that was reached before, by another way. */
export interface Twin {
  readonly state: number;
  readonly snapshot: RunSnapshot;
}

/** Snapshots that are kept to look whether the same key has the same future. */
const MOST_TWINS = 400;
/** Beyond the first ones, one in so many is kept. */
const TWIN_STRIDE = 17;

/** The reachable part of a chart. States are numbers, 0 the first. */
export class Graph {
  readonly keys = new Map<string, number>();
  /** The state before, on a shortest way; -1 for the first. */
  readonly parents: number[] = [];
  /** The step that led here first. */
  readonly steps: (ChartStep | null)[] = [];
  readonly depths: number[] = [];
  readonly firstWay: number[] = [];
  readonly wayTo: number[] = [];
  readonly wayBy: ChartStep[] = [];
  /** Outcomes of the states in which the run is over. */
  readonly ends = new Map<number, string>();
  /** States that nothing was explored from: they break a promise, or `until` says so. */
  readonly left = new Set<number>();
  /** The first of each promise that is broken. */
  readonly broken = new Map<string, BrokenAt>();
  readonly twins: Twin[] = [];
  /** Ways that led to a state that was known. */
  merges = 0;
  isCutByStates = false;
  isCutByDepth = false;
  /** States whose ways were all followed, or left alone on purpose. */
  #followed = 0;
  readonly #options: GraphOptions;
  readonly #checks: readonly { readonly name: string; readonly step: StepCheck }[];
  readonly #snapshots: (RunSnapshot | undefined)[] = [];

  constructor(options: GraphOptions) {
    this.#options = options;
    this.#checks = options.invariants.flatMap(({ name, step }) => (step ? [{ name, step }] : []));
    this.#add(options.first, { before: undefined, from: -1, by: null });
    for (let state = 0; state < this.#snapshots.length; state++) {
      this.#leave(state);
      if (this.isCutByStates) break;
      this.#followed = state + 1;
    }
    while (this.firstWay.length <= this.size) this.firstWay.push(this.wayTo.length);
    this.#snapshots.length = 0;
  }

  /** Number of states. */
  get size(): number {
    return this.parents.length;
  }

  /** A shortest way to a state. */
  wayOf(state: number): readonly ChartStep[] {
    const way: ChartStep[] = [];
    for (let at = state; at >= 0; at = this.parents[at] ?? -1) {
      const step = this.steps[at];
      if (step) way.push(step);
    }
    return way.toReversed();
  }

  /** The ways that lead on from a state. */
  *waysFrom(state: number): Generator<{ readonly by: ChartStep; readonly to: number }> {
    for (let way = this.firstWay[state] ?? 0; way < (this.firstWay[state + 1] ?? 0); way++) {
      const [by, to] = [this.wayBy[way], this.wayTo[way]];
      if (by && to !== undefined) yield { by, to };
    }
  }

  /** True when every way that leads on from a state was followed, and there is one. */
  isFollowed(state: number): boolean {
    return state < this.#followed && (this.firstWay[state + 1] ?? 0) > (this.firstWay[state] ?? 0);
  }

  note(broken: BrokenAt): void {
    if (!this.broken.has(broken.invariant)) this.broken.set(broken.invariant, broken);
  }

  /** Follows every step that leads on from a state. */
  #leave(state: number): void {
    const snapshot = this.#snapshots[state];
    this.#snapshots[state] = undefined;
    this.firstWay.push(this.wayTo.length);
    if (!snapshot || this.left.has(state) || this.ends.has(state)) return;
    if ((this.depths[state] ?? 0) >= this.#options.mostDepth) {
      this.isCutByDepth = true;
      return;
    }
    let isMoved = false;
    for (const by of this.#options.possibilities.from(snapshot)) {
      const to = this.#follow(snapshot, state, by);
      if (to === undefined) isMoved = true;
      else {
        this.wayTo.push(to);
        this.wayBy.push(by);
        if (to !== state && by.kind !== "command") isMoved = true;
      }
      if (this.isCutByStates) return;
    }
    if (!isMoved && !snapshot.hasTag("hold"))
      this.note({ invariant: "everyWaitHasAWakeUp", message: standstill(snapshot), at: state, by: null });
  }

  /** The state that a step leads to; undefined where it broke, or is one too many. */
  #follow(before: RunSnapshot, from: number, by: ChartStep): number | undefined {
    let next: RunSnapshot;
    try {
      next = this.#options.next(before, by);
    } catch (error) {
      this.note({ invariant: "nothingBreaks", message: `it threw: ${messageOf(error)}`, at: from, by });
      return undefined;
    }
    return this.#add(next, { before, from, by });
  }

  #add(
    snapshot: RunSnapshot,
    way: { readonly before: RunSnapshot | undefined; readonly from: number; readonly by: ChartStep | null },
  ): number | undefined {
    const { before, from, by } = way;
    const isBroken = this.#check(snapshot, before, { at: from, by });
    const key = this.#options.keyOf(snapshot);
    const known = this.keys.get(key);
    if (known !== undefined) {
      this.#keepTwin(known, snapshot);
      return known;
    }
    const state = this.parents.length;
    if (state >= this.#options.mostStates) {
      this.isCutByStates = true;
      return undefined;
    }
    this.keys.set(key, state);
    this.parents.push(from);
    this.steps.push(by);
    this.depths.push((this.depths[from] ?? -1) + 1);
    const isOver = snapshot.status !== "active";
    this.#snapshots.push(isOver ? undefined : snapshot);
    if (isOver) this.ends.set(state, snapshot.context.outcome ?? snapshot.status);
    if (isBroken || this.#options.until(snapshot)) this.left.add(state);
    return state;
  }

  /** G1 */
  #check(
    snapshot: RunSnapshot,
    before: RunSnapshot | undefined,
    way: { readonly at: number; readonly by: ChartStep | null },
  ): boolean {
    let isBroken = false;
    if (snapshot.status === "error") {
      isBroken = true;
      this.note({ invariant: "nothingBreaks", message: `the run broke: ${messageOf(snapshot.error)}`, ...way });
    }
    for (const { name, step } of this.#checks) {
      const message = breachOf(() => step(snapshot, before));
      if (message === undefined) continue;
      isBroken = true;
      this.note({ invariant: name, message, ...way });
    }
    return isBroken;
  }

  #keepTwin(state: number, snapshot: RunSnapshot): void {
    this.merges += 1;
    if (this.twins.length >= MOST_TWINS) return;
    if (this.twins.length < MOST_TWINS / 4 || this.merges % TWIN_STRIDE === 0) this.twins.push({ state, snapshot });
  }
}

function standstill({ value, context }: RunSnapshot): string {
  return `nothing can move it any more: ${JSON.stringify({ value, tasks: context.queue?.tasks.map(({ status }) => status) })}`;
}
