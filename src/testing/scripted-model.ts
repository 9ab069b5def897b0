// A model for tests: answers come from a script by conversation, task, worker and turn; requests are recorded; one that
// the script does not expect is an error that says what came. No HTTP; for that see the stand-in server.
//   M1  One rule of precedence: the conversation, its task, who speaks in it, `*`. The first that has a script answers.
//   M2  What is unexpected is noted before it is thrown, so that no policy can hide it.
import { of } from "rxjs";
import { z } from "zod";
import { parseAttemptId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import { failure } from "../core/failure.ts";
import type { FailureCode } from "../core/failure.ts";
import { costOf } from "../model/prices.ts";
import type { ModelPort } from "../model/port.ts";
import { workerOf } from "../prompts/worker.ts";
import type { Usage } from "../protocol/spend.ts";
import type { AssistantBlock, StopReason, TurnOutcome, TurnRequest } from "../protocol/turn.ts";
import { checkAnswer } from "./check/answers.ts";
import { checkGiven } from "./check/given.ts";
import { isMatch, unexpectedText } from "./script-mismatch.ts";
import type { Expectation } from "./script-mismatch.ts";
import { UnexpectedRequest } from "./stand-in/brain.ts";

/** One scripted answer: text, a JSON value, tool calls, a stop reason, or a failure. */
export type ScriptedAnswer =
  | string
  | { readonly json: Json }
  | { readonly calls: readonly { readonly tool: string; readonly input: Json; readonly id?: string }[]; readonly text?: string }
  | { readonly stop: StopReason; readonly text?: string }
  | {
      readonly fail: FailureCode;
      readonly message?: string;
      /** False: only a person can mend it. @default as the code has it */
      readonly retryable?: boolean;
      readonly retryAfterMs?: number;
      readonly usage?: Partial<Usage>;
    };

/** An answer that is given only when the last message is as expected; any other message is an unexpected request. */
export interface ExpectedTurn {
  readonly when: Expectation;
  readonly answer: ScriptedAnswer;
}

/** An answer of a script, with or without an expectation. */
export type ScriptedTurn = ScriptedAnswer | ExpectedTurn;

/** Answers of a conversation: one for all turns, one a turn (each conversation begins anew), or made from the request. */
export type Script = ScriptedTurn | readonly ScriptedTurn[] | ((request: TurnRequest, turn: number) => ScriptedTurn | undefined);

/** A request and what the script answered. */
export interface ScriptedCall {
  /** `route`, `plan`, `synthesis`, an attempt such as `t3#2`, or `mend:t3#1`. */
  readonly conversation: string;
  /** Who speaks: `route`, `plan`, `synthesis`, `mend`, or the name of the worker. */
  readonly role: string;
  /** Null for the run's own conversations. */
  readonly task: string | null;
  /** Null for the run's own conversations. */
  readonly attempt: number | null;
  /** Requests of this conversation so far, this one included: a repeated turn counts again. */
  readonly turn: number;
  readonly request: TurnRequest;
  /** Null: the script had none, and the turn threw. */
  readonly answer: ScriptedAnswer | null;
}

/** A scripted model and what it was asked. */
export interface ScriptedModel extends ModelPort {
  readonly requests: readonly TurnRequest[];
  readonly calls: readonly ScriptedCall[];
  /** Requests that the script did not expect, in words. */
  readonly unexpected: readonly string[];
  /** Answers that nobody asked for, by the name of their script: `t3`, or `plan[1]` for the second of a list. */
  readonly unused: () => readonly string[];
}

const SCRIPTS = z.record(z.string(), z.unknown(), 'give scripts by name, such as { t1: "Done." }');

/**
 * Makes a model from scripts by name. The most specific one answers: the conversation (`plan`, or the attempt `t3#2`), the
 * task (`t3`, any attempt), who speaks (a worker's name, or `mend`), `*`. A request without an answer throws
 * UnexpectedRequest, which says who asked, what was scripted, and what came; a run is suspended by it as Internal, and so
 * by an answer that is none ("BadOption").
 */
export function scriptedModel(scripts: Readonly<Record<string, Script>>): ScriptedModel {
  checkGiven("scriptedModel", SCRIPTS, scripts);
  const calls: ScriptedCall[] = [];
  const unexpected: string[] = [];
  const asked = new Map<string, number>();
  const used = new Set<string>();
  return {
    calls,
    unexpected,
    get requests() {
      return calls.map(({ request }) => request);
    },
    unused: () => Object.entries(scripts).flatMap(([name, script]) => answersOf(name, script).filter((one) => !used.has(one))),
    turn(request) {
      const turn = (asked.get(request.conversation) ?? 0) + 1;
      asked.set(request.conversation, turn);
      const speaker = speakerOf(request);
      const name = namesFor(request.conversation, speaker.role).find((one) => Object.hasOwn(scripts, one));
      const script = name === undefined ? undefined : scripts[name];
      const scripted = script === undefined ? undefined : pick(script, request, turn);
      if (scripted !== undefined) checkAnswer(name ?? "*", hasExpectation(scripted) ? scripted.answer : scripted);
      const isExpected = scripted !== undefined && (!hasExpectation(scripted) || isMatch(scripted.when, request));
      const answer = isExpected ? (hasExpectation(scripted) ? scripted.answer : scripted) : null;
      calls.push({ conversation: request.conversation, ...speaker, turn, request, answer });
      if (answer === null) {
        const when = scripted !== undefined && hasExpectation(scripted) ? scripted.when : undefined;
        const text = unexpectedText(request, {
          ...speaker,
          turn,
          name,
          script: kindOf(script),
          when,
          known: Object.keys(scripts),
        });
        unexpected.push(text);
        throw new UnexpectedRequest(text);
      }
      if (name !== undefined) used.add(isList(script) ? `${name}[${turn - 1}]` : name);
      return of({ kind: "outcome" as const, outcome: scriptedOutcome(answer, request) });
    },
  };
}

/** What a model that answers so gives back: 1 token per 4 characters in, `outputTokens` out, at the price of the choice. */
export function scriptedOutcome(answer: ScriptedAnswer, request: TurnRequest, outputTokens = 100): TurnOutcome {
  const { choice } = request.parameters;
  const usage: Usage = {
    inputTokens: Math.ceil(JSON.stringify(request.messages).length / 4),
    outputTokens,
    cacheReadTokens: 0,
    cacheWrite5mTokens: 0,
    cacheWrite1hTokens: 0,
    estimated: false,
  };
  const usd = choice.price && costOf(usage, choice.price);
  if (typeof answer === "object" && "fail" in answer) {
    const { retryable, retryAfterMs } = answer;
    const more = { ...(retryable === undefined ? {} : { retryable }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    const why = failure(answer.fail, answer.message ?? `scripted ${answer.fail}`, more);
    const paid = answer.usage && { ...usage, ...answer.usage };
    return {
      kind: "failed",
      failure: why,
      usage: paid ?? null,
      usd: paid && choice.price ? costOf(paid, choice.price) : null,
      requestId: null,
    };
  }
  const { blocks, stop } = contentOf(answer, request);
  return { kind: "answered", blocks, stop, stopDetail: null, model: choice.model, usage, usd, requestId: null };
}

/** The names under which a script may stand, most specific first (M1). */
function namesFor(conversation: string, role: string): readonly string[] {
  return [...new Set([conversation, conversation.replace(/#.*/, ""), role, "*"])];
}

function speakerOf({ conversation, parameters }: TurnRequest): Pick<ScriptedCall, "role" | "task" | "attempt"> {
  const [, kind, id] = /^(mend):(.+)$/.exec(conversation) ?? [undefined, undefined, conversation];
  const { task = null, attempt = null } = parseAttemptId(id ?? "") ?? {};
  const role = kind ?? (task === null ? conversation : (workerOf(parameters.system) ?? "worker"));
  return { role, task, attempt };
}

function pick(script: Script, request: TurnRequest, turn: number): ScriptedTurn | undefined {
  if (typeof script === "function") return script(request, turn);
  return isList(script) ? script[turn - 1] : script;
}

/** What the script is, for the words about an unexpected request. */
function kindOf(script: Script | undefined): "none" | "function" | "single" | number {
  if (script === undefined) return "none";
  return typeof script === "function" ? "function" : isList(script) ? script.length : "single";
}

const answersOf = (name: string, script: Script): readonly string[] =>
  isList(script) ? script.map((_, at) => `${name}[${at}]`) : [name];

const isList = (script: Script | undefined): script is readonly ScriptedTurn[] => Array.isArray(script);

const hasExpectation = (turn: ScriptedTurn): turn is ExpectedTurn => typeof turn === "object" && turn !== null && "when" in turn;

function contentOf(
  answer: Exclude<ScriptedAnswer, { fail: FailureCode }>,
  request: TurnRequest,
): { readonly blocks: readonly AssistantBlock[]; readonly stop: StopReason } {
  if (typeof answer === "string") return { blocks: [{ type: "text", text: answer }], stop: "end_turn" };
  if ("json" in answer) return { blocks: [{ type: "text", text: JSON.stringify(answer.json) }], stop: "end_turn" };
  const said: readonly AssistantBlock[] = answer.text ? [{ type: "text", text: answer.text }] : [];
  if ("stop" in answer) return { blocks: said, stop: answer.stop };
  const calls = answer.calls.map(({ tool, input, id }, at) => ({
    type: "tool_use" as const,
    id: id ?? `call_${request.turn}_${at}`,
    name: tool,
    input,
  }));
  return { blocks: [...said, ...calls], stop: "tool_use" };
}
