// Dead letters: what came too late or fits nowhere is counted, told and dropped.
import type { RunContext } from "./run-state.ts";
import { emit, step } from "./step.ts";
import type { Step } from "./step.ts";

/** Most dead letters that are kept. */
const KEPT_LETTERS = 100;

/** A letter that came too late or fits nowhere. */
export function dropLetter(
  context: RunContext,
  letter: { readonly from: string; readonly what: string; readonly reason: string },
): Step {
  const last = [...context.letters.last, `${letter.from}: ${letter.what} (${letter.reason})`].slice(-KEPT_LETTERS);
  const next = { ...context, letters: { count: context.letters.count + 1, last } };
  return step(next, emit(next, { type: "letter.dropped", ...letter }));
}
