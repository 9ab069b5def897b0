// A run is stopped before and after every append to its journal and taken up again: it ends as it would have ended, and
// no turn whose result was recorded is asked again.
import { describe, expect, it } from "vitest";
import type { CrashPoint } from "../../src/host/crash.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";
import type { MemoryJournal } from "../../src/host/memory-journal.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import { runInput, workers } from "../support/cast.ts";
import { expectOneClosingRowEach } from "../support/audit.ts";
import { planOf } from "../support/plans.ts";
import { randomStage } from "../support/random-world.ts";
import { simulate } from "../support/simulate.ts";
import type { SimulatedRun, TimedCommand } from "../support/simulate.ts";

const stage = randomStage();
const machine = createOrchestrator({ workers, ports: stage.ports });
const plan = planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["a"], worker: "sum" } });

const inputOf = (seed: number): RunInput =>
  runInput({ plan, seed, options: { hasWorkspace: seed % 2 === 0, asks: "wait", ...(seed === 3 && { budget: { usd: 1 } }) } });

const essence = ({ end, output }: SimulatedRun) => ({
  end: end.kind,
  outcome: output?.outcome,
  tasks: output?.tasks.map(({ id, status, output: made }) => ({ id, status, made })),
});

interface Interruption {
  readonly crash?: (point: CrashPoint) => boolean;
  readonly commands?: readonly TimedCommand[];
}

function play(seed: number, journal: MemoryJournal, interruption: Interruption = {}): Promise<SimulatedRun> {
  return simulate({ input: inputOf(seed), machine, seed, journal, ...interruption });
}

/** A crash at the nth of the moments before and after appends. */
const crashAt =
  (nth: number) =>
  ({ when, append }: CrashPoint): boolean =>
    append * 2 + (when === "after" ? 1 : 0) === nth;

/** Turns whose results the journal holds. */
const recordedTurns = (journal: MemoryJournal) =>
  new Set(journal.read().flatMap(({ kind, key }) => (kind === "result" && key?.includes("/turn/") ? [key] : [])));

describe("stopped before and after every append", () => {
  it.each([1, 2, 3, 4, 5])("a run ends as if it had not been: seed %i", async (seed) => {
    stage.play(seed, { turns: 0.1, steps: 0 });
    const undisturbed = essence(await play(seed, memoryJournal()));
    expect(undisturbed.end).toBe("done");
    let points = 0;
    for (let crashed = true; crashed; points++) {
      stage.play(seed, { turns: 0.1, steps: 0 });
      const journal = memoryJournal();
      const first = await play(seed, journal, { crash: crashAt(points) });
      crashed = first.end.kind === "crashed";
      const recorded = recordedTurns(journal);
      const asked = new Map(stage.ports.asked);
      const second = await play(seed, journal);
      expect({ points, ...essence(second) }).toEqual({ points, ...undisturbed });
      expectOneClosingRowEach(journal.read());
      const again = [...recorded].filter((key) => stage.ports.asked.get(key) !== asked.get(key));
      expect(again).toEqual([]);
      const paidTwice = [...stage.ports.asked.values()].filter((times) => times > 1).length;
      expect(paidTwice).toBeLessThanOrEqual(3);
    }
    expect(points).toBeGreaterThan(20);
  });

  it.each([6, 7])("a run that is being cancelled is cancelled, with nothing left: seed %i", async (seed) => {
    const commands = [{ afterMs: 300, event: { type: "run.cancel" as const } }];
    stage.play(seed, { turns: 0, steps: 0 });
    for (let [points, crashed] = [0, true]; crashed; points++) {
      const journal = memoryJournal();
      crashed = (await play(seed, journal, { commands, crash: crashAt(points) })).end.kind === "crashed";
      const { end, output, snapshot } = await play(seed, journal, { commands });
      expect({ points, end: end.kind, outcome: output?.outcome, accounts: snapshot.context.accounts }).toEqual({
        points,
        end: "done",
        outcome: "cancelled",
        accounts: {},
      });
      expectOneClosingRowEach(journal.read());
    }
  });
});
