// The money of a replay: the recorded tokens at today's prices.
import type { Json } from "../../core/json.ts";
import type { RunModels } from "../../machines/run-state.ts";
import type { PriceTable } from "../../model/price-table.ts";
import { costOf, priceOf } from "../../model/prices.ts";
import type { ModelChoice, TurnOutcome } from "../../protocol/turn.ts";
import type { CassetteHead } from "../../run/cassette.ts";
import { isRecord } from "../../run/cassette-clean.ts";
import type { Asked } from "./tape.ts";

/** Where prices come from. */
export interface PriceSource {
  /** Rows that win over the shipped table. */
  readonly prices: PriceTable;
  /** The moment whose prices hold, ms. */
  readonly at: number;
}

/** Amounts below this are the same. */
const SAME_USD = 1e-9;

/** The models of a recorded run at other prices. A model that had a price of its own keeps it, unless `prices` names it. */
export function pricedModels({ input, ownPrices }: CassetteHead, { prices, at }: PriceSource): RunModels {
  const priced = (choice: ModelChoice): ModelChoice => {
    const isOwn = ownPrices.includes(choice.model) && !prices.some(({ model }) => model === choice.model);
    return isOwn ? choice : { ...choice, price: priceOf(choice.model, at, prices) };
  };
  const { orchestrator, router, worker, tiers } = input.models;
  return {
    orchestrator: priced(orchestrator),
    router: priced(router),
    worker: priced(worker),
    tiers: { haiku: priced(tiers.haiku), sonnet: priced(tiers.sonnet), opus: priced(tiers.opus) },
  };
}

/** A recorded turn at the price of the model that is asked now. One that was not billed by its model's price stays as it was. */
export function repriced({ effect, input, recorded }: Asked, result: Json): Json {
  const outcome = isRecord(result) ? result["outcome"] : undefined;
  if (effect !== "modelTurn" || !recorded || !isRecord(result) || !isRecord(outcome)) return result;
  const { usage, usd } = outcome as unknown as TurnOutcome;
  const then = priceIn(recorded.input);
  const now = priceIn(input);
  if (usage === null || usd === null || !then || Math.abs(costOf(usage, then) - usd) > SAME_USD) return result;
  return { ...result, outcome: { ...outcome, usd: now && costOf(usage, now) } };
}

function priceIn(input: Json): ModelChoice["price"] {
  const request = (input as unknown as { readonly request?: { readonly parameters?: { readonly choice?: ModelChoice } } })
    .request;
  return request?.parameters?.choice?.price ?? null;
}
