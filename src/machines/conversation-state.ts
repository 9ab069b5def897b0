// The conversation's state and the decisions on its turns, as pure functions; the chart (conversation.ts) only says
// when. What becomes of tool calls stands in tool-calls.ts.
//   C1  Histories only grow, parameters never change: thinking blocks and caches are bound to the exact prefix.
//   C2  A tool runs only for a complete answer that stopped for tools; each call gets exactly one result.
//   C3  Every turn is booked, also failed and lost ones, before its answer is used; a lost one at its worst case.
//   C4  Every loop is bounded: turns, tool calls, repairs, pauses, losses, equal calls. (Time is the parent's to bound.)
import { FAILURES, failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { lastEntry, nextTurnStep, tellingEntry, turnEntry, waitBetween } from "../core/policy.ts";
import type { AppliedEntry, Policy } from "../core/policy.ts";
import { draw, seedFrom } from "../core/random.ts";
import { unreachable } from "../core/unreachable.ts";
import { promptTokensOf, sizeOf, worstCaseUsd, worstPromptTokens } from "../model/prices.ts";
import type { WorstCase } from "../protocol/budget.ts";
import type { Ask, PermissionRules } from "../protocol/command.ts";
import type { ConversationOutcome } from "../protocol/message.ts";
import { NO_SPEND, addTurn, estimateOf } from "../protocol/spend.ts";
import type { SpendTotals, TurnSpend } from "../protocol/spend.ts";
import { textOf } from "../protocol/turn.ts";
import type { AssistantBlock, FrozenParameters, Message, TurnOutcome, UserBlock } from "../protocol/turn.ts";
import type { ModelTurnOutput } from "../actors/contract.ts";
import { repairPlan } from "../prompts/planner.ts";
import { outputInvalid, told } from "../prompts/worker.ts";

/** What a conversation is started with. */
export interface ConversationInput {
  /** `plan`, `route`, `synthesis`, an attempt such as `t3#2`, or `mend:t3#1`. */
  readonly id: string;
  readonly parameters: FrozenParameters;
  /** The history so far, ending with a user message. */
  readonly messages: readonly Message[];
  /** First turn number; counts on when a conversation is taken up again. @default 1 */
  readonly firstTurn?: number;
  /** Workspace copy its tools work in. @default the conversation's id */
  readonly workspace?: string;
  readonly permissions: PermissionRules;
  /** `asked`: each turn's worst case is asked of the parent first. Else money it may use in USD, null for no limit. */
  readonly allowanceUsd: number | null | "asked";
  readonly limits: { readonly turns: number; readonly toolCalls: number };
  /** Most repair turns for an answer that does not fit its format. */
  readonly repairs: number;
  /** What the decoder of its answer has to know besides the format. @default null */
  readonly about?: Json;
  /** Host time of the start, ms. */
  readonly at: number;
}

type ToolUse = Extract<AssistantBlock, { type: "tool_use" }>;

/** What to do after a turn. */
export type Verdict = "act" | "finish" | "repair" | "continue" | "wait" | "hold" | "fail";

/** The conversation's context: plain JSON. */
export interface ConversationContext extends ConversationInput {
  readonly messages: readonly Message[];
  readonly turn: number;
  /** Tries of this turn so far. */
  readonly tried: number;
  /** How often this try was lost in a crash so far. */
  readonly lost: number;
  readonly verdict: Verdict | null;
  readonly failure: Failure | null;
  /** The entry of the policy table that the last turn or tool call was met with. */
  readonly applied: AppliedEntry | null;
  readonly answer: { readonly text: string; readonly value: Json } | null;
  readonly issues: readonly string[];
  readonly repaired: number;
  readonly pauses: number;
  /** Tool calls of the last answer, those still to do, and the results so far. */
  readonly calls: readonly ToolUse[];
  readonly next: number;
  readonly results: readonly UserBlock[];
  readonly toolCalls: number;
  /** Calls that broke their tool, which the model was told of. */
  readonly broken: number;
  /** Digests of recent calls with their results, for the loop detector. */
  readonly recent: readonly string[];
  readonly refused: readonly string[];
  readonly asking: Ask | null;
  readonly told: readonly string[];
  /** Money left to use; null where it is asked for, or has no limit. */
  readonly moneyUsd: number | null;
  /** The parent has reserved the next turn's worst case. */
  readonly granted: boolean;
  /** Prompt tokens as of the last answer, and characters added since. */
  readonly knownTokens: number;
  readonly newCharacters: number;
  readonly spend: SpendTotals;
  readonly wakeAt: number;
  readonly now: number;
  readonly seed: number;
}

/** Decodes a final answer; issues go back to the model. Pure and total. */
export type Decode = (
  format: string,
  text: string,
  about: Json,
) => { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly issues: readonly string[] };

/** What a conversation machine closes over: all of it constant. */
export interface ConversationRules {
  readonly policy: Policy;
  readonly decode: Decode;
}

/** Names of the formats whose answers are plans. */
const PLANS: ReadonlySet<string> = new Set(["plan", "split"]);
const isPlan = (format: { readonly name: string } | null): boolean => format !== null && PLANS.has(format.name);
/** Most times a turn may be continued after `pause_turn`. */
const MOST_PAUSES = 10;

/** The first context. Safe on undefined input, since explorers build machines without any. */
export function startConversation(input: ConversationInput | undefined): ConversationContext {
  const given: ConversationInput = input ?? NOTHING;
  return {
    ...given,
    turn: given.firstTurn ?? 1,
    tried: 0,
    lost: 0,
    verdict: null,
    failure: null,
    applied: null,
    answer: null,
    issues: [],
    repaired: 0,
    pauses: 0,
    calls: [],
    next: 0,
    results: [],
    toolCalls: 0,
    broken: 0,
    recent: [],
    refused: [],
    asking: null,
    told: [],
    moneyUsd: given.allowanceUsd === "asked" ? null : given.allowanceUsd,
    granted: false,
    knownTokens: 0,
    newCharacters: sizeOf(given),
    spend: NO_SPEND,
    wakeAt: 0,
    now: given.at,
    seed: seedFrom(given.id),
  };
}

const NOTHING: ConversationInput = {
  id: "conversation",
  parameters: {
    choice: { endpoint: "default", model: "", effort: null, maxTokens: 0, price: null },
    system: [],
    tools: [],
    format: null,
  },
  messages: [],
  permissions: { allow: [], ask: [], deny: [] },
  allowanceUsd: null,
  limits: { turns: 0, toolCalls: 0 },
  repairs: 0,
  at: 0,
};

/** The most the next turn can use. */
export function worstCase({ parameters: { choice }, knownTokens, newCharacters }: ConversationContext): WorstCase {
  const prompt = { knownPromptTokens: knownTokens, newCharacters };
  return {
    usd: worstCaseUsd(choice, prompt) ?? 0,
    inputTokens: worstPromptTokens(prompt),
    outputTokens: choice.maxTokens,
  };
}

/** How the host names this try of this turn; one that was lost is asked again under a name of its own. */
export const turnKey = ({ id, turn, tried, lost }: ConversationContext): string =>
  `${id}/turn/${turn}.${tried}${lost > 0 ? `.${lost}` : ""}`;

/** What a turn cost, as far as anybody knows; null for nothing. A lost one may have cost all it could. */
export function billOf(context: ConversationContext, { outcome, lost }: ModelTurnOutput): TurnSpend | null {
  const { usage, usd } = outcome;
  if (outcome.kind === "failed" && lost > 0) return estimateOf(worstCase(context), context.parameters.choice.price !== null);
  return usage && { usage, usd };
}

/** Books a turn and decides what comes next. */
export function judgeTurn(
  context: ConversationContext,
  settled: { readonly value: ModelTurnOutput; readonly at: number },
  rules: ConversationRules,
): ConversationContext {
  const booked = book({ ...context, now: settled.at, failure: null, applied: null }, settled.value);
  const { outcome } = settled.value;
  return outcome.kind === "failed" ? afterFailure(booked, outcome.failure, rules) : afterAnswer(booked, outcome, rules);
}

/** The turn effect itself broke (not the model): the same rules as for any failure. */
export function judgeCrash(
  context: ConversationContext,
  error: { readonly message: string; readonly at: number },
  rules: ConversationRules,
): ConversationContext {
  // What was granted for it is settled with the parent, so the next try asks anew.
  return afterFailure({ ...context, granted: false, applied: null, now: error.at }, failure("Internal", error.message), rules);
}

/** The model's answer to the calls: all results first, then what a person said meanwhile. */
export function answerCalls(context: ConversationContext): ConversationContext {
  return {
    ...append(context, { role: "user", content: [...context.results, ...toldBlocks(context.told)] }),
    told: [],
    calls: [],
    results: [],
    next: 0,
    ...nextTurn(context),
  };
}

/** Sends what is wrong with the answer back. */
export function askForRepair(context: ConversationContext): ConversationContext {
  const text = isPlan(context.parameters.format) ? repairPlan(context.issues.join("\n")) : outputInvalid(context.issues);
  return {
    ...append(context, { role: "user", content: [{ type: "text", text }] }),
    repaired: context.repaired + 1,
    ...nextTurn(context),
  };
}

/** Goes on after a pause, or with what a person said. */
export function goOn(context: ConversationContext): ConversationContext {
  const said = toldBlocks(context.told);
  const grown = said.length > 0 ? append(context, { role: "user", content: said }) : context;
  return { ...grown, told: [], ...nextTurn(context) };
}

/** How the conversation ends, as its output. */
export function outcomeOf(context: ConversationContext): ConversationOutcome {
  const { spend, toolCalls, now: at } = context;
  const turns = context.turn;
  if (context.verdict === "finish" && context.answer)
    return { kind: "finished", ...context.answer, messages: context.messages, spend, turns, toolCalls, at };
  return {
    kind: "failed",
    failure: context.failure ?? failure("Internal", "The conversation ended without an answer."),
    spend,
    turns,
    toolCalls,
    at,
  };
}

function afterAnswer(
  context: ConversationContext,
  outcome: Extract<TurnOutcome, { kind: "answered" }>,
  rules: ConversationRules,
): ConversationContext {
  const grown = { ...append(context, { role: "assistant", content: outcome.blocks }), tried: 0, lost: 0 };
  switch (outcome.stop) {
    case "tool_use":
      return takeCalls(grown, outcome.blocks);
    case "end_turn":
    case "stop_sequence":
      return context.told.length > 0 ? { ...grown, verdict: "continue" } : takeAnswer(grown, textOf(outcome.blocks), rules);
    case "pause_turn":
      return context.pauses < MOST_PAUSES
        ? { ...grown, pauses: context.pauses + 1, verdict: "continue" }
        : afterFailure(context, failure("MalformedAnswer", `The model paused ${MOST_PAUSES} times in a row.`), rules);
    case "max_tokens":
      return afterFailure(
        context,
        failure("OutputTruncated", `The answer was cut at ${context.parameters.choice.maxTokens} tokens.`),
        rules,
      );
    case "refusal":
      return afterFailure(
        context,
        failure("Refused", `The model refused${outcome.stopDetail ? ` (${outcome.stopDetail})` : ""}.`),
        rules,
      );
    case "model_context_window_exceeded":
      return afterFailure(context, failure("ContextFull", "The conversation no longer fits the model's context window."), rules);
    default:
      return unreachable(outcome.stop);
  }
}

function takeCalls(context: ConversationContext, blocks: readonly AssistantBlock[]): ConversationContext {
  const calls = blocks.filter((block) => block.type === "tool_use");
  const { toolCalls, turns } = context.limits;
  if (context.toolCalls + calls.length > toolCalls)
    return fail(context, failure("WorkerLooping", `More than ${toolCalls} tool calls were asked for.`));
  if (context.turn - (context.firstTurn ?? 1) + 1 >= turns)
    return fail(context, failure("WorkerLooping", `There was no answer after ${turns} turns.`));
  return { ...context, calls, next: 0, results: [], pauses: 0, verdict: "act" };
}

function takeAnswer(context: ConversationContext, text: string, { decode, policy }: ConversationRules): ConversationContext {
  const { format } = context.parameters;
  const decoded: ReturnType<Decode> =
    text.trim() === ""
      ? { ok: false, issues: ["It is empty."] }
      : format
        ? decode(format.name, text, context.about ?? null)
        : { ok: true, value: text };
  if (decoded.ok) return { ...context, answer: { text, value: decoded.value }, verdict: "finish" };
  const code = isPlan(format) ? "PlanInvalid" : "WorkerOutputInvalid";
  const applied = tellingEntry(policy, code, context.repaired);
  if (context.repaired < context.repairs) return { ...context, issues: decoded.issues, applied, verdict: "repair" };
  return fail(
    context,
    failure(code, `The answer stayed invalid after ${context.repaired} repairs: ${decoded.issues.slice(0, 5).join(" ")}`),
  );
}

function afterFailure(context: ConversationContext, why: Failure, { policy }: ConversationRules): ConversationContext {
  const isLost = why.code === "TurnLost";
  const tries = isLost ? context.lost : context.tried;
  const step = nextTurnStep(policy, why.code, tries);
  // A fault that only a person can mend (an unknown host, say) is tried once more, in case it was a passing one.
  const isLasting = !why.retryable && FAILURES[why.code].retryable;
  if (step?.do === "again" && !(isLasting && context.tried > 0)) {
    const drawn = draw(context.seed);
    const waitMs = Math.max(why.retryAfterMs ?? 0, waitBetween(step.waitMs, drawn.value));
    const counted = isLost ? { lost: context.lost + 1 } : { tried: context.tried + 1, lost: 0 };
    const seeded = { ...context, seed: drawn.next, failure: why, applied: turnEntry(why.code, tries, step), ...counted };
    return waitMs > policy.longestWaitMs
      ? { ...seeded, verdict: "hold" }
      : { ...seeded, wakeAt: context.now + waitMs, verdict: "wait" };
  }
  const row = policy.table[why.code];
  const isHeldByRow = FAILURES[why.code].level === "run" || row.attempt.length === 0;
  const applied = row.then === "suspend" && isHeldByRow ? lastEntry(why.code, "suspend") : null;
  const mendable = isLasting || FAILURES[why.code].level === "run" || applied !== null;
  return mendable
    ? { ...context, failure: why, applied, tried: context.tried + 1, lost: 0, verdict: "hold" }
    : fail(context, why);
}

const fail = (context: ConversationContext, why: Failure): ConversationContext => ({ ...context, failure: why, verdict: "fail" });

function book(context: ConversationContext, value: ModelTurnOutput): ConversationContext {
  const bill = billOf(context, value);
  const spend = bill ? addTurn(context.spend, bill) : context.spend;
  const moneyUsd = context.moneyUsd === null ? null : context.moneyUsd - (bill?.usd ?? 0);
  const { outcome } = value;
  const known =
    outcome.kind === "answered"
      ? { knownTokens: promptTokensOf(outcome.usage) + outcome.usage.outputTokens, newCharacters: 0 }
      : {};
  return { ...context, spend, moneyUsd, granted: false, ...known };
}

const nextTurn = (context: ConversationContext) => ({ turn: context.turn + 1, tried: 0, lost: 0, verdict: null });

function append(context: ConversationContext, message: Message): ConversationContext {
  const added = message.role === "user" ? sizeOf({ messages: [message] }) : 0;
  return { ...context, messages: [...context.messages, message], newCharacters: context.newCharacters + added };
}

const toldBlocks = (texts: readonly string[]): UserBlock[] => texts.map((text) => ({ type: "text", text: told(text) }));
