// The task queue: which task may start next, and what follows when one settles. Pure functions over plain JSON: no
// clock (moments come in as `at`), no randomness, the same arguments give the same queue. The plan stays outside.
//   Q1  A task starts only when every dependency has settled and every hard one has finished.
//   Q2  Never more tasks run than `concurrency`, nor more of a worker than its cap; a full worker holds up no other.
//   Q3  A task that fails or is skipped takes every task with it that depends on it over hard edges, and no other.
//   Q4  Lists and counters agree with the tasks (see draft.ts).
//   Q5  An operation that does not fit the status of its task returns the very queue it was given.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { taskIdAt, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { oneLine } from "../core/text.ts";
import type { Plan } from "../protocol/plan.ts";
import { QueueDraft, comparePriority } from "./draft.ts";
import { dependantClosure, indexOf } from "./plan-index.ts";
import { firstUrgency, learnDuration } from "./priorities.ts";
import { canStart, roomByWorker } from "./queries.ts";
import { isSettledStatus } from "./state.ts";
import type { Queue, TaskResult, TaskState, TaskStatus } from "./state.ts";

export { canStart, dueTasks, explain, isSettled, nextWakeAt, settledCount, taskStateOf } from "./queries.ts";
export type { Queue, TaskResult, TaskState, TaskStatus } from "./state.ts";

/** How a queue runs its plan. */
export interface QueueOptions {
  /** Most tasks running at once; at least 1, and anything that is no finite number means all. */
  readonly concurrency: number;
  /** Most tasks of one worker at once, by worker name; at least 1. */
  readonly caps?: Readonly<Record<string, number>>;
  /** Durations known beforehand, in ms, by task id. Where all tasks have one, the order takes the competition for places into account. */
  readonly estimates?: Readonly<Record<string, number>>;
}

/** A task that was started. */
export interface StartedTask {
  readonly task: TaskId;
  /** Counted from 1, over all retries. */
  readonly attempt: number;
}

/** The queue of a checked plan, nothing started yet. */
export function createQueue(plan: Plan, options: QueueOptions): Queue {
  const { dependencies } = indexOf(plan);
  const tasks = plan.tasks.map((task, at): TaskState => {
    const waitingFor = dependencies[at]?.length ?? 0;
    const start = { attempts: 0, waitingFor, wakeAt: null, startedAt: null, settledAt: null };
    const status = waitingFor === 0 ? "ready" : "waiting";
    return { id: task.id, label: task.label, worker: task.worker, status, ...start, usd: 0, result: null, failure: null };
  });
  const concurrency = limitOf(options.concurrency, tasks.length);
  const caps = Object.fromEntries(
    Object.entries(options.caps ?? {}).map(([worker, cap]) => [worker, limitOf(cap, tasks.length)]),
  );
  const urgency = firstUrgency(plan, { estimates: options.estimates ?? {}, concurrency, caps });
  const ready = [...tasks.keys()].filter((at) => tasks[at]?.status === "ready");
  const readyBy = new Map<string, number>();
  for (const at of ready) readyBy.set(tasks[at]?.worker ?? "", (readyBy.get(tasks[at]?.worker ?? "") ?? 0) + 1);
  return {
    tasks,
    ready: ready.toSorted((a, b) => comparePriority(urgency.priorities, a, b)),
    running: [],
    retrying: [],
    counts: { ...NONE, ready: ready.length, waiting: tasks.length - ready.length },
    readyBy: Object.fromEntries(readyBy),
    runningBy: {},
    concurrency,
    caps,
    ...urgency,
  };
}

/**
 * Starts as many ready tasks as the caps allow, the longest path of work first, plan order on ties. They are `running`
 * with one more attempt. Costs a walk over the ready tasks that stand before the last one started.
 */
export function startReady(
  queue: Queue,
  plan: Plan,
  at: number,
): { readonly queue: Queue; readonly started: readonly StartedTask[] } {
  if (!canStart(queue)) return { queue, started: [] };
  const draft = new QueueDraft(queue);
  const started: StartedTask[] = [];
  const room = roomByWorker(queue);
  let free = queue.concurrency - queue.counts.running;
  for (const position of queue.ready) {
    if (free <= 0 || room.size === 0) break;
    const worker = plan.tasks[position]?.worker ?? "";
    const left = room.get(worker);
    if (left === undefined) continue;
    if (left.free > 1 && left.ready > 1) room.set(worker, { free: left.free - 1, ready: left.ready - 1 });
    else room.delete(worker);
    free -= 1;
    const attempt = (queue.tasks[position]?.attempts ?? 0) + 1;
    draft.change(position, { status: "running", attempts: attempt, startedAt: at });
    started.push({ task: taskIdAt(position), attempt });
  }
  return { queue: draft.finish(), started };
}

/** running -> finished. Dependants that waited for nothing else become ready; the worker's mean time is learnt. */
export function finishTask(
  queue: Queue,
  plan: Plan,
  done: { readonly task: TaskId; readonly at: number; readonly result: TaskResult; readonly usd: number },
): Queue {
  return edit(queue, { task: done.task, status: ["running"] }, (draft, before, position) => {
    const ms = Math.max(0, done.at - (before.startedAt ?? done.at));
    draft.prioritise((urgency) => learnDuration(urgency, plan, { worker: before.worker, ms }));
    const usd = before.usd + done.usd;
    draft.settle(plan, position, { status: "finished", settledAt: done.at, result: done.result, failure: null, usd });
  });
}

/**
 * running or mending -> retrying: the attempt failed, the next one may start from `wakeAt` on, by another worker where
 * one is named (then the plan must name it, too).
 */
export function retryTask(
  queue: Queue,
  next: {
    readonly task: TaskId;
    readonly wakeAt: number;
    readonly failure: Failure;
    readonly usd: number;
    readonly worker?: string;
  },
): Queue {
  return edit(queue, { task: next.task, status: ["running", "mending"] }, (draft, before, position) => {
    const { wakeAt, failure: why, worker = before.worker } = next;
    draft.change(position, { status: "retrying", wakeAt, failure: why, usd: before.usd + next.usd, worker });
  });
}

/** running -> mending: the orchestrator's model looks at it. It takes no slot meanwhile. */
export function mendTask(queue: Queue, why: { readonly task: TaskId; readonly failure: Failure; readonly usd: number }): Queue {
  return edit(queue, { task: why.task, status: ["running"] }, (draft, before, position) => {
    draft.change(position, { status: "mending", failure: why.failure, usd: before.usd + why.usd });
  });
}

/** retrying -> ready (or waiting, where a dependency has been opened again meanwhile). Looks at no clock: the caller does. */
export function wakeTask(queue: Queue, task: TaskId): Queue {
  return edit(queue, { task, status: ["retrying"] }, (draft, _before, position) => {
    draft.change(position, { wakeAt: null });
    draft.enqueue(position);
  });
}

/** ready, running, retrying or mending -> asking: a person decides whether it is tried again. It takes no slot meanwhile. */
export function askTask(
  queue: Queue,
  why: { readonly task: TaskId; readonly failure: Failure | null; readonly usd: number },
): Queue {
  return edit(queue, { task: why.task, status: ["ready", "running", "retrying", "mending"] }, (draft, before, position) => {
    draft.change(position, { status: "asking", wakeAt: null, failure: why.failure, usd: before.usd + why.usd });
  });
}

/**
 * Settles the question of an `asking` task: `again` puts it in line; otherwise it fails, with `failure`, or else with the
 * failure that led to the question, or else as `Rejected`, and its hard dependants are skipped.
 */
export function answerTask(
  queue: Queue,
  plan: Plan,
  answer: { readonly task: TaskId; readonly at: number; readonly again: boolean; readonly failure?: Failure },
): Queue {
  return edit(queue, { task: answer.task, status: ["asking"] }, (draft, before, position) => {
    if (answer.again) {
      draft.enqueue(position);
      return;
    }
    const why = answer.failure ?? before.failure ?? failure("Rejected", `Task "${before.label}" was refused.`);
    settleLost(draft, plan, { position, status: "failed", at: answer.at, failure: why });
  });
}

/** Any unsettled status -> failed. Hard dependants, directly or not, are skipped; soft ones count it as settled. */
export function failTask(
  queue: Queue,
  plan: Plan,
  why: { readonly task: TaskId; readonly at: number; readonly failure: Failure; readonly usd: number },
): Queue {
  return edit(queue, { task: why.task, status: UNSETTLED }, (draft, before, position) => {
    draft.change(position, { usd: before.usd + why.usd });
    settleLost(draft, plan, { position, status: "failed", at: why.at, failure: why.failure });
  });
}

/** Any unsettled status -> skipped, with the same consequences as a failure. */
export function skipTask(
  queue: Queue,
  plan: Plan,
  why: { readonly task: TaskId; readonly at: number; readonly failure: Failure },
): Queue {
  return edit(queue, { task: why.task, status: UNSETTLED }, (draft, _before, position) => {
    settleLost(draft, plan, { position, status: "skipped", at: why.at, failure: why.failure });
  });
}

/**
 * failed or skipped -> ready or waiting, with the dependants that were skipped for no other reason; those that stay
 * skipped name the loss that keeps them so. Returns the queue unchanged while a hard dependency of the task has itself
 * failed or been skipped: that one has to be revived first.
 */
export function reviveTask(queue: Queue, plan: Plan, task: TaskId): Queue {
  if (lostDependency(plan, taskIndex(task), (at) => queue.tasks[at])) return queue;
  return edit(queue, { task, status: ["failed", "skipped"] }, (draft, _before, position) => {
    draft.reopen(plan, position, "waiting");
    for (const other of dependantClosure(plan, task)) {
      const at = taskIndex(other);
      const dependant = draft.task(at);
      const cascaded = dependant?.status === "skipped" && dependant.failure?.code === "DependencyFailed";
      if (!cascaded) continue;
      const lost = lostDependency(plan, at, (place) => draft.task(place));
      if (!lost) draft.reopen(plan, at, "waiting");
      else draft.change(at, { failure: consequenceOf(lost) });
    }
  });
}

/**
 * finished -> ready: it is to be done again, so that whatever ran after it, over hard or soft edges, is `invalidated`
 * (finished, running, retrying, asking and mending tasks; failed and skipped ones stay). With `strategy` "one-for-one"
 * finished tasks keep their results, and only those under way that wait for it directly are invalidated. One whose
 * dependencies have settled all the same (by being skipped) is ready at once. `reopened` are all that are done again, the
 * task first: the caller ends their workers and drops their reports. Unchanged while a hard dependency has failed or been skipped.
 */
export function redoTask(
  queue: Queue,
  plan: Plan,
  { task, strategy = "rest-for-one" }: { readonly task: TaskId; readonly strategy?: "rest-for-one" | "one-for-one" },
): { readonly queue: Queue; readonly reopened: readonly TaskId[] } {
  const reopened: TaskId[] = [];
  if (lostDependency(plan, taskIndex(task), (at) => queue.tasks[at])) return { queue, reopened };
  const next = edit(queue, { task, status: ["finished"] }, (draft, _before, position) => {
    const rest =
      strategy === "rest-for-one"
        ? dependantClosure(plan, task)
        : (indexOf(plan).dependants[position] ?? []).map(({ at }) => taskIdAt(at));
    draft.reopen(plan, position, "waiting");
    reopened.push(task);
    for (const other of rest) {
      const at = taskIndex(other);
      const status = draft.task(at)?.status ?? "waiting";
      if (!UNDER_WAY.has(status) && !(status === "finished" && strategy === "rest-for-one")) continue;
      draft.reopen(plan, at, "invalidated");
      reopened.push(other);
    }
  });
  return { queue: next, reopened };
}

/** Adds money to a task in any status: the bill of a report that came too late. */
export function chargeTask(queue: Queue, bill: { readonly task: TaskId; readonly usd: number }): Queue {
  return edit(queue, { task: bill.task, status: [...UNSETTLED, "finished", "failed", "skipped"] }, (draft, before, position) => {
    draft.change(position, { usd: before.usd + bill.usd });
  });
}

type Change = (draft: QueueDraft, before: TaskState, position: number) => void;

interface Loss {
  readonly position: number;
  readonly status: "failed" | "skipped";
  readonly at: number;
  readonly failure: Failure;
}

const NONE: Readonly<Record<TaskStatus, number>> = {
  waiting: 0,
  ready: 0,
  running: 0,
  retrying: 0,
  asking: 0,
  mending: 0,
  finished: 0,
  failed: 0,
  skipped: 0,
  invalidated: 0,
};
const UNSETTLED: readonly TaskStatus[] = ["waiting", "ready", "running", "retrying", "asking", "mending", "invalidated"];
const UNDER_WAY: ReadonlySet<TaskStatus> = new Set(["running", "retrying", "asking", "mending"]);

/** Changes the queue through a draft if the task is in one of the statuses (Q5). */
function edit(queue: Queue, from: { readonly task: TaskId; readonly status: readonly TaskStatus[] }, change: Change): Queue {
  const position = taskIndex(from.task);
  const before = queue.tasks[position];
  if (!before || !from.status.includes(before.status)) return queue;
  const draft = new QueueDraft(queue);
  change(draft, before, position);
  return draft.finish();
}

/** The first hard dependency of a task that has failed or was skipped. */
function lostDependency(plan: Plan, position: number, stateAt: (at: number) => TaskState | undefined): TaskState | undefined {
  const states = (indexOf(plan).dependencies[position] ?? []).map((edge) => (edge.hard ? stateAt(edge.at) : undefined));
  return states.find((state) => state?.status === "failed" || state?.status === "skipped");
}

/** What the loss of a task means to those that need it: it names the root, however far away. */
function consequenceOf({ id, label, status, failure: lost }: TaskState): Failure {
  if (lost?.code === "DependencyFailed" && lost.cause) return lost;
  const verb = status === "failed" ? "failed" : "was skipped";
  const message = `Not started: it needs the result of "${label}" (${id}), which ${verb}: ${oneLine(lost?.message ?? "", 300)}`;
  return failure("DependencyFailed", message, lost ? { cause: lost } : {});
}

/** Settles a task that did not finish and skips all that hangs on it over hard edges (Q3). */
function settleLost(draft: QueueDraft, plan: Plan, lost: Loss): void {
  const { position, status, at } = lost;
  draft.settle(plan, position, { status, settledAt: at, failure: lost.failure });
  const root = draft.task(position);
  if (!root) return;
  const consequence = consequenceOf(root);
  const open = [position];
  for (const cause of open) {
    for (const edge of indexOf(plan).dependants[cause] ?? []) {
      if (!edge.hard || isSettledStatus(draft.task(edge.at)?.status ?? "skipped")) continue;
      draft.settle(plan, edge.at, { status: "skipped", settledAt: at, failure: consequence });
      open.push(edge.at);
    }
  }
}

function limitOf(wanted: number, tasks: number): number {
  return Number.isFinite(wanted) ? Math.max(1, Math.floor(wanted)) : Math.max(1, tasks);
}
