// A parent that hears all and says nothing by itself, for machines that are tested as children.
import { createActor, createMachine } from "xstate";
import type { AnyActorLogic, AnyActorRef, AnyEventObject } from "xstate";
import type { Hands } from "./hands.ts";

/** A machine under a parent. */
export interface Family {
  readonly child: AnyActorRef;
  /** What the child said to its parent, in order, and how it ended. */
  readonly heard: readonly AnyEventObject[];
  /** Speaks to the child. */
  tell(event: AnyEventObject): void;
}

/** Starts a machine as the child of a parent. */
export function underParent(logic: AnyActorLogic, input: unknown, hands: Hands): Family {
  const heard: AnyEventObject[] = [];
  const parent = createMachine({
    id: "parent",
    invoke: { id: "child", src: logic, input: () => input as never },
    on: { "*": { actions: ({ event }) => heard.push(event) } },
  });
  const actor = createActor(parent).start();
  hands.settle();
  const child = actor.getSnapshot().children["child"] as AnyActorRef;
  return {
    child,
    heard,
    tell(event) {
      child.send(event);
      hands.settle();
    },
  };
}
