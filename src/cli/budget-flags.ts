// The flags of a budget, read into the option.
import { QuatrainError } from "../core/errors.ts";
import type { Budget } from "../protocol/budget.ts";

/** Budget flags of `run` and `plan`, as the command parser gives them. */
export interface BudgetFlags {
  readonly budget?: string;
  readonly budgetTokens?: string;
  readonly budgetTime?: string;
  readonly taskBudget?: string;
  readonly taskTime?: string;
}

/** The budget that the flags ask for; undefined without any. Throws QuatrainError "BadOption" naming the flag. */
export function budgetOf({ budget, budgetTokens, budgetTime, taskBudget, taskTime }: BudgetFlags): Budget | undefined {
  const run = {
    ...(budget === undefined ? {} : { usd: amountOf("--budget", budget) }),
    ...(budgetTokens === undefined ? {} : { tokens: tokensOf("--budget-tokens", budgetTokens) }),
    ...(budgetTime === undefined ? {} : { ms: durationOf("--budget-time", budgetTime) }),
  };
  const task = {
    ...(taskBudget === undefined ? {} : { usd: amountOf("--task-budget", taskBudget) }),
    ...(taskTime === undefined ? {} : { ms: durationOf("--task-time", taskTime) }),
  };
  const whole = { ...run, ...(Object.keys(task).length > 0 ? { task } : {}) };
  return Object.keys(whole).length > 0 ? whole : undefined;
}

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

function durationOf(flag: string, text: string): number {
  const [, amount = "", unit = ""] = /^(\d+(?:\.\d+)?)([smh])$/.exec(text.trim()) ?? [];
  const ms = Number(amount) * (UNITS[unit as keyof typeof UNITS] ?? 0);
  if (Number.isFinite(ms) && ms > 0) return ms;
  throw bad(`${flag} is "${text}"; give a time such as 90s, 30m or 2h.`);
}

function tokensOf(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= 1) return value;
  throw bad(`${flag} is "${text}"; give a whole number of tokens, such as 500000, or leave it out.`);
}

function amountOf(flag: string, text: string): number {
  const value = Number(text.replace(/^\$/, ""));
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw bad(`${flag} is "${text}"; give an amount in USD above 0, such as 2.50, or leave it out.`);
}

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
