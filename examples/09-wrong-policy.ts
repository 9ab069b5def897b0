// A policy with a mistake: a worker that gives up is tried again, and again. No test with a few failures would notice;
// going through all states tells it with the shortest way there, before a dollar is spent.
import assert from "node:assert/strict";
import { DEFAULT_TABLE, definePlan, defineWorker } from "quatrain";
import type { Policy } from "quatrain";
import { exploreRun } from "quatrain/testing";

const write = defineWorker({ name: "write", description: "Writes.", instructions: "You write." });
const plan = definePlan(
  [write],
  [
    { label: "draft", worker: "write", task: "Write a draft." },
    { label: "review", worker: "write", task: "Review it.", dependsOn: ["draft"] },
  ],
);

const again = { do: "renew", change: { issues: true }, waitMs: [1_000, 5_000] } as const;
const policy: Partial<Policy> = {
  attempts: 1_000,
  restarts: { intensity: Number.MAX_SAFE_INTEGER, periodMs: 60_000 },
  table: { ...DEFAULT_TABLE, WorkerGaveUp: { turn: [], attempt: Array.from({ length: 1_000 }, () => again), then: "fail" } },
};

const { violations } = exploreRun({ workers: [write], plan, policy, outcomes: ["WorkerGaveUp"] });

const [witness] = violations;
assert.equal(witness?.invariant, "attemptsHold");
assert.ok(witness.steps.length <= 8);
console.log(`${witness.invariant}: ${witness.message}`);
console.log(witness.script);
