// Real time, and a clock whose waits live in a runtime's heap.
import type { HostClock } from "./port.ts";
import type { Timer, Timers } from "./timers.ts";

/** The longest wait that timers of JavaScript can take. */
export const MAX_WAIT_MS = 2_147_483_647;

/** The clock of the machine: Date.now, and setTimeout without its limit of 2^31-1 ms. */
export function systemClock(): HostClock {
  return {
    now: () => Date.now(),
    setTimeout(fn, ms) {
      const wait = { handle: undefined as ReturnType<typeof setTimeout> | undefined };
      const next = (left: number): void => {
        const chunk = Math.min(left, MAX_WAIT_MS);
        wait.handle = setTimeout(() => (left > chunk ? next(left - chunk) : fn()), chunk);
      };
      next(Math.max(0, ms));
      return wait;
    },
    clearTimeout(wait) {
      if (typeof wait === "object" && wait !== null && "handle" in wait)
        clearTimeout(wait.handle as ReturnType<typeof setTimeout>);
    },
    everySecond(fn) {
      const handle = setInterval(fn, 1_000);
      // Browsers have numbers here, and no process to keep alive.
      if (typeof handle === "object") handle.unref();
      return () => clearInterval(handle);
    },
  };
}

/** A clock over a heap: its waits end when the heap is cleared. `changed`: a wait was added. */
export function heapClock(timers: Timers, now: () => number, changed?: () => void): HostClock {
  return {
    now,
    setTimeout(fn, ms) {
      const timer = timers.add(now() + Math.max(0, ms), fn);
      changed?.();
      return timer;
    },
    clearTimeout(handle) {
      if (isTimer(handle)) timers.cancel(handle);
    },
  };
}

function isTimer(handle: unknown): handle is Timer {
  return typeof handle === "object" && handle !== null && "fire" in handle && "cancelled" in handle;
}
