// The three watchdogs of a turn, on a given scheduler, never on the real clock by themselves.
import { connect, endWith, filter, ignoreElements, merge, mergeMap, takeUntil, throwError, timeout, timer } from "rxjs";
import type { MonoTypeOperatorFunction, SchedulerLike } from "rxjs";

/** How long a turn may be silent. */
export interface Watchdogs {
  /** Longest time without any byte, headers included. @default 90_000 */
  readonly bytesMs: number;
  /** Longest time without news from the model; pings do not count. Where thinking is not shown, a long thought is silence. @default 300_000 */
  readonly progressMs: number;
  /** Longest duration of a whole turn. @default 3_600_000 */
  readonly turnMs: number;
}

/** The default watchdogs. */
export const WATCHDOGS: Watchdogs = { bytesMs: 90_000, progressMs: 300_000, turnMs: 3_600_000 };

/** A watchdog barked. */
export class StallError extends Error {
  override readonly name = "StallError";
  readonly watchdog: keyof Watchdogs;
  readonly afterMs: number;

  constructor(watchdog: keyof Watchdogs, afterMs: number) {
    super(`${watchdog} ${afterMs}`);
    this.watchdog = watchdog;
    this.afterMs = afterMs;
  }
}

/**
 * Passes a stream on and errors with StallError when a watchdog barks. Every value counts as bytes; `isProgress`
 * says which count as progress. Completes with its source; then, as after unsubscribing, no timer is left.
 */
export function watched<T>(
  limits: Watchdogs,
  isProgress: (value: T) => boolean,
  scheduler: SchedulerLike,
): MonoTypeOperatorFunction<T> {
  const guarded = (watchdog: "bytesMs" | "progressMs"): MonoTypeOperatorFunction<T> =>
    timeout({ each: limits[watchdog], scheduler, with: () => throwError(() => new StallError(watchdog, limits[watchdog])) });
  return connect((shared) => {
    const ended = shared.pipe(ignoreElements(), endWith(true));
    const deadline = timer(limits.turnMs, scheduler).pipe(
      mergeMap(() => throwError(() => new StallError("turnMs", limits.turnMs))),
      takeUntil(ended),
    );
    const progress = shared.pipe(filter(isProgress), guarded("progressMs"), ignoreElements());
    return merge(progress, shared.pipe(guarded("bytesMs")), deadline);
  });
}
