// What the budget leaves to whom: the run as a whole, each task over all its attempts, each worker over all its tasks.
//   L1  A turn fits only when every limit that it falls under has room for its worst case beside what others have reserved.
//   L2  What does not fit although nobody had reserved anything never will: nobody is left waiting for it.
//   L3  Use is kept only where a limit of a task or worker asks for it: runs without one pay nothing for it.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { taskIndex, taskOfConversation } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { worstCaseUsd, worstPromptTokens } from "../model/prices.ts";
import type { LimitName, RunLimits, WorstCase } from "../protocol/budget.ts";
import { tokensSpent } from "../protocol/spend.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import type { Account, RunContext, Use } from "./run-state.ts";

/** Nothing used. */
const NO_USE: Use = { usd: 0, tokens: 0, ms: 0 };

/** Share of the budget that the synthesis may set aside at most, and the prompt it is reckoned with, in characters. */
const SYNTHESIS_SHARE = 0.25;
const SYNTHESIS_PROMPT = { knownPromptTokens: 0, newCharacters: 40_000 };
/** Most output of a synthesis, in tokens. */
const SYNTHESIS_TOKENS = 8_000;
const FEWEST_TOKENS = 500;

/** Whether a turn may start: now, perhaps once others have come back, or never. */
export type Room =
  | { readonly kind: "now" }
  | { readonly kind: "later" }
  /** `limit` is the run's limit that refuses it; null for one of a task or worker. */
  | { readonly kind: "never"; readonly limit: LimitName | null; readonly failure: Failure };

/** One set of limits that a conversation falls under. */
interface Bound {
  /** `the run`, `task t3`, `the worker backend`. */
  readonly owner: string;
  readonly limits: RunLimits;
  readonly used: Use;
  /** Kept for the synthesis. */
  readonly share: Use;
  /** Whether another conversation falls under it, too. */
  readonly covers: (name: string) => boolean;
}

/** True when turns have to ask before they start. */
export const mustAsk = ({ options: { budget } }: RunContext): boolean =>
  [budget, budget.task, ...Object.values(budget.worker)].some(({ usd, tokens }) => usd !== null || tokens !== null);

/** Whether the budget has room for a conversation's next turn (L1, L2). */
export function roomFor(context: RunContext, from: string, worst: WorstCase): Room {
  let isLater = false;
  for (const bound of boundsOn(context, from)) {
    for (const name of ["usd", "tokens"] as const) {
      const most = bound.limits[name];
      if (most === null) continue;
      const left = most - bound.used[name] - bound.share[name];
      const wanted = name === "usd" ? worst.usd : worst.inputTokens + worst.outputTokens;
      if (wanted > left) return refusal(bound, name, { wanted, left, most });
      if (wanted > left - reservedUnder(context, bound, { name, but: from })) isLater = true;
    }
  }
  return { kind: isLater ? "later" : "now" };
}

/** True when the limits of a task and its worker leave a new attempt nothing to begin with: no first turn, or no time. */
export function isUsedUp(context: RunContext, task: TaskId, choice: ModelChoice | null): boolean {
  const least: Use = {
    usd: choice ? (worstCaseUsd(choice, { knownPromptTokens: 0, newCharacters: 0 }) ?? 0) : 0,
    tokens: choice?.maxTokens ?? 0,
    ms: Number.MIN_VALUE,
  };
  return ownBounds(context, task).some(({ limits, used }) =>
    LIMITS.some((name) => limits[name] !== null && limits[name] - used[name] < least[name]),
  );
}

/** Adds what a conversation used to its task and worker, where those have limits (L3). */
export function addUse(context: RunContext, from: string, used: Use): RunContext {
  const task = hasOwnLimits(context) ? taskOfConversation(from) : undefined;
  if (task === undefined) return context;
  const { use, options } = context;
  const worker = workerOf(context, task);
  const { budget } = options;
  const workers =
    worker !== undefined && Object.hasOwn(budget.worker, worker)
      ? { ...use.workers, [worker]: sum(useOfWorker(context, worker), used) }
      : use.workers;
  const tasks = hasLimit(budget.task) ? withAt(use.tasks, taskIndex(task), sum(useOfTask(context, task), used)) : use.tasks;
  return tasks === use.tasks && workers === use.workers ? context : { ...context, use: { tasks, workers } };
}

/** True when tasks or workers have limits of their own. */
export const hasOwnLimits = ({ options: { budget } }: RunContext): boolean =>
  hasLimit(budget.task) || Object.keys(budget.worker).length > 0;

/** What a task has used, all its attempts together. Kept only where tasks have a limit. */
export const useOfTask = ({ use }: RunContext, task: TaskId): Use => use.tasks[taskIndex(task)] ?? NO_USE;

/** What a worker has used, all its tasks together. Kept only where it has a limit. */
export const useOfWorker = ({ use }: RunContext, worker: string): Use =>
  Object.hasOwn(use.workers, worker) ? (use.workers[worker] ?? NO_USE) : NO_USE;

/** What the whole run has used of money and tokens. Its time is the clock's. */
export const useOfRun = ({ spend }: RunContext): Use => ({ usd: spend.usd, tokens: tokensSpent(spend), ms: 0 });

/** The synthesis' model, its output cut to what the budget still allows. */
export function synthesisChoice(context: RunContext, choice: ModelChoice): ModelChoice {
  const capped = { ...choice, maxTokens: Math.min(choice.maxTokens, SYNTHESIS_TOKENS) };
  const bound = boundOfRun(context, "synthesis");
  const spare = (name: "usd" | "tokens"): number =>
    (bound.limits[name] ?? Number.POSITIVE_INFINITY) -
    bound.used[name] -
    reservedUnder(context, bound, { name, but: "synthesis" });
  const promptUsd = worstCaseUsd({ ...capped, maxTokens: 0 }, SYNTHESIS_PROMPT) ?? 0;
  const byMoney = choice.price ? ((spare("usd") - promptUsd) / choice.price.outputUsd) * 1e6 : Number.POSITIVE_INFINITY;
  const affordable = Math.floor(Math.min(byMoney, spare("tokens") - worstPromptTokens(SYNTHESIS_PROMPT)));
  return { ...capped, maxTokens: Math.max(FEWEST_TOKENS, Math.min(capped.maxTokens, affordable)) };
}

const LIMITS: readonly LimitName[] = ["usd", "tokens", "ms"];

function boundsOn(context: RunContext, from: string): readonly Bound[] {
  const task = taskOfConversation(from);
  return [boundOfRun(context, from), ...(task === undefined ? [] : ownBounds(context, task))];
}

function boundOfRun(context: RunContext, from: string): Bound {
  const { budget } = context.options;
  const isFree = from === "synthesis" || context.route?.mode === "direct";
  const share = isFree ? NO_USE : synthesisShare(context);
  return { owner: "the run", limits: budget, used: useOfRun(context), share, covers: () => true };
}

/** The limits of a task and of its worker, where they have any. */
function ownBounds(context: RunContext, task: TaskId): readonly Bound[] {
  const { budget } = context.options;
  const worker = workerOf(context, task);
  const bounds: Bound[] = [];
  if (hasLimit(budget.task)) {
    const covers = (name: string) => taskOfConversation(name) === task;
    bounds.push({ owner: `task ${task}`, limits: budget.task, used: useOfTask(context, task), share: NO_USE, covers });
  }
  const limits = worker !== undefined && Object.hasOwn(budget.worker, worker) ? budget.worker[worker] : undefined;
  if (limits && worker !== undefined) {
    const covers = (name: string) => {
      const other = taskOfConversation(name);
      return other !== undefined && workerOf(context, other) === worker;
    };
    bounds.push({ owner: `the worker ${worker}`, limits, used: useOfWorker(context, worker), share: NO_USE, covers });
  }
  return bounds;
}

function synthesisShare({ models, options: { budget } }: RunContext): Use {
  const choice = { ...models.orchestrator, maxTokens: Math.min(models.orchestrator.maxTokens, SYNTHESIS_TOKENS) };
  const usd = worstCaseUsd(choice, SYNTHESIS_PROMPT) ?? 0;
  const tokens = worstPromptTokens(SYNTHESIS_PROMPT) + choice.maxTokens;
  return {
    usd: Math.min((budget.usd ?? 0) * SYNTHESIS_SHARE, usd),
    tokens: Math.min(Math.floor((budget.tokens ?? 0) * SYNTHESIS_SHARE), tokens),
    ms: 0,
  };
}

function reservedUnder(
  { accounts }: RunContext,
  { covers }: Bound,
  { name, but }: { readonly name: "usd" | "tokens"; readonly but: string },
): number {
  return Object.entries(accounts).reduce(
    (total, [other, account]) => (other === but || !covers(other) ? total : total + reservedOf(account, name)),
    0,
  );
}

const reservedOf = ({ reservedUsd, reservedInputTokens, reservedOutputTokens }: Account, name: "usd" | "tokens"): number =>
  name === "usd" ? reservedUsd : reservedInputTokens + reservedOutputTokens;

function refusal(
  { owner }: Bound,
  name: "usd" | "tokens",
  { wanted, left, most }: { readonly wanted: number; readonly left: number; readonly most: number },
): Room {
  const text = (amount: number): string => amountText(name, amount);
  const message = `The next turn may take ${text(wanted)}; of the ${text(most)} of ${owner} ${text(Math.max(0, left))} is left for it.`;
  const isRun = owner === "the run";
  return { kind: "never", limit: isRun ? name : null, failure: failure(isRun ? "BudgetExceeded" : "WorkerBudget", message) };
}

/** An amount with its unit: `$0.0123`, `12000 tokens`, `90 s`. */
export function amountText(name: LimitName, amount: number): string {
  if (name === "usd") return `$${amount < 1 ? amount.toFixed(4) : amount.toFixed(2)}`;
  return name === "tokens" ? `${Math.floor(amount)} tokens` : `${Math.round(amount / 100) / 10} s`;
}

const hasLimit = (limits: RunLimits): boolean => LIMITS.some((name) => limits[name] !== null);

const workerOf = ({ queue }: RunContext, task: TaskId): string | undefined => queue?.tasks[taskIndex(task)]?.worker;

const sum = (a: Use, b: Use): Use => ({ usd: a.usd + b.usd, tokens: a.tokens + b.tokens, ms: a.ms + b.ms });

function withAt(list: readonly (Use | null)[], at: number, value: Use): readonly (Use | null)[] {
  const next = list.slice();
  while (next.length < at) next.push(null);
  next[at] = value;
  return next;
}
