// Where the money of a run went, as data. It is a fold of the run's events over dated prices (ledger-fold.ts); the
// arithmetic of one turn stands in ledger-turn.ts, what became of attempts in ledger-story.ts. All of it is pure.
//   L1  The lines add up to the run's spend: dollars, estimated dollars, turns, tokens by class, unpriced turns.
//   L2  used + failed + repairs + lost = actual.
//   L3  twin = actual + tiers;  plainTwin = actual + tiers + caching + overlap.
//   L4  Nothing is invented: a turn whose tokens or price nobody knows counts the same on both sides of a comparison.
import type { Price } from "../protocol/spend.ts";

/**
 * What turns were for. `route`, `plan`, `synthesis`: the run's own conversations; `work`: an attempt of a task; `repair`:
 * what followed after an answer or a checked result was sent back; `mend`: any other conversation of the run.
 */
export type Purpose = "route" | "plan" | "work" | "repair" | "synthesis" | "mend";

/**
 * What became of an attempt of a task, or of a try of routing, planning and answering. `replaced`: it was accepted, and
 * its task was done again later. `stopped`: it was skipped or cancelled before it ended.
 */
export type AttemptOutcome = "open" | "accepted" | "failed" | "stopped" | "replaced";

/** Amounts that add up. Tokens as the API bills them, money in USD. */
export interface LedgerAmounts {
  /** Paid turns, the lost and the unpriced among them. */
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWrite5mTokens: number;
  readonly cacheWrite1hTokens: number;
  readonly usd: number;
  /** The part of `usd` whose tokens nobody reported. */
  readonly estimatedUsd: number;
  /** Turns of models without a price; they are in no dollar amount. */
  readonly unpricedTurns: number;
  /** Paid turns whose answer nobody used: failed, lost in a crash, or back after their actor was stopped. */
  readonly lostTurns: number;
  readonly lostUsd: number;
  /** The same tokens, in the same cache classes, on the orchestrator's model. */
  readonly twinUsd: number;
  /** The same tokens with every prompt token at the plain input price. */
  readonly uncachedUsd: number;
  /** Both at once: on the orchestrator's model, every prompt token at its plain input price. */
  readonly plainTwinUsd: number;
  /** The part of `usd` that counts unchanged in the three amounts before, because its tokens or a price are unknown. */
  readonly incomparableUsd: number;
  /** Estimated tokens of finished tasks' outputs that were not sent along, and what they would have cost once as plain input. */
  readonly withheldTokens: number;
  readonly withheldUsd: number;
}

/** Turns of one conversation on one model for one purpose. */
export interface LedgerLine extends LedgerAmounts {
  /** `route`, `plan`, `synthesis`, or an attempt such as `t3#2`. */
  readonly conversation: string;
  /** Null for the run's own conversations, except those about a task (`mend:t3#1`). */
  readonly task: string | null;
  readonly worker: string | null;
  /** Counted from 1; for the run's own conversations, their tries. */
  readonly attempt: number;
  /** The model that was asked. */
  readonly model: string;
  readonly purpose: Purpose;
  readonly outcome: AttemptOutcome;
}

/** What lines can have in common; `conversation` is an attempt, or a conversation of the run with all its tries. */
export type LedgerGroup = "model" | "worker" | "task" | "conversation" | "purpose";

/** Lines with something in common, added up. */
export interface LedgerTotal extends LedgerAmounts {
  /** What they have in common; null for lines without a worker or task. */
  readonly name: string | null;
}

/** Where the money of a run went. Plain JSON. Amounts in USD. */
export interface Ledger {
  /** The orchestrator's model: the one of the fair twin. */
  readonly orchestrator: string;
  /** The prices that were used, USD per million tokens; null where none is known. */
  readonly prices: Readonly<Record<string, Price | null>>;
  readonly lines: readonly LedgerLine[];
  /** All lines added up; `total.usd` is what was spent. */
  readonly total: LedgerAmounts;
  /** The fair twin: `total.twinUsd`. Null where the orchestrator's model has no price. */
  readonly twinUsd: number | null;
  /** What other models than the orchestrator's saved: twin - actual, in all and by model. Negative where they cost more. */
  readonly tiers: { readonly savedUsd: number; readonly byModel: Readonly<Record<string, number>> } | null;
  /** What the prompt cache saved on the models that ran: uncached - actual. Negative where writes cost more than reads saved. */
  readonly caching: { readonly savedUsd: number };
  /** Tiers and caching together against `plainTwinUsd`; `overlapUsd` is what only both together explain. Null as the twin. */
  readonly together: { readonly plainTwinUsd: number; readonly overlapUsd: number } | null;
  /** What not sending every output to every worker saved: an estimate, each output read once as plain input. */
  readonly filteredContext: { readonly tokens: number; readonly savedUsd: number };
  /** A run never knows what the other way would have cost: `overheadUsd` is what route, plan and answer did cost. */
  readonly bypass: { readonly savedUsd: null; readonly overheadUsd: number; readonly why: string };
  /** What the spend went into; each turn is in one of them, and they add up to it. */
  readonly costs: LedgerCosts;
  readonly acceptedTasks: number;
  /** All that was spent over the accepted tasks; null without any. */
  readonly perAcceptedTaskUsd: number | null;
}

/** What the spend went into. A lost turn of a failed attempt is lost, a repair in it failed with it. */
export interface LedgerCosts {
  /** Everything else: attempts that were accepted or are still open. */
  readonly usedUsd: number;
  /** Attempts that were not accepted: what retries cost. */
  readonly failedUsd: number;
  /** Turns after an answer or a checked result was sent back. */
  readonly repairsUsd: number;
  /** Paid turns whose answer nobody used. */
  readonly lostUsd: number;
}

/** Adds lines up by what they have in common, in the order in which it first appears. */
export function totalsBy(lines: readonly LedgerLine[], by: LedgerGroup): readonly LedgerTotal[] {
  return [...groupLines(lines, by)].map(([name, group]) => ({ name, ...sumOf(group) }));
}

/** Lines by what they have in common, in the order in which it first appears. */
export function groupLines(lines: readonly LedgerLine[], by: LedgerGroup): ReadonlyMap<string | null, readonly LedgerLine[]> {
  const groups = new Map<string | null, LedgerLine[]>();
  for (const line of lines) {
    const group = groups.get(line[by]);
    if (group) group.push(line);
    else groups.set(line[by], [line]);
  }
  return groups;
}

/** Nothing. */
export const NO_AMOUNTS: LedgerAmounts = {
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  usd: 0,
  estimatedUsd: 0,
  unpricedTurns: 0,
  lostTurns: 0,
  lostUsd: 0,
  twinUsd: 0,
  uncachedUsd: 0,
  plainTwinUsd: 0,
  incomparableUsd: 0,
  withheldTokens: 0,
  withheldUsd: 0,
};

/** Adds amounts up. */
export function sumOf(amounts: readonly LedgerAmounts[]): LedgerAmounts {
  const sum = { ...NO_AMOUNTS };
  for (const one of amounts) addTo(sum, one);
  return sum;
}

/** Adds amounts to a sum, in place. */
export function addTo(sum: { -readonly [Name in keyof LedgerAmounts]: number }, amounts: LedgerAmounts): void {
  for (const name of NAMES) sum[name] += amounts[name];
}

const NAMES = Object.keys(NO_AMOUNTS) as readonly (keyof LedgerAmounts)[];
