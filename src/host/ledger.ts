// Which effects are open and which keys are spent.
//   L1  An id is registered once in the life of a run, also after it closed.
//   L2  An entry leaves `open` with its closing row, never before.
import type { AnyActorRef } from "xstate";
import { Entry, pathOf, type StartedEffect } from "./entry.ts";
import { HostError } from "./errors.ts";
import { Roster } from "./roster.ts";
import { SpentKeys } from "./spent-keys.ts";

/** The effects of one run. */
export class Ledger {
  readonly #open = new Roster<Entry>();
  readonly #closed = new SpentKeys();
  /** By session of the actor. */
  readonly #bySession = new Roster<Entry>();

  /** Registers a started effect. Throws HostError `MissingKey`, `KeyReused` or (durable) `UnstableId`. */
  register(effect: StartedEffect, cause: number, durable: boolean): Entry {
    const { path, madeUp } = pathOf(effect.actor);
    const key: unknown = effect.input?.key;
    if (typeof key !== "string" || key === "") {
      throw new HostError(
        "MissingKey",
        `Effect "${effect.name}" at "${path}" has no key. Give its input a key: a text that is unique under this actor's path, made from the machine's data.`,
      );
    }
    if (durable && madeUp !== undefined) {
      throw new HostError(
        "UnstableId",
        `The actor id "${madeUp}" in "${path}" was made up by XState and differs in every process. Give every spawned actor an id.`,
      );
    }
    const entry = new Entry(effect, path, { cause, durable });
    if (this.#open.get(entry.id) || this.#closed.has(entry.id)) {
      throw new HostError(
        "KeyReused",
        `Effect "${entry.id}" was started before. Give each start its own key (a turn or attempt number), or the actor its own id.`,
      );
    }
    this.#open.set(entry.id, entry);
    this.#bySession.set(effect.actor.sessionId, entry);
    return entry;
  }

  /** The open entry with an id. */
  get(id: string): Entry | undefined {
    return this.#open.get(id);
  }

  /** The open entry of an actor. */
  of(actor: AnyActorRef): Entry | undefined {
    return this.#bySession.get(actor.sessionId);
  }

  close(entry: Entry): void {
    entry.phase = "closed";
    this.#open.delete(entry.id);
    this.#bySession.delete(entry.effect.actor.sessionId);
    this.#closed.add(entry.id);
  }

  /** Open entries in the order they were started. */
  open(): readonly Entry[] {
    return this.#open.values();
  }

  get size(): number {
    return this.#open.size;
  }
}
