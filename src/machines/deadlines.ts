// The time of a run: until when what may take, and the one timer that watches over all of it.
//   T1  Gaps in the clock and pauses count towards no limit: what runs is moved by them, wake-up times are not.
//   T2  One timer serves all deadlines, the earliest; it may go off too early and is then set anew, never too late.
//   T3  An attempt that waits for a person's answer stands still.
import { attemptId, parseAttemptId, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { HostSlept } from "../host/port.ts";
import type { Ask } from "../protocol/command.ts";
import { shiftStarts } from "../queue/time.ts";
import type { TaskState } from "../queue/state.ts";
import { addUse, hasOwnLimits, useOfTask, useOfWorker } from "./limits.ts";
import type { RunContext } from "./run-state.ts";
import { step } from "./step.ts";
import type { Step } from "./step.ts";

/** Share of a run's time that is kept for the answer, and the most that is kept, in ms. */
const ANSWER_SHARE = 0.1;
const MOST_ANSWER_MS = 120_000;
/** The name of the timer's child begins so, after `wake:`. */
const LIMIT = "limit/";
/** From this many ms on a late timer means that nobody was there: hosts tell gaps from here on. */
const LATE_MS = 30_000;

/** When a run stops working and when its answer must be there; Infinity without a limit. */
export function runDeadlines({ startedAt, standstill, options }: RunContext): { readonly work: number; readonly answer: number } {
  const { ms } = options.budget;
  if (ms === null) return { work: Number.POSITIVE_INFINITY, answer: Number.POSITIVE_INFINITY };
  const answer = startedAt + standstill.sleptMs + standstill.heldMs + ms;
  return { work: answer - Math.min(ms * ANSWER_SHARE, MOST_ANSWER_MS), answer };
}

/** Until when a running attempt may take, and by whose limit. */
export function attemptDeadline(context: RunContext, task: TaskId): { readonly at: number; readonly owner: "attempt" | "task" } {
  const state = context.queue?.tasks[taskIndex(task)];
  const longest = context.workers.find(({ name }) => name === state?.worker)?.maxMs ?? Number.POSITIVE_INFINITY;
  const never = { at: Number.POSITIVE_INFINITY, owner: "attempt" } as const;
  if (!state || state.startedAt === null || openAsk(context, state)) return never;
  const { ms } = context.options.budget.task;
  const left = ms === null ? Number.POSITIVE_INFINITY : ms - useOfTask(context, task).ms;
  return left < longest ? { at: state.startedAt + left, owner: "task" } : { at: state.startedAt + longest, owner: "attempt" };
}

/** Until when the running attempts of a worker may take together; Infinity where it has no limit of time. */
export function workerDeadline(context: RunContext, worker: string): number {
  const { worker: workers } = context.options.budget;
  const ms = Object.hasOwn(workers, worker) ? (workers[worker]?.ms ?? null) : null;
  if (ms === null) return Number.POSITIVE_INFINITY;
  const own = runningTasks(context).filter((state) => state.worker === worker);
  const moving = own.filter((state) => !openAsk(context, state));
  if (moving.length === 0) return Number.POSITIVE_INFINITY;
  const stood = own.filter((state) => !moving.includes(state)).reduce((sum, state) => sum + elapsedMs(context, state), 0);
  const starts = moving.reduce((sum, { startedAt }) => sum + (startedAt ?? context.now), 0);
  // Several attempts at once use it up the sooner.
  return Math.ceil((ms - useOfWorker(context, worker).ms - stood + starts) / moving.length);
}

/** Sets the timer for a moment, unless it goes off before anyway (T2). */
export function arm(context: RunContext, dueAt: number): Step {
  const { count, dueAt: before } = context.alarm;
  if (dueAt === Number.POSITIVE_INFINITY || (before !== null && before <= dueAt)) return step(context);
  const next = { ...context, alarm: { count: count + 1, dueAt } };
  return step(next, ...(before === null ? [] : [{ do: "stop", child: `wake:${LIMIT}${count}` } as const]), {
    do: "wake",
    name: `${LIMIT}${count + 1}`,
    dueAt,
  });
}

/** Sets the timer for attempts that begin. */
export function armFor(context: RunContext, started: readonly { readonly task: TaskId }[]): Step {
  let earliest = Number.POSITIVE_INFINITY;
  for (const { task } of started) earliest = Math.min(earliest, attemptDeadline(context, task).at);
  for (const at of workerDeadlines(context)) earliest = Math.min(earliest, at);
  return arm(context, earliest);
}

/** Sets the timer for the earliest of all deadlines after `after`. */
export function armAgain(context: RunContext, after = Number.NEGATIVE_INFINITY): Step {
  const { work, answer } = runDeadlines(context);
  const attempts = runningTasks(context).map(({ id }) => attemptDeadline(context, id).at);
  const toCome = [...attempts, ...workerDeadlines(context)].filter((at) => at > after);
  const ofRun = [work, answer].filter((at) => at > context.now);
  return arm(context, Math.min(Number.POSITIVE_INFINITY, ...ofRun, ...toCome));
}

/** Takes the timer away: the run is over, and nothing is left behind. */
export function unset(context: RunContext): Step {
  const { count, dueAt } = context.alarm;
  if (dueAt === null) return step(context);
  return step({ ...context, alarm: { count, dueAt: null } }, { do: "stop", child: `wake:${LIMIT}${count}` });
}

/** True when a wait is the timer of the deadlines, by the wait's name. */
export const isAlarm = (name: string): boolean => name.startsWith(LIMIT);

/**
 * The timer went off at `at`. When that is far too late, nobody was there when it was due (a snapshot restored without a
 * host, which tells gaps): how long attempts have worked is unknown then, so that their time begins anew.
 */
export function disarm(context: RunContext, { name, at }: { readonly name: string; readonly at: number }): RunContext {
  const { count, dueAt } = context.alarm;
  if (name !== `${LIMIT}${count}` || dueAt === null) return context;
  const silent = { ...context, alarm: { count, dueAt: null } };
  return at - dueAt > LATE_MS ? moved(takeGap(silent, { type: "host.slept", ms: at - dueAt, at }), { ms: at, at }) : silent;
}

/** The machine slept, or the run stood stopped: what ran is moved by the gap (T1). */
export function takeGap(context: RunContext, { ms, at }: HostSlept): RunContext {
  const timed = { ...context, now: Math.max(context.now, at) };
  if (!(ms > 0)) return timed;
  const later = (moment: number): number => Math.max(moment, Math.min(at, moment + ms));
  const { sleptMs, heldMs, since } = context.standstill;
  const { count, dueAt } = context.alarm;
  return {
    ...moved(timed, { ms, at }),
    // The timer itself goes off by the wall clock, too early now.
    alarm: { count, dueAt: dueAt === null ? null : dueAt + ms },
    restarts: context.restarts.map(later),
    standstill: { sleptMs: sleptMs + ms, heldMs, since: since === null ? null : later(since) },
  };
}

/** The run is paused or suspended. */
export function standStill(context: RunContext, at: number): RunContext {
  const { standstill } = context;
  return standstill.since === null ? { ...context, standstill: { ...standstill, since: Math.max(context.now, at) } } : context;
}

/** The run goes on: the pause counts for nothing (T1). */
export function goOn(context: RunContext, at: number): Step {
  const { since, sleptMs, heldMs } = context.standstill;
  if (since === null) return step(context);
  const ms = Math.max(0, at - since);
  const next = { ...context, standstill: { sleptMs, heldMs: heldMs + ms, since: null } };
  return armAgain(moved(next, { ms, at }));
}

/** A person has answered an attempt's question: the time it waited counts for nothing (T3). */
export function answered(context: RunContext, ask: Ask, at: number): Step {
  const task = ask.from === null ? undefined : parseAttemptId(ask.from)?.task;
  if (task === undefined || !context.queue) return step(context);
  // The pause it may be in is taken off as a whole, later.
  const ms = (context.standstill.since ?? at) - ask.at;
  const next = { ...context, queue: shiftStarts(context.queue, { ms, at }, [taskIndex(task)]) };
  return armFor(next, [{ task }]);
}

/** How long a running attempt has taken so far, in ms, as far as it counts. */
export function elapsedMs(context: RunContext, state: TaskState): number {
  const { now, standstill } = context;
  // What ends during a pause is not charged with it (T1).
  const until = Math.min(openAsk(context, state)?.at ?? now, standstill.since ?? now);
  return Math.max(0, until - (state.startedAt ?? now));
}

/** An attempt is over: its time goes to its task and worker, where those have limits. */
export function countTime(context: RunContext, task: TaskId): RunContext {
  const state = hasOwnLimits(context) ? context.queue?.tasks[taskIndex(task)] : undefined;
  if (state?.status !== "running") return context;
  return addUse(context, attemptId(task, state.attempts), { usd: 0, tokens: 0, ms: elapsedMs(context, state) });
}

/** The tasks that are running. */
export const runningTasks = ({ queue }: RunContext): readonly TaskState[] =>
  (queue?.running ?? []).flatMap((at) => queue?.tasks[at] ?? []);

const workerDeadlines = (context: RunContext): readonly number[] =>
  Object.keys(context.options.budget.worker).map((worker) => workerDeadline(context, worker));

const openAsk = ({ asks }: RunContext, { id, attempts }: TaskState): Ask | undefined =>
  asks.length === 0 ? undefined : asks.find(({ from }) => from === attemptId(id, attempts));

/** Moves the starts of what runs, and of what waits for a person. */
function moved(context: RunContext, gap: { readonly ms: number; readonly at: number }): RunContext {
  const { queue, asks } = context;
  const later = (ask: Ask): Ask =>
    ask.from === null ? ask : { ...ask, at: Math.max(ask.at, Math.min(gap.at, ask.at + gap.ms)) };
  return { ...context, queue: queue && shiftStarts(queue, gap), asks: asks.map(later) };
}
