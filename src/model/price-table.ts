// Prices and limits of Claude models as published, dated. Data only; prices.ts reads it.
import type { Price } from "../protocol/spend.ts";

/** One dated price. */
export interface PriceRow {
  /** Model id without platform prefix or date suffix. */
  readonly model: string;
  /** First day (UTC, `YYYY-MM-DD`) the row is known to hold. */
  readonly from: string;
  readonly price: Price;
  /** Longest prompt plus answer, in tokens. */
  readonly contextTokens: number;
  /** Most output tokens of one turn. */
  readonly maxOutputTokens: number;
  /** Where the numbers were read. */
  readonly source: string;
}

/** Rows in any order; the latest row of a model that has begun holds. */
export type PriceTable = readonly PriceRow[];

/** Numbers of a row in the order input, output, cache write 5m, cache write 1h, cache read; USD per million tokens. */
type Numbers = readonly [input: number, output: number, write5m: number, write1h: number, read: number];

const million = 1_000_000;
/** The day older rows were read; they held before, too. */
const read = "2026-11-22";
const catalogue = "model catalogue of @anthropic-ai/claude-agent-sdk 0.3.330";
const page = "platform.claude.com/docs, pricing";

/** The table that ships; replace or extend it through the `prices` option. */
export const PRICES: PriceTable = [
  row("claude-fable-5-2", "2026-11-09", [8, 40, 10, 16, 0.2], "platform.claude.com/docs, release notes 2026-11-09"),
  row("claude-mythos-5-2", "2026-11-09", [8, 40, 10, 16, 0.2], "platform.claude.com/docs, release notes 2026-11-09"),
  row("claude-fable-5-1", "2026-09-01", [10, 50, 12.5, 20, 0.25], page),
  row("claude-opus-5-5", "2026-09-22", [4, 20, 5, 8, 0.2], "platform.claude.com/docs, what's new in Opus 5.5"),
  row("claude-opus-5", read, [5, 25, 6.25, 10, 0.5], page),
  row("claude-opus-4-8", read, [5, 25, 6.25, 10, 0.5], page),
  row("claude-opus-4-7", read, [5, 25, 6.25, 10, 0.5], page),
  row("claude-opus-4-6", read, [5, 25, 6.25, 10, 0.5], page, { contextTokens: 200_000 }),
  row("claude-opus-4-5", read, [5, 25, 6.25, 10, 0.5], page, { contextTokens: 200_000, maxOutputTokens: 64_000 }),
  row("claude-sonnet-5-5", "2026-09-28", [2, 10, 2.5, 4, 0.2], "platform.claude.com/docs, Sonnet 5.5 overview"),
  row("claude-sonnet-5-5", "2026-10-07", [2, 10, 2.5, 4, 0.1], "platform.claude.com/docs, Sonnet 5.5 overview"),
  row("claude-sonnet-5", read, [2, 10, 2.5, 4, 0.2], catalogue),
  row("claude-sonnet-4-6", read, [3, 15, 3.75, 6, 0.3], catalogue, { contextTokens: 200_000, maxOutputTokens: 64_000 }),
  row("claude-sonnet-4-5", read, [3, 15, 3.75, 6, 0.3], catalogue, { contextTokens: 200_000, maxOutputTokens: 64_000 }),
  row("claude-haiku-5-5", "2026-10-07", [0.1, 0.5, 0.125, 0.2, 0.01], "platform.claude.com/docs, Haiku 5.5 overview", {
    above: { promptTokens: 100_000, numbers: [0.5, 2.5, 0.625, 1, 0.05] },
  }),
  row("claude-haiku-4-5", read, [1, 5, 1.25, 2, 0.1], "platform.claude.com/docs, models overview", {
    contextTokens: 200_000,
    maxOutputTokens: 64_000,
  }),
];

interface RowExtras {
  readonly contextTokens?: number;
  readonly maxOutputTokens?: number;
  readonly above?: { readonly promptTokens: number; readonly numbers: Numbers };
}

function row(...[model, from, numbers, source, extras = {}]: [string, string, Numbers, string, RowExtras?]): PriceRow {
  const { contextTokens = million, maxOutputTokens = 128_000, above } = extras;
  const price = above
    ? { ...priceFrom(numbers), above: { promptTokens: above.promptTokens, price: priceFrom(above.numbers) } }
    : priceFrom(numbers);
  return { model, from, price, contextTokens, maxOutputTokens, source };
}

function priceFrom([inputUsd, outputUsd, cacheWrite5mUsd, cacheWrite1hUsd, cacheReadUsd]: Numbers): Price {
  return { inputUsd, outputUsd, cacheReadUsd, cacheWrite5mUsd, cacheWrite1hUsd };
}
