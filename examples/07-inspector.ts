// Watching a run in a Stately inspector: every actor (orchestrator, workers, effects), every event, every snapshot.
// Needs the package @statelyai/inspect and a running inspector server; QUATRAIN_INSPECT_URL names it (ws://127.0.0.1:8080).
// What leaves the process passes a redaction first: keys and what looks like one are hidden, long texts are cut.
import { definePlan, defineWorker, orchestrate } from "quatrain";
import { startInspector } from "quatrain/inspect";

const bake = defineWorker({ name: "bake", description: "Bakes.", perform: ({ task }) => `${task}: baked` });
const pack = defineWorker({
  name: "pack",
  description: "Packs what was baked.",
  perform: ({ dependencies }) => `${dependencies.length} packed`,
});
const plan = definePlan(
  [bake, pack],
  [
    { label: "bread", worker: "bake", task: "bread" },
    { label: "rolls", worker: "bake", task: "rolls" },
    { label: "parcel", worker: "pack", task: "parcel", dependsOn: ["bread", "rolls"] },
  ],
);

const inspector = await startInspector();
const run = orchestrate(plan, { inspect: inspector.inspect });
const { outcome } = await run.result;
await inspector.close();
console.log(`${outcome}, watched at ${inspector.url}`);
