// The budget as a caller gives it, checked at once: a limit that can't be kept is an error before anything is paid.
import { QuatrainError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import { limitsNamed, resolveBudget } from "../protocol/budget.ts";
import type { Budget, RunBudget } from "../protocol/budget.ts";
import type { ModelChoice } from "../protocol/turn.ts";

/** Who takes part in a run, as far as budgets go. */
export interface BudgetScope {
  /** Names of the workers. */
  readonly workers: readonly string[];
  /** The models that the run asks. */
  readonly inUse: readonly ModelChoice[];
}

/**
 * Checks a budget; a number is USD for the whole run. Throws QuatrainError "BadOption" naming the field and its value,
 * "UnknownWorker", or "UnpricedModel" where a limit in USD meets a model whose price nobody knows.
 */
export function checkBudget(given: number | Budget | undefined, { workers, inUse }: BudgetScope): RunBudget {
  if (given === undefined) return resolveBudget();
  const budget: Budget = typeof given === "number" ? { usd: given } : given;
  checkFields("budget", budget, ["usd", "tokens", "ms", "task", "worker"]);
  if (budget.task !== undefined) checkFields("budget.task", budget.task, ["usd", "tokens", "ms"]);
  if (budget.worker !== undefined) checkFields("budget.worker", budget.worker, null);
  for (const [name, limits] of Object.entries(budget.worker ?? {})) {
    checkWorker(name, workers);
    checkFields(`budget.worker.${name}`, limits, ["usd", "tokens", "ms"]);
  }
  const resolved = resolveBudget(budget);
  if (limitsNamed(resolved, "usd").length > 0) checkPrices(inUse);
  return resolved;
}

/** Checks that something is an object of known fields, and each limit in it. `known`: null for any name. */
function checkFields(place: string, given: unknown, known: readonly string[] | null): void {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw bad(place, given, place === "budget" ? "give USD, or limits such as { usd: 5 }" : "give limits such as { usd: 5 }");
  for (const [name, value] of Object.entries(given)) {
    if (known && !known.includes(name)) {
      const near = nearest(name, known);
      throw bad(
        `${place}.${name}`,
        value,
        `there is no such limit${near ? `; did you mean ${near}?` : ""} Use ${known.join(", ")}`,
      );
    }
    if (known && value !== undefined && isLimit(name)) checkLimit(`${place}.${name}`, name, value);
  }
}

const isLimit = (name: string): name is keyof typeof ADVICE => Object.hasOwn(ADVICE, name);

const ADVICE = {
  usd: "give an amount above 0, or leave it out",
  tokens: "give a whole number from 1 on, or leave it out",
  ms: "give milliseconds above 0, or leave it out",
} as const;

function checkLimit(place: string, name: keyof typeof ADVICE, value: unknown): void {
  const isAmount = typeof value === "number" && Number.isFinite(value) && value > 0;
  if (!isAmount || (name === "tokens" && !Number.isSafeInteger(value))) throw bad(place, value, ADVICE[name]);
}

function checkWorker(name: string, workers: readonly string[]): void {
  if (workers.includes(name)) return;
  const near = nearest(name, workers);
  throw new QuatrainError(
    "UnknownWorker",
    `budget.worker names "${name}", and there is no such worker${near ? `; did you mean "${near}"?` : "."} Known: ${workers.join(", ")}.`,
  );
}

function checkPrices(inUse: readonly ModelChoice[]): void {
  const unpriced = inUse.find(({ price }) => price === null);
  if (unpriced)
    throw new QuatrainError(
      "UnpricedModel",
      `No price is known for ${unpriced.model}, so a budget can't be kept. Give its prices, or run without a budget: the option models takes { model: "${unpriced.model}", prices: { input: 3, output: 15 } } (USD per million tokens).`,
    );
}

function bad(place: string, given: unknown, advice: string): QuatrainError {
  const text = typeof given === "number" ? String(given) : (JSON.stringify(given) ?? String(given));
  return new QuatrainError("BadOption", `${place} is ${text.length > 100 ? `${text.slice(0, 100)}…` : text}; ${advice}.`);
}
