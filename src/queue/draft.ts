// The working copy of one queue operation: changes go in one by one, and the lists and counters follow.
//   D1  The queue it started from is never touched; each array is copied at most once.
//   D2  Lists and counters agree with the tasks: only `change` writes a task, and it moves the counters along.
//   D3  `ready` is ordered by priority, ties by plan order; `retrying` by wake-up time, ties by plan order.
import { isSettledStatus } from "./state.ts";
import type { Queue, TaskState, TaskStatus } from "./state.ts";
import type { Urgency } from "./priorities.ts";
import { indexOf } from "./plan-index.ts";
import type { Plan } from "../protocol/plan.ts";

/** Above this many newcomers the ready list is sorted as a whole instead of inserted into one by one. */
const FEW = 8;

/** A queue being changed. Use it inside one operation and let it go. */
export class QueueDraft {
  readonly #from: Queue;
  readonly #tasks: TaskState[];
  readonly #counts: Record<TaskStatus, number>;
  readonly #moved = new Set<number>();
  #urgency: Urgency;

  constructor(from: Queue) {
    this.#from = from;
    this.#tasks = from.tasks.slice();
    this.#counts = { ...from.counts };
    this.#urgency = from;
  }

  /** The task at a position, as changed so far. */
  task(at: number): TaskState | undefined {
    return this.#tasks[at];
  }

  /** Changes fields of a task. */
  change(at: number, fields: Partial<TaskState>): void {
    const before = this.#tasks[at];
    if (!before) return;
    const after = { ...before, ...fields };
    this.#tasks[at] = after;
    if (after.status === before.status) return;
    this.#counts[before.status] -= 1;
    this.#counts[after.status] += 1;
    this.#moved.add(at);
  }

  /** Puts a task in line: `ready` where all it waits for has settled, else under the status given. */
  enqueue(at: number, otherwise: "waiting" | "invalidated" = "waiting"): void {
    this.change(at, { status: this.#tasks[at]?.waitingFor === 0 ? "ready" : otherwise });
  }

  /** Tells the dependants of a task that it has settled (-1) or is open again (+1). */
  tellDependants(plan: Plan, at: number, step: -1 | 1): void {
    for (const edge of indexOf(plan).dependants[at] ?? []) {
      const dependant = this.#tasks[edge.at];
      if (!dependant) continue;
      const { status } = dependant;
      const waitingFor = dependant.waitingFor + step;
      const inLine = status === "waiting" || status === "invalidated";
      if (inLine && waitingFor === 0) this.change(edge.at, { waitingFor, status: "ready" });
      else if (status === "ready") this.change(edge.at, { waitingFor, status: "waiting" });
      else this.change(edge.at, { waitingFor });
    }
  }

  /** Settles a task under the fields given and tells its dependants. */
  settle(plan: Plan, at: number, fields: Partial<TaskState> & { readonly status: TaskStatus }): void {
    this.change(at, { wakeAt: null, ...fields });
    this.tellDependants(plan, at, -1);
  }

  /** Opens a task again under a status; a settled one is told to its dependants. */
  reopen(plan: Plan, at: number, otherwise: "waiting" | "invalidated"): void {
    const wasSettled = isSettledStatus(this.#tasks[at]?.status ?? "waiting");
    this.change(at, { status: otherwise, wakeAt: null, settledAt: null, result: null, failure: null });
    this.enqueue(at, otherwise);
    if (wasSettled) this.tellDependants(plan, at, 1);
  }

  /** Sets other priorities. */
  prioritise(change: (urgency: Urgency) => Urgency): void {
    const { priorities, unit, learnt, estimates } = this.#urgency;
    this.#urgency = change({ priorities, unit, learnt, estimates });
  }

  /** The queue with all changes in it. */
  finish(): Queue {
    const from = this.#from;
    const { priorities, unit, learnt, estimates } = this.#urgency;
    const moved = [...this.#moved];
    return {
      tasks: this.#tasks,
      ready: this.#ready(moved),
      running: this.#running(moved),
      retrying: this.#retrying(moved),
      counts: this.#counts,
      readyBy: this.#tally("ready", from.readyBy, moved),
      runningBy: this.#tally("running", from.runningBy, moved),
      concurrency: from.concurrency,
      caps: from.caps,
      priorities,
      unit,
      learnt,
      estimates,
    };
  }

  #left(status: TaskStatus, moved: readonly number[]): number[] {
    return moved.filter((at) => this.#from.tasks[at]?.status === status);
  }

  #entered(status: TaskStatus, moved: readonly number[]): number[] {
    return moved.filter((at) => this.#tasks[at]?.status === status);
  }

  #ready(moved: readonly number[]): readonly number[] {
    const { priorities } = this.#urgency;
    const before = this.#from.priorities;
    const left = this.#left("ready", moved);
    const entered = this.#entered("ready", moved);
    const reordered = priorities !== before;
    if (left.length + entered.length === 0 && !reordered) return this.#from.ready;
    const ready = without(this.#from.ready, left, before);
    if (reordered || entered.length > FEW) {
      return ready.concat(entered).toSorted((a, b) => comparePriority(priorities, a, b));
    }
    for (const at of entered) ready.splice(placeOf(ready, priorities, at), 0, at);
    return ready;
  }

  #running(moved: readonly number[]): readonly number[] {
    const left = this.#left("running", moved);
    const entered = this.#entered("running", moved);
    if (left.length + entered.length === 0) return this.#from.running;
    return this.#from.running.filter((at) => !left.includes(at)).concat(entered);
  }

  #retrying(moved: readonly number[]): readonly number[] {
    const left = this.#left("retrying", moved);
    const entered = this.#entered("retrying", moved);
    if (left.length + entered.length === 0) return this.#from.retrying;
    const wakeAt = (at: number): number => this.#tasks[at]?.wakeAt ?? 0;
    return this.#from.retrying
      .filter((at) => !left.includes(at))
      .concat(entered)
      .toSorted((a, b) => wakeAt(a) - wakeAt(b) || a - b);
  }

  #tally(
    status: TaskStatus,
    before: Readonly<Record<string, number>>,
    moved: readonly number[],
  ): Readonly<Record<string, number>> {
    const left = this.#left(status, moved);
    const entered = this.#entered(status, moved);
    if (left.length + entered.length === 0) return before;
    const tally = { ...before };
    for (const at of left) bump(tally, this.#from.tasks[at]?.worker ?? "", -1);
    for (const at of entered) bump(tally, this.#tasks[at]?.worker ?? "", 1);
    return tally;
  }
}

/** Higher priority first, then plan order. */
export function comparePriority(priorities: readonly number[], a: number, b: number): number {
  return (priorities[b] ?? 0) - (priorities[a] ?? 0) || a - b;
}

/** A copy of a list ordered by priority without some of its entries: mostly its head, or a few of it. */
function without(list: readonly number[], left: readonly number[], priorities: readonly number[]): number[] {
  if (left.every((at, place) => list[place] === at)) return list.slice(left.length);
  if (left.length > FEW) {
    const gone = new Set(left);
    return list.filter((at) => !gone.has(at));
  }
  const rest = list.slice();
  for (const at of left) rest.splice(placeOf(rest, priorities, at), 1);
  return rest;
}

/** Where a position stands, or belongs, in a list ordered by priority. */
function placeOf(list: readonly number[], priorities: readonly number[], at: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePriority(priorities, list[middle] ?? 0, at) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Adds to an own entry of a record; the entry is created where there is none, whatever its name. */
function bump(record: Record<string, number>, name: string, step: number): void {
  if (Object.hasOwn(record, name)) record[name] = (record[name] ?? 0) + step;
  else Object.defineProperty(record, name, { value: step, enumerable: true, configurable: true, writable: true });
}
