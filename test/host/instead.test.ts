// Another work in place of an effect's own on the simulated host, and effects told by a replay.
import { createActor, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { effect, sleepUntil } from "../../src/host/effect.ts";
import type { SimulatedEffect } from "../../src/host/pool.ts";
import { replayHost } from "../../src/host/replay-host.ts";
import { simulatedHost } from "../../src/host/simulated.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";

const START = Date.UTC(2026, 0);
let performed = 0;

const machine = setup({
  types: { context: {} as { readonly said: readonly unknown[] }, output: {} as readonly unknown[] },
  actors: {
    work: effect<{ key: string; n: number }, number>("work", { class: "once" }, ({ n }) => {
      performed++;
      return n;
    }),
    sleepUntil,
  },
}).createMachine({
  id: "two",
  context: { said: [] },
  initial: "first",
  tags: ["hold"],
  states: {
    first: {
      invoke: { src: "work", id: "a", input: { key: "a", n: 1 }, onDone: { target: "waiting", actions: [] } },
      on: { "effect.part": {} },
    },
    waiting: { invoke: { src: "sleepUntil", id: "s", input: { key: "s", dueAt: START + 60_000 }, onDone: "done" } },
    done: { type: "final" },
  },
});

describe("a simulated host with other work", () => {
  it("does that in place of an effect's own, at its moment, whatever the gate says; timers, too", async () => {
    performed = 0;
    const seen: SimulatedEffect[] = [];
    const journal = memoryJournal();
    const host = simulatedHost({
      journal,
      startAt: START,
      latency: () => 0,
      instead: (started) => {
        seen.push(started);
        return ({ clock, part }) =>
          new Promise((resolve) => {
            if (started.name === "work") part("on it");
            clock.setTimeout(() => resolve(7), 500);
          });
      },
    });
    const actor = createActor(machine, host.attach({}));
    actor.start();
    expect(await host.run()).toEqual({ kind: "done" });
    expect(performed).toBe(0);
    expect(seen.map(({ name, path, id, input }) => [name, path, id, input.key])).toEqual([
      ["work", "a", "a:a", "a"],
      ["sleepUntil", "s", "s:s", "s"],
    ]);
    const rows = journal.read().filter(({ kind }) => kind === "part" || kind === "result");
    expect(rows.map(({ kind, at, body }) => [kind, at - START, body])).toEqual([
      ["part", 0, "on it"],
      ["result", 500, 7],
      ["result", 1_000, 7],
    ]);
  });

  it("leaves those alone for which there is none, and never begins those that shall not", async () => {
    performed = 0;
    const held = simulatedHost({ startAt: START, instead: ({ name }) => (name === "work" ? "never" : undefined) });
    createActor(machine, held.attach({})).start();
    expect(await held.run()).toEqual({ kind: "stalled" });
    await held.close();
    const host = simulatedHost({ startAt: START, instead: ({ name }) => (name === "work" ? () => 1 : undefined) });
    createActor(machine, host.attach({})).start();
    expect(await host.run()).toEqual({ kind: "done" });
    expect(host.clock.now() - START).toBe(60_000);
    expect(performed).toBe(0);
  });
});

describe("a replay", () => {
  it("tells each effect that is started, with its input and by which row", async () => {
    const host = simulatedHost({ startAt: START, instead: () => () => 1 });
    createActor(machine, host.attach({})).start();
    await host.run();
    const told: unknown[] = [];
    const replay = replayHost({
      rows: [...host.journal.read()],
      started: ({ id, input }) => told.push([id, input, replay.seq]),
    });
    createActor(machine, replay.attach()).start();
    await replay.idle();
    expect(told).toEqual([
      ["a:a", { key: "a", n: 1 }, 0],
      ["s:s", { key: "s", dueAt: START + 60_000 }, 3],
    ]);
    await replay.close();
  });
});
