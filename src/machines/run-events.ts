// What the orchestrator tells the world, how it stops, and what it ends with.
import { failure, rootCause } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { parseAttemptId, taskIndex, workerActorId } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { unreachable } from "../core/unreachable.ts";
import type { Json } from "../core/json.ts";
import type { UpwardMessage } from "../protocol/message.ts";
import type { Outcome, RunEvent } from "../protocol/run-event.ts";
import type { SpendTotals } from "../protocol/spend.ts";
import type { ChangedFile, Conflict } from "../protocol/work.ts";
import { isSettledStatus } from "../queue/state.ts";
import type { TaskState } from "../queue/state.ts";
import { childOfMend } from "./mend.ts";
import { awaitBill, closeAccount } from "./money.ts";
import { historyOf } from "./retry.ts";
import { liveConversations } from "./run-state.ts";
import type { FailedAttempt, RunContext } from "./run-state.ts";
import { closeAsks, skip } from "./settle.ts";
import { emit, sequence, step } from "./step.ts";
import type { Step } from "./step.ts";

/** How one task ended, for whoever asked. */
export interface TaskResult {
  readonly id: TaskId;
  readonly label: string;
  readonly worker: string;
  readonly attempts: number;
  readonly usd: number;
  readonly status: "finished" | "failed" | "skipped" | "unfinished";
  /** The output (cut when long) and where the whole of it is; null unless finished. */
  readonly output: Json;
  readonly ref: string | null;
  readonly summary: string;
  readonly files: readonly ChangedFile[];
  readonly durationMs: number;
  readonly failure: Failure | null;
  /** What it comes down to. */
  readonly cause: Failure | null;
  /** Its attempts that failed, each with what was changed after it. */
  readonly history: readonly FailedAttempt[];
}

/** The output of an orchestrator machine. */
export interface RunOutput {
  readonly runId: string;
  readonly outcome: Outcome;
  readonly answer: string;
  readonly failure: Failure | null;
  readonly tasks: readonly TaskResult[];
  readonly files: readonly ChangedFile[];
  readonly conflicts: readonly Conflict[];
  readonly spend: SpendTotals;
  /** True when the budget kept something from being done. */
  readonly budgetReached: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
  /** Gaps between the two: the machine slept, or the run stood stopped. */
  readonly sleptMs: number;
}

type Untimed = RunEvent extends infer E ? (E extends { at: number } ? Omit<E, "at"> : never) : never;

/** Announces one event. */
export const announce = (context: RunContext, event: Untimed): Step => step(context, emit(context, event));

/** Passes on what a conversation or worker says about itself. */
export function relay(context: RunContext, event: { readonly type: string }): Step {
  if (!("from" in event) || !("at" in event)) return step(context);
  // Only upward messages have a sender and a time; the chart routes no other events here.
  const message = event as UpwardMessage;
  const next = message.at > context.now ? { ...context, now: message.at } : context;
  switch (message.type) {
    case "tool.started":
      return announce(next, { type: "tool.started", conversation: message.from, tool: message.tool, summary: message.summary });
    case "tool.finished":
      return announce(next, {
        type: "tool.finished",
        conversation: message.from,
        tool: message.tool,
        ok: message.ok,
        summary: message.summary,
      });
    case "answer.repairing":
      return message.from === "plan"
        ? announce(next, { type: "plan.repairing", issues: [...message.issues] })
        : announce(next, { type: "answer.repairing", conversation: message.from, issues: [...message.issues] });
    case "policy.applied":
      return announce(next, { type: "policy.applied", to: message.from, code: message.code, entry: message.entry });
    case "conversation.held":
      return announce(next, { type: "conversation.held", conversation: message.from, failure: message.failure });
    case "worker.progressed": {
      const attempt = parseAttemptId(message.from);
      return attempt
        ? announce(next, { type: "task.progressed", ...attempt, state: message.state, note: message.note })
        : step(next);
    }
    case "ask.raised":
    case "budget.asked":
    case "turn.completed":
    case "turn.failed":
    case "turn.started":
      return step(next);
    default:
      return unreachable(message);
  }
}

/** A person cancels the run: what has not settled is skipped, with that reason. */
export function cancel(context: RunContext, event: { readonly type: string }): Step {
  const reason = "reason" in event && typeof event.reason === "string" ? `: ${event.reason}` : ".";
  const now = "at" in event && typeof event.at === "number" ? event.at : context.now;
  const why = failure("Cancelled", `The run was cancelled${reason}`);
  const open = (context.queue?.tasks ?? []).filter(({ status }) => !isSettledStatus(status));
  return sequence(
    step({ ...context, now, failure: why }),
    ...open.map(
      ({ id }) =>
        (next: RunContext) =>
          skip(next, id, why),
    ),
  );
}

/** Stops every worker that is still alive and closes the accounts of all conversations without a turn in flight. */
export function stopAll(context: RunContext): Step {
  const { queue, mending } = context;
  const running = (queue?.running ?? []).flatMap((at) => queue?.tasks[at] ?? []);
  const names = liveConversations(context);
  const closed = names.reduce(closeAccount, { ...context, talking: null, mending: [], funding: [] });
  const children = [...running.map(({ id, attempts }) => workerActorId(id, attempts)), ...mending.map(childOfMend)];
  const stops = children.map((child) => ({ do: "stop", child }) as const);
  const bills = names.flatMap((name) => awaitBill(closed, name));
  return sequence(step(closed, ...stops, ...bills), (next) => closeAsks(next, next.asks));
}

/** What the machine outputs. Total: also for a context that never got anywhere. */
export function runOutput(context: RunContext): RunOutput {
  const { runId, failure: why, files, conflicts, spend } = context;
  return {
    runId,
    outcome: context.outcome ?? "failed",
    answer: context.answer ?? "",
    failure: why,
    tasks: (context.queue?.tasks ?? []).map(({ id }) => taskResult(context, id)),
    files,
    conflicts,
    spend,
    budgetReached: context.broke !== null,
    startedAt: context.startedAt,
    endedAt: context.now,
    sleptMs: context.standstill.sleptMs,
  };
}

/** How a task stands now. */
export function taskResult(context: RunContext, id: TaskId): TaskResult {
  const { queue, reports } = context;
  const state = queue?.tasks[taskIndex(id)];
  const report = reports[taskIndex(id)] ?? null;
  const lost = state?.status === "finished" ? null : (state?.failure ?? null);
  const status = state?.status;
  return {
    id,
    label: state?.label ?? "",
    worker: state?.worker ?? "",
    attempts: state?.attempts ?? 0,
    usd: state?.usd ?? 0,
    status: status === "finished" || status === "failed" || status === "skipped" ? status : "unfinished",
    output: report?.output.value ?? null,
    ref: report?.output.ref ?? null,
    summary: report?.summary ?? "",
    files: report?.changes.files ?? [],
    durationMs: durationOf(state),
    failure: lost,
    cause: lost && rootCause(lost),
    history: historyOf(context, id),
  };
}

function durationOf(state: TaskState | undefined): number {
  const { startedAt = null, settledAt = null } = state ?? {};
  return startedAt === null || settledAt === null ? 0 : Math.max(0, settledAt - startedAt);
}
