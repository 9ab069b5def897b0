// Time that passes only while nothing else does: once the process has come to rest, the clock jumps to the next timer. So
// an hour of waiting costs nothing, and no answer is late because the machine is busy.
import { setImmediate } from "node:timers/promises";
import { heapClock } from "../../dist/host/clocks.js";
import { Timers } from "../../dist/host/timers.js";

/** How many rounds of the event loop must bring nothing before time may pass. Loopback answers within one or two. */
const QUIET_ROUNDS = 12;

/** A virtual clock, as a host and the stand-in take it. Call `stir` whenever something happens; `run` until the end. */
export function virtualClock(start) {
  const timers = new Timers();
  let now = start;
  let stirred = false;
  const clock = heapClock(timers, () => now);
  const fireNext = () => {
    now = Math.max(now, timers.nextDueAt() ?? now);
    const next = timers.takeDue(now);
    next?.fire();
    return next !== undefined;
  };
  return {
    ...clock,
    /** For the stand-in. */
    after(ms, run) {
      const handle = clock.setTimeout(run, ms);
      return () => clock.clearTimeout(handle);
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
