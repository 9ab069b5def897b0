// The next attempt of a task: what it changes, when it comes, and the record of what failed before.
//   T1  Every retry says what it changes and why: in the context, in its events, in the report.
//   T2  Restarts are counted over the whole run: too many in a period suspend it instead of burning money.
import { FAILURES, failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { attemptId, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { stableStringify } from "../core/json.ts";
import { waitBetween } from "../core/policy.ts";
import type { Change, RenewStep } from "../core/policy.ts";
import { draw } from "../core/random.ts";
import { oneLine } from "../core/text.ts";
import { adjustChoice } from "../model/adjust.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import type { WorkerCard } from "../protocol/work.ts";
import { retryTask } from "../queue/queue.ts";
import { adjustmentOf } from "./dispatch.ts";
import { isUsedUp } from "./limits.ts";
import { accountOf } from "./money.ts";
import type { Adjustment, FailedAttempt, RunContext, RunRules } from "./run-state.ts";
import { emit, step } from "./step.ts";
import type { Step } from "./step.ts";

/** One attempt of a task. */
export interface Attempt {
  readonly task: TaskId;
  readonly attempt: number;
}

/** Longest message in the record of failed attempts, in characters. */
const LONGEST_MESSAGE = 400;

/** The failed attempts of a task, in their order. */
export const historyOf = ({ history }: RunContext, task: TaskId): readonly FailedAttempt[] =>
  Object.hasOwn(history, task) ? (history[task] ?? []) : [];

/** How often a task failed by itself: what a person mends for the whole run does not count. */
export const timesFailed = (context: RunContext, task: TaskId): number =>
  historyOf(context, task).filter(({ code }) => FAILURES[code].level !== "run").length;

/** Puts a failed attempt on record. */
export function recordFailure(context: RunContext, { task, attempt }: Attempt, { code, message }: Failure): RunContext {
  const entry: FailedAttempt = { attempt, code, message: oneLine(message, LONGEST_MESSAGE), changes: [] };
  return { ...context, history: { ...context.history, [task]: [...historyOf(context, task), entry] } };
}

/** Puts on record what is changed after the latest failed attempt, and keeps it for the next one. */
export function recordChanges(context: RunContext, task: TaskId, adjustment: Adjustment): RunContext {
  const entries = historyOf(context, task);
  const last = entries.at(-1);
  const history = last
    ? { ...context.history, [task]: [...entries.slice(0, -1), { ...last, changes: adjustment.changes }] }
    : context.history;
  return { ...context, history, adjustments: { ...context.adjustments, [task]: adjustment } };
}

/** True when the budgets of a task and its worker leave an attempt with this change something to begin with. */
export function isWorthStarting(context: RunContext, task: TaskId, change: Change): boolean {
  const isByModel = cardOfTask(context, task)?.kind === "model";
  return !isUsedUp(context, task, isByModel ? choicesOf(context, task, change).choice : null);
}

/** True when a step can be taken: the worker it names is there and takes and gives the same. */
export function canRenew({ plan, workers }: RunContext, task: TaskId, { change }: RenewStep): boolean {
  if (change.worker === undefined) return true;
  const [from, to] = [plan?.tasks[taskIndex(task)]?.worker, change.worker].map((name) => cardOf(workers, name));
  if (!from || !to) return false;
  const takes = to.inputSchema === null || stableStringify(to.inputSchema) === stableStringify(from.inputSchema);
  return takes && stableStringify(to.outputSchema) === stableStringify(from.outputSchema);
}

/** A new attempt with what the step changes. */
export function renew(context: RunContext, live: Attempt, about: { readonly why: Failure; readonly next: RenewStep }): Step {
  const { why, next } = about;
  const { task } = live;
  const before = adjustmentOf(context, task);
  const { reassigned, old, choice } = choicesOf(context, task, next.change);
  const changes = [
    ...(reassigned === context ? [] : [`worker ${workerOf(context, task)} -> ${workerOf(reassigned, task)}`]),
    ...describeChange(next.change, old, choice),
  ];
  const issues = next.change.issues ? withIssue(before.issues, live, why) : before.issues;
  const drawn = draw(context.seed);
  const wakeAt = context.now + Math.max(why.retryAfterMs ?? 0, waitBetween(next.waitMs, drawn.value));
  const adjustment = { choice, trimmed: before.trimmed || next.change.context === "trimmed", issues, changes };
  const usd = accountOf(context, attemptId(task, live.attempt)).usd;
  return schedule({ ...reassigned, seed: drawn.next }, live, { why, wakeAt, adjustment, usd });
}

/** The model of a task as it is and as a change makes it, and the context with the worker that the change names. */
function choicesOf(context: RunContext, task: TaskId, change: Change) {
  const reassigned = reassign(context, task, change.worker);
  const old = adjustmentOf(context, task).choice ?? plannedChoice(context, task);
  const from = reassigned === context ? old : plannedChoice(reassigned, task);
  return { reassigned, old, choice: adjustChoice(from, change, context.models.orchestrator) };
}

/** The task waits for its next attempt, and says what that one changes. */
export function schedule(
  context: RunContext,
  { task, attempt }: Attempt,
  next: { readonly why: Failure; readonly wakeAt: number; readonly adjustment: Adjustment; readonly usd: number },
): Step {
  const { queue } = context;
  if (!queue) return step(context);
  const { why, wakeAt, adjustment, usd } = next;
  const worker = workerOf(context, task);
  const waiting: RunContext = {
    ...recordChanges(context, task, adjustment),
    queue: retryTask(queue, { task, wakeAt, failure: why, usd, ...(worker === "" ? {} : { worker }) }),
  };
  const changes = [...adjustment.changes];
  return step(waiting, emit(waiting, { type: "task.retrying", task, attempt, failure: why, changes, wakeAt }), {
    do: "wake",
    name: attemptId(task, attempt),
    dueAt: wakeAt,
  });
}

/** What the next worker is told of a failed attempt, after what it is told already. */
export const withIssue = (issues: readonly string[], { attempt }: Attempt, why: Failure): readonly string[] => [
  ...issues,
  `Attempt ${attempt} failed (${why.code}): ${why.message}`,
];

/** Puts what an attempt changes into words. */
export function describeChange(change: Change, before: ModelChoice, after: ModelChoice): readonly string[] {
  return [
    ...(after.model === before.model ? [] : [`model ${before.model} -> ${after.model}`]),
    ...(after.effort === before.effort ? [] : [`effort ${before.effort ?? "default"} -> ${after.effort ?? "default"}`]),
    ...(after.maxTokens === before.maxTokens ? [] : [`max tokens ${before.maxTokens} -> ${after.maxTokens}`]),
    ...(change.context === "trimmed" ? ["context cut to 60 %"] : []),
    ...(change.issues ? ["told what failed before"] : []),
  ];
}

/** True when one more restart is too many for the period. */
export function isTooIntense({ restarts, now }: RunContext, { policy }: RunRules): boolean {
  return restarts.filter((at) => at > now - policy.restarts.periodMs).length >= policy.restarts.intensity;
}

/** Records a restart; those outside the period are forgotten. */
export function countRestart(context: RunContext, { policy }: RunRules): RunContext {
  return { ...context, restarts: [...context.restarts.filter((at) => at > context.now - policy.restarts.periodMs), context.now] };
}

/** Why the run is suspended when restarts come too fast. */
export const tooManyRestarts = ({ policy }: RunRules, cause: Failure): Failure =>
  failure(
    "RestartIntensity",
    `More than ${policy.restarts.intensity} restarts in ${policy.restarts.periodMs / 1000} s; the last was for ${cause.code}.`,
    { cause },
  );

/** The card of a task's worker. */
export const cardOfTask = ({ plan, workers }: RunContext, task: TaskId): WorkerCard | undefined =>
  cardOf(workers, plan?.tasks[taskIndex(task)]?.worker);

const cardOf = (workers: readonly WorkerCard[], name: string | undefined): WorkerCard | undefined =>
  workers.find((card) => card.name === name);

const workerOf = ({ plan }: RunContext, task: TaskId): string => plan?.tasks[taskIndex(task)]?.worker ?? "";

/** The context with another worker for a task; the very context where none is named. */
function reassign(context: RunContext, task: TaskId, worker: string | undefined): RunContext {
  const { plan } = context;
  const planned = plan?.tasks[taskIndex(task)];
  if (!plan || !planned || worker === undefined || worker === planned.worker) return context;
  return { ...context, plan: { ...plan, tasks: plan.tasks.with(taskIndex(task), { ...planned, worker }) } };
}

function plannedChoice(context: RunContext, id: TaskId): ModelChoice {
  const task = context.plan?.tasks[taskIndex(id)];
  return context.models.tiers[task?.tier ?? cardOfTask(context, id)?.tier ?? "sonnet"];
}
