// What tasks may cost at most. An upper bound, not a guess: every turn used, each with a full context and the longest answer. Pure.
import { DEFAULT_POLICY } from "../core/policy.ts";
import type { RunContext } from "../machines/run-state.ts";
import { limitsOf, worstCaseUsd } from "../model/prices.ts";
import type { ModelChoice } from "../protocol/turn.ts";

/** Upper bounds in USD; null where a model has no known price. */
export interface CostCeilings {
  /** By position in the plan, all attempts included. */
  readonly tasks: readonly (number | null)[];
  /** All tasks and the final answer; what planning cost already is not in it. */
  readonly totalUsd: number | null;
}

/** Characters that the final answer is made from. */
const SYNTHESIS_CHARACTERS = 40_000;

/** Reckons the bounds of a run's plan. */
export function costCeilings({ plan, workers, models }: RunContext): CostCeilings {
  const tasks = (plan?.tasks ?? []).map((task) => {
    const card = workers.find(({ name }) => name === task.worker);
    if (!card || card.kind !== "model") return card ? 0 : null;
    const attempt = conversationUsd(models.tiers[task.tier ?? card.tier], card.maxTurns);
    return attempt === null ? null : attempt * DEFAULT_POLICY.attempts;
  });
  const all = [...tasks, worstCaseUsd(models.orchestrator, { knownPromptTokens: 0, newCharacters: SYNTHESIS_CHARACTERS })];
  const totalUsd = all.reduce<number | null>((sum, usd) => (sum === null || usd === null ? null : sum + usd), 0);
  return { tasks, totalUsd };
}

/** A conversation whose every turn fills the context of its model; null where price or context are not known. */
function conversationUsd(choice: ModelChoice, turns: number): number | null {
  const limits = limitsOf(choice.model);
  const knownPromptTokens = (limits?.contextTokens ?? 0) - choice.maxTokens;
  const usd = limits ? worstCaseUsd(choice, { knownPromptTokens, newCharacters: 0 }) : null;
  return usd === null ? null : usd * turns;
}
