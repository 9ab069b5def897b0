import { createActor } from "xstate";
import { describe, expect, it } from "vitest";
import { type Command, type CrashPoint, type Journal, memoryJournal, type Row, simulatedHost } from "quatrain/host";
import { toyOrchestrator, turnIn, type World } from "./toys.ts";

interface Plan {
  readonly seed: number;
  readonly batch: number;
  readonly commands: readonly { readonly at: number; readonly event: Command }[];
}

const start = Date.UTC(2026, 0);
const skip = (task: number, afterMs: number) => ({ at: start + afterMs, event: { type: "task.skip", task } });

async function runToy(plan: Plan, journal: Journal, world: World, crash?: (point: CrashPoint) => boolean) {
  const host = simulatedHost({ seed: plan.seed, batch: plan.batch, journal, ...(crash && { crash }) });
  const actor = createActor(toyOrchestrator(turnIn(world)), host.attach({ input: { tasks: 4 } })).start();
  plan.commands.forEach(({ at, event }, index) => host.send(event, { id: `c${index}`, at }));
  return { end: await host.run(), output: actor.getSnapshot().output, rows: [...journal.read()] };
}

const plans: Plan[] = [1, 2, 4].flatMap((batch) => [
  { seed: batch, batch, commands: [] },
  { seed: 10 + batch, batch, commands: [skip(1, 150), skip(3, 700)] },
]);

describe("a simulated run", () => {
  it("is the same, byte by byte, for the same seed", async () => {
    const journals = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const journal = memoryJournal();
        await runToy({ seed, batch: 1, commands: [skip(0, 300)] }, journal, new Map());
        return journal.lines.join("\n");
      }),
    );
    expect(journals[1]).toBe(journals[0]);
    expect(journals[2]).not.toBe(journals[0]);
  });

  it("has the seed 1 where none is given", async () => {
    const linesOf = async (options: { readonly seed?: number }) => {
      const journal = memoryJournal();
      const host = simulatedHost({ ...options, journal });
      createActor(toyOrchestrator(turnIn(new Map())), host.attach({ input: { tasks: 4 } })).start();
      await host.run();
      return journal.lines.join("\n");
    };
    expect(await linesOf({})).toBe(await linesOf({ seed: 1 }));
    expect(await linesOf({})).not.toBe(await linesOf({ seed: 2 }));
  });

  it.each(plans)(
    "ends alike when it is stopped before and after every commit: batch $batch, commands $commands.length",
    async (plan) => {
      let points = 0;
      const count = () => {
        points++;
        return false;
      };
      const undisturbed = await runToy(plan, memoryJournal(), new Map(), count);
      expect(undisturbed.end).toEqual({ kind: "done" });
      for (let point = 0; point < points; point++) {
        const journal = memoryJournal();
        const world: World = new Map();
        const first = await runToy(plan, journal, world, ({ when, append }) => append * 2 + (when === "after" ? 1 : 0) === point);
        expect({ point, end: first.end }).toEqual({ point, end: { kind: "crashed" } });
        const { end, output, rows } = await runToy(plan, journal, world);
        expect({ point, end }).toEqual({ point, end: { kind: "done" } });
        expect(output).toMatchObject({ done: [0, 1, 2, 3], reserved: 0 });
        if (plan.commands.length === 0) expect(output).toEqual(undisturbed.output);
        expectOneClosingRowEach(rows);
        expect(paidAgain(world)).toBeLessThanOrEqual(3);
      }
    },
  );
});

/** Every effect with an intent has exactly one closing row, after it. */
function expectOneClosingRowEach(rows: readonly Row[]): void {
  const closings = rows.filter(({ kind }) => kind === "result" || kind === "error" || kind === "cancelled").map(({ id }) => id);
  const intents = new Set(rows.filter(({ kind }) => kind === "intent").map(({ id }) => id));
  expect(closings.length).toBe(new Set(closings).size);
  expect([...intents].filter((id) => !closings.includes(id))).toEqual([]);
  expect(rows.map(({ seq }) => seq)).toEqual(rows.map((_row, index) => index + 1));
}

function paidAgain(world: World): number {
  return [...world.values()].filter((count) => count > 1).length;
}
