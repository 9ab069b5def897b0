// What happens when time is up: of an attempt, of a task or worker, of the run.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import type { TaskId } from "../core/ids.ts";
import { isSettledStatus } from "../queue/state.ts";
import { plainAnswer } from "./calls.ts";
import { PLAN_ASK } from "./commands.ts";
import { closeConflicts, isAskedAboutConflicts } from "./conflicts.ts";
import { armAgain, attemptDeadline, disarm, runDeadlines, runningTasks, workerDeadline } from "./deadlines.ts";
import { amountText } from "./limits.ts";
import { closeBooks, goBroke } from "./money.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { skip, stopAttempt } from "./settle.ts";
import { sequence, step } from "./step.ts";
import type { Step } from "./step.ts";

/** The timer of the deadlines, by its name, went off: what is over its time is stopped, and the timer is set anew. */
export function ring(context: RunContext, { name, at }: { readonly name: string; readonly at: number }, rules: RunRules): Step {
  const timed = disarm({ ...context, now: Math.max(context.now, at) }, { name, at });
  // Nothing is over its time while the run is paused or suspended; when it goes on, the timer is set.
  if (timed.standstill.since !== null || timed.outcome !== null) return step(timed);
  return sequence(
    step(timed),
    stopWork,
    stopAsking,
    stopAnswering,
    (next) => stopAttempts(next, rules),
    // What is over its time by now was dealt with: a timer for it would go off for ever.
    (next) => armAgain(next, next.now),
  );
}

/** True when the run's time went by before there was a plan to carry out. */
export const isOutOfTime = (context: RunContext): boolean => context.broke === "ms" && !isCarriedOut(context);

/** The run's time for its tasks is up: what is there is integrated and told. */
function stopWork(context: RunContext): Step {
  const open = (context.queue?.tasks ?? []).filter(({ status }) => !isSettledStatus(status));
  const isWorking = !isCarriedOut(context) || open.length > 0;
  if (!isWorking || context.now < runDeadlines(context).work) return step(context);
  const why = timeIsUp(context);
  const broke = goBroke(context, "ms");
  if (!isCarriedOut(context)) return sequence(broke, (next) => step({ ...next, failure: next.failure ?? why }));
  return sequence(
    broke,
    ...open.map(
      ({ id }) =>
        (next: RunContext) =>
          skip(next, id, why),
    ),
  );
}

/** A person who was asked about conflicts had as long as the tasks: the rest of the time is the answer's. */
function stopAsking(context: RunContext): Step {
  if (!isAskedAboutConflicts(context) || context.now < runDeadlines(context).work) return step(context);
  return sequence(goBroke(context, "ms"), closeConflicts);
}

/** The run's whole time is up: what there is, is the answer. */
function stopAnswering(context: RunContext): Step {
  if (context.answer !== null || !isCarriedOut(context) || context.now < runDeadlines(context).answer) return step(context);
  const failed = { ...context, failure: context.failure ?? timeIsUp(context) };
  const told = { ...failed, answer: plainAnswer(failed), returning: null };
  const closed = told.talking === "synthesis" ? closeBooks({ ...told, talking: null }, "synthesis") : step(told);
  return sequence(closed, (next) => goBroke(next, "ms"));
}

/** Stops every attempt that is over its own time, or its task's, or its worker's. */
function stopAttempts(context: RunContext, rules: RunRules): Step {
  const over = runningTasks(context).flatMap(({ id, attempts: attempt }) => {
    const why = overtimeOf(context, id);
    return why ? [(next: RunContext) => stopAttempt(next, { task: id, attempt, why }, rules)] : [];
  });
  return sequence(step(context), ...over);
}

function overtimeOf(context: RunContext, task: TaskId): Failure | undefined {
  const { now, options, queue, workers } = context;
  const worker = queue?.tasks.find(({ id }) => id === task)?.worker ?? "";
  const { at, owner } = attemptDeadline(context, task);
  if (now >= at && owner === "task")
    return failure(
      "WorkerTimeout",
      `The attempts of ${task} have taken ${time(options.budget.task.ms)} in all, the most a task may take.`,
    );
  if (now >= at) {
    const most = workers.find(({ name }) => name === worker)?.maxMs ?? null;
    return failure("WorkerTimeout", `The attempt was not over after ${time(most)}, the most an attempt of ${worker} may take.`);
  }
  if (now < workerDeadline(context, worker)) return undefined;
  const { ms } = options.budget.worker[worker] ?? { ms: null };
  return failure("WorkerTimeout", `The tasks of ${worker} have taken ${time(ms)} in all, the most they may take.`);
}

const timeIsUp = ({ options }: RunContext): Failure =>
  failure("BudgetExceeded", `The time of the run, ${time(options.budget.ms)}, is used up.`);

const time = (ms: number | null): string => amountText("ms", ms ?? 0);

/** True from the moment on that tasks may start. */
const isCarriedOut = ({ queue, asks }: RunContext): boolean => queue !== null && !asks.some(({ id }) => id === PLAN_ASK);
