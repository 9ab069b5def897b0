// One model call: what goes out, what comes back. Our own types, so that machines and tests never meet the SDK's.
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { Price, Usage } from "./spend.ts";

/** How hard the model should think. */
export type Effort = "low" | "medium" | "high" | "xhigh" | "max";

/** Which model does a job, where, and at what price. No secrets: endpoints are named, their keys live in the client. */
export interface ModelChoice {
  /** Name of an endpoint known to the model port; "default" is the Anthropic API (or ANTHROPIC_BASE_URL). */
  readonly endpoint: string;
  readonly model: string;
  readonly effort: Effort | null;
  /** Most output tokens of one turn. */
  readonly maxTokens: number;
  /** Null when no price is known; then no USD budget can be kept. */
  readonly price: Price | null;
}

/** A piece of an assistant's answer. What we do not understand (thinking, newer kinds) is kept whole and sent back unchanged. */
export type AssistantBlock =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: Json }
  | { readonly type: "opaque"; readonly raw: Json };

/** A piece of a user message. */
export type UserBlock =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_result"; readonly tool_use_id: string; readonly content: string; readonly is_error: boolean };

/** One entry of a history. Histories only grow. */
export type Message =
  | { readonly role: "user"; readonly content: readonly UserBlock[] }
  | { readonly role: "assistant"; readonly content: readonly AssistantBlock[] };

/** A tool as the model sees it. */
export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Json;
}

/** What stays the same over all turns of a conversation. */
export interface FrozenParameters {
  readonly choice: ModelChoice;
  /** System blocks, most shared first; each is a cache breakpoint. */
  readonly system: readonly string[];
  readonly tools: readonly ToolDeclaration[];
  /** A JSON schema that the final answer must have, with a name for messages; null for free text. */
  readonly format: { readonly name: string; readonly schema: Json } | null;
}

/** One model call. */
export interface TurnRequest {
  /** Conversation this turn belongs to: `plan`, `t3#2`, … */
  readonly conversation: string;
  /** Counted from 1. */
  readonly turn: number;
  readonly parameters: FrozenParameters;
  readonly messages: readonly Message[];
}

/** Why the model stopped. Any other reason is a MalformedAnswer. */
export type StopReason =
  | "end_turn"
  | "tool_use"
  | "pause_turn"
  | "max_tokens"
  | "stop_sequence"
  | "refusal"
  | "model_context_window_exceeded";

/** How a turn ended. Failed turns carry what they cost, where that is known. */
export type TurnOutcome =
  | {
      readonly kind: "answered";
      readonly blocks: readonly AssistantBlock[];
      readonly stop: StopReason;
      /** What the provider says about a refusal. */
      readonly stopDetail: string | null;
      /** The model that answered (a provider may change it). */
      readonly model: string;
      readonly usage: Usage;
      readonly usd: number | null;
      readonly requestId: string | null;
    }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      /** Null when nothing is known to have been generated. */
      readonly usage: Usage | null;
      readonly usd: number | null;
      readonly requestId: string | null;
    };

/** A piece of a running turn, for people to watch; never passes through a machine. */
export interface TurnDelta {
  readonly conversation: string;
  readonly turn: number;
  readonly kind: "text" | "thinking" | "tool";
  readonly text: string;
}

/** The text of an answer. */
export function textOf(blocks: readonly AssistantBlock[]): string {
  return blocks.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("");
}
