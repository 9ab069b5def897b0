// One started effect, from registration to its closing row.
import type { AnyActorRef } from "xstate";
import { digestOf, stableStringify } from "../core/json.ts";
import type { AdmissionPlace, EffectClass, EffectContext, EffectInput } from "./port.ts";
import type { Timer } from "./timers.ts";

/** The typed half of an effect, bound to its input. */
export interface Job {
  /** Runs the work; may return a value or a promise. */
  perform(context: EffectContext): unknown;
  /** Asks for room; absent when the effect has no admission. */
  readonly enter?: (place: AdmissionPlace) => (() => void) | undefined;
  /** Which admission it queues at: entries with the same one wait in one queue. */
  readonly admission?: object;
  readonly inDoubt?: () => unknown;
  /** What is wrong with the input, if anything. */
  inputFault(): string | undefined;
  /** What is wrong with a result, if anything. */
  outputFault(value: unknown): string | undefined;
  /** Set: a timer kept by the host until then; nothing is performed. */
  readonly dueAt?: number;
}

/** What an effect actor hands over when XState starts it. */
export interface StartedEffect {
  readonly name: string;
  readonly actor: AnyActorRef;
  readonly input: EffectInput;
  readonly class: EffectClass;
  readonly gated: boolean;
  readonly job: Job;
}

/** Where an effect stands. `waiting`: not begun; `arrived`: its outcome waits for delivery. */
export type EntryPhase = "waiting" | "performing" | "arrived" | "closed";

/** Identity, cause and state of one started effect. */
export class Entry {
  readonly id: string;
  readonly path: string;
  readonly effect: StartedEffect;
  /** Sequence of the delivery that started it. */
  readonly cause: number;
  phase: EntryPhase = "waiting";
  /** XState stopped its actor; the closing row is still to come. */
  stopped = false;
  /** Intent rows in the journal when this host began: how often it was in flight at a crash. */
  lost = 0;
  /** Delivered parts. */
  parts = 0;
  /** Has an intent row. */
  hasIntent = false;
  /** Its rows are kept. */
  readonly durable: boolean;
  /** Its place in front of an admission, the same each time it asks. */
  place: AdmissionPlace | undefined;
  /** Gives its admission back. */
  leave: (() => void) | undefined;
  timer: Timer | undefined;
  #digest: string | undefined;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(effect: StartedEffect, path: string, at: { readonly cause: number; readonly durable: boolean }) {
    this.effect = effect;
    this.path = path;
    this.cause = at.cause;
    this.durable = at.durable;
    this.id = `${path}:${effect.input.key}`;
  }

  get key(): string {
    return this.effect.input.key;
  }

  /** True where the class asks for an intent row before performing. */
  get needsIntent(): boolean {
    return this.durable && this.effect.class !== "pure";
  }

  /** True where the closing row must carry the digest, because no intent row does. */
  get needsDigest(): boolean {
    return this.durable && !this.hasIntent;
  }

  /** Digest of name and input, made once. */
  get digest(): string {
    this.#digest ??= digestOf(`${this.effect.name}\n${stableStringify(this.effect.input)}`);
    return this.#digest;
  }

  /** Made on first use: most effects never look at it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  /** Gives back what it holds besides its perform: admission and timer. */
  release(): void {
    const { leave } = this;
    this.leave = undefined;
    leave?.();
  }
}

/** What an effect is, as far as people and recordings name it. */
export function placed({ name, actor, input }: StartedEffect): {
  readonly name: string;
  readonly path: string;
  readonly id: string;
  readonly input: EffectInput;
} {
  const { path } = pathOf(actor);
  return { name, path, id: `${path}:${input?.key}`, input };
}

/** Actor ids from below the root to the actor, and the first id on the way that XState made up, if any. */
export function pathOf(actor: AnyActorRef): { readonly path: string; readonly madeUp: string | undefined } {
  let path = "";
  let madeUp: string | undefined;
  for (let at: AnyActorRef | undefined = actor; at?._parent; at = at._parent) {
    path = path === "" ? at.id : `${at.id}/${path}`;
    if (at.id === at.sessionId) madeUp = at.id;
  }
  return { path, madeUp };
}

/** The root of an actor's tree. */
export function rootOf(actor: AnyActorRef): AnyActorRef {
  let at = actor;
  while (at._parent) at = at._parent;
  return at;
}
