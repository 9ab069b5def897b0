// The fixtures of quatrain/testing/vitest: what a test is given, what is cleaned up, and what fails it afterwards.
import { createActor } from "xstate";
import { afterAll, describe } from "vitest";
import { definePlan, defineWorker, orchestrate, prepareRun } from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import { scriptedBrain, scriptedModel, simulatedPorts } from "quatrain/testing";
import type { SimulatedHost, StandIn } from "quatrain/testing";
import { expect, test } from "quatrain/testing/vitest";
import { complaintsOfModel, complaintsOfServer } from "../../../src/testing/vitest/complaints.ts";

const write = defineWorker({ name: "write", description: "Writes.", instructions: "You write." });
const workers = [write];
const wide = definePlan(
  workers,
  ["one", "two", "three", "four"].map((label) => ({ label, worker: "write" as const, task: label })),
);

describe("host, clock and seed", () => {
  const left: SimulatedHost[] = [];

  test("play a whole run in virtual time", async ({ host, clock, model }) => {
    const start = clock.now();
    const answers = model({ write: "done", synthesis: "all done" });
    const { input } = prepareRun(wide, { model: answers, workers }, clock);
    const actor = createActor(createOrchestrator({ workers, ports: simulatedPorts({ model: answers }) }), host.attach({ input }));
    actor.start();
    expect(await host.run()).toEqual({ kind: "done" });
    await expect(actor).toSettle({ outcome: "complete" });
    expect(clock.now()).toBeGreaterThan(start);
  });

  test("are closed after a test that left them alone", ({ host }) => {
    left.push(host);
  });

  afterAll(async () => {
    expect(left).toHaveLength(1);
    for (const host of left) expect(await host.settled()).toEqual({ kind: "closed" });
  });

  const orders = new Map<number, string>();
  describe.each([1, 2, 3])("with seed %i", (own) => {
    test.override({ seed: own });

    test("have an order of their own", async ({ host, seed, model }) => {
      expect(seed).toBe(own);
      const answers = model({ write: "done", synthesis: "all done" });
      const { input } = prepareRun(wide, { model: answers, workers }, host.clock);
      const actor = createActor(
        createOrchestrator({ workers, ports: simulatedPorts({ model: answers }) }),
        host.attach({ input }),
      );
      const order: string[] = [];
      actor.on("task.finished", ({ task }) => void order.push(task));
      actor.start();
      await host.run();
      orders.set(seed, order.join(" "));
    });
  });

  afterAll(() => {
    expect(orders.size).toBe(3);
    expect(new Set(orders.values()).size).toBeGreaterThan(1);
  });
});

describe("model", () => {
  test("answers, and is content when all was asked for", async ({ model }) => {
    await expect(orchestrate("Write.", { workers, model: model({ write: "done" }) })).toSettle({ outcome: "complete" });
  });

  test.fails("fails a test that leaves an answer unused", async ({ model }) => {
    await expect(orchestrate("Write.", { workers, model: model({ write: "done", t2: "never" }) })).toSettle();
  });

  test.fails("fails a test that did not see an unexpected request", async ({ model }) => {
    await orchestrate("Write.", { workers, model: model({}) }).result;
  });
});

describe("complaints", () => {
  test("name what a model was not asked for, and what it did not expect", async () => {
    const model = scriptedModel({ write: ["done", "again"], t9: "never" });
    const refused = scriptedModel({});
    await orchestrate("Write.", { workers, model }).result;
    await orchestrate("Write.", { workers, model: refused }).result;
    expect(complaintsOfModel(model)).toEqual([
      'Nobody asked for the answer "write[1]" of the scripted model: take it out, or find out why.',
      'Nobody asked for the answer "t9" of the scripted model: take it out, or find out why.',
    ]);
    expect(complaintsOfModel(refused)).toEqual([
      expect.stringMatching(/^The script does not expect request 1 of conversation "t1#1"/),
    ]);
  });

  test("name requests that a server refused or did not expect", () => {
    const complaints = complaintsOfServer({
      invalid: [{ n: 1, reason: "max_tokens: too small" }],
      unexpected: [{ n: 2, reason: "no rule" }],
    });
    expect(complaints).toEqual([
      "The API would refuse request 1 to the stand-in: max_tokens: too small",
      "The stand-in did not expect request 2: no rule",
    ]);
  });
});

describe("server", () => {
  const started: StandIn[] = [];
  const brain = scriptedBrain([{ answer: { content: ["It is done."] } }]);
  const post = (url: string, body: object) =>
    fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": "any", "anthropic-version": "2023-06-01" },
      body: JSON.stringify(body),
    });
  const good = { model: "claude-sonnet-5-5", max_tokens: 100, messages: [{ role: "user", content: "Do it." }] };

  test("answers on loopback", async ({ server }) => {
    const { url, requests } = await server({ brain });
    expect((await post(url, good)).status).toBe(200);
    expect(requests).toHaveLength(1);
  });

  test.fails("fails a test whose requests the API would refuse", async ({ server }) => {
    const stand = await server({ brain });
    started.push(stand);
    expect((await post(stand.url, { ...good, max_tokens: -1 })).status).toBe(400);
  });

  test.fails("fails a test whose requests the brain does not expect", async ({ server }) => {
    const stand = await server({ brain: scriptedBrain([]) });
    started.push(stand);
    await post(stand.url, good);
  });

  afterAll(async () => {
    expect(started).toHaveLength(2);
    for (const { url } of started) await expect(post(url, good)).rejects.toThrow(/fetch failed/);
  });
});
