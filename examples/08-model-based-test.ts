// A test that is generated from the machine: every order in which the workers of a plan can end, well, badly or late, is
// gone through, and each state is checked. Then the ways to all ends are walked again on real actors.
import assert from "node:assert/strict";
import { definePlan, defineWorker } from "quatrain";
import { always, exploreRun, replayPaths } from "quatrain/testing";

const step = defineWorker({ name: "step", description: "Does a step.", perform: () => "done" });
const diamond = definePlan(
  [step],
  [
    { label: "top", worker: "step", task: "top" },
    { label: "left", worker: "step", task: "left", dependsOn: ["top"] },
    { label: "right", worker: "step", task: "right", dependsOn: ["top"], optional: true },
    { label: "bottom", worker: "step", task: "bottom", dependsOn: ["left"], after: ["right"] },
  ],
);

// A promise of one's own, beside all that Quatrain checks: the loss of what is optional costs the run nothing.
const optionalCostsNothing = always("optionalCostsNothing", ({ context: { outcome, queue } }) => {
  const [, , right, bottom] = queue?.tasks ?? [];
  const isLost = outcome !== null && outcome !== "complete" && bottom?.status === "finished";
  return isLost ? `${outcome}, only because the right one is ${right?.status}` : undefined;
});

const options = {
  workers: [step],
  plan: diamond,
  options: { concurrency: 2, synthesis: true },
  outcomes: ["WorkerGaveUp", "crash"],
  calls: [],
  invariants: [optionalCostsNothing],
} as const;

const { states, transitions, ends, isExhausted, violations } = exploreRun(options);
assert.deepEqual(violations, []);
assert.ok(isExhausted);
console.log(`${states} states, ${transitions} transitions, ends ${JSON.stringify(ends)}: all hold`);

const replays = await replayPaths(options);
for (const { title, difference } of replays) assert.equal(difference, null, title);
console.log(`${replays.length} ways to an end do the same with real actors, such as: ${replays[0]?.title}`);
