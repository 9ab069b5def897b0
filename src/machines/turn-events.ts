// What is told of turns that were paid: each event is one booking, with all that a ledger needs of it.
//   T1  The paid turns of a run are exactly its `turn.completed`, its `turn.failed` that are billed and its `turn.lost`:
//       their sum is the run's spend.
import type { UpwardMessage } from "../protocol/message.ts";
import type { RunEvent } from "../protocol/run-event.ts";
import type { Usage } from "../protocol/spend.ts";

type Told<T extends RunEvent["type"]> = Omit<Extract<RunEvent, { type: T }>, "at">;

/** A paid turn whose answer nobody used. */
export interface LostTurn {
  readonly from: string;
  readonly turn: number;
  readonly model: string;
  /** `crash`: sent before a stop of the process; `stopped`: its actor was gone; `unbilled`: nobody said what it cost. */
  readonly why: "crash" | "stopped" | "unbilled";
  readonly usage: Usage | null;
  readonly usd: number | null;
}

/** A turn came back: `turn.completed` or `turn.failed`. `model` is the one that was asked. */
export function turnEnd(
  message: Extract<UpwardMessage, { type: "turn.completed" | "turn.failed" }>,
  model: string,
): Told<"turn.completed"> | Told<"turn.failed"> {
  const { from: conversation, turn, usd } = message;
  if (message.type === "turn.completed") {
    const { model: answered, stop, usage } = message;
    return { type: "turn.completed", conversation, turn, model: answered, stop, usd, ...tokensOf(usage) };
  }
  const { failure, wakeAt, usage } = message;
  const paid = { usd: usage ? usd : 0, billed: usage !== null, ...tokensOf(usage ?? NOTHING) };
  return { type: "turn.failed", conversation, turn, failure, wakeAt, model, ...paid };
}

/** The `turn.lost` of a turn; none where nothing was billed. */
export function turnLost({ from, turn, model, why, usage, usd }: LostTurn): readonly Told<"turn.lost">[] {
  return usage ? [{ type: "turn.lost", conversation: from, usd, turn, model, why, ...tokensOf(usage) }] : [];
}

const NOTHING: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  estimated: false,
};

/** Only the fields of a usage, whatever else a provider's has. */
const tokensOf = ({
  inputTokens,
  outputTokens,
  cacheReadTokens,
  cacheWrite5mTokens,
  cacheWrite1hTokens,
  estimated,
}: Usage): Usage => ({ inputTokens, outputTokens, cacheReadTokens, cacheWrite5mTokens, cacheWrite1hTokens, estimated });
