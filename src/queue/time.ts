// Time that does not count: gaps in the clock, and pauses.
import type { Queue } from "./state.ts";

/**
 * Moves the starts of running tasks by a gap of `ms` that ended at `at`: of all, or of those at the positions given. What
 * started meanwhile moves to `at` at most.
 */
export function shiftStarts(
  queue: Queue,
  { ms, at }: { readonly ms: number; readonly at: number },
  positions: readonly number[] = queue.running,
): Queue {
  if (ms <= 0 || positions.length === 0) return queue;
  const tasks = queue.tasks.slice();
  for (const position of positions) {
    const task = tasks[position];
    if (task?.status !== "running" || task.startedAt === null || task.startedAt >= at) continue;
    tasks[position] = { ...task, startedAt: Math.min(at, task.startedAt + ms) };
  }
  return { ...queue, tasks };
}
