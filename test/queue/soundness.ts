// What must hold of a queue in any state, computed the slow way from the tasks and the plan alone.
import { expect } from "vitest";
import type { Plan } from "../../src/protocol/plan.ts";
import { canStart, isSettled, nextWakeAt } from "../../src/queue/queue.ts";
import type { Queue, TaskState, TaskStatus } from "../../src/queue/queue.ts";

const STATUSES: readonly TaskStatus[] = [
  "waiting",
  "ready",
  "running",
  "retrying",
  "asking",
  "mending",
  "finished",
  "failed",
  "skipped",
  "invalidated",
];
const SETTLED: ReadonlySet<TaskStatus> = new Set(["finished", "failed", "skipped"]);
const LOST: ReadonlySet<TaskStatus> = new Set(["failed", "skipped"]);

/** Fails unless lists, counters and derived answers agree with the tasks, and the tasks with the plan. */
export function expectSound(queue: Queue, plan: Plan, strategy: "rest-for-one" | "one-for-one" = "rest-for-one"): void {
  expectCounters(queue);
  expectLists(queue);
  const byId = new Map(queue.tasks.map((task) => [task.id, task]));
  for (const [at, task] of queue.tasks.entries()) {
    const edges = plan.tasks[at]!.dependencies.map((edge) => ({ kind: edge.kind, status: byId.get(edge.task)!.status }));
    expect(task.waitingFor, `waitingFor of ${task.id}`).toBe(edges.filter((edge) => !SETTLED.has(edge.status)).length);
    if (task.status === "ready") expect(task.waitingFor).toBe(0);
    if (task.status === "waiting" || task.status === "invalidated") expect(task.waitingFor).toBeGreaterThan(0);
    const lostOne = edges.some((edge) => edge.kind === "hard" && LOST.has(edge.status));
    // One-for-one keeps results also where what they were built on is done again and fails.
    const keeps = strategy === "one-for-one" && task.status === "finished";
    if (!LOST.has(task.status) && !keeps)
      expect(lostOne, `${task.id} is ${task.status} though a hard dependency is lost`).toBe(false);
    expectFields(task);
  }
}

/** Ids of the tasks that hang on a task over hard edges, found by repeated sweeps. */
export function hardDependants(plan: Plan, id: string): Set<string> {
  const found = new Set<string>([id]);
  let size = 0;
  while (size !== found.size) {
    size = found.size;
    for (const task of plan.tasks) {
      if (task.dependencies.some((edge) => edge.kind === "hard" && found.has(edge.task))) found.add(task.id);
    }
  }
  found.delete(id);
  return found;
}

function expectCounters(queue: Queue): void {
  for (const status of STATUSES) {
    expect(queue.counts[status], `count of ${status}`).toBe(queue.tasks.filter((task) => task.status === status).length);
  }
  for (const [status, tally] of [["running", queue.runningBy] as const, ["ready", queue.readyBy] as const]) {
    for (const worker of new Set([...queue.tasks.map((task) => task.worker), ...Object.keys(tally)])) {
      const count = queue.tasks.filter((task) => task.status === status && task.worker === worker).length;
      expect(Object.hasOwn(tally, worker) ? tally[worker] : 0, `${status} tasks of ${worker}`).toBe(count);
      if (status === "running")
        expect(count).toBeLessThanOrEqual(Object.hasOwn(queue.caps, worker) ? queue.caps[worker]! : count);
    }
  }
  expect(queue.counts.running).toBeLessThanOrEqual(queue.concurrency);
  expect(isSettled(queue)).toBe(queue.tasks.every((task) => SETTLED.has(task.status)));
}

function expectLists(queue: Queue): void {
  const positions = (status: TaskStatus) => [...queue.tasks.keys()].filter((at) => queue.tasks[at]!.status === status);
  const priority = (at: number) => queue.priorities[at]!;
  expect(queue.ready).toEqual(positions("ready").toSorted((a, b) => priority(b) - priority(a) || a - b));
  expect(queue.running.toSorted((a, b) => a - b)).toEqual(positions("running"));
  const starts = queue.running.map((at) => queue.tasks[at]!.startedAt!);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));
  const wakeUps = queue.retrying.map((at) => queue.tasks[at]!.wakeAt!);
  expect(queue.retrying.toSorted((a, b) => a - b)).toEqual(positions("retrying"));
  expect(wakeUps).toEqual(wakeUps.toSorted((a, b) => a - b));
  expect(nextWakeAt(queue)).toBe(wakeUps.length > 0 ? Math.min(...wakeUps) : null);
  const full = (worker: string) =>
    Object.hasOwn(queue.caps, worker) &&
    queue.tasks.filter((task) => task.status === "running" && task.worker === worker).length >= queue.caps[worker]!;
  const startable = queue.tasks.some((task) => task.status === "ready" && !full(task.worker));
  expect(canStart(queue)).toBe(startable && queue.counts.running < queue.concurrency);
}

function expectFields(task: TaskState): void {
  expect(task.wakeAt !== null, `wakeAt of ${task.id}, ${task.status}`).toBe(task.status === "retrying");
  expect(task.settledAt !== null, `settledAt of ${task.id}, ${task.status}`).toBe(SETTLED.has(task.status));
  expect(task.result !== null, `result of ${task.id}, ${task.status}`).toBe(task.status === "finished");
  if (LOST.has(task.status)) expect(task.failure).not.toBeNull();
  if (task.status === "running" || task.status === "finished") expect(task.attempts).toBeGreaterThan(0);
}
