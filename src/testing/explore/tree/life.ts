// One life of a run: the real tree on a host that is moved by hand, from its start or resume to its end, crash or stop.
//   L1  Nothing is delivered before it is committed (`durableBeforeVisible`).
//   L2  Who asks for money or for a person is there to hear the answer (`noWordAfterTheReport`).
import { createActor } from "xstate";
import type { Actor, AnyActorRef, InspectionEvent, Snapshot } from "xstate";
import type { CrashPoint } from "../../../host/crash.ts";
import type { MemoryJournal } from "../../../host/memory-journal.ts";
import type { Deliverable } from "../../../host/pool.ts";
import type { SimulatedHost } from "../../../host/simulated.ts";
import { simulatedHost } from "../../../host/simulated.ts";
import type { OrchestratorMachine } from "../../../machines/orchestrator.ts";
import type { RunInput } from "../../../machines/run-state.ts";
import type { RunEvent } from "../../../protocol/run-event.ts";
import type { CoverageCounter } from "../../coverage/coverage.ts";
import type { Performed } from "../../simulated-ports.ts";
import { Auditor } from "../../simulate/invariant.ts";
import type { Broken, Invariant } from "../../simulate/invariant.ts";
import { START } from "../../simulate/base-input.ts";
import { lateReport } from "../../simulate/stage.ts";

/** What a life is made of. */
export interface LifeOptions {
  readonly machine: OrchestratorMachine;
  readonly input: RunInput;
  readonly versions: Readonly<Record<string, string>>;
  readonly journal: MemoryJournal;
  readonly invariants: readonly Invariant[];
  /** Whether an attempt that is over reports all the same. */
  readonly isLate: (attempt: string) => boolean;
}

/** Requests whose answer somebody has to hear: in words, and what answers them. */
const REQUESTS: Readonly<Record<string, { readonly words: string; readonly answers: readonly string[] }>> = {
  "budget.asked": { words: "asks for money", answers: ["budget.granted", "budget.refused"] },
  "ask.raised": { words: "asks a person", answers: ["ask.answered"] },
  "conversation.held": { words: "waits to be resumed", answers: ["run.resumed"] },
};

interface Request {
  readonly type: string;
  /** Who asks: a conversation, an attempt. */
  readonly who: string;
  readonly from: AnyActorRef;
}

/** A tree and its host. */
export class Life {
  readonly host: SimulatedHost;
  readonly actor: Actor<OrchestratorMachine>;
  readonly auditor: Auditor;
  readonly events: RunEvent[] = [];
  readonly performed: Performed[] = [];
  /** Set: the process dies before the intents of what follows are committed. */
  isFragile = false;
  /** Set: what happens is looked at for the first time. */
  watcher: CoverageCounter | undefined;
  /** Appends of intents so far. */
  intents = 0;
  readonly #found: Broken[] = [];
  #requests: Request[] = [];

  constructor({ machine, input, versions, journal, invariants, isLate }: LifeOptions) {
    this.auditor = new Auditor(invariants);
    this.host = simulatedHost({ journal, startAt: START, latency: () => 0, crash: (point) => this.#mustDie(point) });
    const attached = this.host.attach({ input, versions, inspect: (event) => this.#inspect(event) });
    this.actor = createActor(machine, attached);
    this.actor.on("*", (event) => {
      this.events.push(event);
      this.auditor.event(event);
      // Inside the delivery, so that a replay says it again at the same place.
      if (event.type === "task.started" && event.attempt > 1 && isLate(`${event.task}#${event.attempt - 1}`))
        this.actor.send(lateReport(event.task, event.attempt - 1));
    });
    this.actor.subscribe({ next: (snapshot) => this.auditor.snapshot(snapshot), error: () => undefined });
    this.actor.start();
  }

  /** What is broken, by L1, L2 and all invariants of a run that goes on. */
  get broken(): readonly Broken[] {
    return [...this.#found, ...this.auditor.broken];
  }

  /** Delivers what is pending under an id and returns it; undefined: there is no such thing. */
  async deliver(id: string): Promise<Deliverable | undefined> {
    const delivered = (await this.host.pending()).find((one) => one.id === id);
    if (delivered) await this.host.deliver(delivered);
    this.#judgeRequests();
    return delivered;
  }

  /** The whole tree and all that it said, as a text: a replay makes the same objects in the same way. */
  state(): string {
    return JSON.stringify([this.actor.getPersistedSnapshot(), this.events]);
  }

  #mustDie({ when, rows }: CrashPoint): boolean {
    if (when === "after") return false;
    const [first] = rows;
    if (first?.kind === "intent") {
      this.intents++;
      return this.isFragile;
    }
    if (first && first.kind !== "head" && this.host.seq >= first.seq)
      this.#found.push({ invariant: "durableBeforeVisible", message: `row ${first.seq} was delivered before it was committed` });
    return false;
  }

  #inspect(event: InspectionEvent): void {
    if (!this.watcher) return;
    this.watcher.inspect(event);
    if (event.type !== "@xstate.event") return;
    const { type, ...said } = event.event;
    // In a tree whoever sends and whoever is sent to is an actor.
    const to = event.actorRef as AnyActorRef;
    const from = event.sourceRef as AnyActorRef | undefined;
    if (from && Object.hasOwn(REQUESTS, type))
      this.#requests.push({ type, who: "from" in said && typeof said.from === "string" ? said.from : from.id, from });
    else if (this.#requests.length > 0 && statusOf(to) === "active")
      this.#requests = this.#requests.filter((one) => one.from !== to || !REQUESTS[one.type]?.answers.includes(type));
  }

  /** L2. Who ends in the step in which it asks, and has not heard the answer by then, never will. */
  #judgeRequests(): void {
    for (const { type, who, from } of this.#requests) {
      if (statusOf(from) !== "done") continue;
      const message = `${who} ${REQUESTS[type]?.words} (${type}) with its last word: "${from.id}" has ended, nobody hears the answer`;
      this.#found.push({ invariant: "noWordAfterTheReport", message });
    }
    this.#requests = [];
  }
}

const statusOf = (actor: AnyActorRef): string => (actor.getSnapshot() as Snapshot<unknown>).status;
