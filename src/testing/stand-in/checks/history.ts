// What the API asks of a history beyond its schema: roles, tool calls and their results, no prefill, no empty text.
import { blocksOf, type MessagesRequest, type RequestBlock, type RequestMessage } from "../wire.ts";

/** What a history may lean on besides itself. */
export interface HistoryContext {
  /** True for an assistant message that the server itself ended with `pause_turn`: such a turn is continued, not prefilled. */
  readonly isPaused: (message: RequestMessage) => boolean;
}

/** The first thing that is wrong with a history, as `path: message`, or nothing. */
export function historyIssue(request: MessagesRequest, context: HistoryContext): string | undefined {
  const { messages } = request;
  if (messages.length === 0) return "messages: at least one message is required";
  if (messages[0]?.role !== "user") return "messages.0.role: the first message must use the `user` role";
  for (const [at, message] of messages.entries()) {
    const issue = contentIssue(message, at) ?? systemIssue(messages, at) ?? pairingIssue(messages, at);
    if (issue !== undefined) return issue;
  }
  return emptySystemText(request) ?? repeatedCall(messages) ?? prefillIssue(messages, context);
}

const toolIdPattern = /^[a-zA-Z0-9_-]+$/;

function contentIssue({ role, content }: RequestMessage, at: number): string | undefined {
  const blocks = blocksOf(content);
  if (blocks.length === 0) return `messages.${at}: all messages must have non-empty content`;
  for (const [index, block] of blocks.entries()) {
    const path = `messages.${at}.content.${index}`;
    const issue = textIssue(block, path) ?? placeIssue(role, block, path);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

function textIssue(block: RequestBlock, path: string): string | undefined {
  if (block.type === "tool_result") {
    for (const [index, inner] of blocksOf(block.content).entries()) {
      // A result given as an empty string is allowed; an empty text block is not.
      if (typeof block.content === "string") continue;
      const issue = textIssue(inner, `${path}.content.${index}`);
      if (issue !== undefined) return issue;
    }
  }
  if (block.type !== "text") return undefined;
  if (block.text === "") return `${path}.text: text content blocks must be non-empty`;
  return block.text?.trim() === "" ? `${path}.text: text content blocks must contain non-whitespace text` : undefined;
}

function placeIssue(role: string, block: RequestBlock, path: string): string | undefined {
  const { type } = block;
  if (type === "tool_result" && role !== "user") return `${path}: \`tool_result\` blocks can only be in \`user\` messages`;
  const isAnswer = type === "tool_use" || type === "thinking" || type === "redacted_thinking";
  if (isAnswer && role !== "assistant") return `${path}: \`${type}\` blocks can only be in \`assistant\` messages`;
  if (type === "tool_use" && !toolIdPattern.test(block.id ?? "")) {
    return `${path}.id: String should match pattern '${toolIdPattern.source}'`;
  }
  return undefined;
}

function systemIssue(messages: readonly RequestMessage[], at: number): string | undefined {
  if (messages[at]?.role !== "system") return undefined;
  if (messages[at - 1]?.role !== "user") {
    return `messages.${at}.role: a \`system\` message must come directly after a \`user\` message`;
  }
  const next = messages[at + 1]?.role;
  if (next === undefined || next === "assistant") return undefined;
  return `messages.${at}.role: a \`system\` message must be the last one or be followed by an \`assistant\` message`;
}

/** Calls of an assistant message are all answered at the start of the very next one; results answer nothing else. */
function pairingIssue(messages: readonly RequestMessage[], at: number): string | undefined {
  const calls = idsOf(messages[at], "assistant");
  const next = messages[at + 1];
  const results = leadingResults(next);
  const missing = calls.filter((id) => !results.includes(id));
  if (next !== undefined && missing.length > 0) {
    return (
      `messages.${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(", ")}. ` +
      "Each `tool_use` block must have a corresponding `tool_result` block at the start of the next message."
    );
  }
  return resultIssue(messages, at);
}

function resultIssue(messages: readonly RequestMessage[], at: number): string | undefined {
  const message = messages[at];
  if (message?.role !== "user") return undefined;
  const calls = idsOf(messages[at - 1], "assistant");
  const seen = new Set<string>();
  for (const [index, block] of blocksOf(message.content).entries()) {
    if (block.type !== "tool_result") continue;
    const id = block.tool_use_id ?? "";
    const path = `messages.${at}.content.${index}`;
    if (!calls.includes(id)) {
      return `${path}.tool_use_id: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`;
    }
    if (seen.has(id)) return `${path}.tool_use_id: each \`tool_use\` must have a single result, found more than one for ${id}`;
    seen.add(id);
  }
  return undefined;
}

function repeatedCall(messages: readonly RequestMessage[]): string | undefined {
  const seen = new Set<string>();
  for (const [at, message] of messages.entries()) {
    for (const id of idsOf(message, "assistant")) {
      if (seen.has(id)) return `messages.${at}: \`tool_use\` ids must be unique, found ${id} again`;
      seen.add(id);
    }
  }
  return undefined;
}

function prefillIssue(messages: readonly RequestMessage[], context: HistoryContext): string | undefined {
  const last = messages.at(-1);
  if (last?.role !== "assistant" || context.isPaused(last)) return undefined;
  return "messages: This model does not support assistant message prefill. The conversation must end with a user message.";
}

function emptySystemText(request: MessagesRequest): string | undefined {
  if (typeof request.system === "string") return undefined;
  for (const [index, block] of blocksOf(request.system).entries()) {
    const issue = textIssue(block, `system.${index}`);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

function idsOf(message: RequestMessage | undefined, role: string): readonly string[] {
  if (message?.role !== role) return [];
  return blocksOf(message.content).flatMap((block) => (block.type === "tool_use" ? [block.id ?? ""] : []));
}

/** Ids of the results that stand before anything else in a user message. */
function leadingResults(message: RequestMessage | undefined): readonly string[] {
  if (message?.role !== "user") return [];
  const blocks = blocksOf(message.content);
  const end = blocks.findIndex((block) => block.type !== "tool_result");
  return blocks.slice(0, end < 0 ? blocks.length : end).map((block) => block.tool_use_id ?? "");
}
