// The parts of the Messages API that the stand-in reads and writes, in our own types. Requests are loose here: the
// generated schema (schemas/) has judged them before this type is used, and unknown fields are kept.
import { z } from "zod";
import type { Json } from "../../core/json.ts";

const CacheControl = z.looseObject({ type: z.string(), ttl: z.enum(["5m", "1h"]).optional() });
/** A cache breakpoint. */
export type CacheControl = z.infer<typeof CacheControl>;

/** A content block of a request: every kind, with the fields the stand-in looks at. */
export interface RequestBlock {
  readonly type: string;
  readonly text?: string | undefined;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly input?: Json | undefined;
  readonly tool_use_id?: string | undefined;
  readonly content?: string | readonly RequestBlock[] | undefined;
  readonly is_error?: boolean | undefined;
  readonly thinking?: string | undefined;
  readonly signature?: string | undefined;
  readonly cache_control?: CacheControl | null | undefined;
}

const RequestBlock: z.ZodType<RequestBlock> = z.lazy(() =>
  z.looseObject({
    type: z.string(),
    text: z.string().optional(),
    id: z.string().optional(),
    name: z.string().optional(),
    input: z.json().optional(),
    tool_use_id: z.string().optional(),
    content: z
      .union([z.string(), z.array(RequestBlock)])
      .optional()
      .catch(undefined),
    is_error: z.boolean().optional(),
    thinking: z.string().optional(),
    signature: z.string().optional(),
    cache_control: CacheControl.nullish(),
  }),
);

const RequestMessage = z.looseObject({
  role: z.enum(["user", "assistant", "system"]),
  content: z.union([z.string(), z.array(RequestBlock)]),
});
/** One entry of a request's history. */
export type RequestMessage = z.infer<typeof RequestMessage>;

const RequestTool = z.looseObject({
  name: z.string().optional(),
  description: z.string().optional(),
  input_schema: z.record(z.string(), z.unknown()).optional(),
  strict: z.boolean().optional(),
  cache_control: CacheControl.nullish(),
});
/** A tool as a request declares it; tools of the provider's own kind have a `type` and no `input_schema`. */
export type RequestTool = z.infer<typeof RequestTool>;

/** A request to `POST /v1/messages` (and, without `max_tokens`, to count_tokens) as brains and fault scripts see it. */
export const MessagesRequest = z.looseObject({
  model: z.string(),
  max_tokens: z.number().default(0),
  messages: z.array(RequestMessage),
  system: z.union([z.string(), z.array(RequestBlock)]).optional(),
  tools: z.array(RequestTool).optional(),
  tool_choice: z.looseObject({ type: z.string(), disable_parallel_tool_use: z.boolean().optional() }).optional(),
  thinking: z.looseObject({ type: z.string(), display: z.string().nullish() }).optional(),
  output_config: z
    .looseObject({
      effort: z.string().nullish(),
      format: z.looseObject({ type: z.string(), schema: z.record(z.string(), z.unknown()) }).nullish(),
    })
    .optional(),
  cache_control: CacheControl.nullish(),
  stop_sequences: z.array(z.string()).optional(),
  stream: z.boolean().optional(),
});
/** A request to the Messages API. */
export type MessagesRequest = z.infer<typeof MessagesRequest>;

/** Why an answer ended, as the API says it today. */
export type StopReason =
  | "end_turn"
  | "max_tokens"
  | "stop_sequence"
  | "tool_use"
  | "pause_turn"
  | "refusal"
  | "model_context_window_exceeded";

/** What an answer used, in the API's words. Token counts. */
export interface Usage {
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly cache_creation: {
    readonly ephemeral_5m_input_tokens: number;
    readonly ephemeral_1h_input_tokens: number;
  };
  readonly output_tokens: number;
  readonly output_tokens_details: { readonly thinking_tokens: number } | null;
  readonly server_tool_use: { readonly web_fetch_requests: number; readonly web_search_requests: number } | null;
  readonly service_tier: "standard" | "priority" | "batch" | null;
  readonly speed: "standard" | "fast" | null;
  readonly inference_geo: string | null;
}

/** A content block of an answer. */
export type AnswerBlock =
  | { readonly type: "text"; readonly text: string; readonly citations: null }
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: Json;
      readonly caller: { readonly type: "direct" };
    };

/** A refusal's reason. */
export interface StopDetails {
  readonly type: "refusal";
  readonly category: string | null;
  readonly explanation: string | null;
}

/** A whole answer. `stop_reason` is wider than the API's own list, so that unknown ones can be sent. */
export interface AnswerMessage {
  readonly id: string;
  readonly type: "message";
  readonly role: "assistant";
  readonly model: string;
  readonly content: readonly AnswerBlock[];
  readonly container: null;
  readonly diagnostics: null;
  readonly stop_details: StopDetails | null;
  readonly stop_reason: string | null;
  readonly stop_sequence: string | null;
  readonly usage: Usage;
}

/** The error types of the API. */
export type ApiErrorType =
  | "invalid_request_error"
  | "authentication_error"
  | "billing_error"
  | "permission_error"
  | "not_found_error"
  | "request_too_large"
  | "rate_limit_error"
  | "timeout_error"
  | "conflict_error"
  | "api_error"
  | "overloaded_error";

/** The blocks of a message or of the system prompt; a string is one text block, an empty system is none. */
export function blocksOf(content: string | readonly RequestBlock[] | undefined): readonly RequestBlock[] {
  if (content === undefined) return [];
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

/** The body of an API error. */
export function errorBody(type: string, message: string, requestId: string): string {
  return JSON.stringify({ type: "error", error: { type, message }, request_id: requestId });
}
