// What becomes of the tool calls of an answer: results, refusals, questions, loops. Pure functions on a conversation's
// state (conversation-state.ts); each call gets exactly one result, and equal calls with equal results end.
import { failure } from "../core/failure.ts";
import { digestOf, stableStringify } from "../core/json.ts";
import { tellingEntry } from "../core/policy.ts";
import type { Ask } from "../protocol/command.ts";
import type { UserBlock } from "../protocol/turn.ts";
import { describeAsk } from "./asks.ts";
import type { ConversationContext, ConversationRules } from "./conversation-state.ts";

/** Equal calls with equal results: from this many on a hint, then the end. */
const LOOP_HINT = 3;
const LOOP_END = 5;

/** Records the result of the current call. */
export function recordResult(
  context: ConversationContext,
  result: { readonly content: string; readonly isError: boolean; readonly at: number },
): ConversationContext {
  const call = context.calls[context.next];
  if (!call) return context;
  const seen = digestOf(stableStringify([call.name, call.input, result.content]));
  const times = context.recent.filter((one) => one === seen).length + 1;
  const hint = times >= LOOP_HINT ? `\n\nThis is the ${times}th time that this call gave this result. Try something else.` : "";
  const block: UserBlock = {
    type: "tool_result",
    tool_use_id: call.id,
    content: (result.content || "(no output)") + hint,
    is_error: result.isError,
  };
  const looping =
    times >= LOOP_END ? failure("WorkerLooping", `The call ${call.name} gave the same result ${times} times.`) : context.failure;
  return {
    ...context,
    now: Math.max(context.now, result.at),
    results: [...context.results, block],
    next: context.next + 1,
    toolCalls: context.toolCalls + 1,
    recent: [...context.recent, seen].slice(-50),
    asking: null,
    failure: looping,
    applied: null,
  };
}

/**
 * The current call broke its tool (not the command: that is a result). The model is told as often as the row of
 * ToolFailed says, then the conversation ends; a call that was in flight at too many crashes ends it at once.
 */
export function breakCall(
  context: ConversationContext,
  error: { readonly code: string; readonly message: string; readonly at: number },
  { policy }: ConversationRules,
): ConversationContext {
  const name = context.calls[context.next]?.name ?? "";
  const recorded = recordResult(context, { content: error.message, isError: true, at: error.at });
  if (error.code === "Poisoned") return { ...recorded, failure: failure("Poisoned", error.message) };
  const applied = tellingEntry(policy, "ToolFailed", context.broken);
  if (applied) return { ...recorded, applied, broken: context.broken + 1 };
  return { ...recorded, failure: failure("ToolFailed", `The tool ${name} broke: ${error.message}`) };
}

/** Refuses the current call. The model is told, for the same call as often as the row of ToolDenied says; then it ends. */
export function refuseCall(context: ConversationContext, why: string, { policy }: ConversationRules): ConversationContext {
  const call = context.calls[context.next];
  if (!call) return context;
  const seen = digestOf(stableStringify([call.name, call.input]));
  const times = context.refused.filter((one) => one === seen).length;
  const applied = tellingEntry(policy, "ToolDenied", times);
  const recorded = recordResult(context, {
    content: `Not allowed: ${why}. Do without it, or say in your answer what could not be done.`,
    isError: true,
    at: context.now,
  });
  const denied = failure(
    "ToolDenied",
    `The call ${call.name} was refused ${times === 1 ? "twice" : `${times + 1} times`} (${why}).`,
  );
  return { ...recorded, applied, refused: [...context.refused, seen], failure: applied ? recorded.failure : denied };
}

/** The question to a person about the current call; undefined when there is none. */
export function askAboutCall(context: ConversationContext): Ask | undefined {
  const call = context.calls[context.next];
  return call && describeAsk({ conversation: context.id, call, turn: context.turn, at: context.now });
}
