// A model turn that was in flight when its process ended. It may have been answered and billed; sent again at once it
// could pass the budget, since only one sending was reserved. So it ends here, and its conversation books it and asks anew.
import { failure } from "../core/failure.ts";
import type { ModelTurnOutput } from "./contract.ts";

/** What such a turn ends with instead of being sent; `lost` is how often it was in flight at a crash. */
export function lostTurn(lost: number): ModelTurnOutput {
  const message = "The run stopped while this turn was in flight: nobody knows what came of it. Its worst case is booked.";
  return { outcome: { kind: "failed", failure: failure("TurnLost", message), usage: null, usd: null, requestId: null }, lost };
}
