// Work of others (functions, tools, model ports) that should end when its effect is stopped, and may not.
import type { EffectContext } from "../host/port.ts";

/** How long work may go on after its effect was stopped, in ms; then it is left to itself and the run goes on. */
export const GRACE_MS = 5_000;

/**
 * Settles as the work does. Once the effect is stopped, work that goes on for longer than `GRACE_MS` is no longer waited
 * for: the promise resolves to `left()`. A host that closes waits for neither.
 */
export function bounded<T>(
  { signal, clock }: Pick<EffectContext, "signal" | "clock">,
  work: Promise<T>,
  left: () => T,
): Promise<T> {
  let timer: unknown;
  let onAbort = (): void => undefined;
  const grace = new Promise<T>((resolve) => {
    onAbort = () => {
      timer = clock.setTimeout(() => resolve(left()), GRACE_MS);
    };
  });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  return Promise.race([work, grace]).finally(() => {
    signal.removeEventListener("abort", onAbort);
    if (timer !== undefined) clock.clearTimeout(timer);
  });
}
