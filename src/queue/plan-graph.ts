// The edges of a draft, which may hold cycles: an order, the cycles, the longest chain, and who comes before whom.
// All in O(tasks + edges), but for `isOrdered`, which keeps one bit per pair of tasks.

/** What a graph of dependencies shows. Tasks are positions from 0. */
export interface GraphReading {
  /** Cycles from their lowest position on: each depends on the next, the last one on the first. No shorter one closes with the same edge. */
  readonly cycles: ReadonlyArray<readonly number[]>;
  /** The longest chain, first task first; edges that close a cycle left out. */
  readonly longestChain: readonly number[];
  /** True when one of two tasks waits for the other, directly or not. */
  isOrdered(one: number, two: number): boolean;
}

/** More cycles than this are not spelled out. */
const MOST_CYCLES = 20;

/** Reads a graph given as, for each task, the positions it depends on. */
export function readGraph(dependencies: ReadonlyArray<readonly number[]>): GraphReading {
  const { order, closing } = walk(dependencies);
  const cycles = closing.slice(0, MOST_CYCLES).map(([from, to]) => fromLowest(pathBetween(dependencies, to, from)));
  const place = new Map(order.map((at, step) => [at, step]));
  // Edges that close a cycle lead to a task that comes later in the order; without them the rest is acyclic.
  const acyclic = dependencies.map((edges, at) => edges.filter((to) => (place.get(to) ?? 0) < (place.get(at) ?? 0)));
  let ancestors: readonly Uint32Array[] | undefined;
  const isBefore = (one: number, two: number): boolean => {
    ancestors ??= ancestorsOf(acyclic, order);
    return (((ancestors[two]?.[one >>> 5] ?? 0) >>> (one & 31)) & 1) === 1;
  };
  return { cycles, longestChain: chainOf(acyclic, order), isOrdered: (one, two) => isBefore(one, two) || isBefore(two, one) };
}

type Edge = readonly [from: number, to: number];

/** Depth-first walk without recursion: every task after what it depends on, and the edges that close a cycle. */
function walk(dependencies: ReadonlyArray<readonly number[]>): {
  readonly order: readonly number[];
  readonly closing: readonly Edge[];
} {
  const order: number[] = [];
  const closing: Edge[] = [];
  const state = dependencies.map((): "new" | "open" | "closed" => "new");
  for (const root of dependencies.keys()) {
    const stack = state[root] === "new" ? [{ at: root, next: 0 }] : [];
    if (stack.length > 0) state[root] = "open";
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const to = dependencies[top.at]?.[top.next++];
      if (to === undefined) {
        state[top.at] = "closed";
        order.push(top.at);
        stack.pop();
      } else if (state[to] === "open") {
        closing.push([top.at, to]);
      } else if (state[to] === "new") {
        state[to] = "open";
        stack.push({ at: to, next: 0 });
      }
    }
  }
  return { order, closing };
}

/** The shortest path between two tasks along dependencies, both ends included. There is one for the edges this is asked for. */
function pathBetween(dependencies: ReadonlyArray<readonly number[]>, from: number, to: number): number[] {
  const cameFrom = dependencies.map((): number | undefined => undefined);
  cameFrom[from] = from;
  const open = [from];
  for (const at of open) {
    if (at === to) break;
    for (const next of dependencies[at] ?? []) {
      if (cameFrom[next] !== undefined) continue;
      cameFrom[next] = at;
      open.push(next);
    }
  }
  const path = [to];
  for (let at = to; at !== from; path.push(at)) at = cameFrom[at] ?? from;
  return path.toReversed();
}

/** The same cycle, begun at its lowest position. */
function fromLowest(cycle: readonly number[]): readonly number[] {
  const start = cycle.indexOf(Math.min(...cycle));
  return [...cycle.slice(start), ...cycle.slice(0, start)];
}

function chainOf(acyclic: ReadonlyArray<readonly number[]>, order: readonly number[]): number[] {
  const lengths = acyclic.map(() => 1);
  const before = acyclic.map((): number | undefined => undefined);
  let end: number | undefined;
  for (const at of order) {
    for (const to of acyclic[at] ?? []) {
      const length = (lengths[to] ?? 0) + 1;
      if (length <= (lengths[at] ?? 0)) continue;
      lengths[at] = length;
      before[at] = to;
    }
    if (end === undefined || (lengths[at] ?? 0) > (lengths[end] ?? 0)) end = at;
  }
  const chain: number[] = [];
  for (let at = end; at !== undefined; at = before[at]) chain.push(at);
  return chain.toReversed();
}

/** For each task one bit for every task that comes before it. */
function ancestorsOf(acyclic: ReadonlyArray<readonly number[]>, order: readonly number[]): readonly Uint32Array[] {
  const width = Math.ceil(acyclic.length / 32);
  const rows = acyclic.map(() => new Uint32Array(width));
  for (const at of order) {
    const row = rows[at] ?? new Uint32Array(width);
    for (const to of acyclic[at] ?? []) {
      row[to >>> 5] = (row[to >>> 5] ?? 0) | (1 << (to & 31));
      const above = rows[to] ?? row;
      for (let word = 0; word < width; word++) row[word] = (row[word] ?? 0) | (above[word] ?? 0);
    }
  }
  return rows;
}
