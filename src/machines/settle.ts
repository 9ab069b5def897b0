// How an attempt's end is taken: the report is kept, or the policy table says what comes next.
//   S1  Only the live attempt settles its task; whatever else arrives is a dead letter.
//   S2  Every retry says what it changes and why; every skip names its root cause.
//   S3  The steps of a row are tried in order: one that can't be taken, or that failed itself, leads to the next.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { attemptId, taskIndex, workerActorId } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { lastEntry, remedyFor } from "../core/policy.ts";
import type { AttemptStep, LastStep, Remedy } from "../core/policy.ts";
import { unreachable } from "../core/unreachable.ts";
import { digestOf } from "../core/json.ts";
import type { Ask } from "../protocol/command.ts";
import type { WorkerOutcome } from "../protocol/work.ts";
import { dependantClosure } from "../queue/plan-index.ts";
import { askTask, chargeTask, failTask, finishTask, retryTask, skipTask, wakeTask } from "../queue/queue.ts";
import type { Queue, TaskStatus } from "../queue/queue.ts";
import { isSettledStatus } from "../queue/state.ts";
import { countTime } from "./deadlines.ts";
import { dropLetter } from "./letters.ts";
import { amountText } from "./limits.ts";
import { beginMend, canMend, childOfMend, mendOf, timesMended, withoutMend } from "./mend.ts";
import { accountOf, awaitBill, closeAccount, closeBooks, goBroke } from "./money.ts";
import {
  canRenew,
  countRestart,
  isTooIntense,
  isWorthStarting,
  recordFailure,
  renew,
  timesFailed,
  tooManyRestarts,
} from "./retry.ts";
import type { Attempt } from "./retry.ts";
import { liveAttempt } from "./run-state.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { emit, sequence, step, tellEntry } from "./step.ts";
import type { Directive, Step } from "./step.ts";

/** A worker actor ended: `child` is its id. */
export function settleWorker(
  context: RunContext,
  { child, outcome }: { readonly child: string; readonly outcome: WorkerOutcome },
  rules: RunRules,
): Step {
  const live = liveAttempt(context, child);
  const stop: Directive = { do: "stop", child };
  if (!live)
    return sequence(step(context, stop), (next) =>
      dropLetter(next, { from: child, what: outcome.kind, reason: "the attempt is over" }),
    );
  const from = attemptId(live.task, live.attempt);
  return sequence(
    step(countTime({ ...context, now: Math.max(context.now, outcome.at) }, live.task), stop),
    (next) => closeAsks(next, asksOf(next, from)),
    (next) => (outcome.kind === "finished" ? finish(next, live, outcome) : decide(next, { live, why: outcome.failure }, rules)),
    (next) => closeBooks(next, from),
  );
}

/** Ends a running attempt from above: its worker is stopped; what its turn in flight costs is still booked when it comes. */
export function stopAttempt(context: RunContext, { why, ...live }: Attempt & { readonly why: Failure }, rules: RunRules): Step {
  const from = attemptId(live.task, live.attempt);
  const stop: Directive = { do: "stop", child: workerActorId(live.task, live.attempt) };
  return sequence(
    step(countTime(context, live.task), stop, ...awaitBill(context, from)),
    (next) => closeAsks(next, asksOf(next, from)),
    (next) => decide(next, { live, why }, rules),
    (next) => step(closeAccount(next, from)),
  );
}

/** The wait after an attempt is over; a wait that a later attempt has overtaken changes nothing. */
export function wakeUp(context: RunContext, { task, attempt }: Attempt, at: number): Step {
  const { queue } = context;
  const now = Math.max(context.now, at);
  const isCurrent = queue?.tasks[taskIndex(task)]?.attempts === attempt;
  return step({ ...context, now, queue: queue && isCurrent ? wakeTask(queue, task) : queue });
}

/** Skips a task and stops what is done about it: its worker, its wait, its mending, its questions. */
export function skip(context: RunContext, task: TaskId, why: Failure): Step {
  const { queue } = context;
  const state = queue?.tasks[taskIndex(task)];
  if (!queue || !context.plan || !state || isSettledStatus(state.status)) return step(context);
  return sequence(stopTask(context, task), (next) => {
    if (!next.queue || !next.plan) return step(next);
    const skipped = { ...next, queue: skipTask(next.queue, next.plan, { task, at: next.now, failure: why }) };
    return step(skipped, ...lossEvents(skipped, queue, task));
  });
}

/** Stops whatever is alive for a task (its worker, its wait, its mending, its questions); what it spent is charged. */
export function stopTask(context: RunContext, task: TaskId): Step {
  const { queue } = context;
  const state = queue?.tasks[taskIndex(task)];
  if (!queue || !state) return step(context);
  const mend = mendOf(context, task);
  const attempt = attemptId(task, state.attempts);
  const from = mend?.id ?? attempt;
  // Of an attempt that is over the money is in the queue already, also where its account is still open.
  const isAlive = state.status === "running" || mend !== undefined;
  const timed = countTime(context, task);
  const charged = isAlive ? { ...timed, queue: chargeTask(queue, { task, usd: accountOf(context, from).usd }) } : timed;
  const closed = closeAccount(mend ? withoutMend(charged, mend) : charged, from);
  const stop = childToStop(state.status, {
    attempt,
    worker: workerActorId(task, state.attempts),
    mend: mend && childOfMend(mend),
  });
  const stops: readonly Directive[] = stop === undefined ? [] : [{ do: "stop", child: stop }];
  return sequence(step(closed, ...stops, ...(isAlive ? awaitBill(closed, from) : [])), (next) =>
    closeAsks(next, asksOf(next, attempt)),
  );
}

/** The child that a task has by its status. */
function childToStop(
  status: TaskStatus,
  { attempt, worker, mend }: { readonly attempt: string; readonly worker: string; readonly mend: string | undefined },
): string | undefined {
  if (status === "running") return worker;
  return status === "retrying" ? `wake:${attempt}` : mend;
}

/** True when the budget is used up and a task could still wait for its start. */
export const mustSkipIdle = ({ broke, queue }: RunContext): boolean =>
  broke !== null && queue !== null && IDLE.some((status) => queue.counts[status] > 0);

/** Skips every task that would still have to start: there is no money for it. */
export function skipIdle(context: RunContext): Step {
  const { broke, options } = context;
  const limit = broke ? amountText(broke, options.budget[broke] ?? 0) : "the run";
  const why = failure("BudgetExceeded", `Not started: the budget of ${limit} is used up.`);
  const idle = (context.queue?.tasks ?? []).filter(({ status }) => IDLE.includes(status));
  return sequence(
    step(context),
    ...idle.map(
      ({ id }) =>
        (next: RunContext) =>
          skip(next, id, why),
    ),
  );
}

/** Closes questions that nobody waits for any more. */
export function closeAsks(context: RunContext, asks: readonly Ask[]): Step {
  if (asks.length === 0) return step(context);
  const next = { ...context, asks: context.asks.filter((ask) => !asks.includes(ask)) };
  const text = "who asked is gone";
  return step(next, ...asks.map(({ id }) => emit(next, { type: "ask.closed", ask: id, decision: "reject", by: "policy", text })));
}

/** Events for a task that failed or was skipped, and for all that it took along. */
export function lossEvents(context: RunContext, before: Queue, root: TaskId): readonly Directive[] {
  const { plan, queue } = context;
  if (!plan || !queue) return [];
  return [root, ...dependantClosure(plan, root)].flatMap((task) => {
    const [was, now] = [before.tasks[taskIndex(task)], queue.tasks[taskIndex(task)]];
    if (!now?.failure || was?.status === now.status) return [];
    if (now.status === "failed")
      return [emit(context, { type: "task.failed", task, attempt: Math.max(1, now.attempts), failure: now.failure })];
    return now.status === "skipped" ? [emit(context, { type: "task.skipped", task, failure: now.failure })] : [];
  });
}

/** What still has to start when a task is in one of these. */
const IDLE: readonly TaskStatus[] = ["waiting", "ready", "retrying", "asking", "mending", "invalidated"];

/** The open questions of an attempt: those of its conversation, and whether it is to be tried again. */
const asksOf = ({ asks }: RunContext, from: string): readonly Ask[] =>
  asks.filter((ask) => ask.from === from || ask.id === escalationOf(from));

const escalationOf = (from: string): string => `${from}/escalation`;

function finish(
  context: RunContext,
  { task, attempt }: Attempt,
  { report, at }: Extract<WorkerOutcome, { kind: "finished" }>,
): Step {
  const { queue, plan } = context;
  if (!queue || !plan) return step(context);
  const position = taskIndex(task);
  const { usd } = accountOf(context, attemptId(task, attempt));
  const { ref, bytes } = report.output;
  const settled = finishTask(queue, plan, { task, at: context.now, usd, result: { ref, bytes, summary: report.summary } });
  const next = { ...context, queue: settled, reports: context.reports.with(position, report) };
  const durationMs = Math.max(0, at - (queue.tasks[position]?.startedAt ?? at));
  const files = report.changes.files.map(({ path }) => path);
  return step(
    next,
    emit(next, { type: "task.finished", task, attempt, summary: report.summary, files, usd, durationMs, outputBytes: bytes }),
  );
}

function decide(context: RunContext, { live, why }: { readonly live: Attempt; readonly why: Failure }, rules: RunRules): Step {
  const recorded = recordFailure(context, live, why);
  const failed = timesFailed(recorded, live.task);
  const mended = timesMended(recorded, live.task);
  return follow(recorded, { live, why, remedy: remedyFor(rules.policy, why.code, { failed, mended }) }, rules);
}

/** An attempt that failed, and what is left to try. */
export interface Loss {
  readonly live: Attempt;
  readonly why: Failure;
  readonly remedy: Remedy;
}

/** Takes the first step that fits, or the last word of the row. */
export function follow(context: RunContext, { live, why, remedy }: Loss, rules: RunRules): Step {
  const at = remedy.steps.findIndex((one) => fits(context, live.task, one));
  const next = remedy.steps[at];
  const applied = next ? { code: why.code, entry: next.entry } : lastEntry(why.code, remedy.then);
  const told = tellEntry(context, attemptId(live.task, live.attempt), applied);
  return sequence(step(context, told), (after) => {
    if (!next || next.do === "redo") return lastStep(after, { live, why, then: remedy.then });
    const rest: Remedy = { steps: remedy.steps.slice(at + 1), then: remedy.then };
    // Too many restarts: the step is kept, and nothing of it begins before a person resumes the run.
    const suspension = isTooIntense(after, rules) ? tooManyRestarts(rules, why) : after.suspension;
    const counted = { ...countRestart(after, rules), suspension };
    return next.do === "renew" ? renew(counted, live, { why, next }) : beginMend(counted, live, { why, next, rest });
  });
}

function fits(context: RunContext, task: TaskId, one: AttemptStep): boolean {
  if (one.do === "redo" || !isWorthStarting(context, task, one.do === "renew" ? one.change : {})) return false;
  return one.do === "renew" ? canRenew(context, task, one) : canMend(context, task, one.do);
}

function lastStep(
  context: RunContext,
  { live, why, then }: { readonly live: Attempt; readonly why: Failure; readonly then: LastStep },
): Step {
  switch (then) {
    case "suspend":
      return suspendTask(context, live, why);
    case "synthesize":
      return sequence(lose(context, live, { why, status: "failed" }), goBroke);
    case "skip":
      return lose(context, live, { why, status: "skipped" });
    case "ask":
      return isOptional(context, live.task) || context.options.asks === "deny"
        ? giveUp(context, live, why)
        : escalate(context, live, why);
    case "fail":
      return giveUp(context, live, why);
    default:
      return unreachable(then);
  }
}

/** The task goes back in line and the run is suspended until a person mends what is wrong. */
function suspendTask(context: RunContext, { task, attempt }: Attempt, why: Failure): Step {
  const { queue } = context;
  if (!queue) return step(context);
  const usd = accountOf(context, attemptId(task, attempt)).usd;
  const wakeAt = context.now;
  const back = wakeTask(retryTask(queue, { task, wakeAt, failure: why, usd }), task);
  const next = { ...context, queue: back, suspension: why };
  return step(next, emit(next, { type: "task.retrying", task, attempt, failure: why, changes: [], wakeAt }));
}

const isOptional = ({ plan }: RunContext, task: TaskId): boolean => plan?.tasks[taskIndex(task)]?.optional ?? false;

/** Nothing is left to try: an optional task is skipped, any other fails. */
const giveUp = (context: RunContext, live: Attempt, why: Failure): Step =>
  lose(context, live, { why, status: isOptional(context, live.task) ? "skipped" : "failed" });

function lose(
  context: RunContext,
  { task, attempt }: Attempt,
  { why, status }: { readonly why: Failure; readonly status: "failed" | "skipped" },
): Step {
  const { queue, plan } = context;
  if (!queue || !plan) return step(context);
  const { usd } = accountOf(context, attemptId(task, attempt));
  const loss = { task, at: context.now, failure: why, usd };
  const lost = status === "failed" ? failTask(queue, plan, loss) : chargeTask(skipTask(queue, plan, loss), loss);
  const next = { ...context, queue: lost };
  return step(next, ...lossEvents(next, queue, task));
}

/** A person is asked whether the task is to be tried again. */
function escalate(context: RunContext, { task, attempt }: Attempt, why: Failure): Step {
  const { queue, plan } = context;
  if (!queue || !plan) return step(context);
  const from = attemptId(task, attempt);
  const label = plan.tasks[taskIndex(task)]?.label ?? task;
  const ask: Ask = {
    id: escalationOf(from),
    kind: "escalation",
    from: null,
    text: `Task ${task} (${label}) failed ${attempt} times, last with ${why.code}: ${why.message} Try it again? No means that it fails.`,
    detail: { task, code: why.code, message: why.message },
    hash: digestOf(`${from}/${why.code}/${why.message}`),
    at: context.now,
  };
  const next = {
    ...context,
    queue: askTask(queue, { task, failure: why, usd: accountOf(context, from).usd }),
    asks: [...context.asks, ask],
  };
  return step(next, emit(next, { type: "ask.opened", ask }));
}
