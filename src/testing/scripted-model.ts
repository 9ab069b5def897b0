// A model for tests: answers come from a script by conversation and turn, calls are recorded, an unexpected request is
// an error that says what came. No HTTP; for that see the stand-in server.
import { of } from "rxjs";
import { QuatrainError } from "../core/errors.ts";
import type { Json } from "../core/json.ts";
import { failure } from "../core/failure.ts";
import type { FailureCode } from "../core/failure.ts";
import { costOf } from "../model/prices.ts";
import type { ModelPort } from "../model/port.ts";
import type { Usage } from "../protocol/spend.ts";
import type { AssistantBlock, StopReason, TurnOutcome, TurnRequest } from "../protocol/turn.ts";

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

/** Answers of a conversation: one for all turns, one a turn, or made from the request. */
export type Script =
  | ScriptedAnswer
  | readonly ScriptedAnswer[]
  | ((request: TurnRequest, turn: number) => ScriptedAnswer | undefined);

/** A scripted model and what it was asked. */
export interface ScriptedModel extends ModelPort {
  readonly requests: readonly TurnRequest[];
}

/**
 * Makes a model from scripts by conversation: `route`, `plan`, `synthesis`, an attempt (`t3#2`), a task (`t3`, any
 * attempt), or `*`. A turn without an answer throws QuatrainError "BadOption" naming the request.
 */
export function scriptedModel(scripts: Readonly<Record<string, Script>>): ScriptedModel {
  const requests: TurnRequest[] = [];
  const asked = new Map<string, number>();
  return {
    requests,
    turn(request) {
      requests.push(request);
      const nth = (asked.get(request.conversation) ?? 0) + 1;
      asked.set(request.conversation, nth);
      const name = [request.conversation, request.conversation.replace(/#.*/, ""), "*"].find((one) =>
        Object.hasOwn(scripts, one),
      );
      const answer = name === undefined ? undefined : pick(scripts[name], request, nth);
      if (answer === undefined) throw new QuatrainError("BadOption", unexpected(request, nth, Object.keys(scripts)));
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

function pick(script: Script | undefined, request: TurnRequest, nth: number): ScriptedAnswer | undefined {
  if (typeof script === "function") return script(request, nth);
  return isList(script) ? script[nth - 1] : script;
}

const isList = (script: Script | undefined): script is readonly ScriptedAnswer[] => Array.isArray(script);

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

function unexpected({ conversation, turn, messages }: TurnRequest, nth: number, scripted: readonly string[]): string {
  const last = JSON.stringify(messages.at(-1) ?? null).slice(0, 500);
  return `The script has no answer for request ${nth} of conversation "${conversation}" (turn ${turn}); it knows ${scripted.join(", ") || "none"}. Last message: ${last}`;
}
