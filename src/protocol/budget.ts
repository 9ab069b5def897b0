// What a run may use at most, as its owner says it and as a run keeps it.

/** Most of each kind; what is left out has no limit. */
export interface Limits {
  /** Money. Every model in use then needs a price. */
  readonly usd?: number;
  /** Tokens of prompts, cached ones included, and of answers. */
  readonly tokens?: number;
  /** Time, in ms. Gaps (a machine that slept, a run that stood stopped or paused) don't count. */
  readonly ms?: number;
}

/**
 * What a run may use. For the run as a whole, for each task over all its attempts, and for workers by name over all their
 * tasks. The run's `ms` is wall time, of which 10 % (2 minutes at most) is kept for the answer; those of tasks and workers
 * are the time of attempts, added up.
 */
export interface Budget extends Limits {
  /** Holds for every task by itself, over all its attempts. */
  readonly task?: Limits;
  readonly worker?: Readonly<Record<string, Limits>>;
}

/** What can be limited. */
export type LimitName = "usd" | "tokens" | "ms";

/** `Limits` as plain JSON: null for no limit. */
export type RunLimits = { readonly [Name in LimitName]: number | null };

/** `Budget` as plain JSON: null for no limit. Look workers up with `Object.hasOwn`. */
export interface RunBudget extends RunLimits {
  readonly task: RunLimits;
  readonly worker: Readonly<Record<string, RunLimits>>;
}

/** The most that a turn can use. */
export interface WorstCase {
  /** 0 for a model without a price. */
  readonly usd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A budget with everything that was left out. */
export function resolveBudget({ task = {}, worker = {}, ...run }: Budget = {}): RunBudget {
  const workers = Object.entries(worker).map(([name, limits]) => [name, resolveLimits(limits)] as const);
  return { ...resolveLimits(run), task: resolveLimits(task), worker: Object.fromEntries(workers) };
}

/** All limits of a kind that a budget names, wherever they stand. */
export function limitsNamed({ task, worker, ...run }: RunBudget, name: LimitName): readonly number[] {
  return [run, task, ...Object.values(worker)].flatMap((limits) => limits[name] ?? []);
}

const resolveLimits = ({
  usd = null,
  tokens = null,
  ms = null,
}: { readonly [Name in LimitName]?: number | null }): RunLimits => ({
  usd,
  tokens,
  ms,
});
