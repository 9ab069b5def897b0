// The events by which XState tells a machine that a child ended, typed by the child's logic.
import type { AnyActorLogic, DoneActorEvent, OutputFrom } from "xstate";

/** The done event of the child `Id` that runs `Logic`. */
export type DoneOf<Id extends string, Logic extends AnyActorLogic> = DoneActorEvent<OutputFrom<Logic>, Id>;

/** What an error event says, whoever made it; `fallbackAt` where it has no time. */
export function effectErrorOf(
  event: { readonly type: string },
  fallbackAt: number,
): { readonly message: string; readonly code: string; readonly at: number } {
  const error: unknown = "error" in event ? event.error : undefined;
  const field = (name: string): unknown =>
    typeof error === "object" && error !== null && name in error ? Reflect.get(error, name) : undefined;
  const [message, code, at] = [field("message"), field("code"), field("at")];
  return {
    message: typeof message === "string" ? message : "It ended without saying why.",
    code: typeof code === "string" ? code : "Internal",
    at: typeof at === "number" ? at : fallbackAt,
  };
}
