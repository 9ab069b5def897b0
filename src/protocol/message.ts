// What the actors of a run say to each other while they live. How they end is their `output` (work.ts and below).
// `from` names a conversation: `route`, `plan`, `synthesis`, `mend:t3#1`, or an attempt such as `t3#2`.
import type { Failure, FailureCode } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { WorstCase } from "./budget.ts";
import type { Ask } from "./command.ts";
import type { SpendTotals, Usage } from "./spend.ts";
import type { Message } from "./turn.ts";

/** From a conversation (through its worker, if it has one) to the orchestrator. */
export type UpwardMessage =
  /** A turn was asked of the host. */
  | {
      readonly type: "turn.started";
      readonly from: string;
      readonly turn: number;
      readonly model: string;
      readonly worst: WorstCase;
      readonly at: number;
    }
  /** A turn came back and was paid. */
  | {
      readonly type: "turn.completed";
      readonly from: string;
      readonly turn: number;
      readonly model: string;
      readonly stop: string;
      readonly usage: Usage;
      readonly usd: number | null;
      readonly at: number;
    }
  /**
   * A turn failed; what it cost is booked. `lost`: it was in flight at a crash, so that its cost is the worst case. `wakeAt`:
   * when the same turn is tried again; null when the conversation gives up.
   */
  | {
      readonly type: "turn.failed";
      readonly from: string;
      readonly turn: number;
      readonly failure: Failure;
      readonly usage: Usage | null;
      readonly usd: number | null;
      readonly lost: boolean;
      readonly wakeAt: number | null;
      readonly at: number;
    }
  | { readonly type: "tool.started"; readonly from: string; readonly tool: string; readonly summary: string; readonly at: number }
  | {
      readonly type: "tool.finished";
      readonly from: string;
      readonly tool: string;
      readonly ok: boolean;
      readonly summary: string;
      readonly at: number;
    }
  /** The worker entered another state, such as `verifying`. */
  | {
      readonly type: "worker.progressed";
      readonly from: string;
      readonly state: string;
      readonly note: string;
      readonly at: number;
    }
  | { readonly type: "answer.repairing"; readonly from: string; readonly issues: readonly string[]; readonly at: number }
  /** An entry of the policy table was applied inside the conversation: the same turn again, or the model was told. */
  | {
      readonly type: "policy.applied";
      readonly from: string;
      readonly code: FailureCode;
      readonly entry: string;
      readonly at: number;
    }
  | { readonly type: "ask.raised"; readonly from: string; readonly ask: Ask; readonly at: number }
  /** The next turn's worst case is to be reserved before it starts. */
  | { readonly type: "budget.asked"; readonly from: string; readonly worst: WorstCase; readonly at: number }
  /** A run-level failure: the conversation waits until the run is resumed. */
  | { readonly type: "conversation.held"; readonly from: string; readonly failure: Failure; readonly at: number };

/** From the orchestrator to a conversation (through its worker, if it has one). */
export type DownwardMessage =
  | {
      readonly type: "ask.answered";
      readonly ask: string;
      readonly decision: "approve" | "reject";
      readonly text: string | null;
      readonly at: number;
    }
  | { readonly type: "budget.granted"; readonly at: number }
  /** The turn may not start; `failure` names the limit. */
  | { readonly type: "budget.refused"; readonly failure: Failure; readonly at: number }
  | { readonly type: "worker.told"; readonly text: string; readonly at: number }
  | { readonly type: "run.resumed"; readonly at: number };

/** How a conversation ends. */
export type ConversationOutcome =
  | {
      readonly kind: "finished";
      readonly text: string;
      /** The decoded answer where a format was asked for, else the text. */
      readonly value: Json;
      /** The whole history, so that it can be taken up again. */
      readonly messages: readonly Message[];
      readonly spend: SpendTotals;
      readonly turns: number;
      readonly toolCalls: number;
      readonly at: number;
    }
  | {
      readonly kind: "failed";
      readonly failure: Failure;
      readonly spend: SpendTotals;
      readonly turns: number;
      readonly toolCalls: number;
      readonly at: number;
    };
