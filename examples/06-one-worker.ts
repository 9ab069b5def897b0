// One worker machine alone, no orchestrator: a specialist as an actor of your own system. It ends with its report, or with
// the failure, as `output`; what it says meanwhile are typed messages to a parent, and here there is none.
import { definePlan, defineWorker, prepareRun } from "quatrain";
import { memoryHost } from "quatrain/host";
import type { WorkerInput } from "quatrain/machines";
import { createActor, toPromise } from "xstate";
import { z } from "zod";

const triage = defineWorker({
  name: "triage",
  description: "Sorts bug reports.",
  instructions: "You sort bug reports. Judge by what the user can no longer do, not by how loud the report is.",
  output: z.object({ severity: z.enum(["low", "medium", "high"]), component: z.string(), reason: z.string() }),
});
const plan = definePlan(
  [triage],
  [{ label: "triage", worker: "triage", task: "Sort: the login button does nothing on Safari." }],
);

const { world, input: run } = prepareRun(plan, { models: { worker: { model: "sonnet", maxTokens: 2_000 } } });
const [task] = plan.plan.tasks;
if (!task) throw new Error("The plan is empty.");

const input: WorkerInput = {
  id: "t1#1",
  task: task.id,
  card: triage.card,
  brief: { task: task.task, files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] },
  choice: run.models.worker,
  hasWorkspace: false,
  layers: [],
  acceptance: [],
  writes: [],
  permissions: run.options.permissions,
  allowanceUsd: 0.05,
  at: run.at,
};

const actor = createActor(world.machines.worker, memoryHost().attach({ input }));
actor.subscribe(({ value }) => console.log(JSON.stringify(value)));
actor.start();
const outcome = await toPromise(actor);
await world.close();
console.log(outcome.kind === "finished" ? outcome.report.output.value : outcome.failure.message);
console.log(`$${outcome.spend.usd.toFixed(5)} for ${outcome.spend.turns} turns`);
