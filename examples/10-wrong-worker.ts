// A worker of one's own that is wrong in one order of events out of many, and how it is found before it costs anything.
// It drafts and looks up facts at the same time; when the facts are there it asks for the money of a second draft. When
// they come last, the work is over in that very step: it has reported, and yet it asks for money.
import assert from "node:assert/strict";
import { definePlan, defineWorker } from "quatrain";
import { effect } from "quatrain/host";
import { exploreHost } from "quatrain/testing";
import type { DelegateInput } from "quatrain/workers";
import { sendParent, setup } from "xstate";

const draft = effect("draft", { class: "idempotent" }, ({ key }: { key: string }) => `a draft of ${key}`);
const facts = effect("facts", { class: "idempotent" }, ({ key }: { key: string }) => `facts for ${key}`);

const WORST = { usd: 0.05, inputTokens: 4_000, outputTokens: 1_000 };

const base = setup({
  types: { context: {} as DelegateInput, input: {} as DelegateInput },
  actors: { draft, facts },
  actions: {
    askForMoney: sendParent(({ context: { id, at } }) => ({ type: "budget.asked", from: id, worst: WORST, at })),
  },
});

/** The mistake is where `ask` stands: nobody looked whether there is anything left to pay for. */
const writing = (ask: "askForMoney" | undefined) =>
  base.createMachine({
    id: "writing",
    context: ({ input }) => input,
    type: "parallel",
    states: {
      drafting: {
        initial: "waiting",
        states: {
          waiting: {
            invoke: { id: "draft", src: "draft", input: ({ context }) => ({ key: `${context.id}/draft` }), onDone: "done" },
          },
          done: { type: "final" },
        },
      },
      checking: {
        initial: "waiting",
        states: {
          waiting: {
            invoke: {
              id: "facts",
              src: "facts",
              input: ({ context }) => ({ key: `${context.id}/facts` }),
              onDone: { target: "done", ...(ask && { actions: ask }) },
            },
          },
          done: { type: "final" },
        },
      },
    },
    output: { ok: true, output: "written" },
  });

async function explore(ask: "askForMoney" | undefined) {
  const writer = defineWorker({ name: "writer", description: "Writes.", machine: writing(ask) });
  const { plan } = definePlan([writer], [{ label: "page", worker: "writer", task: "Write the page." }]);
  return exploreHost({ workers: [writer], plan });
}

const wrong = await explore("askForMoney");
const [witness] = wrong.violations;
assert.equal(witness?.invariant, "noWordAfterTheReport");
assert.ok(witness.steps.length <= 8);
console.log(witness.message);
console.log(witness.script);

const right = await explore(undefined);
assert.deepEqual(right.violations, []);
assert.ok(right.isExhausted);
console.log(`Without it: ${right.states} states, no broken promise.`);
