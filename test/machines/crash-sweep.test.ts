// Runs are stopped at every moment and taken up again: they end as they would have ended, and nothing is repeated
// silently. The full experiment is `npm run prove:crash`.
import { describe, expect, it } from "vitest";
import { crashSweep } from "../../src/testing/simulate/crash-sweep.ts";
import type { CrashReport } from "../../src/testing/simulate/crash-sweep.ts";
import type { SimulatedCase } from "../../src/testing/simulate/case.ts";
import { resolveBudget } from "../../src/protocol/budget.ts";
import { workers } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";

const cast = workers.filter(({ name }) => name !== "parrot");
const plan = planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["a"], worker: "sum" } });

const told = ({ violations }: CrashReport) =>
  violations.map(({ invariant, message, moment }) => `${invariant} ${moment}: ${message}`);

const caseOf = (seed: number, more: Partial<SimulatedCase>): SimulatedCase => ({
  seed,
  mode: "orchestrate",
  plan,
  options: {},
  commands: [],
  world: { script: {} },
  ...more,
});

describe("stopped before each append, after it, and after each effect", () => {
  it("a run ends as if it had not been", async () => {
    const report = await crashSweep({ workers: cast, plan, runs: 4, faults: { turns: 0.2, steps: 0.1 } });
    expect(told(report)).toEqual([]);
    expect(Math.min(...Object.values(report.moments))).toBeGreaterThan(30);
    expect(report.performedAgain).toBeGreaterThan(100);
  });

  it("a command line is not run a second time, and the run goes on without its answer", async () => {
    const bash = { calls: [{ tool: "bash", input: { command: "make" } }] };
    const permissions = { allow: ["bash"], ask: [], deny: [] };
    const script = { "modelTurn t1#1/turn/1.0": { answer: bash }, "modelTurn t2#1/turn/1.0": { answer: bash } };
    const report = await crashSweep({
      workers: cast,
      cases: [caseOf(1, { options: { permissions, hasWorkspace: true }, world: { script } })],
    });
    expect(told(report)).toEqual([]);
    // After its intent, after it ran, and before its result is stored: for each of both.
    expect(report.inDoubt).toBeGreaterThanOrEqual(4);
  });

  it("a run that is being cancelled is cancelled, with nothing left", async () => {
    const commands = [{ afterMs: 300, event: { type: "run.cancel" as const } }];
    const report = await crashSweep({
      workers: cast,
      cases: [caseOf(6, { commands, options: { hasWorkspace: true } }), caseOf(7, { commands })],
      result: ({ outcome }) => outcome,
    });
    expect(told(report)).toEqual([]);
    expect(report.stops).toBeGreaterThan(25);
  });

  it("a budget holds", async () => {
    const report = await crashSweep({ workers: cast, cases: [caseOf(3, { options: { budget: resolveBudget({ usd: 2 }) } })] });
    expect(told(report)).toEqual([]);
  });
});
