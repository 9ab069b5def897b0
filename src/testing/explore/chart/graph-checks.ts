// Promises about all states together: from each an end can be reached, and the same key has the same future.
import type { RunSnapshot } from "../../simulate/stage.ts";
import type { Possibilities } from "./chart-events.ts";
import { wordsOf } from "./chart-step.ts";
import type { ChartStep } from "./chart-step.ts";
import type { Graph } from "./graph.ts";

/**
 * The first state that no end can be reached from without a command, if any. What answers, wakes, and resumes counts; states
 * that were left on purpose count as ends. Of a graph that was cut nothing can be said.
 */
export function endless(graph: Graph): number | undefined {
  const { size, wayTo, wayBy, firstWay, ends, left } = graph;
  const reaches = new Uint8Array(size);
  const [starts, sources] = backwards(size, wayTo, firstWay);
  const stack = [...ends.keys(), ...left];
  for (const state of stack) reaches[state] = 1;
  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    for (let at = starts[state] ?? 0; at < (starts[state + 1] ?? 0); at++) {
      const { way = 0, from = 0 } = sources.at(at);
      if (reaches[from] === 1 || wayBy[way]?.kind === "command") continue;
      reaches[from] = 1;
      stack.push(from);
    }
  }
  const first = reaches.indexOf(0);
  return first < 0 ? undefined : first;
}

/** The ways into each state: those of n stand from `starts[n]` to `starts[n + 1]`. */
function backwards(size: number, wayTo: readonly number[], firstWay: readonly number[]) {
  const starts = new Int32Array(size + 1);
  for (const to of wayTo) starts[to + 1] = (starts[to + 1] ?? 0) + 1;
  for (let state = 0; state < size; state++) starts[state + 1] = (starts[state + 1] ?? 0) + (starts[state] ?? 0);
  const free = starts.slice();
  const [froms, ways] = [new Int32Array(wayTo.length), new Int32Array(wayTo.length)];
  for (let from = 0; from < size; from++) {
    for (let way = firstWay[from] ?? 0; way < (firstWay[from + 1] ?? 0); way++) {
      const to = wayTo[way] ?? 0;
      const at = free[to] ?? 0;
      free[to] = at + 1;
      froms[at] = from;
      ways[at] = way;
    }
  }
  return [starts, { at: (at: number) => ({ from: froms[at], way: ways[at] }) }] as const;
}

/** A state whose snapshots, reached by two ways, do not lead to the same states. */
export interface Unlike {
  readonly state: number;
  readonly message: string;
}

/** Looks again from snapshots that were taken for known states, and compares where that leads. */
export function firstUnlike(
  graph: Graph,
  how: {
    readonly possibilities: Possibilities;
    readonly next: (snapshot: RunSnapshot, step: ChartStep) => RunSnapshot;
    readonly keyOf: (snapshot: RunSnapshot) => string;
  },
): Unlike | undefined {
  for (const { state, snapshot } of graph.twins) {
    if (!graph.isFollowed(state)) continue;
    const known = new Map([...graph.waysFrom(state)].map(({ by, to }) => [JSON.stringify(by), to]));
    const steps = how.possibilities.from(snapshot);
    if (steps.length !== known.size)
      return { state, message: `${known.size} steps lead on from it by one way to it, ${steps.length} by another` };
    for (const step of steps) {
      const to = graph.keys.get(how.keyOf(how.next(snapshot, step)));
      if (to !== known.get(JSON.stringify(step)))
        return { state, message: `"${wordsOf(step)}" leads to another state by one way to it than by another` };
    }
  }
  return undefined;
}
