// Recording: what a cassette holds and what it never holds.
import path from "node:path";
import fc from "fast-check";
import { createActor } from "xstate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json } from "../../src/core/json.ts";
import { memoryHost } from "../../src/host/memory.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";
import { Repeats } from "../../src/run/cassette-repeats.ts";
import { recordCassette } from "../../src/run/cassette-record.ts";
import { cassetteText, parseCassette } from "../../src/run/cassette-text.ts";
import { orchestrate } from "../../src/run/orchestrate.ts";
import { openRun } from "../../src/run/open-run.ts";
import { prepareRun } from "../../src/run/prepare.ts";
import { driftText } from "../../src/testing/cassette/drift.ts";
import { replayCassette } from "../../src/testing/cassette/replay-cassette.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { deferred, echo, eventOf, fixedModel, folder, kept, tables, threeTasks } from "./helpers.ts";

const choosingEcho = fixedModel({ "*": { json: { mode: "direct", worker: "echo", reason: "r" } } });
const codeOf = (code: string) => expect.objectContaining({ code }) as unknown;
const storeOf = (workspace: string) => ({ store: path.join(workspace, ".quatrain") });

/** One run for all tests that only read it. */
const recorded = { id: "", workspace: "", clean: async (): Promise<void> => undefined };

beforeAll(async () => {
  recorded.workspace = await folder((clean) => Object.assign(recorded, { clean }));
  const run = orchestrate("do three things", { workspace: recorded.workspace, model: fixedModel(threeTasks) });
  expect(await run.result).toMatchObject({ outcome: "complete" });
  recorded.id = run.id;
});
afterAll(() => recorded.clean());

const threeTasksCassette = () => recordCassette(recorded.id, storeOf(recorded.workspace));

describe("a recorded run", () => {
  it("is made of its journal: what it was begun with, each effect with input and result, and how it ended", async () => {
    const { head, effects, arrivals, end } = await threeTasksCassette();
    expect(head).toMatchObject({
      policy: null,
      ownPrices: [],
      input: { request: "do three things", world: { workspace: null } },
    });
    expect(arrivals).toEqual([]);
    expect(end).toMatchObject({ outcome: "complete", answer: "All done.", usd: expect.any(Number) as number, turns: 10 });
    expect(end.plan?.tasks.map(({ label }) => label)).toEqual(["a", "b", "c"]);
    const turn = effects.find(({ key }) => key === "t1#1/turn/2.0");
    expect(turn).toMatchObject({
      effect: "modelTurn",
      path: "worker:t1#1/conversation/turn",
      input: { request: { conversation: "t1#1", turn: 2 } },
      ends: { result: { outcome: { blocks: [{ type: "text", text: "Changed a." }] } } },
    });
    expect(effects.filter(({ effect }) => effect === "toolCall").map(({ key }) => key)).toContain("plan/turn/1/call/0");
    expect(effects.every(({ at, ends }) => at >= 0 && ends !== null && ends.at >= at)).toBe(true);
  });

  it("replays as it was, from its text, without a model, a workspace or a key", async () => {
    const text = cassetteText(await threeTasksCassette());
    expect(cassetteText(parseCassette(text))).toBe(text);
    const report = await replayCassette(parseCassette(text));
    expect(driftText(report)).toBe("");
    expect(report).toMatchObject({ ok: true, output: { outcome: "complete", answer: "All done." } });
    expect(report.replayed).toEqual(report.recorded);
  });

  it("recorded twice gives the same text, in which there is no place of this machine, no date and no id of the run", async () => {
    const [text, again] = [cassetteText(await threeTasksCassette()), cassetteText(await threeTasksCassette())];
    expect(again).toBe(text);
    expect(text).not.toContain(recorded.workspace);
    expect(text).not.toContain(recorded.id);
    expect(text).not.toMatch(/\b1[5-9]\d{11}\b/);
  });

  it("holds no secret, whatever text it stood in, and replays all the same", async () => {
    const workspace = await folder();
    const planted = {
      known: "value-from-a-vault",
      key: ["sk", "ant", "x".repeat(20)].join("-"),
      env: "hunter2-hunter2",
      field: "open-sesame",
    };
    const env = `DB_PASSWORD=${planted.env}\nVAULT=${planted.known}\n`;
    const told = defineWorker({
      name: "leaky",
      description: "tells",
      output: z.object({ env: z.string(), config: z.object({ apiKey: z.string() }), home: z.string() }),
      perform: async (_given, { log }) => {
        log(`${workspace}: ${env}`);
        return { env, config: { apiKey: planted.field }, home: workspace };
      },
    });
    const run = kept(
      orchestrate(`use ${planted.key}`, {
        workspace,
        workers: [told],
        model: fixedModel({
          "*": { json: { mode: "direct", worker: "leaky", reason: `because of ${planted.key}` } },
        }),
      }),
    );
    expect(await run.result).toMatchObject({ outcome: "complete" });
    const options = { ...storeOf(workspace), workers: [told], secrets: [planted.known] };
    const text = cassetteText(await recordCassette(run.id, options));
    expect(Object.values(planted).filter((secret) => text.includes(secret))).toEqual([]);
    expect(text).toContain("DB_PASSWORD=***************");
    expect(text).toContain("<workspace>: ");
    const report = await replayCassette(parseCassette(text), { workers: [told] });
    expect(driftText(report)).toBe("");
  });

  it("does not call functions again: what they came to is in it, also what they told", async () => {
    let calls = 0;
    const counted = defineWorker({
      name: "counted",
      description: "counts",
      output: z.number(),
      perform: (_given, { log }) => {
        log("counting");
        return ++calls;
      },
    });
    const workspace = await folder();
    const model = fixedModel({ "*": { json: { mode: "direct", worker: "counted", reason: "one" } } });
    const run = kept(orchestrate("count", { workspace, workers: [counted], model }));
    await run.result;
    const cassette = await recordCassette(run.id, { ...storeOf(workspace), workers: [counted] });
    expect(cassette.effects.find(({ effect }) => effect === "performWork")?.parts).toMatchObject([{ value: "counting" }]);
    const report = await replayCassette(cassette, { workers: [counted] });
    expect(report.ok).toBe(true);
    expect(report.output?.tasks[0]).toMatchObject({ output: 1 });
    expect(calls).toBe(1);
  });

  it("of a run that was stopped goes as far as it got; taken up, it goes on, and what people said is in it", async () => {
    const workspace = await folder();
    const reached = deferred();
    const release = deferred();
    const slow = fixedModel({
      ...threeTasks,
      t3: async () => {
        reached.resolve();
        await release.promise;
        return "Late.";
      },
    });
    const run = kept(orchestrate("do three things", { workspace, model: slow }));
    run.send({ type: "run.tell", text: "be brief" });
    await eventOf(run, "task.finished", ({ task }) => task === "t2");
    await reached.promise;
    const stopping = run.stop();
    release.resolve();
    await stopping;
    const cut = await recordCassette(run.id, storeOf(workspace));
    expect(cut.end.outcome).toBe(null);
    expect(cut.effects.some(({ ends }) => ends === null)).toBe(true);
    expect(cut.arrivals).toMatchObject([{ command: { type: "run.tell", text: "be brief" } }]);
    const report = await replayCassette(cut);
    expect(driftText(report)).toBe("");
    expect(report).toMatchObject({ ok: true, output: null, replayed: { outcome: null } });
    const resumed = kept(await openRun(run.id, { ...storeOf(workspace), model: fixedModel(threeTasks) }));
    expect(await resumed.result).toMatchObject({ outcome: "complete" });
    const whole = await replayCassette(await recordCassette(run.id, storeOf(workspace)));
    expect(driftText(whole)).toBe("");
    expect(whole.recorded.turns).toBeGreaterThan(cut.end.turns);
  });

  it("can be made of the rows of any journal; of what is no run it says so", async () => {
    const journal = memoryJournal();
    const { world, input } = prepareRun("echo", { workers: [echo], model: choosingEcho });
    const host = memoryHost({ journal });
    createActor(world.machines.orchestrator, host.attach({ input })).start();
    await host.settled();
    const cassette = await recordCassette(journal.read(), { workers: [echo] });
    expect(cassette.end).toMatchObject({ outcome: "complete" });
    expect(driftText(await replayCassette(cassette, { workers: [echo] }))).toBe("");
    await expect(recordCassette([])).rejects.toThrow(codeOf("BadOption"));
    await expect(recordCassette("r-nobody", storeOf(await folder()))).rejects.toThrow(codeOf("UnknownRun"));
  });

  it("needs the workers and the policy that the run had", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("echo", { workspace, workers: [echo], model: choosingEcho }));
    await run.result;
    const store = storeOf(workspace);
    await expect(recordCassette(run.id, store)).rejects.toThrow(codeOf("UnknownWorker"));
    await expect(recordCassette(run.id, { ...store, workers: [tables] })).rejects.toThrow(codeOf("BadOption"));
    await expect(recordCassette(run.id, { ...store, workers: [echo], policy: { attempts: 5 } })).rejects.toThrow(
      codeOf("BadOption"),
    );
    expect((await recordCassette(run.id, { ...store, workers: [echo] })).end.outcome).toBe("complete");
  });
});

describe("what is said again", () => {
  it("comes back as it was, whatever it looks like, and is written once", () => {
    const long = "a text that is far too long to be written more than once in a recording ".repeat(3);
    const value = fc.json({ maxDepth: 4 }).map((text) => JSON.parse(text) as Json);
    const odd = fc.constantFrom<Json>(
      { same: "end" },
      { same: long },
      { plain: [long] },
      [long, long],
      { a: { same: "x", more: [] } },
      long,
    );
    const some = fc.array(fc.oneof(value, odd), { maxLength: 6 });
    fc.assert(
      fc.property(some, some, (first, more) => {
        const grown = [...first, ...more];
        const writer = new Repeats();
        const reader = new Repeats();
        for (const [at, one] of [first, grown, { in: grown, again: first }, long].entries()) {
          const short = writer.shorten(one, `line ${at}`);
          expect(reader.lengthen(JSON.parse(JSON.stringify(short)) as Json, `line ${at}`)).toEqual(one);
        }
      }),
    );
    const repeats = new Repeats();
    repeats.shorten([long], "one");
    expect(repeats.shorten([long, "new"], "two")).toEqual({ same: "one", more: ["new"] });
    expect(repeats.shorten({ b: long }, "three")).toEqual({ b: { same: "one[0]" } });
  });
});

describe("a text that is no cassette", () => {
  it.each([
    ["", "StoreCorrupt", "Line 1"],
    ["{}\n", "StoreCorrupt", "Line 1"],
    ['{"cassette":2}\n', "StoreTooNew", "format 2"],
    ['{"cassette":1}\n', "StoreCorrupt", "Line 1"],
  ])("%j is refused as %s", (text, code, told) => {
    expect(() => parseCassette(text)).toThrow(codeOf(code));
    expect(() => parseCassette(text)).toThrow(told);
  });

  it("names the line that is damaged, cut off, or refers to nothing", async () => {
    const lines = cassetteText(await threeTasksCassette())
      .trimEnd()
      .split("\n");
    const damaged = (at: number, line: string): string => lines.with(at, line).join("\n");
    expect(() => parseCassette(damaged(2, "{"))).toThrow("Line 3");
    expect(() => parseCassette(damaged(2, '{"effect":"x"}'))).toThrow("Line 3");
    expect(() => parseCassette(lines.slice(0, -1).join("\n"))).toThrow(`Line ${lines.length - 1}`);
    const turn = lines.findIndex((line) => line.includes('{"same":"plan/turn/1.0'));
    expect(() => parseCassette(damaged(turn, (lines[turn] ?? "").replace('"plan/turn/1.0', '"plan/turn/9.0')))).toThrow(
      `Line ${turn + 1}`,
    );
  });
});
