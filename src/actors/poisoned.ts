// Work that takes its process down again and again is not done for ever.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import type { EffectContext } from "../host/port.ts";

/** In flight at so many crashes, an effect is not performed once more. */
export const MOST_CRASHES = 3;

/** Why an effect is not performed again; undefined while it may be. */
export function poisoned({ lost, key }: Pick<EffectContext, "lost" | "key">, what: string): Failure | undefined {
  if (lost < MOST_CRASHES) return undefined;
  return failure(
    "Poisoned",
    `Not tried again: ${what} was going on each time the run went down, ${lost} times (${key}). Find out why before it is retried.`,
  );
}
