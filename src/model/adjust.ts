// What "retry with adjusted parameters" can change about a model choice: effort, output room, or the model itself.
import type { Change } from "../core/policy.ts";
import type { Effort, ModelChoice } from "../protocol/turn.ts";
import { takesEffort } from "./models.ts";
import { canonicalModel, limitsOf, priceOf } from "./prices.ts";

const EFFORTS: readonly Effort[] = ["low", "medium", "high", "xhigh", "max"];
/** Models of a class, the preferred one first. */
const CLASSES: readonly (readonly string[])[] = [
  ["claude-opus-5-5", "claude-opus-5"],
  ["claude-sonnet-5-5", "claude-sonnet-5"],
  ["claude-haiku-5-5", "claude-haiku-4-5"],
  ["claude-fable-5-2", "claude-fable-5-1"],
];
/** Room for models whose limit is unknown. */
const UNKNOWN_LIMIT = 128_000;

/**
 * The choice for the next attempt. Changes apply in this order: model, then effort and `maxTokens` of that model.
 * What cannot change stays as it is (effort already lowest, `maxTokens` at the model's limit, no other model known).
 */
export function adjustChoice(choice: ModelChoice, change: Change, orchestrator: ModelChoice): ModelChoice {
  const base = change.model === "orchestrator" ? orchestrator : change.model === "other" ? otherModel(choice) : choice;
  return {
    ...base,
    effort: change.effort === undefined ? base.effort : stepped(base, change.effort === "higher" ? 1 : -1),
    maxTokens: change.maxTokens === "double" ? Math.min(base.maxTokens * 2, mostOf(base)) : base.maxTokens,
  };
}

/** The next model of the same class at its own price, on the same endpoint; the choice itself where none is known. */
export function otherModel(choice: ModelChoice): ModelChoice {
  const plain = canonicalModel(choice.model);
  const line = CLASSES.find((models) => models.some((model) => sameLine(model, plain)));
  const next = line?.find((model) => model !== plain);
  // A spelling the plain id is not part of (dots, own names) cannot be rewritten safely.
  if (next === undefined || !choice.model.includes(plain)) return choice;
  return {
    ...choice,
    model: choice.model.replace(plain, next),
    effort: takesEffort(next) ? choice.effort : null,
    maxTokens: Math.min(choice.maxTokens, limitsOf(next)?.maxOutputTokens ?? UNKNOWN_LIMIT),
    price: priceOf(next, Number.POSITIVE_INFINITY),
  };
}

/** Endpoints with unknown models keep to their own default effort. */
function stepped({ model, effort }: ModelChoice, step: 1 | -1): Effort | null {
  if (effort === null && !(limitsOf(model) && takesEffort(model))) return null;
  const from = EFFORTS.indexOf(effort ?? usualEffort(model));
  return EFFORTS[Math.min(Math.max(from + step, 0), EFFORTS.length - 1)] ?? effort;
}

/** What the API does when no effort is sent. */
function usualEffort(model: string): Effort {
  return /claude-(opus-5-5|haiku-5-5|fable-5-2|mythos-5-2)/.test(canonicalModel(model)) ? "medium" : "high";
}

function mostOf({ model, maxTokens }: ModelChoice): number {
  return Math.max(maxTokens, limitsOf(model)?.maxOutputTokens ?? UNKNOWN_LIMIT);
}

/** `claude-opus-4-8` belongs to the class of `claude-opus-5-5`. */
function sameLine(a: string, b: string): boolean {
  const lineOf = (model: string): string | undefined => /^claude-([a-z]+)-\d/.exec(model)?.[1];
  return lineOf(a) !== undefined && lineOf(a) === lineOf(b);
}
