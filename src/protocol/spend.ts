// Tokens and money. Money is in USD, tokens are counted as the API bills them.
import type { WorstCase } from "./budget.ts";

/** Tokens of one turn, by price class. */
export interface Usage {
  /** Prompt tokens that were neither read from nor written to the cache. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  /** True when the provider did not say and the numbers are an estimate. */
  readonly estimated: boolean;
}

/** Prices of one model in USD per million tokens. */
export interface Price {
  readonly inputUsd: number;
  readonly outputUsd: number;
  readonly cacheReadUsd: number;
  readonly cacheWrite5mUsd: number;
  readonly cacheWrite1hUsd: number;
  /** Other prices for the whole request once its prompt (cache included) is longer than this. */
  readonly above?: { readonly promptTokens: number; readonly price: Price };
}

/** What was spent, added up. */
export interface SpendTotals {
  readonly usd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly turns: number;
  /** The part of `usd` that is an estimate: turns whose usage was lost. */
  readonly estimatedUsd: number;
  /** Turns of models without a price; they are not in `usd`. */
  readonly unpricedTurns: number;
}

/** Nothing spent. */
export const NO_SPEND: SpendTotals = {
  usd: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 0,
  estimatedUsd: 0,
  unpricedTurns: 0,
};

/** One paid turn. `usd` is null for a model without a price. */
export interface TurnSpend {
  readonly usage: Usage;
  readonly usd: number | null;
}

/** Adds one turn. */
export function addTurn(totals: SpendTotals, { usage, usd }: TurnSpend): SpendTotals {
  return {
    usd: totals.usd + (usd ?? 0),
    inputTokens: totals.inputTokens + usage.inputTokens,
    outputTokens: totals.outputTokens + usage.outputTokens,
    cacheReadTokens: totals.cacheReadTokens + usage.cacheReadTokens,
    cacheWriteTokens: totals.cacheWriteTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens,
    turns: totals.turns + 1,
    estimatedUsd: totals.estimatedUsd + (usage.estimated ? (usd ?? 0) : 0),
    unpricedTurns: totals.unpricedTurns + (usd === null ? 1 : 0),
  };
}

/** A turn of which nobody knows what it cost, booked as the most it can have cost: an estimate. `usd` is null without a price. */
export function estimateOf({ usd, inputTokens, outputTokens }: WorstCase, hasPrice: boolean): TurnSpend {
  const usage = { inputTokens, outputTokens, cacheReadTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, estimated: true };
  return { usage, usd: hasPrice ? usd : null };
}

/** All tokens of a turn: its whole prompt, cached or not, and its answer. */
export const tokensOf = (usage: Usage): number =>
  usage.inputTokens + usage.outputTokens + usage.cacheReadTokens + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens;

/** All tokens that were spent. */
export const tokensSpent = (totals: SpendTotals): number =>
  totals.inputTokens + totals.outputTokens + totals.cacheReadTokens + totals.cacheWriteTokens;

/** Adds two totals, field by field. */
export function addTotals(a: SpendTotals, b: SpendTotals): SpendTotals {
  return {
    usd: a.usd + b.usd,
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheWriteTokens: a.cacheWriteTokens + b.cacheWriteTokens,
    turns: a.turns + b.turns,
    estimatedUsd: a.estimatedUsd + b.estimatedUsd,
    unpricedTurns: a.unpricedTurns + b.unpricedTurns,
  };
}
