// How the children of a run end, read from XState's events: a worker, a conversation of the run, a wait, a copy.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { parseAttemptId, taskOfConversation } from "../core/ids.ts";
import type { ConversationOutcome } from "../protocol/message.ts";
import { NO_SPEND } from "../protocol/spend.ts";
import type { WorkerOutcome } from "../protocol/work.ts";
import type { Attempted } from "../actors/contract.ts";
import type { Settled } from "../host/port.ts";
import { wakeCall } from "./calls.ts";
import { isAlarm } from "./deadlines.ts";
import { effectErrorOf } from "./effect-events.ts";
import { wakeMend } from "./mend.ts";
import { billedBy, estimateBill } from "./money.ts";
import { ring } from "./overtime.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { wakeUp } from "./settle.ts";
import { sequence, step } from "./step.ts";
import type { Step } from "./step.ts";

/** An event by which XState tells that a child ended. */
interface Ended {
  readonly type: string;
}

/** The id of the child that an event is about; "" for other events. */
export function childId(event: Ended): string {
  return "actorId" in event && typeof event.actorId === "string" ? event.actorId : "";
}

/** How a worker ended; one that broke has crashed. */
export function workerOutcome(context: RunContext, event: Ended): WorkerOutcome {
  // Children named worker:… are worker machines, whose output is a WorkerOutcome.
  if ("output" in event) return event.output as WorkerOutcome;
  const { message, at } = effectErrorOf(event, context.now);
  return { kind: "failed", failure: failure("WorkerCrashed", message), spend: NO_SPEND, at };
}

/** How a conversation of the run ended; one that broke has failed. */
export function callOutcome(context: RunContext, event: Ended): ConversationOutcome {
  // Children named route, plan, synthesis and mend:… are conversations.
  if ("output" in event) return event.output as ConversationOutcome;
  const { message, at } = effectErrorOf(event, context.now);
  return { kind: "failed", failure: failure("WorkerCrashed", message), spend: NO_SPEND, turns: 0, toolCalls: 0, at };
}

/** Why the planner has no copy to explore. */
export function exploreFailure(context: RunContext, event: Ended): Failure {
  // The child named explore is the effect that prepares a copy.
  const value = "output" in event ? (event.output as Settled<Attempted<object>>).value : undefined;
  return value && !value.ok ? value.failure : failure("WorkspaceFailed", effectErrorOf(event, context.now).message);
}

/** A wait is over: of a task, of a conversation of the run, for a bill, or for a deadline. */
export function wake(context: RunContext, event: Ended, rules: RunRules): Step {
  const child = childId(event);
  const name = child.slice("wake:".length);
  const [attempt, billed] = [parseAttemptId(name), billedBy(name)];
  const at = ("output" in event ? wokenAt(event.output) : undefined) ?? context.now;
  return sequence(step(context, { do: "stop", child }), (next) => {
    if (isAlarm(name)) return ring(next, { name, at }, rules);
    if (billed !== undefined) return estimateBill(next, billed, at);
    if (attempt) return wakeUp(next, attempt, at);
    return taskOfConversation(name) ? wakeMend(next, name, at) : wakeCall(next, at);
  });
}

const wokenAt = (output: unknown): number | undefined =>
  typeof output === "object" && output !== null && "at" in output && typeof output.at === "number" ? output.at : undefined;
