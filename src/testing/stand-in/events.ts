// An answer as pieces to send: the events of a stream, or a JSON body in four quarters; and the faults that change pieces.
import { unreachable } from "../../core/unreachable.ts";
import { halved, stopDetails, type Answer } from "./answer.ts";
import type { Fault } from "./faults.ts";
import { textTokens } from "./render.ts";
import { errorBody, type AnswerBlock, type AnswerMessage } from "./wire.ts";

/** A piece of an answer's body; `tokens` is how much of the model's writing it holds, for the pace. */
export interface Piece {
  readonly text: string;
  readonly tokens: number;
}

/** One event of a stream. */
export interface StreamEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The answer with what a fault changes in its content. */
export function withContentFault(answer: Answer, fault: Fault | undefined): Answer {
  if (fault?.kind === "stop") return stopped(answer, fault.reason);
  if (fault?.kind !== "sameToolIds") return answer;
  const { content } = answer.message;
  const first = content.find((block) => block.type === "tool_use");
  if (first === undefined) return answer;
  const calls = content.filter((block) => block.type === "tool_use");
  const same = content.map((block) => (block.type === "tool_use" ? { ...block, id: first.id } : block));
  return { ...answer, message: { ...answer.message, content: calls.length > 1 ? same : [...same, first] } };
}

/** The body of a JSON answer. */
export function jsonPieces({ message }: Answer, fault: Fault | undefined): readonly Piece[] {
  const { usage, ...rest } = message;
  const whole = JSON.stringify(fault?.kind === "noUsage" ? rest : { ...rest, usage });
  const text = fault?.kind === "brokenJson" ? whole.slice(1) : whole;
  const size = Math.ceil(text.length / 4);
  const quarters = [0, 1, 2, 3].map((part) => text.slice(part * size, (part + 1) * size));
  return quarters.map((quarter) => ({ text: quarter, tokens: usage.output_tokens / 4 }));
}

/** The body of a streamed answer, event by event. */
export function streamPieces(answer: Answer, fault: Fault | undefined, options: { pings: boolean }): readonly Piece[] {
  const events = eventsOf(answer, options);
  const shown = fault?.kind === "noMessageStop" ? events.filter(({ type }) => type !== "message_stop") : events;
  const pieces = shown.map((event) => pieceOf(fault?.kind === "noUsage" ? withoutUsage(event) : event));
  if (fault?.kind === "twice") return pieces.flatMap((piece) => [piece, piece]);
  if (fault?.kind === "brokenJson") {
    const at = Math.min(fault.afterEvents, pieces.length - 1);
    return pieces.map((piece, index) => (index === at ? { ...piece, text: piece.text.replace("{", "{{") } : piece));
  }
  if (fault?.kind !== "errorEvent") return pieces;
  const error = { type: "error", error: { type: fault.type, message: errorText[fault.type] } };
  return [...pieces.slice(0, fault.afterEvents), pieceOf(error)];
}

/** The ping event. */
export const ping: Piece = pieceOf({ type: "ping" });

/** The events of an answer, in the API's order. */
export function eventsOf({ message, cutJson }: Answer, options: { pings: boolean }): readonly StreamEvent[] {
  const { usage } = message;
  const start: AnswerMessage = {
    ...message,
    content: [],
    stop_reason: null,
    stop_details: null,
    usage: { ...usage, output_tokens: Math.min(1, usage.output_tokens), output_tokens_details: null },
  };
  const last = message.content.length - 1;
  return [
    { type: "message_start", message: start },
    ...(options.pings ? [{ type: "ping" }] : []),
    ...message.content.flatMap((block, index) => blockEvents(block, index, index === last ? cutJson : null)),
    {
      type: "message_delta",
      delta: {
        container: null,
        stop_reason: message.stop_reason,
        stop_sequence: message.stop_sequence,
        stop_details: message.stop_details,
      },
      usage: {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: usage.output_tokens_details,
        server_tool_use: usage.server_tool_use,
      },
    },
    { type: "message_stop" },
  ];
}

/** What an error of the API says by itself. */
export const errorText = {
  overloaded_error: "Overloaded",
  api_error: "Internal server error",
} as const;

/** The error body that a JSON answer becomes where a stream would get an error event. */
export function errorInstead(type: keyof typeof errorText, requestId: string): string {
  return errorBody(type, errorText[type], requestId);
}

const charactersPerDelta = 24;

function blockEvents(block: AnswerBlock, index: number, cutJson: string | null): StreamEvent[] {
  const stop = { type: "content_block_stop", index };
  const delta = (fields: object): StreamEvent => ({ type: "content_block_delta", index, delta: fields });
  const start = (content_block: object): StreamEvent => ({ type: "content_block_start", index, content_block });
  switch (block.type) {
    case "text":
      return [start({ ...block, text: "" }), ...chunks(block.text).map((text) => delta({ type: "text_delta", text })), stop];
    case "thinking":
      return [
        start({ ...block, thinking: "", signature: "" }),
        ...chunks(block.thinking).map((thinking) => delta({ type: "thinking_delta", thinking })),
        delta({ type: "signature_delta", signature: block.signature }),
        stop,
      ];
    case "tool_use": {
      const json = ["", ...chunks(cutJson ?? JSON.stringify(block.input))];
      return [
        start({ ...block, input: {} }),
        ...json.map((partial_json) => delta({ type: "input_json_delta", partial_json })),
        stop,
      ];
    }
    default:
      return unreachable(block);
  }
}

/** Cuts a text into short pieces, never inside a character. */
function chunks(text: string): string[] {
  const characters = Array.from(text);
  const count = Math.ceil(characters.length / charactersPerDelta);
  return Array.from({ length: count }, (_, at) =>
    characters.slice(at * charactersPerDelta, (at + 1) * charactersPerDelta).join(""),
  );
}

function pieceOf(event: StreamEvent): Piece {
  const isDelta = event.type === "content_block_delta";
  const json = JSON.stringify(event);
  return {
    text: `event: ${event.type}\ndata: ${json}\n\n`,
    tokens: isDelta ? Math.max(1, textTokens(json) - 20) : 0,
  };
}

function withoutUsage(event: StreamEvent): StreamEvent {
  const { usage: _usage, ...rest } = event;
  const { message } = rest;
  if (typeof message !== "object" || message === null) return { ...rest, type: event.type };
  return { ...rest, type: event.type, message: { ...message, usage: undefined } };
}

function stopped(answer: Answer, reason: string): Answer {
  const isCut = reason === "max_tokens" || reason === "model_context_window_exceeded";
  const base = isCut ? halved(answer) : answer;
  return { ...base, message: { ...base.message, stop_reason: reason, stop_details: stopDetails(reason) } };
}
