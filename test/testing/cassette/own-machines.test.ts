// Workers that are machines: they run in a replay, and their own effects are answered by name and key.
import { assign, createActor, setup } from "xstate";
import { beforeEach, describe, expect, it } from "vitest";
import { effect } from "../../../src/host/effect.ts";
import type { Settled } from "../../../src/host/port.ts";
import { memoryHost } from "../../../src/host/memory.ts";
import { memoryJournal } from "../../../src/host/memory-journal.ts";
import { recordCassette } from "../../../src/run/cassette-record.ts";
import type { Cassette } from "../../../src/run/cassette.ts";
import type { DelegateOutput } from "../../../src/protocol/delegate.ts";
import { prepareRun } from "../../../src/run/prepare.ts";
import { driftText } from "../../../src/testing/cassette/drift.ts";
import { replayCassette } from "../../../src/testing/cassette/replay-cassette.ts";
import { definePlan } from "../../../src/workers/define-plan.ts";
import { defineWorker } from "../../../src/workers/define-worker.ts";
import type { DelegateLogic } from "../../../src/workers/define-worker.ts";
import { fixedModel } from "../../run/helpers.ts";

let rolls = 0;

/** Rolls a die by an effect of its own, and says what came. `sides` is asked of it. */
function roller(sides: number) {
  const machine = setup({
    types: { context: {} as { readonly rolled: number | null }, output: {} as DelegateOutput },
    actors: { roll: effect<{ key: string; sides: number }, number>("roll", { class: "once" }, () => ++rolls) },
    actions: {
      keep: assign(({ event }) => {
        const { output } = event as unknown as { readonly output: Settled<number> };
        return { rolled: output.value };
      }),
    },
  }).createMachine({
    id: "roller",
    context: { rolled: null },
    initial: "rolling",
    states: {
      rolling: {
        invoke: { src: "roll", id: "roll", input: { key: "roll", sides }, onDone: { target: "done", actions: "keep" } },
      },
      done: { type: "final" },
    },
    output: ({ context }) => ({ ok: true, output: `rolled ${context.rolled}` }),
  });
  return defineWorker({ name: "roller", description: "rolls", machine: machine as unknown as DelegateLogic });
}

async function twoRolls(): Promise<Cassette> {
  const workers = [roller(6)] as const;
  const plan = definePlan(workers, [
    { label: "one", worker: "roller", task: "roll" },
    { label: "two", worker: "roller", task: "roll again", dependsOn: ["one"] },
  ]);
  const journal = memoryJournal();
  const host = memoryHost({ journal });
  const { world, input } = prepareRun(plan, { model: fixedModel({}) }, host.clock);
  createActor(world.machines.orchestrator, host.attach({ input })).start();
  expect(await host.settled()).toEqual({ kind: "done" });
  return recordCassette(journal.read(), { workers });
}

beforeEach(() => {
  rolls = 0;
});

describe("workers that are machines", () => {
  it("run again, and what their effects came to is taken from the cassette, each for its own attempt", async () => {
    const cassette = await twoRolls();
    expect(cassette.effects.filter(({ effect: name }) => name === "roll").map(({ path }) => path)).toEqual([
      "worker:t1#1/delegate/roll",
      "worker:t2#1/delegate/roll",
    ]);
    const report = await replayCassette(cassette, { workers: [roller(6)] });
    expect(driftText(report)).toBe("");
    expect(report.output?.tasks.map(({ output }) => output)).toEqual(["rolled 1", "rolled 2"]);
    expect(rolls).toBe(2);
  });

  it("that ask for something else drift", async () => {
    const report = await replayCassette(await twoRolls(), { workers: [roller(20)] });
    expect(report.drifts).toMatchObject([{ kind: "input", where: "roll", message: "  sides:\n  - 6\n  + 20", also: ["roll"] }]);
    expect(rolls).toBe(2);
  });
});
