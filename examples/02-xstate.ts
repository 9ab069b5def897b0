// The orchestrator as the XState machine it is: createActor, subscribe, provide, getPersistedSnapshot, toPromise.
// Every plan of more than one task waits for a person here. While it waits it is plain JSON: nothing runs, nothing is paid.
// The tasks are done by a function; the closing answer is a model's, so this needs ANTHROPIC_API_KEY.
import { createWorld, definePlan, defineWorker } from "quatrain";
import { memoryHost } from "quatrain/host";
import { createOrchestrator } from "quatrain/machines";
import type { RunInput } from "quatrain/machines";
import { resolveModels } from "quatrain/model";
import { createActor, toPromise, waitFor } from "xstate";
import type { Snapshot } from "xstate";

const shout = defineWorker({ name: "shout", description: "Repeats loudly.", perform: ({ task }) => task.toUpperCase() });
const workers = [shout];
const { plan } = definePlan(workers, [
  { label: "hello", worker: "shout", task: "hello" },
  { label: "world", worker: "shout", task: "world", dependsOn: ["hello"] },
]);

const { endpoints, ...models } = resolveModels();
const permissions = { allow: [], ask: [], deny: [] };
const input: RunInput = {
  runId: "r-1",
  request: "Greet the world, loudly.",
  mode: "orchestrate",
  plan,
  models,
  options: {
    concurrency: 4,
    maxTasks: 40,
    review: true,
    asks: "wait",
    permissions,
    budgetUsd: null,
    hasWorkspace: false,
  },
  world: { workspace: null, workers: ["shout"] },
  at: Date.now(),
  seed: 1,
};

// A world gives the effects (model, tools, files) their ports; the machine takes them like any XState actors.
const world = createWorld({
  runId: input.runId,
  workers,
  workspacePath: null,
  store: null,
  endpoints,
  clock: memoryHost().clock,
  maxTasks: 40,
  permissions,
});
const machine = createOrchestrator({ workers, ports: world.ports }).provide({
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
