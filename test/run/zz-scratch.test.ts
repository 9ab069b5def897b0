import { it, expect } from "vitest";
import { z } from "zod";
import { orchestrate } from "../../src/index.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { fixedModel, hasty, kept, echo, eventsOf } from "./helpers.ts";
it("a", async () => {
    const broken = {
      ...defineWorker({ name: "broken", description: "d", instructions: "i", output: z.object({ a: z.string() }) }),
      checkOutput: () => {
        throw new TypeError("the check broke");
      },
    };
    const run = kept(orchestrate("x", { workers: [broken], mode: "direct", policy: { table: hasty }, model: fixedModel({ "*": { json: {} } }) }));
    run.events.subscribe((e) => console.log(JSON.stringify(e)));
    await Promise.race([run.result, new Promise((r) => setTimeout(r, 1000))]);
    console.log(JSON.stringify(run.snapshot.value), JSON.stringify(run.snapshot.context.accounts), run.snapshot.context.queue?.tasks, Object.keys(run.snapshot.children));
}, 3000);
it("b", async () => {
    const plan = { workers: [echo], plan: { rationale: "", tasks: null } } as never;
    const run = kept(orchestrate(plan, { model: fixedModel({}) }));
    const r = await Promise.race([run.result, new Promise((r) => setTimeout(r, 1000))]);
    console.log(r);
});
