// Thousands of whole runs over random plans in random worlds: what must hold of each, whatever happened. The full
// experiment is `npm run prove:simulation`.
import { describe, expect, it } from "vitest";
import { simulateRuns } from "../../src/testing/simulate/simulate-runs.ts";
import { workers } from "../support/cast.ts";

// A parrot waits until it is told something: no world does that.
const cast = workers.filter(({ name }) => name !== "parrot");

describe("random runs", () => {
  it("all end, hold every promise on the way, and are the same, byte by byte, for the same seed", async () => {
    const { runs, repeated, outcomes, coverage, violations } = await simulateRuns({
      workers: cast,
      runs: 500,
      repeatEvery: 20,
    });
    expect(violations.map(({ invariant, message, script }) => `${invariant}: ${message}\n${script}`)).toEqual([]);
    expect([runs, repeated]).toEqual([500, 25]);
    // The worlds are neither too kind nor too cruel: every way of ending is among them.
    expect(Object.keys(outcomes)).toEqual(["cancelled", "complete", "failed", "partial"]);
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(15);
    expect(Object.keys(coverage.failures).length).toBeGreaterThan(38);
    // What is rare in worlds still happens in them.
    const rare = ["plan.amended", "task.mending", "task.invalidated", "task.revived", "budget.reached"];
    expect(rare.filter((type) => coverage.events[type] === undefined)).toEqual([]);
  }, 60_000);

  it("hold them with up to sixty tasks, too", async () => {
    const { tasks, violations } = await simulateRuns({ workers: cast, runs: 30, tasks: [20, 60], repeatEvery: 15 });
    expect(violations.map(({ invariant, message }) => `${invariant}: ${message}`)).toEqual([]);
    expect(tasks).toBeGreaterThan(300);
  });
});
