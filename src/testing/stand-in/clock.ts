// Time of the stand-in: what it reads, and how it waits. A test passes its own clock and so needs no sleeps.

/** Where the stand-in reads the time and how it waits. */
export interface StandInClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Runs a function once after a while; the answer takes it back. */
  after(delayMs: number, run: () => void): () => void;
}

/** The machine's own time. */
export const systemClock: StandInClock = {
  now: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** Waits on a clock; ends early, without an error, when the signal is aborted. Zero does not wait at all. */
export async function pause(clock: StandInClock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0 || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      takeBack();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const takeBack = clock.after(delayMs, end);
    signal.addEventListener("abort", end);
  });
}

/** Waits until the signal is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
