// The invariant of money: each turn is booked once, at what it cost.
import { parseAttemptId } from "../../core/ids.ts";
import type { Row } from "../../host/journal.ts";
import { throughout } from "./invariant.ts";
import type { SimulatedRun } from "./stage.ts";

const SLACK_USD = 1e-9;

/**
 * What was spent is what the journal's turns cost, estimates apart; what was told of turns is part of it, in all and for
 * each task.
 */
export const moneyAddsUp = throughout("moneyAddsUp", () => {
  const told = new Map<string, number>();
  return {
    event(event) {
      if (event.type !== "turn.completed" && event.type !== "turn.failed") return undefined;
      const name = parseAttemptId(event.conversation.replace(/^mend:/, ""))?.task ?? event.conversation;
      told.set(name, (told.get(name) ?? 0) + (event.usd ?? 0));
      return undefined;
    },
    end({ end, output, rows }: SimulatedRun) {
      if (end.kind !== "done" || !output) return undefined;
      const { usd, estimatedUsd } = output.spend;
      const billed = rows.reduce((sum, row) => sum + billOf(row), 0);
      if (usd < billed - SLACK_USD) return `the journal's turns cost ${billed} USD, booked are ${usd}`;
      if (usd - estimatedUsd > billed + SLACK_USD)
        return `the journal's turns cost ${billed} USD, booked are ${usd} of which ${estimatedUsd} are estimates`;
      const short = output.tasks.find((task) => task.usd < (told.get(task.id) ?? 0) - SLACK_USD);
      return short && `the turns of ${short.id} cost ${told.get(short.id)} USD, booked are ${short.usd}`;
    },
  };
});

/** What the turn of a closing row cost. */
function billOf({ kind, key = "", body }: Row): number {
  if (!/\/turn\/[\d.]+$/.test(key) || (kind !== "result" && kind !== "cancelled")) return 0;
  const value: unknown = kind === "result" ? body : fieldOf(body, "value");
  const outcome = fieldOf(value, "outcome");
  const usd = fieldOf(outcome, "usd");
  return fieldOf(outcome, "usage") && typeof usd === "number" ? usd : 0;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
