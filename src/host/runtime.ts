// The runtime of one actor tree: the loop that commits, delivers, and begins effects. It owns no schedule: a driver
// (live.ts, simulated.ts) calls `step` until nothing is left.
//   R1  Durable before visible: a row is committed before its delivery, an intent before its perform.
//   R2  One ordered delivery point: rows are delivered one by one, each to rest, live and in a replay by the same code.
//   R3  Perform functions are never called inside a delivery.
//   R4  After the end nothing is written, delivered, begun or waited for.
import type { AnyActorRef } from "xstate";
import { type Arrival, type Due, intentRow, rowOf } from "./arrivals.ts";
import { Closer } from "./closer.ts";
import type { Entry, StartedEffect } from "./entry.ts";
import { HostError } from "./errors.ts";
import type { Row } from "./journal.ts";
import { Launcher } from "./launcher.ts";
import { Ledger } from "./ledger.ts";
import { MachineClock } from "./machine-clock.ts";
import { Performer } from "./performer.ts";
import type { HostEnd } from "./port.ts";
import { checkRow } from "./replay.ts";
import { RowLog } from "./row-log.ts";
import type { EffectHost, RunHead, RuntimeOptions } from "./runtime-port.ts";
import { Tree } from "./tree.ts";
import { failure, thrownOutcome } from "./values.ts";

/** Shorter stretches without the run are not told: a busy machine and a quick restart are no gap. */
const GAP_MS = 30_000;

/** Journal, delivery and effects of one actor tree. */
export class Runtime implements EffectHost {
  readonly machineClock: MachineClock;
  readonly #options: RuntimeOptions;
  readonly #ledger = new Ledger();
  readonly #launcher: Launcher;
  readonly #performer: Performer;
  readonly #closer: Closer;
  readonly #tree: Tree;
  readonly #log: RowLog;
  #head: RunHead | undefined;
  #queue: Arrival[] = [];
  #phase: "new" | "replaying" | "live" | "resting" = "new";
  #delivering = false;
  #mustRecover = false;
  #hasMail = false;
  #closing = false;
  #fatal: HostError | undefined;
  #ended: HostEnd | undefined;
  #seq = 0;
  #at = 0;
  readonly #whenEnded: ((end: HostEnd) => void)[] = [];
  /** Set while the tree runs outside a delivery on purpose: inside `actor.start()`. */
  starting = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    const { journal, timers, clock, wake } = options;
    const { durable } = journal;
    this.#log = new RowLog(journal, options.now);
    this.#closer = new Closer({
      timers,
      durable,
      enqueue: (arrival) => this.enqueue(arrival),
      onStopped: options.onStopped,
    });
    this.#launcher = new Launcher({
      clock,
      wake,
      refuse: (entry, code, reason) =>
        this.#closer.settle(entry, code === "EffectInput" ? failure(code, String(reason)) : thrownOutcome(reason)),
    });
    this.#performer = new Performer({
      ...options,
      durable,
      arrive: (arrival, fired) => this.#arrive(arrival, fired),
    });
    this.machineClock = new MachineClock({
      timers,
      wake,
      current: () => ({ at: this.isInTree ? this.#at : options.now(), seq: this.#seq, replaying: this.replaying }),
      due: (timer) => this.#arrive({ kind: "timer", timer }, true),
    });
    this.#tree = new Tree(this.#ledger, this.machineClock);
  }

  get durable(): boolean {
    return this.#options.journal.durable;
  }

  /** Also true before the first step of a run that has rows, and for ever where it rests. */
  get replaying(): boolean {
    return this.#phase === "new" ? this.#head?.first !== undefined : this.#phase !== "live";
  }

  get seq(): number {
    return this.#seq;
  }

  get ended(): HostEnd | undefined {
    return this.#ended;
  }

  /** True while XState runs under the runtime's control: in a delivery, or in `actor.start()`. */
  get isInTree(): boolean {
    return this.#delivering || this.starting;
  }

  /** True when nothing is deliverable and nothing but timers is being performed. */
  get isIdle(): boolean {
    if (this.#ended !== undefined || this.#phase === "resting") return true;
    return this.#phase === "live" && this.#queue.length === 0 && this.#performer.count === 0;
  }

  /** Effects that have not begun: the gate is closed, or there is no room. */
  get waiting(): readonly Entry[] {
    return [...this.#ledger.open()].filter(({ phase, timer }) => phase === "waiting" && !timer);
  }

  /** Names the tree's root; the first step comes after its start. */
  adopt(root: AnyActorRef, head?: RunHead): void {
    this.#tree.adopt(root);
    this.#head = head;
  }

  /** The root is starting: time of the first delivery. */
  begin(): void {
    this.#at = this.#head?.first?.at ?? this.#log.stamp();
    this.#options.wake();
  }

  start(started: StartedEffect): void {
    if (this.#ended) return;
    const effect = this.#options.through?.(started) ?? started;
    const cause = this.isInTree ? this.#seq : this.#log.seq;
    try {
      this.#launcher.add(this.#ledger.register(effect, cause, this.durable));
    } catch (error) {
      if (HostError.is(error)) this.broken(error);
      throw error;
    }
    this.#options.wake();
  }

  stop(actor: AnyActorRef): void {
    const entry = this.#ledger.of(actor);
    if (entry && !this.#ended) this.#closer.stop(entry);
  }

  /** Notes a broken rule, which ends the run on hosts. */
  broken(error: HostError): void {
    if (!this.#options.strict) return;
    this.#fatal ??= error;
    this.#options.wake();
  }

  /** Puts an arrival in the queue of the next step. */
  enqueue(arrival: Arrival): void {
    if (this.#ended) return;
    this.#queue.push(arrival);
    this.#options.wake();
  }

  /** The root has come to an end, perhaps outside a delivery. */
  look(): void {
    this.#options.wake();
  }

  /** The clock has jumped by `ms` while the run was live: told before anything that became due meanwhile. */
  jumped(ms: number): void {
    if (ms <= GAP_MS || this.#ended || this.#phase !== "live" || this.#tree.status !== "active") return;
    const [first] = this.#queue;
    // Two jumps of which nothing was told in between are one: the tree never sees half of them.
    if (first?.kind === "gap") this.#queue[0] = { kind: "gap", ms: first.ms + ms };
    else this.#queue.unshift({ kind: "gap", ms });
    this.#options.wake();
  }

  /** The inbox has a new command. */
  mail(): void {
    this.#hasMail = true;
    this.#options.wake();
  }

  #pullInbox(): void {
    this.#hasMail = false;
    for (const command of this.#options.journal.inbox()) this.#queue.push({ kind: "command", command });
  }

  /** One turn of the loop. True: there is more to do at once. Throws what ends the run: hand it to `finish`. */
  step(): boolean {
    if (!this.#tree.root || this.#ended) return false;
    this.starting = false;
    this.#throwFatal();
    if (this.#phase === "new") this.#open();
    if (this.#phase === "resting") {
      this.#settledRoot();
      return false;
    }
    if (this.#hasMail) this.#pullInbox();
    this.#deliverQueue();
    if (this.#mustRecover) this.#recover();
    if (this.#settledRoot()) return false;
    if (!this.#closing && this.#tree.status === "active") this.#launch();
    if (this.#closing && this.#performer.count === 0 && this.#queue.length === 0) this.finish({ kind: "closed" });
    return this.#queue.length > 0 && !this.#ended;
  }

  /** Calls back once with the end, at once when it is there. */
  onEnd(listener: (end: HostEnd) => void): void {
    if (this.#ended) listener(this.#ended);
    else this.#whenEnded.push(listener);
  }

  /** Lets running performs come to their end, begins nothing more. */
  drain(): void {
    this.#closing = true;
    if (this.#phase === "new" || this.#phase === "resting") this.finish({ kind: "closed" });
    else this.#options.wake();
  }

  /** R4. `crashed`: as a dying process does it, so nothing is aborted or stopped. */
  finish(end: HostEnd): void {
    if (this.#ended) return;
    this.#ended = end;
    this.#queue = [];
    this.#options.timers.clear();
    if (end.kind !== "crashed") this.#letGo();
    for (const listener of this.#whenEnded.splice(0)) listener(end);
  }

  #letGo(): void {
    for (const entry of this.#ledger.open()) {
      entry.abort();
      entry.release();
    }
    if (this.#tree.status === "active") this.#tree.root?.stop();
  }

  /** Head row of a new run, or the replay of an old one. */
  #open(): void {
    if (!this.#head?.first) {
      this.#phase = "live";
      for (const row of this.#log.commit([{ kind: "head", body: this.#head?.body ?? null }], this.#at)) this.#deliver(row);
    } else {
      this.#phase = "replaying";
      for (const row of this.#options.journal.read()) this.#replay(row);
      this.#phase = this.#options.rests === true ? "resting" : "live";
      if (this.#phase === "resting") return;
      this.machineClock.arm();
      this.#mustRecover = true;
      this.#tellAbsence();
    }
    this.#hasMail = true;
  }

  /** Nobody had the run open since its last row, or since its last owner was seen alive. */
  #tellAbsence(): void {
    const { journal, now } = this.#options;
    const ms = now() - Math.max(this.#at, journal.aliveAt ?? this.#at);
    if (ms > GAP_MS && this.#tree.status === "active") this.#queue.unshift({ kind: "gap", ms });
  }

  #replay(row: Row): void {
    if (this.#tree.status === "error") return;
    checkRow(row, this.#log.seq + 1, row.id === undefined ? undefined : this.#ledger.get(row.id));
    this.#log.follow(row);
    this.#deliver(row);
  }

  #deliverQueue(): void {
    if (this.#queue.length === 0 || this.#tree.status === "stopped" || this.#tree.status === "error") return;
    const arrivals = this.#queue;
    this.#queue = [];
    const parts = arrivals
      .map((arrival) => rowOf(arrival, (timer) => this.machineClock.has(timer.number)))
      .filter((part) => part !== undefined);
    if (parts.length === 0) return;
    for (const row of this.#log.commit(parts)) this.#deliver(row);
  }

  /** R2. */
  #deliver(row: Row): void {
    if (this.#ended) return;
    this.#delivering = true;
    this.#seq = row.seq;
    this.#at = row.at;
    try {
      this.#tree.apply(row);
      if (this.#tree.status === "done") for (const entry of this.#ledger.open()) this.#closer.stop(entry);
    } finally {
      this.#delivering = false;
    }
    this.#throwFatal();
  }

  #throwFatal(): void {
    if (this.#fatal !== undefined) throw this.#fatal;
  }

  /** Ends the run when the root is at its end and every closing row is written. */
  #settledRoot(): boolean {
    const { status } = this.#tree;
    if (status === "stopped") this.finish({ kind: "closed" });
    if (status === "error") this.#endRun({ kind: "error", error: this.#tree.root?.getSnapshot().error });
    if (status === "done" && this.#ledger.size === 0) this.#endRun({ kind: "done" });
    return this.#ended !== undefined;
  }

  #endRun(end: HostEnd & { readonly kind: "done" | "error" }): void {
    this.#options.journal.end(end.kind, this.#log.stamp());
    this.finish(end);
  }

  #recover(): void {
    // Where the tree is at its end already, its end has stopped what was open.
    if (this.#tree.status !== "active") return;
    this.#mustRecover = false;
    for (const entry of this.#ledger.open()) this.#closer.resolve(entry);
  }

  #launch(): void {
    const taken = this.#launcher.take(this.#tree.isHeld);
    if (taken.length === 0) return;
    const fresh = taken.filter((entry) => entry.needsIntent);
    if (fresh.length > 0) this.#log.commit(fresh.map(intentRow));
    for (const entry of fresh) entry.hasIntent = true;
    for (const entry of taken) this.#performer.begin(entry);
  }

  #arrive(arrival: Due, fired: boolean): void {
    if (this.#ended) return;
    if (this.#options.arrive) this.#options.arrive(arrival, fired);
    else this.enqueue(arrival);
  }
}
