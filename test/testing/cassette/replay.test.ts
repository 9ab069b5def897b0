// The bookshelf: four tasks of the demo, recorded once (routing, planning, an overload, a check that fails and a second
// attempt, two tasks side by side). Played strictly it tells every drift of prompts, plans, order and costs. Where a drift
// is wanted: quatrain replay test/testing/cassette/bookshelf.cassette --update
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_TABLE } from "../../../src/core/policy.ts";
import type { Json } from "../../../src/core/json.ts";
import { PRICES } from "../../../src/model/price-table.ts";
import type { Cassette, RecordedEffect } from "../../../src/run/cassette.ts";
import { cassetteText } from "../../../src/run/cassette-text.ts";
import { driftText } from "../../../src/testing/cassette/drift.ts";
import type { Drift } from "../../../src/testing/cassette/drift.ts";
import { readCassette, replayCassette, updateCassette } from "../../../src/testing/cassette/replay-cassette.ts";
import type { ReplayOptions } from "../../../src/testing/cassette/replay-cassette.ts";
import { BUILT_IN } from "../../../src/workers/built-in.ts";
import { defineWorker } from "../../../src/workers/define-worker.ts";

const file = fileURLToPath(new URL("bookshelf.cassette", import.meta.url));
let bookshelf: Cassette;

beforeAll(() => {
  bookshelf = readCassette(file);
});

const drifts = async (cassette: Cassette, options: ReplayOptions = {}): Promise<readonly Drift[]> =>
  (await replayCassette(cassette, options)).drifts;
const kindsOf = (found: readonly Drift[]): readonly string[] => [...new Set(found.map(({ kind }) => kind))];

/** The cassette with some of its effects changed. */
const changed = (change: (effects: readonly RecordedEffect[]) => readonly RecordedEffect[]): Cassette => ({
  ...bookshelf,
  effects: change(bookshelf.effects),
});
/** With other words in a text, wherever it stands in an effect. */
const reworded = (key: string, from: string | RegExp, to: string): Cassette =>
  changed((effects) =>
    effects.map((one) => (one.key === key ? (JSON.parse(JSON.stringify(one).replaceAll(from, to)) as RecordedEffect) : one)),
  );

describe("the bookshelf", () => {
  it("plays as it was recorded", async () => {
    const report = await replayCassette(file);
    expect(driftText(report)).toBe("");
    expect(report).toMatchObject({ ok: true, tolerated: [], replayed: { outcome: "complete", turns: 26 } });
    expect(report.output?.tasks.map(({ attempts, status }) => `${status} ${attempts}`)).toEqual([
      "finished 1",
      "finished 2",
      "finished 1",
      "finished 1",
    ]);
    expect(report.replayed).toEqual(report.recorded);
  });

  it("is small, and brought up to date it is the same text but for who recorded it", async () => {
    expect(statSync(file).size).toBeLessThan(200_000);
    const body = (text: string): string => text.split("\n").slice(1).join("\n");
    expect(body(cassetteText(await updateCassette(bookshelf)))).toBe(body(readFileSync(file, "utf8")));
  });
});

describe("a drift", () => {
  it("of a prompt names the turn, the place and the word; every turn that has it is named once", async () => {
    const found = await drifts(reworded("plan/turn/1.0", "planner of a team", "planner of a crew"));
    expect(found).toMatchObject([{ kind: "prompt", where: "plan/turn/1.0", also: [] }]);
    expect(found[0]?.message).toMatch(
      /request\.parameters\.system\[0\]:\n {2}- You are the planner of a crew .*\n {2}\+ You are the planner of a team /,
    );
    expect(found[0]?.message.length).toBeLessThan(1_000);
    const workers = BUILT_IN.map((worker) =>
      worker.name === "tdd"
        ? defineWorker({
            name: "tdd",
            description: worker.card.description,
            instructions: "You test.",
            tools: [...worker.card.tools],
          })
        : worker,
    );
    const everywhere = await drifts(bookshelf, { workers });
    expect(everywhere.find(({ kind }) => kind === "prompt")).toMatchObject({
      where: "t4#1/turn/1.0",
      also: ["t4#1/turn/2.0", "t4#1/turn/3.0", "t4#1/turn/4.0"],
    });
  });

  it("of a prompt passes leniently, and is told all the same; what has no answer does not", async () => {
    const otherWords = reworded("t3#1/turn/2.0", "You are one of several", "You are one of many");
    const report = await replayCassette(otherWords, { mode: "lenient" });
    expect(report).toMatchObject({ ok: true, drifts: [], tolerated: [{ kind: "prompt", where: "t3#1/turn/2.0" }] });
    expect(report.output?.outcome).toBe("complete");
    const lost = changed((effects) => effects.filter(({ key }) => key !== "t3#1/turn/2.0"));
    const stuck = await replayCassette(lost, { mode: "lenient" });
    expect(stuck.drifts[0]).toMatchObject({ kind: "missing", where: "t3#1/turn/2.0" });
    expect(kindsOf(stuck.drifts)).toEqual(["missing", "unused", "result"]);
    expect(driftText(stuck)).toContain("The replayed run can't go on");
    expect(stuck.output).toBe(null);
  });

  it("of the plan comes first, with what follows from it", async () => {
    const planned = bookshelf.effects.findLast(({ effect, key }) => effect === "modelTurn" && key.startsWith("plan/"));
    const found = await drifts(
      reworded(planned?.key ?? "", String.raw`\"worker\":\"frontend\"`, String.raw`\"worker\":\"docs\"`),
    );
    expect(found[0]).toMatchObject({ kind: "plan", where: "run" });
    expect(found[0]?.message).toBe("  tasks[2].worker:\n  - frontend\n  + docs");
    expect(kindsOf(found)).toContain("prompt");
  });

  it("of an effect's input tells which", async () => {
    const found = await drifts(reworded("t1#1/verify/0", '"needsFiles":true', '"needsFiles":false'));
    expect(found).toEqual([{ kind: "input", where: "t1#1/verify/0", message: "  needsFiles:\n  - false\n  + true", also: [] }]);
  });

  it("of prices tells both sums and leaves the prompts alone", async () => {
    const prices = PRICES.map((row) =>
      row.model === "claude-sonnet-5-5" ? { ...row, price: { ...row.price, outputUsd: row.price.outputUsd * 2 } } : row,
    );
    const found = await drifts(bookshelf, { prices });
    expect(kindsOf(found)).toEqual(["cost"]);
    expect(found[0]?.message).toMatch(/the same 26 turns cost \$0\.\d+, recorded \$0\.\d+ \(\+\d+\.\d %\)/);
    expect(await drifts(bookshelf, { prices, ignore: ["cost"] })).toEqual([]);
  });

  it("of the order tells where it begins, and passes leniently", async () => {
    const at = bookshelf.effects.findIndex(({ key }) => key === "t4#1/prepare");
    const swapped = changed((effects) =>
      effects.with(at, effects[at - 1] as RecordedEffect).with(at - 1, effects[at] as RecordedEffect),
    );
    const found = await drifts(swapped);
    expect(kindsOf(found)).toEqual(["order"]);
    expect(found[0]?.message).toMatch(/- … .*prepareWorkspace t4#1\/prepare, prepareWorkspace t3#1\/prepare/);
    expect(await drifts(swapped, { mode: "lenient" })).toEqual([]);
  });

  it("of the result tells what the run came to", async () => {
    const answered = await drifts(reworded("synthesis/turn/1.0", "bookshelf has", "bookshelf had"));
    expect(answered).toMatchObject([{ kind: "result", where: "run" }]);
    expect(answered[0]?.message).toContain("answer:");
  });

  it("of the policy shows in what is waited for and tried again", async () => {
    const table = { ...DEFAULT_TABLE, VerifyFailed: { turn: [], attempt: [], then: "skip" as const } };
    const found = await drifts(bookshelf, { policy: { table } });
    expect(kindsOf(found)).toEqual(expect.arrayContaining(["unused", "result"]));
    expect(found.find(({ kind, where }) => kind === "result" && where === "t2")?.message).toMatch(/attempts|status|failure/);
  });

  it("that is wanted is taken over without a new recording; one that asks for more is refused", async () => {
    const before = reworded("plan/turn/1.0", "planner of a team", "planner of a crew");
    const after = await updateCassette(before);
    expect(await drifts(after)).toEqual([]);
    const lost = changed((effects) => effects.filter(({ key }) => key !== "t3#1/turn/2.0"));
    await expect(updateCassette(lost)).rejects.toThrow("t3#1/turn/2.0: asked now, and never answered");
  });
});

describe("what can't be played", () => {
  it("is told: no file, workers that are not there", async () => {
    await expect(replayCassette(`${file}.gone`)).rejects.toThrow(/Name the file of a cassette/);
    const { head } = bookshelf;
    const world = { ...head.input.world, workers: ["nobody"] };
    const strange = { ...bookshelf, head: { ...head, input: { ...head.input, world } } };
    await expect(replayCassette(strange)).rejects.toThrow('There is no worker "nobody"');
  });

  it("does not stop a replay: a machine that breaks is a drift of the result", async () => {
    const broken: Json = { outcome: { kind: "answered" }, lost: 0 };
    const nonsense = changed((effects) =>
      effects.map((one) =>
        one.key === "t1#1/turn/3.0" && one.ends ? { ...one, ends: { at: one.ends.at, nth: one.ends.nth, result: broken } } : one,
      ),
    );
    const report = await replayCassette(nonsense);
    expect(report.ok).toBe(false);
    expect(driftText(report)).toContain("The replayed run broke: ");
  });
});
