// The actor tree of a run as rows see it: one row applied is one delivery, and XState runs the tree to rest inside it.
// The same code serves live rows and a replay.
//   T1  A closing row closes its effect before the tree hears of it, so no delivery can start the same id again.
//   T2  What arrives for a stopped effect goes to the root as `effect.orphaned`, and nowhere else.
//   T3  A root that is not active gets nothing.
import type { ActorRef, AnyActorRef, AnyEventObject, Snapshot } from "xstate";
import { errorOf, orphanOf, sleptOf } from "./arrivals.ts";
import type { Row } from "./journal.ts";
import type { Ledger } from "./ledger.ts";
import type { MachineClock } from "./machine-clock.ts";
import { drift } from "./replay.ts";

type Root = ActorRef<Snapshot<unknown>, AnyEventObject>;

/** Where rows are delivered. */
export class Tree {
  readonly #ledger: Ledger;
  readonly #machineClock: MachineClock;
  #root: Root | undefined;

  constructor(ledger: Ledger, machineClock: MachineClock) {
    this.#ledger = ledger;
    this.#machineClock = machineClock;
  }

  adopt(root: AnyActorRef): void {
    this.#root = root;
  }

  get root(): Root | undefined {
    return this.#root;
  }

  /** Undefined before there is a tree. */
  get status(): "active" | "done" | "error" | "stopped" | undefined {
    return this.#root?.getSnapshot().status;
  }

  /** The gate: the root's snapshot has the tag `hold`. */
  get isHeld(): boolean {
    const snapshot = this.#root?.getSnapshot();
    return snapshot !== undefined && hasTags(snapshot) && snapshot.hasTag("hold");
  }

  /** Delivers a committed row. Throws HostError `Drift` when the tree contradicts it. */
  apply(row: Row): void {
    switch (row.kind) {
      case "head":
        return;
      case "command":
        this.#tellRoot({ ...(row.body as AnyEventObject), at: row.at });
        return;
      case "gap":
        this.#tellRoot(sleptOf(row));
        return;
      case "timer":
        this.#machineClock.fire(Number(row.key), row.seq);
        return;
      case "intent":
      case "part":
      case "result":
      case "error":
      case "cancelled":
        this.#applyToEffect(row);
    }
  }

  #applyToEffect(row: Row): void {
    const entry = this.#ledger.get(row.id ?? "");
    if (!entry) throw drift(row, "which is not open");
    const { actor } = entry.effect;
    if (row.kind === "intent") {
      entry.lost++;
      entry.hasIntent = true;
    } else if (row.kind === "part") {
      entry.parts++;
      if (entry.stopped) return;
      actor._parent?.send({ type: "effect.part", id: entry.id, key: entry.key, value: row.body, at: row.at });
    } else {
      this.#ledger.close(entry);
      if (entry.stopped) this.#tellRoot(orphanOf(entry, row));
      else if (row.kind === "result") actor.send({ type: "effect.result", output: { value: row.body, at: row.at } });
      else actor.send({ type: "effect.error", error: errorOf(row) });
    }
  }

  #tellRoot(event: AnyEventObject): void {
    if (this.status === "active") this.#root?.send(event);
  }
}

/** Snapshots of machines have tags, those of other logic have none. */
function hasTags(snapshot: object): snapshot is { hasTag(tag: string): boolean } {
  return "hasTag" in snapshot && typeof snapshot.hasTag === "function";
}
