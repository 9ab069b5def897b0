// How an attempt's end is taken: the report is kept, or the policy table says what comes next.
//   S1  Only the live attempt settles its task; whatever else arrives is a dead letter.
//   S2  Every retry says what it changes and why; every skip names its root cause.
//   S3  Restarts are counted over the whole run: too many in a period suspend it instead of burning money.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { attemptId, taskIndex, workerActorId } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { nextAttemptStep, waitBetween } from "../core/policy.ts";
import type { AttemptStep, Change } from "../core/policy.ts";
import { draw } from "../core/random.ts";
import { unreachable } from "../core/unreachable.ts";
import { digestOf } from "../core/json.ts";
import { adjustChoice } from "../model/adjust.ts";
import type { Ask } from "../protocol/command.ts";
import type { Plan } from "../protocol/plan.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import type { WorkerOutcome } from "../protocol/work.ts";
import { dependantClosure } from "../queue/plan-index.ts";
import { askTask, chargeTask, failTask, finishTask, retryTask, skipTask, wakeTask } from "../queue/queue.ts";
import type { Queue, TaskState, TaskStatus } from "../queue/queue.ts";
import { countTime } from "./deadlines.ts";
import { adjustmentOf } from "./dispatch.ts";
import { dropLetter } from "./letters.ts";
import { amountText, isUsedUp } from "./limits.ts";
import { accountOf, awaitBill, closeAccount, closeBooks, goBroke } from "./money.ts";
import { liveAttempt } from "./run-state.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";

interface Attempt {
  readonly task: TaskId;
  readonly attempt: number;
}

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

/** Skips a task and stops what is done about it: its worker, its wait, its questions. */
export function skip(context: RunContext, task: TaskId, why: Failure): Step {
  const { queue, plan } = context;
  const state = queue?.tasks[taskIndex(task)];
  if (!queue || !plan || !state) return step(context);
  const from = attemptId(task, state.attempts);
  // Of an attempt that is over the money is in the queue already, also where its account is still open.
  const usd = state.status === "running" ? accountOf(context, from).usd : 0;
  const skipped = skipAt(queue, plan, { task, at: context.now, failure: why, usd });
  if (skipped === queue) return step(context);
  const next = { ...closeAccount(countTime(context, task), from), queue: skipped };
  const bill = state.status === "running" ? awaitBill(next, from) : [];
  const stopped = sequence(step(next, ...stopsOf(state), ...bill), (then) => closeAsks(then, asksOf(then, from)));
  return step(stopped.context, ...stopped.then, ...lossEvents(stopped.context, queue, task));
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

/** What still has to start when a task is in one of these. */
const IDLE: readonly TaskStatus[] = ["waiting", "ready", "retrying", "asking", "invalidated"];

/** Skips a task that has cost money. */
function skipAt(queue: Queue, plan: Plan, loss: Parameters<typeof failTask>[2]): Queue {
  const skipped = skipTask(queue, plan, loss);
  return skipped === queue ? queue : chargeTask(skipped, loss);
}

/** The children that a task has by its status. */
function stopsOf({ id, attempts, status }: TaskState): readonly Directive[] {
  if (status === "running") return [{ do: "stop", child: workerActorId(id, attempts) }];
  return status === "retrying" ? [{ do: "stop", child: `wake:${attemptId(id, attempts)}` }] : [];
}

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
  return step(next, emit(next, { type: "task.finished", task, attempt, summary: report.summary, files, usd, durationMs }));
}

function decide(context: RunContext, { live, why }: { readonly live: Attempt; readonly why: Failure }, rules: RunRules): Step {
  const planned = nextAttemptStep(rules.policy, why.code, live.attempt);
  // An attempt that its task's or worker's budget can't pay for is not worth starting.
  const next =
    typeof planned === "object" && isPointless(context, live.task, planned) ? rules.policy.table[why.code].then : planned;
  if (typeof next === "object")
    return isTooIntense(context, rules)
      ? suspendTask(context, live, tooManyRestarts(rules, why))
      : renew(context, live, { why, next, rules });
  switch (next) {
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
      return unreachable(next);
  }
}

function isPointless(context: RunContext, task: TaskId, { change }: AttemptStep): boolean {
  const name = context.plan?.tasks[taskIndex(task)]?.worker;
  const isByModel = context.workers.find((card) => card.name === name)?.kind === "model";
  const before = adjustmentOf(context, task).choice ?? plannedChoice(context, task);
  return isUsedUp(context, task, isByModel ? adjustChoice(before, change, context.models.orchestrator) : null);
}

const tooManyRestarts = ({ policy }: RunRules, cause: Failure): Failure =>
  failure(
    "RestartIntensity",
    `More than ${policy.restarts.intensity} restarts in ${policy.restarts.periodMs / 1000} s; the last was for ${cause.code}.`,
    { cause },
  );

function renew(
  context: RunContext,
  { task, attempt }: Attempt,
  about: { readonly why: Failure; readonly next: AttemptStep; readonly rules: RunRules },
): Step {
  const { why, next: plan, rules } = about;
  const { queue } = context;
  if (!queue) return step(context);
  const adjustment = adjustmentOf(context, task);
  const before = adjustment.choice ?? plannedChoice(context, task);
  const after = adjustChoice(before, plan.change, context.models.orchestrator);
  const issues = plan.change.issues
    ? [...adjustment.issues, `Attempt ${attempt} failed (${why.code}): ${why.message}`]
    : adjustment.issues;
  const changes = describeChange(plan.change, before, after);
  const drawn = draw(context.seed);
  const wakeAt = context.now + Math.max(why.retryAfterMs ?? 0, waitBetween(plan.waitMs, drawn.value));
  const from = attemptId(task, attempt);
  const adjusted: RunContext = {
    ...countRestart(context, rules),
    seed: drawn.next,
    queue: retryTask(queue, { task, wakeAt, failure: why, usd: accountOf(context, from).usd }),
    adjustments: {
      ...context.adjustments,
      [task]: { choice: after, trimmed: adjustment.trimmed || plan.change.context === "trimmed", issues, changes },
    },
  };
  return step(adjusted, emit(adjusted, { type: "task.retrying", task, attempt, failure: why, changes: [...changes], wakeAt }), {
    do: "wake",
    name: from,
    dueAt: wakeAt,
  });
}

function plannedChoice({ plan, workers, models }: RunContext, id: TaskId): ModelChoice {
  const task = plan?.tasks[taskIndex(id)];
  const card = workers.find(({ name }) => name === task?.worker);
  return models.tiers[task?.tier ?? card?.tier ?? "sonnet"];
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
  const next = { ...context, queue: status === "failed" ? failTask(queue, plan, loss) : skipAt(queue, plan, loss) };
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
