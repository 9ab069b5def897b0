// Which model does which job: defaults by role, read from options. Endpoints keep the keys; choices never hold one.
import { QuatrainError } from "../core/errors.ts";
import type { Tier } from "../protocol/plan.ts";
import type { Price } from "../protocol/spend.ts";
import type { Effort, ModelChoice } from "../protocol/turn.ts";
import type { PriceTable } from "./price-table.ts";
import { canonicalModel, limitsOf, priceOf } from "./prices.ts";

/** An address that answers Messages API requests. */
export interface Endpoint {
  /** @default ANTHROPIC_BASE_URL, else the Anthropic API; required for a named endpoint */
  readonly baseURL?: string;
  /** @default ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN for the endpoint "default"; a named endpoint gets no key from the environment */
  readonly apiKey?: string;
  /** Send cache breakpoints. @default true for the endpoint "default", else false */
  readonly caching?: boolean;
  /** Send JSON schemas as `output_config.format`; else the schema goes into the system text. @default true for the endpoint "default", else false */
  readonly outputFormat?: boolean;
}

/** Endpoints by name. "default" always exists, even when it is not listed. */
export type Endpoints = Readonly<Record<string, Endpoint>>;

/** Prices in USD per million tokens, as a user writes them. */
export interface OwnPrices {
  readonly input: number;
  readonly output: number;
  /** @default the input price */
  readonly cacheRead?: number;
  /** @default 1.25 times the input price */
  readonly cacheWrite?: number;
}

/** A model id, one of the short names `opus`, `sonnet`, `haiku`, or an id with everything else that is known about it. */
export type ModelSpec = string | DetailedModel;

/** A model with its own address, effort or prices. */
export interface DetailedModel extends Endpoint {
  readonly model: string;
  /** Null leaves it to the model. @default the role's effort on the Anthropic API, else null */
  readonly effort?: Effort | null;
  /** Most output tokens of one turn. @default by role */
  readonly maxTokens?: number;
  readonly prices?: OwnPrices;
}

/** The models of a run as a user writes them. */
export interface ModelOptions {
  /** Plans, resolves and synthesizes. @default claude-opus-5-5 */
  readonly orchestrator?: ModelSpec;
  /** Does the tasks. @default claude-sonnet-5-5 with effort "medium" */
  readonly worker?: ModelSpec;
  /** Decides whether a request needs a plan. @default claude-haiku-5-5 with effort "low" */
  readonly router?: ModelSpec;
  /** Models of tasks that ask for a tier. @default haiku: the router's, sonnet: the worker's, opus: the orchestrator's */
  readonly tiers?: Readonly<Partial<Record<Tier, ModelSpec>>>;
  /** Further prices; they win over the shipped table. */
  readonly prices?: PriceTable;
}

/** The models of a run, resolved. Everything but `endpoints` is plain JSON without secrets. */
export interface ResolvedModels {
  readonly orchestrator: ModelChoice;
  readonly worker: ModelChoice;
  readonly router: ModelChoice;
  readonly tiers: Readonly<Record<Tier, ModelChoice>>;
  /** What `anthropicModel` needs to reach the choices; may hold keys, so it goes nowhere else. */
  readonly endpoints: Endpoints;
}

/** The name of the endpoint that is the Anthropic API (or ANTHROPIC_BASE_URL). */
export const DEFAULT_ENDPOINT = "default";

interface RoleDefaults {
  readonly name: string;
  readonly model: string;
  readonly effort: Effort | null;
  readonly maxTokens: number;
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  opus: "claude-opus-5-5",
  sonnet: "claude-sonnet-5-5",
  haiku: "claude-haiku-5-5",
};
const ORCHESTRATOR: RoleDefaults = { name: "models.orchestrator", model: "claude-opus-5-5", effort: null, maxTokens: 16_000 };
const WORKER: RoleDefaults = { name: "models.worker", model: "claude-sonnet-5-5", effort: "medium", maxTokens: 16_000 };
const ROUTER: RoleDefaults = { name: "models.router", model: "claude-haiku-5-5", effort: "low", maxTokens: 4_000 };
const HAIKU: RoleDefaults = { name: "models.tiers.haiku", model: "claude-haiku-5-5", effort: "medium", maxTokens: 16_000 };

/**
 * Resolves the models of a run at a moment (prices are dated). Each own `baseURL` becomes a named endpoint.
 * Throws QuatrainError "BadOption" naming the field: empty model, bad URL, `maxTokens` outside what the model can give, negative price.
 */
export function resolveModels(options: ModelOptions = {}, now: Date | number = Date.now()): ResolvedModels {
  const endpoints = new Map<string, Endpoint>();
  const resolve = (role: RoleDefaults, spec: ModelSpec | undefined): ModelChoice => {
    const model = checked(role, spec ?? role.model);
    return choiceOf(role, { model, endpoint: endpointOf(role, model, endpoints), now, prices: options.prices });
  };
  const orchestrator = resolve(ORCHESTRATOR, options.orchestrator);
  const worker = resolve(WORKER, options.worker);
  const router = resolve(ROUTER, options.router);
  const { tiers = {} } = options;
  return {
    orchestrator,
    worker,
    router,
    tiers: {
      haiku: resolve(HAIKU, tiers.haiku ?? withoutLimits(options.router)),
      sonnet: tiers.sonnet === undefined ? worker : resolve({ ...WORKER, name: "models.tiers.sonnet" }, tiers.sonnet),
      opus: tiers.opus === undefined ? orchestrator : resolve({ ...ORCHESTRATOR, name: "models.tiers.opus" }, tiers.opus),
    },
    endpoints: Object.fromEntries(endpoints),
  };
}

/** The router's model does haiku tasks, too, but with room and effort for work. */
function withoutLimits(router: ModelSpec | undefined): ModelSpec | undefined {
  if (router === undefined || typeof router === "string") return router;
  const { effort: _effort, maxTokens: _maxTokens, ...rest } = router;
  return rest;
}

function checked(role: RoleDefaults, spec: ModelSpec): DetailedModel {
  const detailed = typeof spec === "string" ? { model: spec } : spec;
  const model = SHORT_NAMES[detailed.model] ?? detailed.model;
  if (typeof model !== "string" || model.trim() === "")
    throw bad(`${role.name} names no model. Give an id such as ${role.model}.`);
  const { maxTokens, prices, baseURL } = detailed;
  const most = limitsOf(model)?.maxOutputTokens ?? Number.MAX_SAFE_INTEGER;
  if (maxTokens !== undefined && !(Number.isInteger(maxTokens) && maxTokens >= 1 && maxTokens <= most)) {
    throw bad(`${role.name}.maxTokens is ${maxTokens}; ${model} takes a whole number from 1 to ${most}.`);
  }
  const negative = Object.entries(prices ?? {}).find(([, usd]) => !(Number.isFinite(usd) && usd >= 0));
  if (negative) throw bad(`${role.name}.prices.${negative[0]} is ${negative[1]}; give USD per million tokens, 0 or more.`);
  if (baseURL !== undefined && !/^https?:\/\/[^/]/.test(baseURL)) {
    throw bad(`${role.name}.baseURL is "${baseURL}"; give an address such as http://127.0.0.1:8080.`);
  }
  return { ...detailed, model };
}

interface Resolving {
  readonly model: DetailedModel;
  readonly endpoint: string;
  readonly now: Date | number;
  readonly prices: PriceTable | undefined;
}

function choiceOf(role: RoleDefaults, { model, endpoint, now, prices }: Resolving): ModelChoice {
  const known = limitsOf(model.model, prices) !== null;
  const usual = known && endpoint === DEFAULT_ENDPOINT && takesEffort(model.model) ? role.effort : null;
  const most = limitsOf(model.model, prices)?.maxOutputTokens ?? role.maxTokens;
  return {
    endpoint,
    model: model.model,
    effort: model.effort === undefined ? usual : model.effort,
    maxTokens: model.maxTokens ?? Math.min(role.maxTokens, most),
    price: model.prices ? ownPrice(model.prices) : priceOf(model.model, now, prices),
  };
}

/** Models before the effort setting refuse it. */
export function takesEffort(model: string): boolean {
  return !["claude-haiku-4-5", "claude-sonnet-4-5"].includes(canonicalModel(model));
}

function ownPrice({ input, output, cacheRead = input, cacheWrite = input * 1.25 }: OwnPrices): Price {
  return {
    inputUsd: input,
    outputUsd: output,
    cacheReadUsd: cacheRead,
    cacheWrite5mUsd: cacheWrite,
    cacheWrite1hUsd: cacheWrite,
  };
}

/** Finds or makes the endpoint of a model: models with the same address, key and abilities share one, named after the first role that
 * uses it: a name that stays when the address changes between a run and its resume. */
function endpointOf(role: RoleDefaults, spec: DetailedModel, endpoints: Map<string, Endpoint>): string {
  const { baseURL, apiKey, caching, outputFormat } = spec;
  if (baseURL === undefined) {
    if (apiKey !== undefined || caching !== undefined || outputFormat !== undefined) {
      throw bad(`${role.name} sets apiKey, caching or outputFormat without a baseURL. Give the baseURL they belong to.`);
    }
    return DEFAULT_ENDPOINT;
  }
  const endpoint: Endpoint = {
    baseURL,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(caching === undefined ? {} : { caching }),
    ...(outputFormat === undefined ? {} : { outputFormat }),
  };
  const same = [...endpoints].find(([, other]) => JSON.stringify(other) === JSON.stringify(endpoint));
  if (same) return same[0];
  const name = role.name.replace("models.", "");
  endpoints.set(name, endpoint);
  return name;
}

function bad(message: string): QuatrainError {
  return new QuatrainError("BadOption", message);
}
