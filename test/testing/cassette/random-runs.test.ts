// Any run can be recorded and played: random plans in random worlds, with commands, sleeps, stopped effects and failures.
// What is played is the recorded run, moment by moment: a cassette made of the replay is the same text.
import { describe, expect, it } from "vitest";
import type { HeadBody, Row } from "../../../src/host/journal.ts";
import { memoryJournal } from "../../../src/host/memory-journal.ts";
import type { RunInput } from "../../../src/machines/run-state.ts";
import type { Cassette } from "../../../src/run/cassette.ts";
import { cleaner } from "../../../src/run/cassette-clean.ts";
import { cassetteOf } from "../../../src/run/cassette-record.ts";
import { cassetteText, parseCassette } from "../../../src/run/cassette-text.ts";
import { driftText } from "../../../src/testing/cassette/drift.ts";
import { replayCassette, updateCassette } from "../../../src/testing/cassette/replay-cassette.ts";
import { casesOf } from "../../../src/testing/simulate/simulate-runs.ts";
import { Stage } from "../../../src/testing/simulate/stage.ts";
import { workers } from "../../support/cast.ts";

const cast = workers.filter(({ name }) => name !== "parrot");
const options = { workers: cast };
const stage = new Stage(options);

function recorded(rows: readonly Row[]): Promise<Cassette> {
  const [head] = rows;
  const { input } = (head?.body ?? {}) as unknown as HeadBody;
  return cassetteOf(rows, {
    machine: stage.machine,
    head: { quatrain: "0", versions: {}, input: input as unknown as RunInput, policy: null, ownPrices: [] },
    clean: cleaner(),
  });
}

/** All but the head, which says who recorded it. */
const bodyOf = (cassette: Cassette): string => cassetteText(cassette).split("\n").slice(1).join("\n");

/** `isWhole`: false for a journal that was cut off, whose last closing rows may be missing. */
async function expectSame(rows: readonly Row[], isWhole = true): Promise<void> {
  const cassette = await recorded(rows);
  const text = cassetteText(cassette);
  expect(cassetteText(parseCassette(text))).toBe(text);
  const report = await replayCassette(parseCassette(text), options);
  expect(driftText(report)).toBe("");
  if (!isWhole) return;
  const again = await updateCassette(cassette, options);
  expect(bodyOf(again)).toBe(bodyOf(cassette));
}

describe("recorded random runs", () => {
  const cases = casesOf(options, stage, { runs: 10, commands: 4, sleeps: 2, budgets: true });

  it.each(cases)("play without a drift (seed $seed)", async (one) => {
    await expectSame((await stage.play(one)).rows);
  });

  // Seeds 3 and 6 end at once.
  it.each(cases.filter(({ seed }) => seed !== 3 && seed !== 6).slice(0, 4))(
    "do so when they were cut off, and when they were taken up again (seed $seed)",
    async (one) => {
      const journal = memoryJournal();
      const crashed = await stage.play(one, { journal, crash: ({ when, append }) => when === "after" && append === 3 });
      expect(crashed.end.kind).toBe("crashed");
      await expectSame(crashed.rows, false);
      await expectSame((await stage.play(one, { journal })).rows);
    },
  );
});
