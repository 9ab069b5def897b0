// Everything that can be watched of a run: the lines of `--json`, the items of `run.events`. A stable, documented schema.
import { z } from "zod";
import { FAILURE_CODES } from "../core/failure.ts";
import type { Failure, FailureCode } from "../core/failure.ts";

/** Version of the event schema; raised when a field changes its meaning or goes. */
export const EVENT_SCHEMA = 1;

const FailureData: z.ZodType<Failure> = z.lazy(() =>
  z.object({
    code: z.enum(FAILURE_CODES as readonly [FailureCode, ...FailureCode[]]),
    message: z.string(),
    retryable: z.boolean(),
    retryAfterMs: z.number().exactOptional(),
    cause: FailureData.exactOptional(),
  }),
);

const Spend = z.object({
  usd: z.number(),
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWriteTokens: z.number(),
  turns: z.number(),
  estimatedUsd: z.number(),
  unpricedTurns: z.number(),
});

/** How a run ended. */
export const Outcome = z.enum(["complete", "partial", "failed", "cancelled"]);
/** How a run ended. */
export type Outcome = z.infer<typeof Outcome>;

const TaskLine = z.object({
  id: z.string(),
  label: z.string(),
  worker: z.string(),
  dependencies: z.array(z.object({ task: z.string(), kind: z.enum(["hard", "soft"]) })),
  optional: z.boolean(),
});

const AskData = z.object({
  id: z.string(),
  kind: z.enum(["plan", "permission", "escalation", "conflict"]),
  from: z.string().nullable(),
  text: z.string(),
  detail: z.unknown(),
  hash: z.string(),
  at: z.number(),
});

const task = z.string();
const attempt = z.number().int().positive();
const reason = z.string();
/** The fields of every event: host time in ms. */
const at = z.number();
/** Tokens of one turn by price class, as `Usage` has them: an event of a turn is a usage. */
const tokens = {
  inputTokens: z.number(),
  outputTokens: z.number(),
  cacheReadTokens: z.number(),
  cacheWrite5mTokens: z.number(),
  cacheWrite1hTokens: z.number(),
  estimated: z.boolean(),
};
const event = <const T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.object({ type: z.literal(type), at, ...shape });

/** One event of a run, without its place in the stream. */
export const RunEvent = z.discriminatedUnion("type", [
  event("run.started", {
    runId: z.string(),
    request: z.string(),
    mode: z.enum(["auto", "direct", "orchestrate"]),
    workers: z.array(z.string()),
  }),
  event("phase.entered", { phase: z.string() }),
  event("activity.changed", { activity: z.enum(["running", "paused", "suspended"]), failure: FailureData.nullable() }),
  event("route.decided", { mode: z.enum(["direct", "orchestrate"]), worker: z.string().nullable(), reason }),
  event("plan.repairing", { issues: z.array(z.string()) }),
  event("plan.accepted", { rationale: z.string(), tasks: z.array(TaskLine), criticalPath: z.array(z.string()) }),
  /** `parts`: tasks that came with it; empty where only its order changed. */
  event("plan.amended", {
    task,
    parts: z.array(z.string()),
    why: z.string(),
    tasks: z.array(TaskLine),
    criticalPath: z.array(z.string()),
  }),
  event("ask.opened", { ask: AskData }),
  event("ask.closed", {
    ask: z.string(),
    decision: z.enum(["approve", "reject"]),
    by: z.enum(["person", "policy"]),
    text: z.string().nullable(),
  }),
  event("task.started", { task, attempt, worker: z.string(), model: z.string().nullable(), changes: z.array(z.string()) }),
  event("task.progressed", { task, attempt, state: z.string(), note: z.string() }),
  event("task.retrying", { task, attempt, failure: FailureData, changes: z.array(z.string()), wakeAt: z.number() }),
  /** The orchestrator's model looks at a task whose attempt failed. */
  event("task.mending", { task, attempt, failure: FailureData, step: z.enum(["split", "reword"]), wakeAt: z.number() }),
  /** What it made is dropped: it is done again. */
  event("task.invalidated", { task, because: reason }),
  /** A failed or skipped task is tried again, because a person wants it. */
  event("task.revived", { task }),
  event("task.finished", {
    task,
    attempt,
    summary: z.string(),
    files: z.array(z.string()),
    usd: z.number(),
    durationMs: z.number(),
    outputBytes: z.number(),
  }),
  /** The work of an earlier run stands for the task: `savedUsd` is what it cost there. */
  event("task.reused", { task, from: z.string(), summary: z.string(), files: z.array(z.string()), savedUsd: z.number() }),
  event("task.failed", { task, attempt, failure: FailureData }),
  event("task.skipped", { task, failure: FailureData }),
  event("phase.retrying", { phase: z.string(), failure: FailureData, wakeAt: z.number() }),
  event("turn.started", { conversation: z.string(), turn: z.number(), model: z.string() }),
  event("turn.completed", {
    conversation: z.string(),
    turn: z.number(),
    model: z.string(),
    stop: z.string(),
    usd: z.number().nullable(),
    ...tokens,
  }),
  event("turn.failed", {
    conversation: z.string(),
    turn: z.number(),
    failure: FailureData,
    usd: z.number().nullable(),
    wakeAt: z.number().nullable(),
    model: z.string(),
    billed: z.boolean(),
    ...tokens,
  }),
  event("turn.lost", {
    conversation: z.string(),
    usd: z.number().nullable(),
    turn: z.number(),
    model: z.string(),
    why: z.enum(["crash", "stopped", "unbilled"]),
    ...tokens,
  }),
  event("answer.repairing", { conversation: z.string(), issues: z.array(z.string()) }),
  /**
   * An entry of the policy table was applied: to a conversation or attempt (`plan`, `t3#2`), or to the folding (`integrate`).
   * `entry`: its place in the row of `code`, and what it does, such as `turn[0] again`, `attempt[1] renew`, `then suspend`.
   */
  event("policy.applied", {
    to: z.string(),
    code: z.enum(FAILURE_CODES as readonly [FailureCode, ...FailureCode[]]),
    entry: z.string(),
  }),
  event("tool.started", { conversation: z.string(), tool: z.string(), summary: z.string() }),
  event("tool.finished", { conversation: z.string(), tool: z.string(), ok: z.boolean(), summary: z.string() }),
  event("conversation.held", { conversation: z.string(), failure: FailureData }),
  event("conflict.found", { path: z.string(), tasks: z.array(z.string()), kept: z.string() }),
  event("budget.reached", {
    /** What is used up. */
    what: z.enum(["usd", "tokens", "ms"]),
    limit: z.number(),
    used: z.number(),
    /** The run's limit in USD; null where it has none. */
    limitUsd: z.number().nullable(),
    spentUsd: z.number(),
  }),
  event("letter.dropped", { from: z.string(), what: z.string(), reason }),
  event("run.finished", { outcome: Outcome, answer: z.string(), failure: FailureData.nullable(), spend: Spend }),
]);
/** One event of a run, without its place in the stream. */
export type RunEvent = z.infer<typeof RunEvent>;

/** An event of one run as people and programs receive it. `seq` orders it for ever: journal row, dot, position inside that row. */
export const NumberedEvent = z.intersection(z.object({ seq: z.string().regex(/^\d+\.\d+$/) }), RunEvent);
/** An event with its place in the stream. */
export type NumberedEvent = RunEvent & { readonly seq: string };
