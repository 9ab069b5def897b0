// Reads what a provider says about tokens. Providers leave fields out; what is missing is estimated and marked, never zero.
import { isPlainObject } from "../core/json.ts";
import type { Usage } from "../protocol/spend.ts";

/** What the provider has said so far; each message overwrites the one before, since the numbers are cumulative. */
export interface SaidUsage {
  readonly input?: number;
  readonly output?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
  /** False while `output` only stands for the beginning of the answer. */
  readonly final: boolean;
}

/** Nothing said yet. */
export const NOTHING_SAID: SaidUsage = { final: false };

/** Usual characters per token, for estimates. */
const CHARACTERS_PER_TOKEN = 4;

/** Takes a `usage` object of message_start (`final: false`) or message_delta (`final: true`); anything else changes nothing. */
export function withSaid(before: SaidUsage, raw: unknown, final: boolean): SaidUsage {
  if (!isPlainObject(raw)) return before;
  const creation = isPlainObject(raw["cache_creation"]) ? raw["cache_creation"] : {};
  const said = {
    input: countOf(raw["input_tokens"]),
    output: countOf(raw["output_tokens"]),
    cacheRead: countOf(raw["cache_read_input_tokens"]),
    cacheWrite: countOf(raw["cache_creation_input_tokens"]),
    cacheWrite1h: countOf(creation["ephemeral_1h_input_tokens"]),
  };
  const known = Object.fromEntries(Object.entries(said).filter(([, count]) => count !== undefined));
  return { ...before, ...known, final: before.final || (final && said.output !== undefined) };
}

/** Tokens of a turn: what was said, the rest estimated from the characters sent and received. */
export function usageFrom(said: SaidUsage, sizes: { sent: number; received: number }): Usage {
  const guessed = Math.ceil(sizes.received / CHARACTERS_PER_TOKEN);
  const write1h = Math.min(said.cacheWrite1h ?? 0, said.cacheWrite ?? said.cacheWrite1h ?? 0);
  return {
    inputTokens: said.input ?? Math.ceil(sizes.sent / CHARACTERS_PER_TOKEN),
    outputTokens: said.final ? (said.output ?? guessed) : Math.max(said.output ?? 0, guessed),
    cacheReadTokens: said.cacheRead ?? 0,
    cacheWrite5mTokens: (said.cacheWrite ?? 0) - (said.cacheWrite === undefined ? 0 : write1h),
    cacheWrite1hTokens: write1h,
    estimated: said.input === undefined || !said.final,
  };
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
