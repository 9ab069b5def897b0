// A request as the row of blocks that a model reads: tools, then system, then messages. Cache, thinking signatures and token
// counts all work on this row. Cache breakpoints are no part of a block's text, so they may move.
import { createHash } from "node:crypto";
import { blocksOf, type CacheControl, type MessagesRequest, type RequestBlock, type RequestTool } from "./wire.ts";

/** One block of the row. */
export interface Segment {
  readonly section: "tools" | "system" | "messages";
  /** Where it stands in the request: `tools.0`, `messages.3.content.1`. */
  readonly path: string;
  /** Index of its message; -1 for tools and system. */
  readonly message: number;
  readonly text: string;
  readonly tokens: number;
  /** Breakpoints set on it (or inside it). */
  readonly breakpoints: readonly CacheControl[];
  /** False for what can't carry a breakpoint: thinking and empty text. */
  readonly cacheable: boolean;
}

/** The row of blocks of a request. */
export function render(request: MessagesRequest): readonly Segment[] {
  const tools = (request.tools ?? []).map((tool, index) => toolSegment(tool, index));
  const system = blocksOf(request.system).map((block, index) =>
    blockSegment(block, { section: "system", role: "system", path: `system.${index}`, message: -1 }),
  );
  const messages = request.messages.flatMap((message, at) =>
    blocksOf(message.content).map((block, index) =>
      blockSegment(block, {
        section: "messages",
        role: message.role,
        path: `messages.${at}.content.${index}`,
        message: at,
      }),
    ),
  );
  return [...tools, ...system, ...messages];
}

/** All tokens of a row. At least 1. */
export function tokensOf(segments: readonly Segment[]): number {
  return Math.max(
    1,
    segments.reduce((sum, segment) => sum + segment.tokens, 0),
  );
}

/** The text of one block as the row holds it. Fields that only decorate (null, breakpoints, the caller) are left out. */
export function blockText(role: string, block: object): string {
  const fields = Object.entries(block)
    .filter(([key, value]) => key !== "cache_control" && key !== "caller" && value !== null && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `${role}:${JSON.stringify(Object.fromEntries(fields))}`;
}

/** The next link of a hash chain (hex). */
export function link(previous: string, text: string): string {
  return createHash("sha256").update(previous).update("\n").update(text).digest("hex");
}

/** Tokens of a text: about four characters each, none for no text. */
export function textTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

const imageTokens = 1500;

function toolSegment(tool: RequestTool, index: number): Segment {
  const { cache_control, ...rest } = tool;
  const text = `tool:${JSON.stringify(rest)}`;
  return {
    section: "tools",
    path: `tools.${index}`,
    message: -1,
    text,
    tokens: textTokens(text),
    breakpoints: cache_control ? [cache_control] : [],
    cacheable: true,
  };
}

function blockSegment(block: RequestBlock, place: Pick<Segment, "section" | "path" | "message"> & { role: string }): Segment {
  const { role, ...where } = place;
  const isThinking = block.type === "thinking" || block.type === "redacted_thinking";
  return {
    ...where,
    text: blockText(role, block),
    tokens: blockTokens(block),
    breakpoints: breakpointsIn(block),
    cacheable: !isThinking && !(block.type === "text" && (block.text ?? "") === ""),
  };
}

function blockTokens(block: RequestBlock): number {
  switch (block.type) {
    case "text":
      return textTokens(block.text ?? "");
    case "tool_use":
      return textTokens(`${block.name ?? ""}${JSON.stringify(block.input ?? {})}`) + 8;
    case "tool_result":
      return blocksOf(block.content).reduce((sum, inner) => sum + blockTokens(inner), 8);
    case "thinking":
      return textTokens(`${block.thinking ?? ""}${block.signature ?? ""}`);
    case "image":
      return imageTokens;
    default:
      return textTokens(JSON.stringify(block));
  }
}

function breakpointsIn(block: RequestBlock): CacheControl[] {
  const own = block.cache_control ? [block.cache_control] : [];
  const inner = typeof block.content === "string" || block.content === undefined ? [] : block.content;
  return [...inner.flatMap((one) => breakpointsIn(one)), ...own];
}
