// The orchestrator as the XState machine it is: createActor, subscribe, provide, getPersistedSnapshot, toPromise.
// Every plan of more than one task waits for a person here. While it waits it is plain JSON: nothing runs, nothing is paid.
// The plan is given and the tasks are done by a function, so this needs no model and no key.
import { definePlan, defineWorker, prepareRun } from "quatrain";
import { createActor, toPromise, waitFor } from "xstate";
import type { Snapshot } from "xstate";

const shout = defineWorker({ name: "shout", description: "Repeats loudly.", perform: ({ task }) => task.toUpperCase() });
const plan = definePlan(
  [shout],
  [
    { label: "hello", worker: "shout", task: "hello" },
    { label: "world", worker: "shout", task: "world", dependsOn: ["hello"] },
  ],
);

// What `orchestrate` would start: the world's machines are those of createOrchestrator({ workers, ports }), bound to it.
const { world, input } = prepareRun(plan, { review: true, asks: "wait" });
const machine = world.machines.orchestrator.provide({
  guards: { needsNoReview: ({ context }) => context.plan?.tasks.length === 1 },
});

// Until the plan waits for its review.
const before = createActor(machine, { input }).start();
await waitFor(before, (snapshot) => snapshot.matches({ active: { phase: "reviewing" } }));
const saved = JSON.stringify(before.getPersistedSnapshot());
before.stop();

// Another process, another day.
const after = createActor(machine, { input, snapshot: JSON.parse(saved) as Snapshot<unknown> });
after.on("task.finished", (event) => console.log(`${event.task} says ${event.summary}`));
after.start();
after.send({ type: "ask.answer", ask: "plan", decision: "approve", at: Date.now() });
const { outcome, answer } = await toPromise(after);
console.log(`${outcome}: ${answer}`);
await world.close();
