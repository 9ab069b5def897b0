import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { simulatedHost } from "../../src/host/simulated.ts";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import { resolveModels } from "../../src/model/models.ts";
import { scriptedModel } from "../../src/testing/scripted-model.ts";
import { simulatedPorts } from "../../src/testing/simulated-ports.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { defaultPermissions } from "../../src/tools/permissions.ts";

const workers = ["frontend", "backend"].map((name) => defineWorker({ name, description: `does ${name}`, instructions: "work" }));
const { endpoints: _e, ...models } = resolveModels({}, new Date("2026-11-22"));
const input: RunInput = {
  runId: "r-1", request: "add login", mode: "auto", plan: null, models,
  options: { concurrency: 4, review: false, asks: "deny", permissions: defaultPermissions, budgetUsd: null, maxTasks: 40, hasWorkspace: true },
  world: { workspace: null, workers: [] }, at: 1000, seed: 1,
};

describe("a first run", () => {
  it("goes from request to answer", async () => {
    const model = scriptedModel({
      route: { json: { mode: "orchestrate", worker: null, reason: "two domains" } },
      plan: [{ calls: [{ tool: "read", input: { file_path: "a" } }] }, { json: { rationale: "r", tasks: [
        { label: "a", worker: "backend", task: "do a" }, { label: "b", worker: "frontend", task: "do b", depends_on: ["a"] } ] } }],
      t1: "did a", t2: [{ fail: "Overloaded" }, { calls: [{ tool: "write", input: { file_path: "x" } }] }, "did b"],
      synthesis: "all done",
    });
    const { orchestrator } = createMachines({ workers, ports: simulatedPorts({ model }) });
    const host = simulatedHost({ seed: 1 });
    const actor = createActor(orchestrator, host.attach({ input }));
    const events: string[] = [];
    actor.on("*", (event) => { events.push(JSON.stringify(event).slice(0, 150)); });
    actor.start();
    const end = await host.run();
    console.log(events.join("\n"));
    console.log(end, actor.getSnapshot().status, JSON.stringify(actor.getSnapshot().output).slice(0, 1500));
    expect(end.kind).toBe("done");
  });
});
