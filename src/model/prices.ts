// What turns cost. Pure, without the SDK, usable in a browser. Prices are data with a date; nothing here promises a saving.
import { unreachable } from "../core/unreachable.ts";
import type { Price, Usage } from "../protocol/spend.ts";
import type { AssistantBlock, FrozenParameters, Message, ModelChoice, UserBlock } from "../protocol/turn.ts";
import { PRICES, type PriceRow, type PriceTable } from "./price-table.ts";

/** What a model can take, where the table knows it. */
export interface ModelLimits {
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
}

/** UTF-8 bytes that are counted as one token when nothing better is known: pessimistic for any language. */
const BYTES_PER_TOKEN = 2;
/** A platform prefix, a Claude id, and the suffixes platforms add (date, version, context). */
const PLATFORM_ID =
  /^(?:[a-z]{2,8}\.)?(?:anthropic[./])?(claude-[a-z]+-\d{1,2}(?:[-.]\d{1,2})?)(?:[-@]\d{8})?(?:-v\d+(?::\d+)?)?(?:\[1m\])?$/;

/** The plain Claude id behind a platform's spelling (`us.anthropic.claude-opus-5-5-v1:0`, `claude-sonnet-4-5@20250929`); anything else comes back unchanged. */
export function canonicalModel(model: string): string {
  return PLATFORM_ID.exec(model)?.[1]?.replace(".", "-") ?? model;
}

/**
 * The price of a model at a moment (Date or ms), null when unknown. Rows of `override` win over the shipped table.
 * A moment before the first row of a model gets that first row, so that a clock that is behind makes nothing unpriced.
 */
export function priceOf(model: string, at: Date | number, override: PriceTable = []): Price | null {
  return rowOf(model, at, override)?.price ?? null;
}

/** The limits of a model, null when unknown. */
export function limitsOf(model: string, override: PriceTable = []): ModelLimits | null {
  const row = rowOf(model, Number.POSITIVE_INFINITY, override);
  return row ? { contextTokens: row.contextTokens, maxOutputTokens: row.maxOutputTokens } : null;
}

/** What a turn cost in USD: each token class at its price; a prompt above the tier's limit (cache included) moves the whole turn to that tier. */
export function costOf(usage: Usage, price: Price): number {
  const rate = tierFor(price, promptTokensOf(usage));
  return (
    (usage.inputTokens * rate.inputUsd +
      usage.outputTokens * rate.outputUsd +
      usage.cacheReadTokens * rate.cacheReadUsd +
      usage.cacheWrite5mTokens * rate.cacheWrite5mUsd +
      usage.cacheWrite1hTokens * rate.cacheWrite1hUsd) /
    1_000_000
  );
}

/**
 * The most the next turn can cost in USD, null for a model without a price: the prompt of the last turn plus the new
 * text at one token per two characters (count them with `sizeOf`), all of it at the dearest price a five-minute cache
 * can bring, plus `maxTokens` of output. Never below what the turn then costs.
 */
export function worstCaseUsd(choice: ModelChoice, prompt: { knownPromptTokens: number; newCharacters: number }): number | null {
  return choice.price === null ? null : worstOf(choice.price, worstPromptTokens(prompt), choice.maxTokens);
}

/** The most tokens that a prompt can have, by the same reckoning as `worstCaseUsd`. */
export function worstPromptTokens(prompt: { knownPromptTokens: number; newCharacters: number }): number {
  return prompt.knownPromptTokens + Math.ceil(prompt.newCharacters / BYTES_PER_TOKEN);
}

/** All prompt tokens of a turn, however they were billed. */
export function promptTokensOf(usage: Usage): number {
  return usage.inputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;
}

/** Size of what a conversation sends, in UTF-8 bytes: as long as its characters for English, longer where tokens are denser. */
export function sizeOf(parts: { parameters?: FrozenParameters; messages?: readonly Message[] }): number {
  const { parameters, messages = [] } = parts;
  const fixed = parameters ? [...parameters.system, JSON.stringify(parameters.tools), JSON.stringify(parameters.format)] : [];
  const said = messages.flatMap((message) => message.content.map(textIn));
  return [...fixed, ...said].reduce((sum, text) => sum + bytesOf(text), 0);
}

function rowOf(model: string, at: Date | number, override: PriceTable): PriceRow | undefined {
  const moment = Number(at);
  const id = canonicalModel(model);
  const rowsOf = (table: PriceTable): PriceRow[] =>
    table.filter((row) => row.model === id || row.model === model).toSorted(byDate);
  const own = rowsOf(override);
  const rows = own.length > 0 ? own : rowsOf(PRICES);
  return rows.findLast((row) => Date.parse(row.from) <= moment) ?? rows[0];
}

function byDate(a: PriceRow, b: PriceRow): number {
  return Date.parse(a.from) - Date.parse(b.from);
}

function tierFor(price: Price, promptTokens: number): Price {
  return price.above && promptTokens > price.above.promptTokens ? tierFor(price.above.price, promptTokens) : price;
}

/** The dearest of all tiers that a prompt of at most this size can land in. */
function worstOf(price: Price, promptTokens: number, outputTokens: number): number {
  const { above } = price;
  const dearest = Math.max(price.inputUsd, price.cacheWrite5mUsd, price.cacheReadUsd);
  const here =
    (Math.min(promptTokens, above?.promptTokens ?? promptTokens) * dearest + outputTokens * price.outputUsd) / 1_000_000;
  return above && promptTokens > above.promptTokens ? Math.max(here, worstOf(above.price, promptTokens, outputTokens)) : here;
}

function textIn(block: UserBlock | AssistantBlock): string {
  switch (block.type) {
    case "text":
      return block.text;
    case "tool_result":
      return block.content;
    case "tool_use":
      return block.name + JSON.stringify(block.input);
    case "opaque":
      return JSON.stringify(block.raw);
    default:
      return unreachable(block);
  }
}

function bytesOf(text: string): number {
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // Halves of a surrogate pair count three bytes each, two more than are sent: such signs take many tokens.
    bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
  }
  return bytes;
}
