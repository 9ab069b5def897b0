// One attempt's state and the decisions on it, as pure functions; the chart is worker.ts.
//   W1  An attempt ends once, with a report or with a failure; both are its output.
//   W2  Success is believed only with the evidence that its worker's kind asks for.
//   W3  What the attempt spent is in its outcome, whichever it is.
//   W4  A step that fails with what a person can mend is held, not failed: the conversation behind it is paid for.
import type { Attempted, Committed, Layers } from "../actors/contract.ts";
import { FAILURES, failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { taskIdAt } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import { tellingEntry } from "../core/policy.ts";
import type { AppliedEntry, Policy } from "../core/policy.ts";
import { oneLine } from "../core/text.ts";
import { gaveUpReason, told as toldText, verifyFailed, workerFormat, workerPrompt } from "../prompts/worker.ts";
import type { PermissionRules } from "../protocol/command.ts";
import type { ConversationOutcome } from "../protocol/message.ts";
import { NO_SPEND, addTotals } from "../protocol/spend.ts";
import type { SpendTotals } from "../protocol/spend.ts";
import type { ModelChoice, ToolDeclaration } from "../protocol/turn.ts";
import type { Brief, Evidence, Report, WorkerCard, WorkerOutcome } from "../protocol/work.ts";
import { permit } from "../tools/permissions.ts";
import type { ConversationInput } from "./conversation-state.ts";

/** What one attempt is started with. */
export interface WorkerInput {
  /** `t3#2`: names the conversation and the workspace copy too. */
  readonly id: string;
  readonly task: TaskId;
  readonly card: WorkerCard;
  readonly brief: Brief;
  readonly choice: ModelChoice;
  readonly hasWorkspace: boolean;
  readonly layers: Layers;
  /** Commands of the task that must exit 0. */
  readonly acceptance: readonly string[];
  /** Files the task was planned to write; empty when it was planned to write none. */
  readonly writes: readonly string[];
  /** True for a task whose parts are done: nothing may be left to change. @default false */
  readonly putsTogether?: boolean;
  readonly permissions: PermissionRules;
  readonly allowanceUsd: ConversationInput["allowanceUsd"];
  readonly at: number;
}

/** A step around the work that can be held and taken up again. */
export type HeldStep = "preparing" | "verifying" | "committing";

/** The worker's context: plain JSON. */
export interface WorkerContext extends WorkerInput {
  readonly talk: ConversationInput | null;
  readonly output: Json;
  readonly text: string;
  readonly evidence: readonly Evidence[];
  readonly committed: Committed | null;
  readonly verified: number;
  /** What a person said while no conversation was there to hear it; the next one begins with it. */
  readonly told: readonly string[];
  readonly failure: Failure | null;
  /** The step that waits for the run to be resumed. */
  readonly held: HeldStep | null;
  /** Times that a held step was taken up again: its effect has another key then. */
  readonly resumed: number;
  readonly spend: SpendTotals;
  readonly turns: number;
  readonly toolCalls: number;
  readonly now: number;
}

/** What worker machines close over: constant. */
export interface WorkerRules {
  readonly policy: Policy;
  readonly tools: Readonly<Record<string, ToolDeclaration>>;
}

/** Longest output that travels in a report itself, in characters of JSON. */
const SHORT_OUTPUT = 4_000;
/** Most tool calls of one attempt. */
const MOST_TOOL_CALLS = 100;

/** The first context. Safe on undefined input, since explorers build machines without any. */
export function startWorker(input: WorkerInput | undefined): WorkerContext {
  const given = input ?? NOTHING;
  const none = { talk: null, output: null, text: "", evidence: [], committed: null, verified: 0, told: [], failure: null };
  return { ...given, ...none, held: null, resumed: 0, spend: NO_SPEND, turns: 0, toolCalls: 0, now: given.at };
}

/** The worker's conversation: a first one, or the same history taken up again after a failed verification. */
export function openTalk(context: WorkerContext, rules: WorkerRules): WorkerContext {
  return { ...context, told: [], talk: context.talk ? continued(context, context.talk) : firstTalk(context, rules) };
}

/** Takes the conversation's end. */
export function takeAnswer(context: WorkerContext, outcome: ConversationOutcome): WorkerContext {
  const { spend, turns, toolCalls, at } = outcome;
  const told = { ...context, spend: addTotals(context.spend, spend), turns, toolCalls: context.toolCalls + toolCalls, now: at };
  if (outcome.kind === "failed") return { ...told, failure: outcome.failure };
  const reason = gaveUpReason(outcome.text);
  if (reason !== undefined) return { ...told, failure: failure("WorkerGaveUp", reason) };
  const talk = context.talk && { ...context.talk, messages: outcome.messages };
  return { ...told, talk, text: outcome.text, output: outcome.value };
}

/** Takes the result of a step that can fail as expected. */
export function takeStep<T extends object>(
  context: WorkerContext,
  settled: { readonly value: Attempted<T>; readonly at: number },
  use: (value: T) => Partial<WorkerContext>,
): WorkerContext {
  const { value, at } = settled;
  return { ...context, now: at, ...(value.ok ? use(value) : { failure: value.failure }) };
}

/** True when a step failed with what a person can mend: then nothing of the work is lost, the step waits for the resume. */
export const mustHold = ({ failure: why }: WorkerContext): boolean => why !== null && FAILURES[why.code].level === "run";

/** A held step is taken up again. */
export const takeUpAgain = (context: WorkerContext, at: number): WorkerContext => ({
  ...context,
  failure: null,
  held: null,
  resumed: context.resumed + 1,
  now: Math.max(context.now, at),
});

/** The key of a step's effect. */
export const stepKey = ({ id, resumed }: WorkerContext, what: string): string =>
  resumed === 0 ? `${id}/${what}` : `${id}/${what}/again/${resumed}`;

/** Takes the evidence; what does not hold becomes the failure. */
export function takeEvidence(evidence: readonly Evidence[]): Partial<WorkerContext> {
  const broken = evidence.filter(({ ok }) => !ok);
  if (broken.length === 0) return { evidence };
  const what = broken.map(({ what: name, detail }) => `${name}${detail ? `: ${oneLine(detail, 300)}` : ""}`).join("; ");
  return { evidence, failure: failure("VerifyFailed", `The result was reported as done, but: ${what}`) };
}

/** The entry of the table by which failed evidence goes back to the same conversation; null where it may not. */
export function sendingBack(context: WorkerContext, { policy }: WorkerRules): AppliedEntry | null {
  const isVerify = context.failure?.code === "VerifyFailed" && context.card.kind === "model";
  return isVerify ? tellingEntry(policy, "VerifyFailed", context.verified) : null;
}

/** Counts a verification that is sent back. */
export const sendBack = (context: WorkerContext): WorkerContext => ({
  ...context,
  failure: null,
  verified: context.verified + 1,
});

/** What to look at before success is believed, and what can't be looked at because it is not allowed. */
export function checksOf(context: WorkerContext): {
  readonly needsFiles: boolean;
  readonly commands: readonly string[];
  readonly refused: readonly Evidence[];
} {
  const wanted = [...new Set([...context.acceptance, ...context.card.acceptance])];
  const isAllowed = (command: string) => permit({ name: "bash", input: { command } }, context.permissions).decision === "allow";
  const refused = wanted.filter((command) => !isAllowed(command));
  return {
    needsFiles: context.card.evidence !== "schema" && context.writes.length > 0 && !context.putsTogether,
    commands: wanted.filter(isAllowed),
    refused: refused.map((what) => ({ kind: "commands", what, ok: true, detail: "not run: running commands is not allowed" })),
  };
}

/** True when there is something to look at. */
export function mustVerify(context: WorkerContext): boolean {
  const { needsFiles, commands } = checksOf(context);
  return context.hasWorkspace && (needsFiles || commands.length > 0);
}

/** How the attempt ends, as its output. */
export function outcomeOf(context: WorkerContext): WorkerOutcome {
  const { spend, now: at } = context;
  if (context.committed && !context.failure) return { kind: "finished", report: reportOf(context, context.committed), spend, at };
  return {
    kind: "failed",
    failure: context.failure ?? failure("WorkerCrashed", "The worker ended without a result."),
    spend,
    at,
  };
}

function reportOf(context: WorkerContext, { changes, ref, bytes }: Committed): Report {
  const value = bytes <= SHORT_OUTPUT ? context.output : oneLine(textOfOutput(context), SHORT_OUTPUT);
  const summary = oneLine(textOfOutput(context).split(/\n\s*\n/)[0] ?? "", 600);
  return {
    worker: context.card.name,
    success: true,
    output: { ref, bytes, value },
    summary,
    changes,
    evidence: context.evidence,
  };
}

const textOfOutput = ({ text, output }: WorkerContext): string =>
  text || (typeof output === "string" ? output : JSON.stringify(output));

function firstTalk(context: WorkerContext, { tools, policy }: WorkerRules): ConversationInput {
  const { card, brief, hasWorkspace } = context;
  const acceptance = [...context.acceptance, ...card.acceptance];
  const data = { card, brief, hasWorkspace, outputSchema: card.outputSchema, writes: context.writes, acceptance };
  const declared = hasWorkspace ? card.tools.flatMap((name) => (Object.hasOwn(tools, name) ? (tools[name] ?? []) : [])) : [];
  return {
    id: context.id,
    parameters: {
      choice: context.choice,
      system: workerPrompt.system(data),
      tools: declared,
      format: workerFormat(card.name, card.outputSchema),
    },
    messages: [{ role: "user", content: [{ type: "text", text: workerPrompt.user(data) }, ...toldBlocks(context)] }],
    permissions: context.permissions,
    allowanceUsd: context.allowanceUsd,
    limits: { turns: card.maxTurns, toolCalls: MOST_TOOL_CALLS },
    repairs: policy.repairs.answer,
    at: context.now,
  };
}

const toldBlocks = ({ told: texts }: WorkerContext) => texts.map((text) => ({ type: "text" as const, text: toldText(text) }));

function continued(context: WorkerContext, talk: ConversationInput): ConversationInput {
  const text = verifyFailed(context.evidence);
  const messages = [
    ...talk.messages,
    { role: "user" as const, content: [{ type: "text" as const, text }, ...toldBlocks(context)] },
  ];
  return { ...talk, messages, firstTurn: context.turns + 1, at: context.now };
}

const NOTHING: WorkerInput = {
  id: "t1#1",
  task: taskIdAt(0),
  card: {
    name: "worker",
    description: "",
    kind: "model",
    instructions: "",
    tools: [],
    evidence: "schema",
    acceptance: [],
    tier: "sonnet",
    inputSchema: null,
    outputSchema: null,
    cap: null,
    maxTurns: 1,
    maxMs: 3_600_000,
  },
  brief: { task: "", files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] },
  choice: { endpoint: "default", model: "", effort: null, maxTokens: 0, price: null },
  hasWorkspace: false,
  layers: [],
  acceptance: [],
  writes: [],
  permissions: { allow: [], ask: [], deny: [] },
  allowanceUsd: null,
  at: 0,
};
