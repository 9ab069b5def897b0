// The workers of the proofs: models with and without a format, one with a cap, functions, and a machine with effects.
import { setup } from "xstate";
import { z } from "zod";
import { effect, sleepUntil } from "../../dist/host/index.js";
import { defineWorker } from "../../dist/workers/index.js";

const look = effect("look", { class: "idempotent" }, ({ key }) => `looked at ${key}`);

/** Looks, waits, looks again, and reports. */
const patrol = setup({ types: { context: {}, input: {} }, actors: { look, sleepUntil } }).createMachine({
  id: "patrol",
  context: ({ input }) => ({ id: input.id, at: input.at }),
  initial: "looking",
  states: {
    looking: {
      invoke: { id: "look", src: "look", input: ({ context }) => ({ key: `${context.id}/look/1` }), onDone: "waiting" },
    },
    waiting: {
      invoke: {
        id: "nap",
        src: "sleepUntil",
        input: ({ context }) => ({ key: `${context.id}/nap`, dueAt: context.at + 1_500 }),
        onDone: "lookingAgain",
      },
    },
    lookingAgain: {
      invoke: { id: "again", src: "look", input: ({ context }) => ({ key: `${context.id}/look/2` }), onDone: "finished" },
    },
    finished: { type: "final" },
  },
  output: { ok: true, output: "all is quiet" },
});

/** All of them. */
export const workers = [
  defineWorker({ name: "backend", description: "does the back", instructions: "work" }),
  defineWorker({ name: "frontend", description: "does the front", instructions: "work" }),
  defineWorker({
    name: "typed",
    description: "answers numbers",
    instructions: "count",
    output: z.object({ count: z.number() }),
  }),
  defineWorker({ name: "capped", description: "one at a time", instructions: "work", cap: 1 }),
  defineWorker({ name: "sum", description: "adds", perform: () => "3" }),
  defineWorker({ name: "patrol", description: "looks around", machine: patrol }),
];
