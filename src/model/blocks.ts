// One content block while it streams in, and what becomes of it. Kinds we do not know are kept whole.
import { isPlainObject, parseJson, type Json } from "../core/json.ts";
import type { AssistantBlock, TurnDelta } from "../protocol/turn.ts";

type JsonObject = Readonly<Record<string, Json>>;

/** A block between its start and its stop. */
export interface OpenBlock {
  /** The block as started, with text, thinking, signature and citations appended. */
  readonly raw: JsonObject;
  /** Tool input received so far, as text. */
  readonly json: string;
}

/** A block that is closed. `cut` when it holds tool input that is no JSON object. */
export interface ClosedBlock {
  readonly block: AssistantBlock;
  readonly cut: boolean;
}

/** What a delta adds: the block after it and the piece worth showing; a string says what is wrong with it. */
export type Grown = { readonly open: OpenBlock; readonly show: Pick<TurnDelta, "kind" | "text"> | null } | string;

/** Opens a block from `content_block_start`; a string says what is wrong with it. */
export function openBlock(content: unknown): OpenBlock | string {
  if (!isJsonObject(content) || typeof content["type"] !== "string") return "a content block without a type";
  if (content["type"] === "text" && typeof (content["text"] ?? "") !== "string") return "a text block without text";
  if (content["type"] === "tool_use" && (!isName(content["id"]) || !isName(content["name"])))
    return "a tool call without id or name";
  return { raw: { ...content }, json: "" };
}

/** Applies a `content_block_delta`. Kinds we do not know change nothing. */
export function growBlock(open: OpenBlock, delta: unknown): Grown {
  if (!isJsonObject(delta) || typeof delta["type"] !== "string") return "a delta without a type";
  switch (delta["type"]) {
    case "text_delta":
      return appended(open, { field: "text", piece: delta["text"], kind: "text" });
    case "thinking_delta":
      return appended(open, { field: "thinking", piece: delta["thinking"], kind: "thinking" });
    case "signature_delta":
      return appended(open, { field: "signature", piece: delta["signature"], kind: null });
    case "input_json_delta": {
      const piece = delta["partial_json"];
      if (typeof piece !== "string") return "an input_json_delta without text";
      return { open: { ...open, json: open.json + piece }, show: piece === "" ? null : { kind: "tool", text: piece } };
    }
    case "citations_delta": {
      const before: readonly Json[] = Array.isArray(open.raw["citations"]) ? open.raw["citations"] : [];
      return { open: { ...open, raw: { ...open.raw, citations: [...before, delta["citation"] ?? null] } }, show: null };
    }
    default:
      return { open, show: null };
  }
}

/** Closes a block. */
export function closeBlock({ raw, json: text }: OpenBlock): ClosedBlock {
  const input: unknown = text === "" ? (raw["input"] ?? {}) : parseJson(text);
  const complete = isJsonObject(input);
  const cut = text !== "" && !complete;
  switch (textOf(raw["type"])) {
    case "text":
      return { block: { type: "text", text: textOf(raw["text"]) }, cut: false };
    case "tool_use":
      return {
        block: {
          type: "tool_use",
          id: textOf(raw["id"]),
          name: textOf(raw["name"]),
          input: complete ? input : {},
        },
        cut: !complete,
      };
    default:
      return { block: { type: "opaque", raw: text === "" || !complete ? raw : { ...raw, input } }, cut };
  }
}

function appended(
  open: OpenBlock,
  { field, piece, kind }: { field: string; piece: unknown; kind: "text" | "thinking" | null },
): Grown {
  if (typeof piece !== "string") return `a ${field} delta without text`;
  const before = open.raw[field];
  const raw = { ...open.raw, [field]: textOf(before) + piece };
  return { open: { ...open, raw }, show: kind === null || piece === "" ? null : { kind, text: piece } };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Border: what is looked at here came out of JSON.parse, so an object holds JSON. */
function isJsonObject(value: unknown): value is JsonObject {
  return isPlainObject(value);
}
