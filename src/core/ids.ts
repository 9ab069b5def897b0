// Branded ids: one constructor each. Ids are ours (assigned by code, never by a model), short and safe in paths, keys and terminals.
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Identifies one run: `r-` and lower-case letters or digits. */
export type RunId = Brand<string, "RunId">;
/** Identifies a task inside its plan: `t1` … `tn`, in plan order. */
export type TaskId = Brand<string, "TaskId">;

/** Brands a string as a run id; the caller vouches for it. */
export const runId = (raw: string): RunId => raw as RunId;
/** Brands a string as a task id; the caller vouches for it. */
export const taskId = (raw: string): TaskId => raw as TaskId;
/** The id of the task at a position of the plan, counted from 0. */
export const taskIdAt = (index: number): TaskId => taskId(`t${index + 1}`);
/** The position in the plan of a task id, counted from 0; NaN for anything else. */
export function taskIndex(id: string): number {
  // By hand: it is asked for many times an event.
  if (id.charCodeAt(0) !== LETTER || !(id.charCodeAt(1) > ZERO)) return Number.NaN;
  let number = 0;
  for (let at = 1; at < id.length; at++) {
    const digit = id.charCodeAt(at) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    number = number * 10 + digit;
  }
  return number - 1;
}
/** Names one attempt of a task, `t3#2`: also the id of its conversation. */
export const attemptId = (task: TaskId, attempt: number): string => `${task}#${attempt}`;
/** The child id of the worker actor that does one attempt, `worker:t3#2`. */
export const workerActorId = (task: TaskId, attempt: number): string => `worker:${attemptId(task, attempt)}`;

/** Reads task and attempt back from `t3#2` or `worker:t3#2`; undefined for anything else. */
export function parseAttemptId(id: string): { readonly task: TaskId; readonly attempt: number } | undefined {
  const match = /^(?:worker:)?(t[1-9]\d*)#([1-9]\d*)$/.exec(id);
  return match?.[1] && match[2] ? { task: taskId(match[1]), attempt: Number(match[2]) } : undefined;
}

/** Names one conversation that mends a task, `mend:t3#1`, counted over all of that task. */
export const mendId = (task: TaskId, count: number): string => `mend:${task}#${count}`;

/** The task that a conversation such as `t3#2` or `mend:t3#1` is about; undefined for the run's own. */
export function taskOfConversation(id: string): TaskId | undefined {
  return parseAttemptId(id.startsWith(MEND) ? id.slice(MEND.length) : id)?.task;
}
const MEND = "mend:";
const LETTER = "t".charCodeAt(0);
const ZERO = "0".charCodeAt(0);
