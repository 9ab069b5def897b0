// Limits, counted anew: from tasks and accounts, not from what the machine keeps about them.
import { attemptId, taskIndex, taskOfConversation } from "../../core/ids.ts";
import type { Account, RunContext } from "../../machines/run-state.ts";
import type { RunLimits } from "../../protocol/budget.ts";
import { tokensSpent } from "../../protocol/spend.ts";
import type { TaskState } from "../../queue/state.ts";

const SLACK_USD = 1e-9;
/** What is delivered in the same moment may come before the timer. */
const SLACK_MS = 1;

/** Where a run is above a limit, a line each: spent and reserved together, or time. */
export function overruns(context: RunContext): readonly string[] {
  return [...ofRun(context), ...ofTasks(context), ...ofWorkers(context), ...overtimes(context)];
}

function ofRun(context: RunContext): readonly string[] {
  const { options, spend } = context;
  const { usd, tokens } = options.budget;
  if (usd === null && tokens === null) return [];
  const held = reserved(context, () => true);
  return above("the run", options.budget, { usd: spend.usd, tokens: tokensSpent(spend), held });
}

interface Used {
  readonly usd: number;
  readonly tokens: number;
  readonly held: readonly Account[];
}

function above(who: string, limits: RunLimits, { usd, tokens, held }: Used): readonly string[] {
  const usdAll = held.reduce((sum, one) => sum + one.reservedUsd, usd);
  const tokensAll = held.reduce((sum, one) => sum + one.reservedInputTokens + one.reservedOutputTokens, tokens);
  return [
    ...(limits.usd !== null && usdAll > limits.usd + SLACK_USD ? [`${who}: $${usdAll} of $${limits.usd}`] : []),
    ...(limits.tokens !== null && tokensAll > limits.tokens ? [`${who}: ${tokensAll} of ${limits.tokens} tokens`] : []),
  ];
}

function ofTasks(context: RunContext): readonly string[] {
  const { queue, use, options } = context;
  if (Object.values(options.budget.task).every((limit) => limit === null)) return [];
  return (queue?.tasks ?? []).flatMap((task, at) => {
    const kept = use.tasks[at] ?? { usd: 0, tokens: 0 };
    const usd = usdOf(context, task);
    const drift = Math.abs(kept.usd - usd) > SLACK_USD ? [`${task.id}: kept $${kept.usd}, is $${usd}`] : [];
    const held = reserved(context, (id) => id === task.id);
    return [...drift, ...above(task.id, options.budget.task, { usd, tokens: kept.tokens, held })];
  });
}

function ofWorkers(context: RunContext): readonly string[] {
  const { queue, use, options } = context;
  return Object.entries(options.budget.worker).flatMap(([worker, limits]) => {
    const own = (queue?.tasks ?? []).filter((task) => task.worker === worker);
    const held = reserved(context, (id) => own.some((task) => task.id === id));
    const kept = use.workers[worker] ?? { usd: 0, tokens: 0 };
    // A task may have been another worker's before.
    return above(worker, limits, { usd: kept.usd, tokens: kept.tokens, held });
  });
}

/** What a task has cost, with what its live attempt or its mending has spent so far. */
function usdOf({ accounts }: RunContext, { id, usd, status, attempts }: TaskState): number {
  const attempt = attemptId(id, attempts);
  if (status === "running") return usd + (accounts[attempt]?.usd ?? 0);
  if (status !== "mending") return usd;
  const mends = Object.entries(accounts).filter(([name]) => name !== attempt && taskOfConversation(name) === id);
  return mends.reduce((sum, [, account]) => sum + account.usd, usd);
}

const reserved = ({ accounts }: RunContext, of: (task: string) => boolean): readonly Account[] =>
  Object.entries(accounts).flatMap(([name, one]) => (of(taskOfConversation(name) ?? name) ? [one] : []));

/** Attempts that run beyond their own limit, or their task's. */
function overtimes({ queue, asks, now, workers, options, standstill, use }: RunContext): readonly string[] {
  if (standstill.since !== null) return [];
  const running = (queue?.tasks ?? []).filter(({ status }) => status === "running");
  return running.flatMap(({ id, attempts, startedAt, worker }) => {
    if (startedAt === null || asks.some(({ from }) => from === attemptId(id, attempts))) return [];
    const longest = workers.find(({ name }) => name === worker)?.maxMs ?? 0;
    const { ms } = options.budget.task;
    const most = ms === null ? longest : Math.min(longest, ms - (use.tasks[taskIndex(id)]?.ms ?? 0));
    return now - startedAt > most + SLACK_MS ? [`${id} has taken ${now - startedAt} of ${most} ms`] : [];
  });
}
