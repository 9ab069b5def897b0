// The ledger of whole runs, whatever happened in them: it adds up to what the machine booked.
import { expect, it } from "vitest";
import { randomFrom } from "../../src/core/random.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";
import { foldLedger } from "../../src/model/ledger-fold.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import { RunEvent } from "../../src/protocol/run-event.ts";
import type { SpendTotals } from "../../src/protocol/spend.ts";
import { randomCase } from "../../src/testing/simulate/case.ts";
import { Stage } from "../../src/testing/simulate/stage.ts";
import { workers } from "../support/cast.ts";

// A parrot waits until it is told something: no world does that.
const cast = workers.filter(({ name }) => name !== "parrot");
const stage = new Stage({ workers: cast });
const space = {
  workers: cast.map(({ card }) => card),
  plan: null,
  tasks: [1, 8],
  faults: { turns: 0.4, steps: 0.2 },
  commands: 4,
  sleeps: 0,
  turnUsd: null,
  options: {},
} as const;

/** Ways in which turns were lost in the runs so far. */
const losses = new Set<string>();

/** A run with faults, skips, crashes and cancellations, as its seed has it. */
async function ledgerOf(
  seed: number,
): Promise<{ readonly ledger: Ledger; readonly spend: SpendTotals; readonly finished: number }> {
  const random = randomFrom(seed);
  const played = randomCase(seed, space);
  const journal = memoryJournal();
  const crashAt = random() < 0.5 ? Math.floor(random() * 30) : -1;
  await stage.play(played, { journal, crash: ({ when, append }) => when === "before" && append === crashAt });
  // Taken up again where it crashed; told again from the first where it did not.
  const { events: told, output } = await stage.play(played, { journal });
  // What a reader of `--json` has: plain data that fits the schema.
  const read = told.map((event) => RunEvent.parse(JSON.parse(JSON.stringify(event))));
  const finished = output?.tasks.filter(({ status }) => status === "finished").length ?? 0;
  const unpaid = told.filter((event) => event.type === "turn.failed" && !event.billed);
  expect(unpaid.every((event) => "usd" in event && event.usd === 0)).toBe(true);
  for (const event of told) if (event.type === "turn.lost") losses.add(event.why);
  if (!output) throw new Error(`The run of seed ${seed} has no output.`);
  return { ledger: foldLedger(read, { models: stage.models }), spend: output.spend, finished };
}

function expectSum({ total }: Ledger, spend: SpendTotals): void {
  expect(total.usd).toBeCloseTo(spend.usd, 9);
  expect(total.estimatedUsd).toBeCloseTo(spend.estimatedUsd, 9);
  const { turns, unpricedTurns, inputTokens, outputTokens, cacheReadTokens } = total;
  const cacheWriteTokens = total.cacheWrite5mTokens + total.cacheWrite1hTokens;
  expect({ turns, unpricedTurns, inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }).toEqual({
    turns: spend.turns,
    unpricedTurns: spend.unpricedTurns,
    inputTokens: spend.inputTokens,
    outputTokens: spend.outputTokens,
    cacheReadTokens: spend.cacheReadTokens,
    cacheWriteTokens: spend.cacheWriteTokens,
  });
}

it("adds up to the run's spend, from the events alone", async () => {
  const outcomes = new Set<string>();
  const purposes = new Set<string>();
  for (let seed = 1; seed <= 70; seed++) {
    const { ledger, spend, finished } = await ledgerOf(seed);
    expectSum(ledger, spend);
    expect(ledger.acceptedTasks).toBe(finished);
    const { usedUsd, failedUsd, repairsUsd, lostUsd } = ledger.costs;
    expect(usedUsd + failedUsd + repairsUsd + lostUsd).toBeCloseTo(spend.usd, 9);
    for (const { outcome, purpose } of ledger.lines) {
      outcomes.add(outcome);
      purposes.add(purpose);
    }
  }
  // Unbilled: turns that broke after they were stopped, so that nobody says what they cost.
  expect([...losses].toSorted()).toEqual(["crash", "stopped", "unbilled"]);
  // The worlds show every kind of line; nothing stays open in a run that has ended.
  expect([...outcomes].toSorted()).toEqual(["accepted", "failed", "replaced", "stopped"]);
  expect([...purposes].toSorted()).toEqual(["mend", "plan", "repair", "route", "synthesis", "work"]);
});
