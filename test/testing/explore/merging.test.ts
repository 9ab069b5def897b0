// Two ways that lead to the same key must go on alike: else something that decides is missing in it, and exploring would
// miss what follows from the second one.
import { describe, expect, it } from "vitest";
import type { ExploreHostOptions } from "quatrain/testing";
import { defineWorker } from "quatrain/workers";
import { Merging } from "./merging.ts";
import { planOf } from "../../support/plans.ts";

const workers = [
  defineWorker({ name: "func", description: "does it", perform: () => "done" }),
  defineWorker({ name: "model", description: "does it", instructions: "work" }),
];
const twice = (worker: string) => planOf({ a: { worker }, b: { worker } });

async function merge(options: Omit<ExploreHostOptions, "workers">, every: number) {
  const merging = new Merging({ workers, ...options });
  await merging.run(every);
  return merging;
}

describe("states that are told to be the same", () => {
  it("go on alike: functions, with a crash", async () => {
    const { faults, compared } = await merge(
      { plan: twice("func"), options: { synthesis: false, concurrency: 2 }, crashes: 1 },
      20,
    );
    expect(faults).toEqual([]);
    expect(compared).toBeGreaterThan(5);
  });

  it("go on alike: models, people and a budget", async () => {
    const budgeted = await merge(
      { plan: twice("model"), options: { synthesis: false, concurrency: 2 }, crashes: 0, budget: { tokens: 40_000 } },
      3,
    );
    expect(budgeted.faults).toEqual([]);
    const commands = [{ type: "run.pause" }] as const;
    const told = await merge({ plan: planOf({ a: { worker: "model" } }), options: { synthesis: false }, commands }, 2);
    expect(told.faults).toEqual([]);
    expect(budgeted.compared + told.compared).toBeGreaterThan(15);
  });

  it("do not, where the key leaves out what decides", async () => {
    const { faults } = await merge(
      {
        plan: twice("func"),
        options: { synthesis: false, concurrency: 2 },
        crashes: 0,
        ignore: ["queue", "reports", "history", "adjustments"],
      },
      1,
    );
    expect(faults.length).toBeGreaterThan(0);
  });
});
