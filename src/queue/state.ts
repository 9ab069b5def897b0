// What the task queue consists of. Plain JSON throughout: it lives in a machine's context, is persisted with it and is
// read by people in an inspector. Tasks are named by their position in the plan (from 0) inside the lists, by id outside.
import type { Failure } from "../core/failure.ts";
import type { TaskId } from "../core/ids.ts";

/**
 * Where a task stands. `waiting`: for dependencies. `retrying`: for its wake-up time. `asking`: for a person, with no
 * worker alive. `mending`: for the orchestrator's model, which cuts it into parts or words it anew. `invalidated`: it ran, but what it built on is being done again; it runs anew once that has settled.
 * Settled are `finished`, `failed` and `skipped`.
 */
export type TaskStatus =
  | "waiting"
  | "ready"
  | "running"
  | "retrying"
  | "asking"
  | "mending"
  | "finished"
  | "failed"
  | "skipped"
  | "invalidated";

/** Where the whole output of a finished task is kept, its size in characters, and a few words about it. */
export interface TaskResult {
  readonly ref: string;
  readonly bytes: number;
  readonly summary: string;
}

/** One task of the plan and how far it got. Moments are host time in ms. */
export interface TaskState {
  readonly id: TaskId;
  readonly label: string;
  readonly worker: string;
  readonly status: TaskStatus;
  /** Attempts started so far, over all retries and revivals. */
  readonly attempts: number;
  /** Dependencies, hard and soft, that have not settled; kept true in every status. */
  readonly waitingFor: number;
  /** Earliest moment of the next attempt while `retrying`, else null. */
  readonly wakeAt: number | null;
  /** Start of the latest attempt. */
  readonly startedAt: number | null;
  readonly settledAt: number | null;
  /** Spent on all attempts. */
  readonly usd: number;
  /** Only while `finished`. */
  readonly result: TaskResult | null;
  /** Why it failed or was skipped; before that, why its latest attempt failed. */
  readonly failure: Failure | null;
}

/** What a worker's finished tasks taught about its durations. */
export interface LearntMean {
  readonly samples: number;
  readonly meanMs: number;
  /** The mean that the priorities in force were computed from. */
  readonly plannedMs: number;
}

/** The queue: every task and, kept along, what the next decision needs. */
export interface Queue {
  /** In plan order: `tasks[i]` is `plan.tasks[i]`. */
  readonly tasks: readonly TaskState[];
  /** Positions of the ready tasks, next one first. */
  readonly ready: readonly number[];
  /** Positions of the running tasks, longest running first. */
  readonly running: readonly number[];
  /** Positions of the retrying tasks, earliest wake-up first. */
  readonly retrying: readonly number[];
  readonly counts: Readonly<Record<TaskStatus, number>>;
  /** Ready tasks by worker; look names up with `Object.hasOwn`. */
  readonly readyBy: Readonly<Record<string, number>>;
  /** Running tasks by worker; look names up with `Object.hasOwn`. */
  readonly runningBy: Readonly<Record<string, number>>;
  /** Most tasks running at once. */
  readonly concurrency: number;
  /** Most tasks of one worker running at once; a worker without an entry has no cap of its own. */
  readonly caps: Readonly<Record<string, number>>;
  /** For each task, the work from its start to the end of the plan, itself included: along the longest path, or as rehearsed. */
  readonly priorities: readonly number[];
  /** What `priorities` counts: hops while no duration is known, else ms. */
  readonly unit: "hops" | "ms";
  readonly learnt: Readonly<Record<string, LearntMean>>;
  /** Durations known beforehand, in ms, by task id; they win over what is learnt. */
  readonly estimates: Readonly<Record<string, number>>;
}

/** True for the statuses that a task leaves only by a revival. */
export const isSettledStatus = (status: TaskStatus): boolean =>
  status === "finished" || status === "failed" || status === "skipped";

/** The number a record holds under a name of its own; 0 where it holds none. */
export const countOf = (record: Readonly<Record<string, number>>, name: string): number =>
  Object.hasOwn(record, name) ? (record[name] ?? 0) : 0;
