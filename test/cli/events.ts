// One event of each kind, every text in it hostile: escapes, controls, line ends, wide characters.
import { failure } from "../../src/core/failure.ts";
import type { NumberedEvent, RunEvent } from "../../src/protocol/run-event.ts";

/** Text as nobody should print it. */
export const HOSTILE = "\u001b[2J\u001b]0;title\u0007evil\u202e\r\n漢字\u0000 end";

const why = failure("Overloaded", HOSTILE, { retryAfterMs: 1_000 });
const spend = {
  usd: 1,
  inputTokens: 1,
  outputTokens: 1,
  cacheReadTokens: 1,
  cacheWriteTokens: 1,
  turns: 1,
  estimatedUsd: 0,
  unpricedTurns: 0,
};
const tokens = {
  inputTokens: 1,
  outputTokens: 1,
  cacheReadTokens: 1,
  cacheWrite5mTokens: 1,
  cacheWrite1hTokens: 1,
  estimated: true,
};
const ask = {
  id: "t1#1/1/x",
  kind: "permission" as const,
  from: "t1#1",
  text: HOSTILE,
  detail: { tool: "bash", input: { command: HOSTILE } },
  hash: "h",
  at: 1,
};
const task = { id: "t1", label: HOSTILE, worker: HOSTILE, dependencies: [], optional: true };

const BODIES: readonly RunEvent[] = [
  { type: "run.started", at: 1, runId: "r-1", request: HOSTILE, mode: "auto", workers: ["docs"] },
  { type: "phase.entered", at: 1, phase: "routing" },
  { type: "activity.changed", at: 1, activity: "suspended", failure: why },
  { type: "route.decided", at: 1, mode: "direct", worker: "docs", reason: HOSTILE },
  { type: "plan.repairing", at: 1, issues: [HOSTILE] },
  {
    type: "plan.accepted",
    at: 1,
    rationale: HOSTILE,
    tasks: [task, { ...task, id: "t2", dependencies: [{ task: "t1", kind: "soft" }] }],
    criticalPath: ["t1", "t2"],
  },
  {
    type: "plan.amended",
    at: 1,
    task: "t1",
    parts: ["t2"],
    why: HOSTILE,
    tasks: [task, { ...task, id: "t2" }],
    criticalPath: ["t2"],
  },
  { type: "ask.opened", at: 1, ask },
  { type: "ask.closed", at: 1, ask: ask.id, decision: "reject", by: "policy", text: HOSTILE },
  { type: "task.started", at: 1, task: "t1", attempt: 1, worker: "docs", model: "claude-sonnet-5-5", changes: [HOSTILE] },
  { type: "task.progressed", at: 1, task: "t1", attempt: 1, state: "working", note: HOSTILE },
  { type: "task.retrying", at: 1, task: "t1", attempt: 1, failure: why, changes: [HOSTILE], wakeAt: 5_001 },
  { type: "task.mending", at: 1, task: "t1", attempt: 1, failure: why, step: "split", wakeAt: 1 },
  { type: "task.invalidated", at: 1, task: "t1", because: HOSTILE },
  { type: "task.revived", at: 1, task: "t1" },
  {
    type: "task.finished",
    at: 1,
    task: "t1",
    attempt: 1,
    summary: HOSTILE,
    files: ["a"],
    usd: 0.01,
    durationMs: 5,
    outputBytes: 9,
  },
  { type: "task.reused", at: 1, task: "t1", from: "r-0", summary: HOSTILE, files: ["a"], savedUsd: 0.01 },
  { type: "task.failed", at: 1, task: "t1", attempt: 1, failure: why },
  { type: "task.skipped", at: 1, task: "t1", failure: why },
  { type: "phase.retrying", at: 1, phase: "plan", failure: why, wakeAt: 1 },
  { type: "turn.started", at: 1, conversation: "t1#1", turn: 1, model: "m" },
  {
    type: "turn.completed",
    at: 1,
    conversation: "t1#1",
    turn: 1,
    model: "m",
    stop: "end_turn",
    usd: null,
    ...tokens,
  },
  {
    type: "turn.failed",
    at: 1,
    conversation: "t1#1",
    turn: 1,
    failure: why,
    usd: null,
    wakeAt: 4_001,
    model: "m",
    billed: true,
    ...tokens,
  },
  { type: "turn.lost", at: 1, conversation: "t1#1", usd: 0.01, turn: 1, model: "m", why: "crash", ...tokens },
  { type: "answer.repairing", at: 1, conversation: "t1#1", issues: [HOSTILE] },
  { type: "policy.applied", at: 1, to: "t1#1", code: "Overloaded", entry: "turn[0] again" },
  { type: "tool.started", at: 1, conversation: "t1#1", tool: "bash", summary: HOSTILE },
  { type: "tool.finished", at: 1, conversation: "t1#1", tool: "bash", ok: false, summary: HOSTILE },
  { type: "conversation.held", at: 1, conversation: "t1#1", failure: why },
  { type: "conflict.found", at: 1, path: HOSTILE, tasks: ["t1", "t2"], kept: "t2" },
  { type: "budget.reached", at: 1, what: "usd", limit: 1, used: 2, limitUsd: 1, spentUsd: 2 },
  { type: "letter.dropped", at: 1, from: HOSTILE, what: HOSTILE, reason: HOSTILE },
  { type: "run.finished", at: 1, outcome: "partial", answer: HOSTILE, failure: why, spend },
];

/** One event of each kind. */
export const EVERY_EVENT: readonly NumberedEvent[] = BODIES.map((body, at) => ({ seq: `${at + 1}.0`, ...body }));
