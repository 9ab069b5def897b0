// Questions to the queue. None costs a walk over all tasks.
import { taskIdAt, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { oneLine } from "../core/text.ts";
import { unreachable } from "../core/unreachable.ts";
import type { Plan } from "../protocol/plan.ts";
import { indexOf } from "./plan-index.ts";
import { countOf, isSettledStatus } from "./state.ts";
import type { Queue, TaskState } from "./state.ts";

/** True when all tasks are finished, failed or skipped. O(1). */
export function isSettled(queue: Queue): boolean {
  return settledCount(queue) === queue.tasks.length;
}

/** How many tasks are finished, failed or skipped. O(1). */
export function settledCount({ counts }: Queue): number {
  return counts.finished + counts.failed + counts.skipped;
}

/** True when `startReady` would start something. O(workers), O(1) without caps. */
export function canStart(queue: Queue): boolean {
  if (queue.ready.length === 0 || queue.counts.running >= queue.concurrency) return false;
  return Object.keys(queue.caps).length === 0 || roomByWorker(queue).size > 0;
}

/** For each worker with ready tasks and a free place: how many of either. */
export function roomByWorker(queue: Queue): Map<string, { readonly free: number; readonly ready: number }> {
  const room = new Map<string, { readonly free: number; readonly ready: number }>();
  for (const [worker, ready] of Object.entries(queue.readyBy)) {
    const cap = Object.hasOwn(queue.caps, worker) ? (queue.caps[worker] ?? 1) : Number.POSITIVE_INFINITY;
    const free = cap - countOf(queue.runningBy, worker);
    if (ready > 0 && free > 0) room.set(worker, { free, ready });
  }
  return room;
}

/** The earliest wake-up time of a retrying task in ms, or null. O(1). */
export function nextWakeAt(queue: Queue): number | null {
  return queue.tasks[queue.retrying[0] ?? -1]?.wakeAt ?? null;
}

/** The retrying tasks whose wake-up time is `at` or earlier, earliest first. */
export function dueTasks(queue: Queue, at: number): readonly TaskId[] {
  return queue.retrying.filter((position) => (queue.tasks[position]?.wakeAt ?? at) <= at).map(taskIdAt);
}

/** The state of a task by its id. O(1). */
export function taskStateOf(queue: Queue, id: TaskId): TaskState | undefined {
  return queue.tasks[taskIndex(id)];
}

/** One line on why a task stands where it stands, such as "first in line: 95 s of work hang on it". */
export function explain(queue: Queue, plan: Plan, id: TaskId): string {
  const task = taskStateOf(queue, id);
  if (!task) return `The plan has no task ${oneLine(id, 20)}.`;
  const because = oneLine(task.failure?.message ?? "", 160);
  switch (task.status) {
    case "ready":
      return explainReady(queue, task);
    case "running":
      return `attempt ${task.attempts} runs: ${urgencyText(queue, task)}`;
    case "waiting":
      return `waits for ${blockersText(queue, plan, task)}`;
    case "invalidated":
      return `what it built on is being done again: waits for ${blockersText(queue, plan, task)}`;
    case "retrying":
      return `attempt ${task.attempts} failed, waits for its next one: ${because}`;
    case "asking":
      return because ? `waits for an answer: ${because}` : "waits for an answer";
    case "mending":
      return `attempt ${task.attempts} failed, the orchestrator's model looks at it: ${because}`;
    case "finished":
      return `finished after ${countText(task.attempts, "attempt")}`;
    case "failed":
      return `failed after ${countText(task.attempts, "attempt")}: ${because}`;
    case "skipped":
      return `skipped: ${because}`;
    default:
      return unreachable(task.status);
  }
}

function explainReady(queue: Queue, task: TaskState): string {
  const place = queue.ready.indexOf(taskIndex(task.id));
  const line = place === 0 ? "first in line" : `number ${place + 1} in line`;
  const isFull =
    countOf(queue.runningBy, task.worker) >= countOf(queue.caps, task.worker) && Object.hasOwn(queue.caps, task.worker);
  return `${line}: ${urgencyText(queue, task)}${isFull ? `, but worker "${task.worker}" is at its cap` : ""}`;
}

function urgencyText(queue: Queue, task: TaskState): string {
  const priority = queue.priorities[taskIndex(task.id)] ?? 0;
  if (queue.unit === "ms") return `${seconds(priority)} of work hang on it`;
  return priority <= 1 ? "no other task waits for it" : `a chain of ${priority} tasks hangs on it, itself included`;
}

function blockersText(queue: Queue, plan: Plan, task: TaskState): string {
  const open = (indexOf(plan).dependencies[taskIndex(task.id)] ?? [])
    .map((edge) => queue.tasks[edge.at])
    .filter((other) => other && !isSettledStatus(other.status))
    .map((other) => `"${oneLine(other?.label ?? "", 40)}"`);
  const named = open.slice(0, 3).join(", ");
  return open.length > 3 ? `${named} and ${open.length - 3} more` : named;
}

const seconds = (ms: number): string => (ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`);
const countText = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
