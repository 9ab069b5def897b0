// quatrain/model: the model port, the Anthropic client, its governor, prices and models.
export { anthropicModel, type AnthropicOptions } from "./anthropic.ts";
export type { ModelPort, TurnContext, TurnEvent } from "./port.ts";
export { schedulerFrom } from "./scheduler.ts";
export type { Watchdogs } from "./watchdog.ts";

export { resolveModels, DEFAULT_ENDPOINT } from "./models.ts";
export type { DetailedModel, Endpoint, Endpoints, ModelOptions, ModelSpec, OwnPrices, ResolvedModels } from "./models.ts";
export { adjustChoice, otherModel } from "./adjust.ts";

export { canonicalModel, costOf, limitsOf, priceOf, promptTokensOf, sizeOf, worstCaseUsd, type ModelLimits } from "./prices.ts";
export { foldLedger, LedgerBook } from "./ledger-fold.ts";
export { totalsBy } from "./ledger.ts";
export type {
  AttemptOutcome,
  Ledger,
  LedgerAmounts,
  LedgerCosts,
  LedgerGroup,
  LedgerLine,
  LedgerTotal,
  Purpose,
} from "./ledger.ts";
export type { LedgerTerms } from "./ledger-turn.ts";
export { PRICES, type PriceRow, type PriceTable } from "./price-table.ts";

export { createGovernor, laneOf, signalOf, type Governor, type Place, type PlaceClock } from "./governor.ts";
export type { GovernorOptions, LaneSignal, LaneState } from "./lane.ts";
