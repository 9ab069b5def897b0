// How every figure here is taken: arms by turns in one process, so that a busy machine is busy for all of them; the
// first rounds warm up and are thrown away; of the others the median counts, and the spread is told.
import process from "node:process";

/** Rounds that count, and rounds before them that don't. */
export const ROUNDS = 7;
export const QUICK_ROUNDS = 3;
const WARM_UP = 2;
const LEAST_MS = 100;

/**
 * Runs each arm `rounds` times, one after the other and all again. An arm is a function that returns (a promise of) its
 * figure. Returns for each arm `{ median, least, most }`.
 */
export async function compare(arms, { rounds, warmUp = WARM_UP }) {
  const figures = Object.fromEntries(Object.keys(arms).map((name) => [name, []]));
  for (let turn = -warmUp; turn < rounds; turn++) {
    for (const [name, arm] of Object.entries(arms)) {
      // What the arm before left behind is not to be cleared away at the cost of this one.
      globalThis.gc?.();
      const figure = await arm();
      if (turn >= 0) figures[name].push(figure);
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, list]) => [name, summaryOf(list)]));
}

/**
 * Milliseconds of one call of `once`: those that this thread was at work, so that what runs beside is not counted. It is
 * called until there is enough to measure, since the system counts such time in coarse steps.
 */
export async function workOf(once) {
  const begin = processorMs();
  for (let times = 1; ; times++) {
    await once();
    const ms = processorMs() - begin;
    if (ms >= LEAST_MS) return ms / times;
  }
}

/** Median, least and most of a list. */
export function summaryOf(list) {
  const sorted = list.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], least: sorted[0], most: sorted.at(-1) };
}

/** A row from a summary: `value` is the median. `more`: unit, target, baseline; `digits` that count, 3 by default. */
export function rowOf(name, { median, least, most }, { digits = 3, ...more }) {
  return { name, value: round(median, digits), unit: more.unit, least: round(least, digits), most: round(most, digits), ...more };
}

/** A number with the digits that count, at least the whole of it. */
export function round(value, digits = 3) {
  return Math.abs(value) >= 10 ** digits ? Math.round(value) : Number(value.toPrecision(digits));
}

/** Numbers from 0 to 1 that are the same every time (a linear congruential generator). */
export function seededRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Milliseconds of work so far: of this thread, or of the whole process before Node 24. */
function processorMs() {
  const { user, system } = process.threadCpuUsage ? process.threadCpuUsage() : process.cpuUsage();
  return (user + system) / 1_000;
}
