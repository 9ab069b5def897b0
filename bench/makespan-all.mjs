// How good the order is, twice: simulated for all graphs (exact), and by the wall clock for a few, with timers as workers.
import { run as simulated } from "./makespan.mjs";
import { run as byWallClock } from "./makespan-wall.mjs";

/** Rows of both. */
export async function run(options = {}) {
  return [...simulated(options).map((row) => ({ ...row, exact: true })), ...(await byWallClock(options))];
}
