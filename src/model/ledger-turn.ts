// The arithmetic of one paid turn: what it cost, and what the same tokens would have cost otherwise. Pure.
import type { Price, Usage } from "../protocol/spend.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import { NO_AMOUNTS } from "./ledger.ts";
import type { LedgerAmounts } from "./ledger.ts";
import type { ResolvedModels } from "./models.ts";
import type { PriceTable } from "./price-table.ts";
import { costOf, priceOf, promptTokensOf } from "./prices.ts";

/** What a ledger is made with besides the events. */
export interface LedgerTerms {
  /** The models of the run with their prices. */
  readonly models: Omit<ResolvedModels, "endpoints">;
  /** Prices of models that are not among them; they win over the shipped table. */
  readonly prices?: PriceTable;
}

/** A turn as it was booked. `usd` is null for a model without a price. */
export type Bill = Usage & { readonly usd: number | null };

/** Prices of the model that was asked and of the orchestrator's; null where none is known. */
export interface TurnPrices {
  readonly own: Price | null;
  readonly orchestrator: Price | null;
}

/** Usual UTF-8 bytes of a token, for texts whose tokens were never counted. */
const BYTES_PER_TOKEN = 4;
/** Dollars below which two amounts are the same. */
const SAME_USD = 1e-9;

/**
 * The amounts of one turn. `lost`: nobody used its answer.
 * - twin: `costOf(usage, orchestrator's price)`;
 * - uncached: `costOf(plain, own price)`, where plain has all prompt tokens as input;
 * - plainTwin: `costOf(plain, orchestrator's price)`.
 * Each is reckoned as the booked amount plus what the price makes of a difference, so that a turn booked above its list
 * price (at its worst case) carries the same padding on both sides; where tokens or a price are unknown there is no
 * difference, and the turn is `incomparable`. An unpriced turn has no amounts at all.
 */
export function amountsOf(bill: Bill, lost: boolean, { own, orchestrator }: TurnPrices): LedgerAmounts {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, usd, estimated } = bill;
  const tokens = { inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens };
  const counted = { ...NO_AMOUNTS, ...tokens, turns: 1, lostTurns: lost ? 1 : 0 };
  if (usd === null) return { ...counted, unpricedTurns: 1 };
  const isKnown = promptTokensOf(bill) + outputTokens > 0 || usd === 0;
  const plain = plainUsage(bill);
  const otherwise = (usage: Usage, price: Price | null): number =>
    own && price ? Math.max(0, usd + costOf(usage, price) - costOf(bill, own)) : usd;
  const uncachedUsd = otherwise(plain, own);
  return {
    ...counted,
    usd,
    estimatedUsd: estimated ? usd : 0,
    lostUsd: lost ? usd : 0,
    twinUsd: otherwise(bill, orchestrator),
    uncachedUsd,
    plainTwinUsd: orchestrator ? otherwise(plain, orchestrator) : uncachedUsd,
    incomparableUsd: isKnown && own && orchestrator ? 0 : usd,
  };
}

/** What text that was not sent would have cost, read once as plain input: bytes / 4 tokens at the input price. */
export function withheldOf(bytes: number, price: Price | null): Pick<LedgerAmounts, "withheldTokens" | "withheldUsd"> {
  const withheldTokens = Math.ceil(bytes / BYTES_PER_TOKEN);
  return { withheldTokens, withheldUsd: price ? (withheldTokens * price.inputUsd) / 1_000_000 : 0 };
}

/**
 * The price of a model: of the run's own choices and the dated table the one that gives what was booked (two endpoints may
 * ask different prices for one model), else the first that is known.
 */
export function priceOfTurn(bill: Bill & { readonly at: number }, model: string, { models, prices }: LedgerTerms): Price | null {
  const { orchestrator, router, worker, tiers } = models;
  const chosen: readonly ModelChoice[] = [orchestrator, worker, router, tiers.opus, tiers.sonnet, tiers.haiku];
  const known = [
    ...chosen.filter((choice) => choice.model === model).map(({ price }) => price),
    priceOf(model, bill.at, prices),
    // A model taken in place of another is priced by the newest row.
    priceOf(model, Number.POSITIVE_INFINITY, prices),
  ].filter((price) => price !== null);
  return known.find((price) => Math.abs(costOf(bill, price) - (bill.usd ?? 0)) < SAME_USD) ?? known[0] ?? null;
}

const plainUsage = (usage: Usage): Usage => ({
  ...usage,
  inputTokens: promptTokensOf(usage),
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
});
