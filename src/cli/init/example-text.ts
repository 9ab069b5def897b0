// The file that `quatrain init --example` writes: a worker of each kind, to begin with.

/** A module with three workers. */
export const EXAMPLE_WORKERS = `// Your workers: one by a model, one by a function, one by a state machine. Give them to \`orchestrate\`:
//   orchestrate("Write about tea.", { workers: [write, count, review] })
import { defineWorker } from "quatrain";
import type { DelegateInput, DelegateOutput } from "quatrain/workers";
import { setup } from "xstate";
import { z } from "zod";

/** A model does its tasks. */
export const write = defineWorker({
  name: "write",
  description: "Writes short texts.",
  instructions: "You write short, plain texts.",
  tools: [],
});

/** A function does its tasks: no model, no cost. */
export const count = defineWorker({
  name: "count",
  description: "Counts the words of a text.",
  input: z.object({ text: z.string() }),
  output: z.object({ words: z.int() }),
  perform: ({ input }) => ({ words: input.text.split(/\\s+/).filter(Boolean).length }),
});

/** A state machine does its tasks; what it outputs is what came of them. */
export const review = defineWorker({
  name: "review",
  description: "Approves what the tasks before it came to.",
  machine: setup({
    types: {
      input: {} as DelegateInput | undefined,
      context: {} as { results: number },
      output: {} as DelegateOutput,
    },
    guards: { hasResults: ({ context }) => context.results > 0 },
  }).createMachine({
    id: "review",
    // Explorers look at it without input, too.
    context: ({ input }) => ({ results: input?.brief.dependencies.length ?? 0 }),
    initial: "judging",
    states: {
      judging: { always: [{ guard: "hasResults", target: "approving" }, { target: "idling" }] },
      approving: { type: "final" },
      idling: { type: "final" },
    },
    output: ({ context }) => ({ ok: true, output: \`approved results: \${context.results}\` }),
  }),
});
`;
