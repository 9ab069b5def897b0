// Work that takes its process down again and again is not done for ever.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import type { EffectContext } from "../host/port.ts";

/** In flight at so many crashes, work of others (a tool, a function) is not begun once more. A host counts clean stops along. */
export const MOST_CRASHES = 3;
/** The same for steps of our own (copies, checks, results), which a person's stops may well catch a few times. */
export const MOST_CRASHES_OF_STEPS = 10;

/** Why an effect is not performed again; undefined while it may be. */
export function poisoned(
  { lost, key }: Pick<EffectContext, "lost" | "key">,
  what: string,
  most: number = MOST_CRASHES,
): Failure | undefined {
  if (lost < most) return undefined;
  return failure(
    "Poisoned",
    `Not tried again: ${what} was going on each time the run went down, ${lost} times (${key}). Find out why before it is retried.`,
  );
}
