// Builds the body of a model call. Pure and byte-stable: the same turn gives the same bytes, a longer history only
// appends, since caches and thinking blocks are bound to the exact prefix. No sampling settings, forced tools, prefill or betas.
import type {
  ContentBlockParam,
  MessageCreateParamsStreaming,
  MessageParam,
  TextBlockParam,
  Tool,
  ToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import { isPlainObject, type Json } from "../core/json.ts";
import { unreachable } from "../core/unreachable.ts";
import type { AssistantBlock, FrozenParameters, Message, TurnRequest, UserBlock } from "../protocol/turn.ts";

/** What the endpoint understands beyond messages, tools and streaming. */
export interface RequestFeatures {
  /** Send cache breakpoints: one per system block (the last three at most) and the automatic one for the growing tail. */
  readonly caching: boolean;
  /** Send the schema as `output_config.format`; else it is appended to the system text. */
  readonly outputFormat: boolean;
}

/** The API allows four breakpoints; one is the automatic one. */
const SYSTEM_BREAKPOINTS = 3;
const BREAKPOINT = { type: "ephemeral" } as const;

/** The body of one streamed turn. Effort goes out only where the choice has one. */
export function buildRequest({ parameters, messages }: TurnRequest, features: RequestFeatures): MessageCreateParamsStreaming {
  const { choice, tools, format } = parameters;
  const outputConfig = {
    ...(choice.effort === null ? {} : { effort: choice.effort }),
    ...(format !== null && features.outputFormat
      ? { format: { type: "json_schema" as const, schema: recordOf(format.schema) } }
      : {}),
  };
  const system = systemBlocks(parameters, features);
  return {
    model: choice.model,
    max_tokens: choice.maxTokens,
    stream: true,
    ...(features.caching ? { cache_control: BREAKPOINT } : {}),
    ...(Object.keys(outputConfig).length > 0 ? { output_config: outputConfig } : {}),
    ...(tools.length > 0 ? { tools: tools.map(toolParam) } : {}),
    ...(system.length > 0 ? { system } : {}),
    messages: messages.flatMap(messageParam),
  };
}

function systemBlocks({ system, format }: FrozenParameters, { caching, outputFormat }: RequestFeatures): TextBlockParam[] {
  const appended =
    format !== null && !outputFormat
      ? [
          `Answer with one JSON value only, no other text. It must match this JSON schema (${format.name}):\n${JSON.stringify(format.schema)}`,
        ]
      : [];
  const texts = [...system, ...appended].filter(hasText);
  return texts.map((text, index) =>
    caching && index >= texts.length - SYSTEM_BREAKPOINTS
      ? { type: "text", text, cache_control: BREAKPOINT }
      : { type: "text", text },
  );
}

function toolParam({ name, description, inputSchema }: FrozenParameters["tools"][number]): Tool {
  return { name, description, input_schema: { ...recordOf(inputSchema), type: "object" } };
}

/** An empty answer cannot be sent back; it is left out, and two user messages in a row are one to the API. */
function messageParam(message: Message): MessageParam[] {
  const content =
    message.role === "user" ? resultsFirst(message.content).map(userParam) : message.content.flatMap(assistantParam);
  return content.length === 0 ? [] : [{ role: message.role, content }];
}

/** The API wants all tool results before any text. */
function resultsFirst(blocks: readonly UserBlock[]): UserBlock[] {
  return [
    ...blocks.filter((block) => block.type === "tool_result"),
    ...blocks.filter((block) => block.type === "text" && hasText(block.text)),
  ];
}

function userParam(block: UserBlock): TextBlockParam | ToolResultBlockParam {
  if (block.type === "text") return { type: "text", text: block.text };
  return {
    type: "tool_result",
    tool_use_id: block.tool_use_id,
    ...(block.content === "" ? {} : { content: block.content }),
    ...(block.is_error ? { is_error: true } : {}),
  };
}

function assistantParam(block: AssistantBlock): ContentBlockParam[] {
  switch (block.type) {
    case "text":
      return hasText(block.text) ? [{ type: "text", text: block.text }] : [];
    case "tool_use":
      return [{ type: "tool_use", id: block.id, name: block.name, input: block.input }];
    case "opaque":
      return isBlockParam(block.raw) ? [block.raw] : [];
    default:
      return unreachable(block);
  }
}

/** Border: what the API sent goes back to it unread. */
function isBlockParam(raw: Json): raw is Json & ContentBlockParam {
  return isPlainObject(raw) && typeof raw["type"] === "string";
}

function recordOf(schema: Json): Record<string, unknown> {
  return isPlainObject(schema) ? schema : {};
}

/** The API refuses text blocks without a visible character. */
function hasText(text: string): boolean {
  return text.trim() !== "";
}
