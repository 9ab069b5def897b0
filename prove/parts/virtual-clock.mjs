// Time that passes only while nothing else does: once the process has come to rest, the clock jumps to the next timer. So
// an hour of waiting costs nothing, and no answer is late because the machine is busy.
import { setImmediate } from "node:timers/promises";

/** How many rounds of the event loop must bring nothing before time may pass. Loopback answers within one or two. */
const QUIET_ROUNDS = 12;

/** A virtual clock, as a host and the stand-in take it. Call `stir` whenever something happens; `run` until the end. */
export function virtualClock(start) {
  const timers = new Map();
  let now = start;
  let numbers = 0;
  let stirred = false;
  const add = (run, ms) => {
    const handle = ++numbers;
    timers.set(handle, { dueAt: now + Math.max(0, ms), run });
    return handle;
  };
  const fireNext = () => {
    const next = [...timers].toSorted(([a, x], [b, y]) => x.dueAt - y.dueAt || a - b)[0];
    if (!next) return false;
    timers.delete(next[0]);
    now = Math.max(now, next[1].dueAt);
    next[1].run();
    return true;
  };
  return {
    now: () => now,
    setTimeout: add,
    clearTimeout: (handle) => void timers.delete(handle),
    /** For the stand-in. */
    after(ms, run) {
      const handle = add(run, ms);
      return () => void timers.delete(handle);
    },
    stir() {
      stirred = true;
    },
    /** Lets time pass until `isOver()`. Throws when all is at rest and no timer is left. */
    async run(isOver) {
      let quiet = 0;
      let stuck = 0;
      while (!isOver()) {
        await setImmediate();
        quiet = stirred ? 0 : quiet + 1;
        stirred = false;
        if (quiet < QUIET_ROUNDS) continue;
        quiet = 0;
        stuck = fireNext() ? 0 : stuck + 1;
        if (stuck > 1_000) throw new Error("Nothing happens any more, and no timer is left.");
      }
    },
  };
}
