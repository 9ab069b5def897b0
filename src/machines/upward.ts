// How a child speaks to its parent. XState's own sendParent is unchecked and throws in a root; this is neither.
import type { AnyActorRef, EventObject } from "xstate";
import type { UpwardMessage } from "../protocol/message.ts";

/** The parent of an actor, if it has one. */
export function parentOf(self: AnyActorRef): AnyActorRef | undefined {
  return self._parent;
}

/** The part of `enqueue` that sends. */
interface Sender {
  sendTo(target: AnyActorRef, event: EventObject): void;
}

/** Sends messages to the parent, if there is one; a machine that runs as root keeps them to itself. */
export function sendUp(self: AnyActorRef, enqueue: Sender, ...messages: readonly UpwardMessage[]): void {
  const parent = parentOf(self);
  if (parent) for (const message of messages) enqueue.sendTo(parent, message);
}
