// Sharper priorities for plans whose durations are all known: the plan is played forwards and backwards a few times.
// The critical path alone does not see that tasks compete for places; a backward play does. On the graphs of
// bench/makespan.mjs that halves the distance to the optimum. With durations that are only means it gains nothing
// (measured with log-normal times), so that it is done for estimates only.
import type { Edge, PlanIndex } from "./plan-index.ts";

/** What a rehearsal has to know. */
export interface Rehearsal {
  readonly index: PlanIndex;
  /** Ms of each task. */
  readonly durations: readonly number[];
  /** The worker of each task. */
  readonly workers: readonly string[];
  readonly concurrency: number;
  readonly caps: Readonly<Record<string, number>>;
}

/** Larger plans are not rehearsed: it costs a few hundred microseconds at 50 tasks and grows faster than they do. */
export const LARGEST_REHEARSED = 500;
const ROUNDS = 5;

/**
 * For each task the ms from its start to the end of the plan, in the best play found; `first` are the priorities to
 * begin with, and the answer where no other play is shorter.
 */
export function rehearse(rehearsal: Rehearsal, first: readonly number[]): readonly number[] {
  let best = first;
  let forward = play(rehearsal, first, "forward");
  let shortest = forward.length;
  for (let round = 0; round < ROUNDS; round++) {
    // What ends last goes first when time runs backwards; its end there is the ms from its start to the end of the plan.
    const backward = play(rehearsal, forward.ends, "backward");
    forward = play(rehearsal, backward.ends, "forward");
    if (forward.length >= shortest) continue;
    shortest = forward.length;
    best = backward.ends;
  }
  return best;
}

interface Play {
  /** When each task ended. */
  readonly ends: readonly number[];
  readonly length: number;
}

/** Plays the plan once, the task of the highest priority first, plan order on ties. Backwards, dependants come first. */
function play(rehearsal: Rehearsal, priorities: readonly number[], direction: "forward" | "backward"): Play {
  const { index, durations, concurrency } = rehearsal;
  const before = direction === "forward" ? index.dependencies : index.dependants;
  const after = direction === "forward" ? index.dependants : index.dependencies;
  const open = before.map((edges) => edges.length);
  const ends = durations.map(() => 0);
  const room = roomOf(rehearsal);
  let waiting = [...open.keys()].filter((at) => open[at] === 0);
  let running: readonly number[] = [];
  let now = 0;
  while (waiting.length + running.length > 0) {
    const started = pick({ waiting: byPriority(waiting, priorities), places: concurrency - running.length, room, rehearsal });
    for (const at of started) ends[at] = now + (durations[at] ?? 0);
    const busy = [...running, ...started];
    now = Math.min(...busy.map((at) => ends[at] ?? 0));
    const finished = busy.filter((at) => ends[at] === now);
    running = busy.filter((at) => ends[at] !== now);
    for (const at of finished) room.set(rehearsal.workers[at] ?? "", (room.get(rehearsal.workers[at] ?? "") ?? 0) + 1);
    waiting = waiting.filter((at) => !started.includes(at)).concat(...finished.map((at) => opened(after[at] ?? [], open)));
  }
  return { ends, length: now };
}

const byPriority = (list: readonly number[], priorities: readonly number[]): number[] =>
  list.toSorted((a, b) => (priorities[b] ?? 0) - (priorities[a] ?? 0) || a - b);

/** The free places of each worker; there is no end of them where it has no cap. */
function roomOf({ workers, caps }: Rehearsal): Map<string, number> {
  return new Map(workers.map((worker) => [worker, Object.hasOwn(caps, worker) ? (caps[worker] ?? 1) : Number.POSITIVE_INFINITY]));
}

/** Takes tasks from the front of the line as places allow, a full worker holding up no other. */
function pick(from: {
  readonly waiting: readonly number[];
  readonly places: number;
  readonly room: Map<string, number>;
  readonly rehearsal: Rehearsal;
}): number[] {
  const started: number[] = [];
  for (const at of from.waiting) {
    if (started.length >= from.places) break;
    const worker = from.rehearsal.workers[at] ?? "";
    const left = from.room.get(worker) ?? 0;
    if (left <= 0) continue;
    from.room.set(worker, left - 1);
    started.push(at);
  }
  return started;
}

/** Counts down what waits for a task; returns what waits for nothing else. */
function opened(edges: readonly Edge[], open: number[]): number[] {
  return edges.flatMap((edge) => {
    const left = (open[edge.at] ?? 0) - 1;
    open[edge.at] = left;
    return left === 0 ? [edge.at] : [];
  });
}
