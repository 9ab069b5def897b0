// Plays a run to its end by itself: always the first open effect, with an answer that only its key decides. So a run that
// is taken up again from a snapshot goes on as it would have gone.
import { createActor } from "xstate";
import type { Actor, Snapshot } from "xstate";
import { failure } from "../../src/core/failure.ts";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import type { Machines } from "../../src/machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import type { Command } from "../../src/protocol/command.ts";
import type { Conflict } from "../../src/protocol/work.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { workers } from "./cast.ts";
import { Hands } from "./hands.ts";

/** A run and how its world behaves. */
export interface Play {
  readonly name: string;
  readonly input: RunInput;
  /** Answers by the beginning of a turn's key; what is not named is "done". */
  readonly answers?: Readonly<Record<string, ScriptedAnswer>>;
  /** Keys of steps that fail as WorkspaceFailed. */
  readonly faults?: readonly string[];
  /** Keys of steps that find no room on the disk. */
  readonly full?: readonly string[];
  /** What the folding with this key finds. */
  readonly conflicts?: Readonly<Record<string, readonly Conflict[]>>;
  /** Commands that are sent when the effect of a key is open; it is not settled before. */
  readonly commands?: Readonly<Record<string, Command>>;
}

/** A run that is being played. */
export class Player {
  readonly hands = new Hands();
  readonly machines: Machines;
  readonly actor: Actor<OrchestratorMachine>;
  readonly #play: Play;
  readonly #sent: Set<string>;

  /** `from`: a persisted snapshot, as JSON text; `sent`: keys whose commands were sent before. */
  constructor(play: Play, from?: string, sent: readonly string[] = []) {
    this.#play = play;
    this.#sent = new Set(sent);
    this.machines = createMachines({ workers, ports: this.hands.ports });
    this.hands.atOnce = {};
    const snapshot = from === undefined ? {} : { snapshot: JSON.parse(from) as Snapshot<unknown> };
    this.actor = createActor(this.machines.orchestrator, { id: "run", input: play.input, ...snapshot });
    this.actor.subscribe({ error: () => undefined });
    this.actor.start();
  }

  /** Keys whose commands were sent. */
  get sent(): readonly string[] {
    return [...this.#sent];
  }

  /** The state as text, that of every live child included. */
  get state(): string {
    return describe(this.actor.getSnapshot());
  }

  /** The snapshot as JSON text. */
  persist(): string {
    return JSON.stringify(this.actor.getPersistedSnapshot());
  }

  /** One step. False: there is nothing left to do. */
  step(): boolean {
    const { hands } = this;
    if (this.actor.getSnapshot().status !== "active") return false;
    const waits = hands.doing("sleepUntil");
    const key = hands.doing().find((one) => !waits.includes(one)) ?? waits[0];
    if (key !== undefined && this.#command(key)) return true;
    if (hands.hasStopped) hands.bury(this.actor);
    else if (key !== undefined) this.#settle(key);
    else return this.#help();
    return true;
  }

  #command(key: string): boolean {
    const command = this.#play.commands?.[key];
    if (!command || this.#sent.has(key)) return false;
    this.#sent.add(key);
    this.actor.send({ ...command, at: ++this.hands.now });
    return true;
  }

  /** A person answers the first question, or lets the run go on. */
  #help(): boolean {
    const snapshot = this.actor.getSnapshot();
    const [ask] = snapshot.context.asks;
    const at = ++this.hands.now;
    if (ask) this.actor.send({ type: "ask.answer", ask: ask.id, decision: "approve", at });
    else if (snapshot.hasTag("hold")) this.actor.send({ type: "run.resume", at });
    else return false;
    return true;
  }

  #settle(key: string): void {
    const { hands } = this;
    const code = this.#play.full?.includes(key) ? "StoreFull" : this.#play.faults?.includes(key) ? "WorkspaceFailed" : null;
    const fault = code === null ? undefined : { ok: false as const, failure: failure(code, "as planned") };
    const isOf = (name: Parameters<Hands["doing"]>[0]) => hands.doing(name).includes(key);
    const files = [{ path: "a.txt", kind: "added" as const }];
    if (isOf("modelTurn")) hands.answer(key.slice(0, key.indexOf("/turn/")), this.#answer(key));
    else if (isOf("toolCall")) hands.give("toolCall", key, { content: `result of ${key}`, isError: false });
    else if (isOf("sleepUntil")) hands.wake();
    else if (isOf("prepareWorkspace")) hands.give("prepareWorkspace", key, fault ?? { ok: true, conflicts: [] });
    else if (isOf("verifyWork"))
      hands.give(
        "verifyWork",
        key,
        fault ?? { ok: true, evidence: [{ kind: "commands", what: "test", ok: !key.endsWith("/0") }] },
      );
    else if (isOf("commitWork"))
      hands.give("commitWork", key, fault ?? { ok: true, changes: { ref: key, files }, ref: key, bytes: 9 });
    else if (isOf("performWork")) hands.give("performWork", key, fault ?? { ok: true, output: "3" });
    else hands.give("integrate", key, fault ?? { ok: true, files, conflicts: this.#play.conflicts?.[key] ?? [] });
  }

  #answer(key: string): ScriptedAnswer {
    const named = Object.entries(this.#play.answers ?? {}).find(([beginning]) => key.startsWith(beginning));
    return named?.[1] ?? "done";
  }
}

interface Shown {
  readonly value?: unknown;
  readonly children?: Readonly<Record<string, { getSnapshot(): unknown } | undefined>>;
}

function describe(snapshot: unknown): string {
  const { value, children = {} } = snapshot as Shown;
  const below = Object.entries(children).flatMap(([id, child]) => {
    const inner = child?.getSnapshot();
    return (inner as Shown | undefined)?.value === undefined ? [id] : [`${id}(${describe(inner)})`];
  });
  return [JSON.stringify(value), ...below].join(" ");
}
