// What tasks may cost at most. An upper bound, not a guess: every turn used, each answer as long as it may be. Pure.
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

/** Characters that a first prompt has besides the brief: instructions and tools. */
const FIXED_CHARACTERS = 20_000;
/** Characters that the tool results between two turns may bring. */
const RESULT_CHARACTERS = 60_000;
/** Turns and characters of the final answer. */
const SYNTHESIS = { turns: 1, characters: 40_000 };

/** Reckons the bounds of a run's plan. */
export function costCeilings({ plan, workers, models }: RunContext): CostCeilings {
  const tasks = (plan?.tasks ?? []).map((task) => {
    const card = workers.find(({ name }) => name === task.worker);
    if (!card || card.kind !== "model") return card ? 0 : null;
    const characters = FIXED_CHARACTERS + card.instructions.length + JSON.stringify(task).length;
    const attempt = conversationUsd(models.tiers[task.tier ?? card.tier], { turns: card.maxTurns, characters });
    return attempt === null ? null : attempt * DEFAULT_POLICY.attempts;
  });
  const all = [...tasks, conversationUsd(models.orchestrator, SYNTHESIS)];
  const totalUsd = all.reduce<number | null>((sum, usd) => (sum === null || usd === null ? null : sum + usd), 0);
  return { tasks, totalUsd };
}

/** A conversation whose prompt grows by the longest answer and the longest results each turn, up to what the model takes. */
function conversationUsd(choice: ModelChoice, { turns, characters }: { readonly turns: number; readonly characters: number }): number | null {
  const most = limitsOf(choice.model)?.contextTokens ?? Number.POSITIVE_INFINITY;
  let knownPromptTokens = 0;
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) {
    const newCharacters = turn === 0 ? characters : RESULT_CHARACTERS;
    const usd = worstCaseUsd(choice, { knownPromptTokens, newCharacters });
    if (usd === null) return null;
    sum += usd;
    knownPromptTokens = Math.min(most, knownPromptTokens + newCharacters / 2 + choice.maxTokens);
  }
  return sum;
}
