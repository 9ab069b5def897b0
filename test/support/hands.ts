// Effects settled by hand: a test sees what is being done and decides what comes of it, and when. Nothing happens by
// itself, so the order of events is the test's own, and everything is synchronous.
import type { AnyActorRef, AnyEventObject } from "xstate";
import type { RunActors } from "../../src/actors/contract.ts";
import { failure } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import type { EffectLogic, EffectSnapshot } from "../../src/host/effect.ts";
import type { EffectInput, Settled } from "../../src/host/port.ts";
import type { Ports } from "../../src/machines/create-orchestrator.ts";
import type { TurnRequest } from "../../src/protocol/turn.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";

type Name = keyof RunActors;
type InputOf<N extends Name> = RunActors[N] extends EffectLogic<infer I, infer _O> ? I : never;
type ValueOf<N extends Name> = RunActors[N] extends EffectLogic<infer _I, infer O> ? O : never;

/** An effect that is being performed. */
interface Work {
  readonly name: Name;
  readonly input: EffectInput;
  readonly actor: AnyActorRef;
}

/** Both hands on the effects of one tree. */
export class Hands {
  /** Host time of the next event, ms. */
  now = 1_000;
  /** Inputs of every turn that was asked, in order. */
  readonly requests: TurnRequest[] = [];
  readonly #open: Work[] = [];
  readonly #stopped: Work[] = [];
  /** Effects that are settled at once, whenever `settle` looks; the rest waits for the test. */
  atOnce: Partial<{ [N in Name]: (input: InputOf<N>) => ValueOf<N> }> = {
    prepareWorkspace: () => ({ ok: true, conflicts: [] }),
    verifyWork: () => ({ ok: true, evidence: [{ kind: "commands", what: "checks", ok: true }] }),
    commitWork: ({ workspace }) => ({
      ok: true,
      changes: { ref: `changes of ${workspace}`, files: [] },
      ref: `output of ${workspace}`,
      bytes: 10,
    }),
    performWork: () => ({ ok: true, output: "3" }),
    integrate: () => ({ ok: true, files: [], conflicts: [] }),
  };

  readonly actors: RunActors = {
    modelTurn: this.#logic("modelTurn"),
    toolCall: this.#logic("toolCall"),
    sleepUntil: this.#logic("sleepUntil"),
    prepareWorkspace: this.#logic("prepareWorkspace"),
    verifyWork: this.#logic("verifyWork"),
    commitWork: this.#logic("commitWork"),
    performWork: this.#logic("performWork"),
    integrate: this.#logic("integrate"),
  };

  /** True when effects were stopped that the root has not been told of. */
  get hasStopped(): boolean {
    return this.#stopped.length > 0;
  }

  /** For `createMachines`. */
  get ports(): Ports {
    const tools = ["read", "write", "bash"].map((name) => ({ name, description: name, inputSchema: { type: "object" } }));
    return { actors: this.actors, tools };
  }

  /** Keys of what is being done now, or of one kind of it. The timer of the deadlines is `alarm`. */
  doing(name?: Name): readonly string[] {
    return this.#open
      .filter((work) => !isAlarm(work) && (name === undefined || work.name === name))
      .map(({ input }) => input.key);
  }

  /** When the timer of the deadlines is due; undefined while none is set. */
  get alarm(): number | undefined {
    return this.#alarms()[0]?.dueAt;
  }

  /** The timer of the deadlines goes off, `lateMs` too late. */
  ring(lateMs = 0): void {
    const [first, ...others] = this.#alarms();
    if (!first || others.length > 0) throw new RangeError(`There are ${others.length + (first ? 1 : 0)} timers of deadlines.`);
    // The clock of these tests ticks with each result.
    this.now = Math.max(this.now, first.dueAt + lateMs - 1);
    this.give("sleepUntil", first.key, null);
  }

  /** The input of an effect that is being performed. */
  inputOf<N extends Name>(name: N, key: string): InputOf<N> {
    return this.#find(name, key).input as InputOf<N>;
  }

  /** An effect gives a value. */
  give<N extends Name>(name: N, key: string, value: ValueOf<N>): void {
    this.#deliver(this.#find(name, key), { type: "hand.result", output: { value, at: ++this.now } });
    this.settle();
  }

  /** An effect breaks. */
  breakOff(name: Name, key: string, message = "it broke", code = "Internal"): void {
    const error = { code, message, at: ++this.now, retryable: false };
    this.#deliver(this.#find(name, key), { type: "hand.error", error });
    this.settle();
  }

  /** The model answers the open turn of a conversation. */
  answer(conversation: string, answer: ScriptedAnswer, lost = 0): void {
    const work = this.#open.find(({ name, input }) => name === "modelTurn" && input.key.startsWith(`${conversation}/turn/`));
    if (!work) throw new RangeError(`No turn of ${conversation} is open, only ${this.doing().join(", ") || "nothing"}.`);
    const { request, key } = work.input as InputOf<"modelTurn">;
    this.give("modelTurn", key, { outcome: scriptedOutcome(answer, request), lost });
  }

  /** The model's call fails with a code. */
  fail(conversation: string, code: FailureCode): void {
    this.answer(conversation, { fail: code });
  }

  /** The earliest wait is over. */
  wake(): string {
    const waits = this.#open.filter((work) => work.name === "sleepUntil" && !isAlarm(work));
    const dueAt = (work: Work): number => (work.input as InputOf<"sleepUntil">).dueAt;
    const [first] = waits.toSorted((a, b) => dueAt(a) - dueAt(b));
    if (!first) throw new RangeError("Nothing waits.");
    this.now = Math.max(this.now, dueAt(first));
    this.give("sleepUntil", first.input.key, null);
    return first.input.key;
  }

  /** Settles all that is settled at once. Call it after events that the test sends itself. */
  settle(): void {
    for (let work = this.#easy(); work; work = this.#easy()) {
      const answer = this.atOnce[work.name] as ((input: EffectInput) => unknown) | undefined;
      this.#deliver(work, { type: "hand.result", output: { value: answer?.(work.input), at: ++this.now } });
    }
  }

  /** Tells the root of each effect that was stopped meanwhile, as a host does. `answer`: what stopped turns still gave. */
  bury(root: { send(event: AnyEventObject): void }, answer: ScriptedAnswer | null = null): void {
    for (const { name, input } of this.#stopped.splice(0)) {
      const value =
        name === "modelTurn" && answer
          ? { outcome: scriptedOutcome(answer, (input as InputOf<"modelTurn">).request), lost: 0 }
          : undefined;
      const found = value === undefined ? {} : { value };
      root.send({
        type: "effect.orphaned",
        id: input.key,
        path: "",
        key: input.key,
        name,
        performed: answer !== null,
        at: ++this.now,
        ...found,
      });
    }
    this.settle();
  }

  #alarms(): readonly InputOf<"sleepUntil">[] {
    return this.#open.filter(isAlarm).map(({ input }) => input as InputOf<"sleepUntil">);
  }

  #easy(): Work | undefined {
    return this.#open.find(({ name }) => name in this.atOnce);
  }

  #find(name: Name, key: string): Work {
    const work = this.#open.find((one) => one.name === name && one.input.key === key);
    if (!work) throw new RangeError(`No ${name} "${key}" is being done, only ${this.doing().join(", ") || "nothing"}.`);
    return work;
  }

  #deliver(work: Work, event: AnyEventObject): void {
    this.#forget(work.actor);
    work.actor.send(event);
  }

  #forget(actor: AnyActorRef): Work | undefined {
    const at = this.#open.findIndex((work) => work.actor === actor);
    return at < 0 ? undefined : this.#open.splice(at, 1)[0];
  }

  #logic<I extends EffectInput, O>(name: Name): EffectLogic<I, O> {
    return {
      effectName: name,
      getInitialSnapshot: (_scope, input) => ({ status: "active", output: undefined, error: undefined, input }),
      getPersistedSnapshot: (snapshot) => snapshot,
      restoreSnapshot: (snapshot) => snapshot as EffectSnapshot<I, O>,
      start: (snapshot, { self }) => {
        if (snapshot.status !== "active" || !snapshot.input) return;
        this.#open.push({ name, input: snapshot.input, actor: self });
        if (name === "modelTurn") this.requests.push((snapshot.input as unknown as InputOf<"modelTurn">).request);
      },
      transition: (snapshot, event, { self }) => {
        if (snapshot.status !== "active") return snapshot;
        switch (event.type) {
          case "hand.result":
            return { status: "done", output: event["output"] as Settled<O>, error: undefined, input: undefined };
          case "hand.error":
            return { status: "error", output: undefined, error: event["error"], input: undefined };
          case "xstate.stop": {
            const work = this.#forget(self);
            if (work) this.#stopped.push(work);
            return { status: "stopped", output: undefined, error: undefined, input: undefined };
          }
          default:
            return snapshot;
        }
      },
    };
  }
}

const isAlarm = ({ input }: Work): boolean => input.key.startsWith("wake/limit/");

/** An expected failure of a step. */
export const fails = (code: FailureCode, message = "as planned") => ({ ok: false as const, failure: failure(code, message) });
