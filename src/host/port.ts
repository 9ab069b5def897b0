// The host port: what an actor tree gets from a host (effects, a clock, an inbox), as types only.
// Free of `node:`: the same port serves browsers, tests, the SQLite host and engines.
import type { AnyEventObject, InspectionEvent } from "xstate";

/**
 * How an effect may be repeated after a crash: `pure` leaves no trace and is simply run again (no intent row);
 * `idempotent` is run again; `verifiable` is run again and looks first whether its work is there; `once` is never
 * repeated silently.
 */
export type EffectClass = "pure" | "idempotent" | "verifiable" | "once";

/** Data from the machine. `key` is unique for ever under the path of the actor that performs it. */
export interface EffectInput {
  readonly key: string;
}

/** What `event.output` holds when an effect is done: its result and the host's wall-clock time in ms. */
export interface Settled<O> {
  readonly value: O;
  readonly at: number;
}

/** What `event.error` holds when an effect failed: plain JSON. `at` is the host's wall-clock time in ms. */
export interface EffectError {
  readonly code: string;
  readonly message: string;
  readonly at: number;
  readonly retryable: boolean;
}

/** What the root gets for an effect that was stopped before its result arrived; exactly one for each. */
export interface EffectOrphaned {
  readonly type: "effect.orphaned";
  /** `path:key` */
  readonly id: string;
  readonly key: string;
  /** Actor ids from below the root to the effect, joined by `/`. */
  readonly path: string;
  /** The name given to `effect(name, …)`. */
  readonly name: string;
  /** False: it never began. */
  readonly performed: boolean;
  /** What it still returned, if it did. */
  readonly value?: unknown;
  /** What it still threw, or `InDoubt` when a crash took the answer away. */
  readonly error?: EffectError;
  readonly at: number;
}

/**
 * What the root gets when time has passed without the run: its machine slept (a gap in the clock above 30 s), or nobody
 * had the run open. It comes before what became due meanwhile. A machine that doesn't know it ignores it.
 */
export interface HostSlept {
  readonly type: "host.slept";
  /** How long, in ms: what durations are to be extended by. */
  readonly ms: number;
  readonly at: number;
}

/** What the parent of an effect gets for each `context.part(value)`. */
export interface EffectPart {
  readonly type: "effect.part";
  readonly id: string;
  readonly key: string;
  readonly value: unknown;
  readonly at: number;
}

/** Time as the host sees it: `now` is wall-clock ms; waits above 2^31-1 ms are fine. */
export interface HostClock {
  now(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
  /**
   * Calls back about once a second, without keeping the process alive, until the returned function is called. By it a
   * host finds out that its machine slept. @default absent: gaps are noticed on resume only
   */
  everySecond?(fn: () => void): () => void;
}

/** What a perform function gets beside its input. */
export interface EffectContext {
  /** `path:key` */
  readonly id: string;
  readonly key: string;
  /** Aborted when the effect is stopped or the host closes. A perform that ignores it is waited for. */
  readonly signal: AbortSignal;
  /** The host's clock; timers set here die with the host. */
  readonly clock: HostClock;
  /** How often this effect was in flight at a crash (or a close) before. */
  readonly lost: number;
  /** True when `lost` is above 0. */
  readonly recovering: boolean;
  /** Journals an interim value (JSON) and sends it to the effect's parent as `effect.part`. */
  part(value: unknown): void;
}

/** The part of a zod schema the host uses. */
export interface EffectSchema {
  safeParse(value: unknown): { readonly success: boolean; readonly error?: unknown };
}

/**
 * Where an effect waits for room: `wake` says that it is worth asking again. An effect has the same place each time it
 * asks, and may ask again unwoken; one that was stopped never asks again, and a wake-up it gets goes to the others.
 */
export interface AdmissionPlace {
  wake(): void;
  readonly clock: HostClock;
}

/** A waiting place in front of effects. Who waits there costs nothing and is not booked. */
export interface Admission<I> {
  /** Returns a function to call on leaving when there is room now; else undefined, and calls `place.wake()` later. */
  enter(input: I, place: AdmissionPlace): (() => void) | undefined;
}

/** The rules of one effect. */
export interface EffectSpec<I extends EffectInput, O> {
  readonly class: EffectClass | ((input: I) => EffectClass);
  /** True: not begun while the root's snapshot has the tag `hold`. What runs, finishes. @default class is "once" */
  readonly gated?: boolean | ((input: I) => boolean);
  readonly admission?: Admission<I>;
  /** A bad input settles as error `EffectInput` without performing. */
  readonly input?: EffectSchema;
  /** A bad result settles as error `EffectOutput`. */
  readonly output?: EffectSchema;
  /** What a `once` effect in flight at a crash settles with, instead of error `InDoubt`. */
  readonly inDoubt?: (input: I) => O;
}

/** How a run ended. `closed` can be resumed, and so can `error` with a mended machine or store. */
export type HostEnd =
  | { readonly kind: "done" }
  | { readonly kind: "error"; readonly error: unknown }
  | { readonly kind: "closed" }
  | { readonly kind: "crashed" };

/** Options of `attach`. */
export interface AttachOptions<I> {
  /** Input of the root machine (JSON on durable hosts). Left out on resume: the recorded one is used. */
  readonly input?: I;
  /** Gets XState's inspection events, nothing during a replay. Dropped after it threw three times. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Versions that a journal must have been written with, for example of machines and prompts. @default {} */
  readonly versions?: Readonly<Record<string, string>>;
}

/** The actor options that `attach` returns, for `createActor(machine, …)`. */
export interface AttachedOptions<I> {
  readonly id: string;
  readonly input: I;
  readonly clock: { setTimeout(fn: () => void, ms: number): unknown; clearTimeout(handle: unknown): void };
  readonly inspect: (event: InspectionEvent) => void;
}

/** An event for the root, sent from outside. Plain JSON; types that begin with `xstate.`, `effect.` or `host.` are refused. */
export type Command = AnyEventObject;

/** Options of `send`. */
export interface SendOptions {
  /** Idempotency key: a second command with this id is dropped. */
  readonly id?: string;
}

/** One run's host: give `attach()` to `createActor`, start the actor, and wait for `settled()`. */
export interface Host {
  readonly clock: HostClock;
  /** Once per host. Throws HostError `InputChanged`, `VersionMismatch`, `NotJson` or `AlreadyAttached`. */
  attach<I>(options: AttachOptions<I> & { readonly input: I }): AttachedOptions<I>;
  /** Without input: for machines that take none, and to resume with the recorded one. */
  attach(options?: Omit<AttachOptions<never>, "input">): AttachedOptions<never>;
  /** True while a journal is being replayed, from `attach` on. */
  readonly replaying: boolean;
  /** Sequence of the journal row delivered last; 0 before the first. */
  readonly seq: number;
  /**
   * Puts a command into the inbox (durable on return on durable hosts). It is delivered to the root with `at` added.
   * Throws HostError `NotJson` or `ReservedEvent`. A command to an ended run is dropped.
   */
  send(command: Command, options?: SendOptions): void;
  /** Settles when the root is done, failed or stopped and every closing row is written. Never rejects. */
  settled(): Promise<HostEnd>;
  /** Settles when nothing is deliverable and nothing but timers is being performed. */
  idle(): Promise<void>;
  /**
   * A clean stop that can be resumed: nothing new begins, running effects get `graceMs` (default 0), the rest is
   * aborted without a closing row. Twice is fine.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}
