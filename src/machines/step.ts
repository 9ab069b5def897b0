// One decision of the orchestrator: the context after it and what is to be done, both plain data. Pure functions make
// steps; the chart's actions carry them out.
import type { AppliedEntry } from "../core/policy.ts";
import type { DownwardMessage } from "../protocol/message.ts";
import type { RunEvent } from "../protocol/run-event.ts";
import type { RunContext } from "./run-state.ts";
import type { ConversationInput } from "./conversation-state.ts";
import type { WorkerInput } from "./worker-state.ts";

/** Something to be done after a decision. */
export type Directive =
  | { readonly do: "emit"; readonly event: RunEvent }
  | { readonly do: "start"; readonly worker: WorkerInput }
  /** A conversation of the orchestrator's model, as the child of its id. */
  | { readonly do: "talk"; readonly input: ConversationInput }
  /** A timer child `wake:<name>`; `name` is never used twice. */
  | { readonly do: "wake"; readonly name: string; readonly dueAt: number }
  | { readonly do: "stop"; readonly child: string }
  | { readonly do: "tell"; readonly child: string; readonly message: DownwardMessage };

/** A decision. */
export interface Step {
  readonly context: RunContext;
  readonly then: readonly Directive[];
}

/** An event of a given type, without its time. */
type Untimed<E> = E extends { readonly at: number } ? Omit<E, "at"> : never;

/** A step that changes the context and announces nothing yet. */
export const step = (context: RunContext, ...then: readonly Directive[]): Step => ({ context, then });

/** Announces an event at the context's time. */
export function emit(context: RunContext, event: Untimed<RunEvent>): Directive {
  return { do: "emit", event: { ...event, at: context.now } };
}

/** Says that an entry of the policy table is applied to a conversation or attempt, or to the folding (`integrate`). */
export const tellEntry = (context: RunContext, to: string, entry: AppliedEntry): Directive =>
  emit(context, { type: "policy.applied", to, ...entry });

/** One decision after another, each on the context that the one before left. */
export function sequence(start: Step, ...more: readonly ((context: RunContext) => Step)[]): Step {
  return more.reduce<Step>((before, next) => {
    const after = next(before.context);
    return { context: after.context, then: [...before.then, ...after.then] };
  }, start);
}
