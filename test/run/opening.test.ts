import path from "node:path";
import { describe, expect, it } from "vitest";
import { commandRun, definePlan, listRuns, openRun, orchestrate } from "../../src/index.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { echo, eventOf, fixedModel, folder, kept, tables, threeTasks } from "./helpers.ts";

describe("opening", () => {
  const plan = definePlan([tables], [{ label: "a", worker: "tables", task: "t", input: { entity: "user" } }]);

  it("is refused for a run that is not there, with those that are", async () => {
    const store = await folder();
    await expect(openRun("r-none", { store })).rejects.toMatchObject({
      code: "UnknownRun",
      message: expect.stringContaining("no runs") as string,
    });
    const run = kept(orchestrate(plan, { model: fixedModel({ "*": "ok" }), store }));
    await run.result;
    await expect(openRun("r-none", { store })).rejects.toMatchObject({ message: expect.stringContaining(run.id) as string });
    await expect(openRun("__proto__", { store })).rejects.toMatchObject({ code: "UnknownRun" });
  });

  it("is refused with other workers, by name or by definition, and leaves the run to others", async () => {
    const store = await folder();
    const model = fixedModel({ "*": "ok" });
    const run = kept(orchestrate(plan, { model, store }));
    const first = await run.result;
    await expect(openRun(run.id, { store, model })).rejects.toMatchObject({ code: "UnknownWorker" });
    const other = defineWorker({ name: "tables", description: "changed", perform: () => "x" });
    await expect(openRun(run.id, { store, model, workers: [other] })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringContaining("other workers") as string,
    });
    await expect(openRun(run.id, { store, model, workers: [tables], policy: { attempts: 3 } })).rejects.toMatchObject({
      code: "BadOption",
    });
    const again = kept(await openRun(run.id, { store, model, workers: [tables] }));
    expect(await again.result).toEqual(first);
  });

  it("an ended run needs no key and tells the same again; commands to it change nothing", async () => {
    const store = await folder();
    const run = kept(orchestrate("x", { model: fixedModel({ "*": "ok" }), store, workers: [echo], mode: "direct" }));
    const first = await run.result;
    commandRun(run.id, { type: "run.cancel" }, { store });
    const again = kept(await openRun(run.id, { store, workers: [echo] }));
    expect(await again.result).toEqual(first);
  });

  it("needs the addresses that the run was started with", async () => {
    const store = await folder();
    const at = (model: string) => ({ model, baseURL: "http://127.0.0.1:9" });
    const models = { orchestrator: at("m"), worker: at("m"), router: at("m") };
    const model = fixedModel({ "*": () => new Promise(() => {}) });
    const run = kept(orchestrate("x", { model, models, store }));
    await eventOf(run, "turn.started");
    await run.stop();
    await expect(openRun(run.id, { store })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringMatching(/asks m at .*give the models/) as string,
    });
    const again = kept(await openRun(run.id, { store, models, model }));
    expect(again.replayedThrough).toBeGreaterThan(0);
  });

  it("takes up a run that was suspended for a key, once there is one", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("x", { workspace, model: fixedModel({ ...threeTasks, t1: { fail: "AuthFailed" } }) }));
    expect(await run.result).toMatchObject({ outcome: "suspended", failure: { code: "AuthFailed" } });
    expect(listRuns({ store: path.join(workspace, ".quatrain") })).toMatchObject([{ state: "open" }]);
    const again = kept(await openRun(run.id, { store: path.join(workspace, ".quatrain"), model: fixedModel(threeTasks) }));
    expect(await again.result).toMatchObject({ outcome: "complete", answer: "All done." });
  });
});
