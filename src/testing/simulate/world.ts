// The world of a simulated run: what each effect comes to, as acts. A well-behaved world needs none; a bad one is a
// function of a seed and the key of each effect, so that asked twice it answers the same.
//   W1  What a world does depends on the effect and its key alone: a run over it is one experiment, also when it is
//       interrupted and taken up again.
//   W2  Every act that differs from good behaviour is recorded: a run can be played again from its acts without a seed.
import type { Layers, RunActors, ToolCallInput } from "../../actors/contract.ts";
import { failure } from "../../core/failure.ts";
import type { FailureCode } from "../../core/failure.ts";
import type { Json } from "../../core/json.ts";
import type { TurnRequest } from "../../protocol/turn.ts";
import type { ChangedFile, Conflict } from "../../protocol/work.ts";
import { createToolbox, declarationsOf } from "../../tools/toolbox.ts";
import { scriptedOutcome } from "../scripted-model.ts";
import type { ScriptedAnswer } from "../scripted-model.ts";
import { simulatedPorts } from "../simulated-ports.ts";
import type { Performed } from "../simulated-ports.ts";
import { diceFor } from "../stand-in/bad-brain/dice.ts";
import { instanceOf } from "../stand-in/bad-brain/instance.ts";
import type { Schema } from "../stand-in/bad-brain/instance.ts";

/** What an effect comes to, where that differs from good behaviour. Plain JSON. */
export interface WorldAct {
  /** A turn: what the model answers. @default the task is done, in the format that was asked for */
  readonly answer?: ScriptedAnswer;
  /** A turn: tokens of the answer, at most what the request allows. @default 100 */
  readonly outputTokens?: number;
  /** A step (preparing, checking, committing, a function, the integration): it fails so. @default it succeeds */
  readonly fail?: FailureCode;
  /** Any effect: it breaks (throws) with this message, which no effect should. @default it does not */
  readonly breaks?: string;
  /** A check: false when it does not hold. @default true */
  readonly holds?: boolean;
  /** A tool call: its result. @default "done" */
  readonly result?: { readonly content: string; readonly isError: boolean };
  /** A function worker: what it returns. @default a value that fits the worker's schema */
  readonly output?: Json;
  /** A commit: the files that the attempt changed. @default none */
  readonly files?: readonly ChangedFile[];
  /** The integration: conflicts that it finds. @default none */
  readonly conflicts?: readonly Conflict[];
  /** A late report: true when an attempt that is over reports success all the same, once the next one runs. @default false */
  readonly late?: boolean;
  /** A person who is asked: what they answer. @default "approve" */
  readonly decision?: "approve" | "reject";
}

/** An effect of a run that is about to be performed, an attempt that is over and might report late, a person who is asked. */
export interface WorldQuestion {
  readonly effect: keyof RunActors | "lateReport" | "person";
  /** The effect's own key, such as `t1#1/turn/2.0`; a late report: the attempt, such as `t1#1`; a person: the id of the ask. */
  readonly key: string;
  /** A turn: what is asked of the model. */
  readonly request?: TurnRequest;
  /** An integration: the change sets that are folded. */
  readonly changes?: Layers;
}

/** A world: `{}` for good behaviour. It must not remember anything (W1). */
export type World = (question: WorldQuestion) => WorldAct;

/** Acts by effect and key, such as `modelTurn t1#1/turn/1.0`; what is not named behaves well. */
export type WorldScript = Readonly<Record<string, WorldAct>>;

/** A world that does what a script says. */
export const scriptedWorld =
  (script: WorldScript): World =>
  ({ effect, key }) => {
    const name = `${effect} ${key}`;
    return Object.hasOwn(script, name) ? (script[name] ?? {}) : {};
  };

/** Ports for machines, whose world can be changed between runs. */
export class WorldPorts {
  /** What is behind the ports now. */
  world: World = () => ({});
  /** Told of every perform. */
  performing: (performed: Performed) => void = () => undefined;
  readonly ports: ReturnType<typeof simulatedPorts>;
  #acts = new Map<string, WorldAct>();

  /** `outputs`: schemas of what function workers return, by worker; null for text. */
  constructor(outputs: Readonly<Record<string, Json>>) {
    this.ports = simulatedPorts({
      tools: declarationsOf(createToolbox()),
      model: ({ key, request }) => {
        const sent = askedKey(key);
        const act = this.#ask({ effect: "modelTurn", key: sent, request });
        const most = request.parameters.choice.maxTokens;
        return scriptedOutcome(act.answer ?? goodAnswer(sent, request), request, Math.min(act.outputTokens ?? 100, most));
      },
      performing: (performed) => this.performing(performed),
      fault: (effect, key) => {
        const { fail } = this.#ask({ effect, key });
        return fail && failure(fail, "a planned fault");
      },
      verify: ({ key }) => this.#ask({ effect: "verifyWork", key }).holds ?? true,
      perform: ({ key, worker }) => this.#ask({ effect: "performWork", key }).output ?? goodValue(key, outputs[worker] ?? null),
      tool: ({ key, call }: ToolCallInput) =>
        this.#ask({ effect: "toolCall", key }).result ?? { content: `${call.name} did it`, isError: false },
      changes: (attempt) => this.#ask({ effect: "commitWork", key: `${attempt}/commit` }).files ?? [],
      conflicts: ({ key, changes }) => this.#ask({ effect: "integrate", key, changes }).conflicts ?? [],
    });
  }

  /** Acts since the last `forget` (W2). */
  get acts(): WorldScript {
    return Object.fromEntries(this.#acts);
  }

  /** Whether an attempt that is over reports all the same. */
  isLate(attempt: string): boolean {
    return this.#ask({ effect: "lateReport", key: attempt }).late ?? false;
  }

  /** What a person answers to an ask. */
  decisionOn(ask: string): "approve" | "reject" {
    return this.#ask({ effect: "person", key: ask }).decision ?? "approve";
  }

  forget(): void {
    this.#acts.clear();
  }

  #ask(question: WorldQuestion): WorldAct {
    const act = this.world(question);
    if (Object.keys(act).length > 0) this.#acts.set(`${question.effect} ${question.key}`, act);
    if (act.breaks !== undefined) throw new Error(act.breaks);
    return act;
  }
}

/** A try that was lost is answered as it would have been the first time: `t1#1/turn/2.0.1` is `t1#1/turn/2.0`. */
const SENT_AGAIN = /(\/turn\/\d+\.\d+)\.\d+$/;

/** The key that a world is asked by, of the key of an effect: the same for a try that was lost and sent again. */
export const askedKey = (key: string): string => key.replace(SENT_AGAIN, "$1");

/** What a well-behaved model answers, in the format that was asked for. */
function goodAnswer(key: string, { parameters }: TurnRequest): ScriptedAnswer {
  const { format } = parameters;
  if (!format) return "It is done.";
  if (format.name === "route") return { json: { mode: "orchestrate", worker: null, reason: "it is large" } };
  return { json: goodValue(key, format.schema) };
}

/** A value that fits a schema; for text the same words every time. */
const goodValue = (key: string, schema: Json): Json =>
  schema === null ? "It is done." : instanceOf(schema as Schema, diceFor(key));
