// One worker machine alone, no orchestrator: a specialist as an actor of your own system. It ends with its report, or with
// the failure, as `output`; what it says meanwhile are typed messages to a parent, and here there is none.
import { createWorld, definePlan, defineWorker } from "quatrain";
import { memoryHost } from "quatrain/host";
import { createMachines } from "quatrain/machines";
import type { WorkerInput } from "quatrain/machines";
import { resolveModels } from "quatrain/model";
import { createActor, toPromise } from "xstate";
import { z } from "zod";

const triage = defineWorker({
  name: "triage",
  description: "Sorts bug reports.",
  instructions: "You sort bug reports. Judge by what the user can no longer do, not by how loud the report is.",
  output: z.object({ severity: z.enum(["low", "medium", "high"]), component: z.string(), reason: z.string() }),
});
const workers = [triage];
const [task] = definePlan(workers, [
  { label: "triage", worker: "triage", task: "Sort: the login button does nothing on Safari." },
]).plan.tasks;
if (!task) throw new Error("The plan is empty.");

const host = memoryHost();
const { endpoints, worker: choice } = resolveModels({ worker: { model: "sonnet", maxTokens: 2_000 } });
const permissions = { allow: [], ask: [], deny: [] };
const world = createWorld({
  runId: "alone",
  workers,
  workspacePath: null,
  store: null,
  endpoints,
  clock: host.clock,
  maxTasks: 1,
  permissions,
});

const input: WorkerInput = {
  id: "t1#1",
  task: task.id,
  card: triage.card,
  brief: { task: task.task, files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] },
  choice,
  hasWorkspace: false,
  layers: [],
  acceptance: [],
  writes: [],
  permissions,
  allowanceUsd: 0.05,
  at: host.clock.now(),
};

const actor = createActor(createMachines({ workers, ports: world.ports }).worker, host.attach({ input }));
actor.subscribe(({ value }) => console.log(JSON.stringify(value)));
actor.start();
const outcome = await toPromise(actor);
console.log(outcome.kind === "finished" ? outcome.report.output.value : outcome.failure.message);
await world.close();
console.log(`$${outcome.spend.usd.toFixed(5)} for ${outcome.spend.turns} turns`);
