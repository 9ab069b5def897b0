// Every event that a machine declares, with a payload that fits the state it is sent in.
import { attemptId } from "../../src/core/ids.ts";
import { failure } from "../../src/core/failure.ts";
import type { HostSlept } from "../../src/host/port.ts";
import type { ConversationContext } from "../../src/machines/conversation-state.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { liveConversations } from "../../src/machines/run-state.ts";
import type { Command } from "../../src/protocol/command.ts";
import type { ConversationOutcome, DownwardMessage, UpwardMessage } from "../../src/protocol/message.ts";
import { NO_SPEND } from "../../src/protocol/spend.ts";
import type { TurnOutcome } from "../../src/protocol/turn.ts";
import type { WorkerOutcome } from "../../src/protocol/work.ts";

/** Any event. */
export interface AnyEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

const at = 9_000_000;
const why = failure("Overloaded", "as planned");
const usage = {
  inputTokens: 10,
  outputTokens: 10,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  estimated: false,
};
const worst = { usd: 0.001, inputTokens: 10, outputTokens: 10 };
const turn: TurnOutcome = {
  kind: "answered",
  blocks: [{ type: "text", text: "done" }],
  stop: "end_turn",
  stopDetail: null,
  model: "m",
  usage,
  usd: 0.001,
  requestId: null,
};
const lost: ConversationOutcome = {
  kind: "failed",
  failure: failure("Refused", "no"),
  spend: NO_SPEND,
  turns: 1,
  toolCalls: 0,
  at,
};
const lostWorker: WorkerOutcome = { kind: "failed", failure: failure("WorkspaceFailed", "no"), spend: NO_SPEND, at };
const noCopy = { ok: false as const, failure: failure("WorkspaceFailed", "no") };

/** What children of a run say; the compiler holds the list complete. */
export function upward(from: string): { readonly [T in UpwardMessage["type"]]: Extract<UpwardMessage, { type: T }> } {
  const ask = { id: `${from}/9/x`, kind: "permission" as const, from, text: "May it?", detail: null, hash: "h", at };
  return {
    "turn.started": { type: "turn.started", from, turn: 9, model: "m", worst, at },
    "turn.completed": { type: "turn.completed", from, turn: 9, model: "m", stop: "end_turn", usage, usd: 0.001, at },
    "turn.failed": { type: "turn.failed", from, turn: 9, failure: why, usage: null, usd: null, lost: false, wakeAt: null, at },
    "tool.started": { type: "tool.started", from, tool: "read", summary: "read(a)", at },
    "tool.finished": { type: "tool.finished", from, tool: "read", ok: true, summary: "a", at },
    "worker.progressed": { type: "worker.progressed", from, state: "verifying", note: "", at },
    "answer.repairing": { type: "answer.repairing", from, issues: ["x"], at },
    "policy.applied": { type: "policy.applied", from, code: "Overloaded", entry: "turn[0] again", at },
    "ask.raised": { type: "ask.raised", from, ask, at },
    "budget.asked": { type: "budget.asked", from, worst, at },
    "conversation.held": { type: "conversation.held", from, failure: failure("AuthFailed", "no key"), at },
  };
}

/** What a conversation is told; the compiler holds the list complete. */
export function downward(ask: string): { readonly [T in DownwardMessage["type"]]: Extract<DownwardMessage, { type: T }> } {
  return {
    "ask.answered": { type: "ask.answered", ask, decision: "approve", text: null, at },
    "budget.granted": { type: "budget.granted", at },
    "budget.refused": { type: "budget.refused", failure: failure("WorkerBudget", "no"), at },
    "worker.told": { type: "worker.told", text: "hurry", at },
    "run.resumed": { type: "run.resumed", at },
  };
}

/** What people ask of a run; the compiler holds the list complete. */
export function commands(context: RunContext): {
  readonly [T in Command["type"]]: Extract<Command, { type: T }> & { readonly at: number };
} {
  const task = context.queue?.tasks.find(({ status }) => status === "running")?.id ?? "t1";
  const lostTask = context.queue?.tasks.find(({ status }) => status === "failed" || status === "skipped")?.id ?? "t1";
  return {
    "run.pause": { type: "run.pause", at },
    "run.resume": { type: "run.resume", at },
    "run.cancel": { type: "run.cancel", at },
    "run.tell": { type: "run.tell", text: "hurry", at },
    "ask.answer": { type: "ask.answer", ask: context.asks[0]?.id ?? "nobody", decision: "approve", at },
    "plan.edit": { type: "plan.edit", plan: { rationale: "", tasks: [] }, at },
    "task.skip": { type: "task.skip", task, at },
    "task.retry": { type: "task.retry", task: lostTask, at },
  };
}

/** Everything a run may hear in a state. */
export function eventsOfRun(context: RunContext): readonly AnyEvent[] {
  const from = liveConversations(context)[0] ?? "t1#1";
  const state =
    context.queue?.tasks.find(({ status }) => status === "running" || status === "retrying") ?? context.queue?.tasks[0];
  const attempt = attemptId(state?.id ?? ("t1" as never), state?.attempts ?? 1);
  const children: Readonly<Record<string, unknown>> = {
    route: lost,
    plan: lost,
    synthesis: lost,
    explore: { value: noCopy, at },
    integrate: { value: noCopy, at },
    [context.mending[0]?.id ?? "mend:t1#1"]: lost,
    [`worker:${attempt}`]: lostWorker,
    [`wake:${attempt}`]: { value: null, at },
    "wake:plan#1": { value: null, at },
    "wake:t1#1/bill": { value: null, at },
    "wake:limit/1": { value: null, at },
  };
  const slept = { type: "host.slept", ms: 60_000, at } satisfies HostSlept;
  const orphan = {
    type: "effect.orphaned",
    id: "x",
    key: `${from}/turn/9.0`,
    path: "",
    name: "modelTurn",
    performed: true,
    value: { outcome: turn, lost: 0 },
    at,
  };
  return [...Object.values(upward(from)), ...Object.values(commands(context)), orphan, slept, ...ends(children)];
}

/** Everything a conversation may hear in a state. */
export function eventsOfConversation({ asking }: ConversationContext): readonly AnyEvent[] {
  const children = {
    turn: { value: { outcome: turn, lost: 0 }, at },
    call: { value: { content: "x", isError: false }, at },
    wait: { value: null, at },
  };
  return [...Object.values(downward(asking?.id ?? "nobody")), ...ends(children)];
}

/** Everything an attempt may hear in a state. */
export function eventsOfWorker(): readonly AnyEvent[] {
  const children = {
    prepare: { value: noCopy, at },
    conversation: lost,
    perform: { value: { ok: true, output: "3" }, at },
    verify: { value: noCopy, at },
    commit: { value: noCopy, at },
    delegate: { ok: true, output: "3" },
  };
  const part = { type: "effect.part", id: "x", key: "t1#1/perform", value: "half way", at };
  return [...Object.values(upward("t1#1")), ...Object.values(downward("nobody")), part, ...ends(children)];
}

function ends(children: Readonly<Record<string, unknown>>): readonly AnyEvent[] {
  return Object.entries(children).flatMap(([actorId, output]) => [
    { type: `xstate.done.actor.${actorId}`, actorId, output },
    { type: `xstate.error.actor.${actorId}`, actorId, error: { code: "Internal", message: "it broke", at, retryable: false } },
  ]);
}
