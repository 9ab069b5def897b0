// From what a brain said to the message that the API would send: ids, signatures, limits, usage.
import { createHash } from "node:crypto";
import type { BrainAnswer, BrainPart } from "./brain.ts";
import type { CacheSplit } from "./cache.ts";
import { chainAfter, signed } from "./binding.ts";
import { textTokens, type Segment } from "./render.ts";
import type { AnswerBlock, AnswerMessage, MessagesRequest, StopDetails, Usage } from "./wire.ts";

/** What an answer is made from, besides the brain's words. */
export interface AnswerSources {
  readonly request: MessagesRequest;
  readonly segments: readonly Segment[];
  readonly cache: CacheSplit;
  /** Tells this answer from all others of the server. */
  readonly messageId: string;
}

/** A message, and what a stream shows of its last tool call when that was cut. */
export interface Answer {
  readonly message: AnswerMessage;
  /** JSON text that breaks off; the message itself then has `{}` as that call's input. Null when nothing was cut there. */
  readonly cutJson: string | null;
}

/** An id such as `msg_01…`: always the same for the same seed. */
export function idOf(prefix: "msg" | "toolu" | "req", seed: string): string {
  const body = createHash("sha256").update(`${prefix} ${seed}`).digest("base64url").replaceAll(/[-_]/g, "x").slice(0, 22);
  return `${prefix}_01${body}`;
}

/** The whole answer. Content that exceeds `max_tokens` is cut, and the stop reason says so. */
export function answerOf(answer: BrainAnswer, sources: AnswerSources): Answer {
  const { request, segments } = sources;
  const chain = chainAfter(request.model, segments);
  const said = answer.content.flatMap((part, index) => blockOf(part, index, { request, chain }));
  const fitting = cutTo(said, request.max_tokens);
  const content = signed(fitting.content, chain);
  const natural = answer.stop ?? (content.some(isToolUse) ? "tool_use" : "end_turn");
  const stop = fitting.content === said ? natural : "max_tokens";
  const message: AnswerMessage = {
    id: sources.messageId,
    type: "message",
    role: "assistant",
    model: request.model,
    content,
    container: null,
    diagnostics: null,
    stop_details: stopDetails(stop),
    stop_reason: stop,
    stop_sequence: null,
    usage: { ...usageOf(content, sources.cache, answer), ...answer.usage },
  };
  return { message, cutJson: fitting.cutJson };
}

/** What goes with a stop reason. */
export function stopDetails(stop: string): StopDetails | null {
  if (stop !== "refusal") return null;
  return { type: "refusal", category: "general_harms", explanation: "The stand-in refuses." };
}

/** An answer that was stopped half way through its content, for a stop reason such as max_tokens. */
export function halved({ message }: Answer): Answer {
  const { content, cutJson } = cutTo(message.content, Math.floor(outputTokens(message.content) / 2));
  const usage = { ...message.usage, output_tokens: Math.max(1, outputTokens(content)) };
  return { message: { ...message, content, usage }, cutJson };
}

function blockOf(part: BrainPart, index: number, place: { request: MessagesRequest; chain: string }): AnswerBlock[] {
  if (typeof part === "string") return [{ type: "text", text: part, citations: null }];
  if ("thinking" in part) {
    const { thinking } = place.request;
    if (thinking?.type === "disabled") return [];
    const isShown = thinking?.display === "summarized";
    return [{ type: "thinking", thinking: isShown ? part.thinking : "", signature: "" }];
  }
  const id = part.id ?? idOf("toolu", `${place.chain} ${index}`);
  return [{ type: "tool_use", id, name: part.tool, input: part.input, caller: { type: "direct" } }];
}

function usageOf(content: readonly AnswerBlock[], cache: CacheSplit, answer: BrainAnswer): Usage {
  const thoughts = answer.content.map((part) => (typeof part === "object" && "thinking" in part ? part.thinking : ""));
  const thinking = content.some((block) => block.type === "thinking") ? textTokens(thoughts.join("")) : 0;
  const visible = outputTokens(content.filter((block) => block.type !== "thinking"));
  return {
    input_tokens: cache.input,
    cache_creation_input_tokens: cache.written5m + cache.written1h,
    cache_read_input_tokens: cache.read,
    cache_creation: {
      ephemeral_5m_input_tokens: cache.written5m,
      ephemeral_1h_input_tokens: cache.written1h,
    },
    output_tokens: Math.max(1, visible + thinking),
    output_tokens_details: { thinking_tokens: thinking },
    server_tool_use: null,
    service_tier: "standard",
    speed: "standard",
    inference_geo: "not_available",
  };
}

interface Fitting {
  readonly content: readonly AnswerBlock[];
  readonly cutJson: string | null;
}

function cutTo(content: readonly AnswerBlock[], tokens: number): Fitting {
  if (outputTokens(content) <= tokens) return { content, cutJson: null };
  const kept: AnswerBlock[] = [];
  let left = tokens;
  for (const block of content) {
    const size = blockTokens(block);
    if (size > left) return cutBlock(kept, block, left);
    kept.push(block);
    left -= size;
  }
  return { content: kept, cutJson: null };
}

function cutBlock(kept: readonly AnswerBlock[], block: AnswerBlock, tokens: number): Fitting {
  if (tokens <= 0 || block.type === "thinking") return { content: kept, cutJson: null };
  const characters = tokens * 4;
  if (block.type === "text") {
    return { content: [...kept, { ...block, text: startOf(block.text, characters) }], cutJson: null };
  }
  return { content: [...kept, { ...block, input: {} }], cutJson: startOf(JSON.stringify(block.input), characters) };
}

/** The first characters of a text, never half of one. */
function startOf(text: string, length: number): string {
  return text.slice(0, length).replace(/[\uD800-\uDBFF]$/, "");
}

function outputTokens(content: readonly AnswerBlock[]): number {
  return content.reduce((sum, block) => sum + blockTokens(block), 0);
}

function blockTokens(block: AnswerBlock): number {
  if (block.type === "text") return textTokens(block.text);
  if (block.type === "thinking") return textTokens(block.thinking);
  return textTokens(block.name + JSON.stringify(block.input)) + 8;
}

function isToolUse(block: AnswerBlock): boolean {
  return block.type === "tool_use";
}
