// Thousands of whole runs over random plans in random worlds: what must hold of each, whatever happened.
import { describe, expect, it } from "vitest";
import { randomFrom } from "../../src/core/random.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import type { Budget, Limits } from "../../src/protocol/budget.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import type { Command } from "../../src/protocol/command.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import { runInput, workers } from "../support/cast.ts";
import { randomPlan } from "../support/plans.ts";
import { randomStage } from "../support/random-world.ts";
import { RunAuditor } from "../support/audit.ts";
import { simulate } from "../support/simulate.ts";
import type { SimulatedRun, TimedCommand } from "../support/simulate.ts";

type Random = () => number;

const stage = randomStage();
const usual = createOrchestrator({ workers, ports: stage.ports });
const oneForOne = createOrchestrator({ workers, ports: stage.ports, policy: { strategy: "one-for-one", attempts: 3 } });
const WORKERS = ["backend", "frontend", "typed", "capped", "sum"];

function randomInput(random: Random, seed: number): RunInput {
  const kind = random();
  return runInput({
    mode: kind < 0.5 ? "orchestrate" : kind < 0.6 ? "direct" : "auto",
    plan: kind < 0.5 ? randomPlan(random, WORKERS, 1 + Math.floor(random() ** 2 * 12)) : null,
    seed,
    options: {
      concurrency: 1 + Math.floor(random() * 6),
      review: random() < 0.2,
      asks: random() < 0.5 ? "wait" : "deny",
      budget: randomBudget(random),
      hasWorkspace: random() < 0.7,
    },
  });
}

/** Limits of any kind, from next to nothing to more than a run takes; most runs have none, or one. */
function randomBudget(random: Random): Budget {
  const limits = (usd: number, share: number): Limits => ({
    ...(random() < share && { usd: random() ** 2 * usd }),
    ...(random() < share && { tokens: Math.floor(random() ** 2 * usd * 200_000) + 1 }),
    ...(random() < share && { ms: Math.floor(random() ** 2 * 60_000) + 1 }),
  });
  if (random() < 0.4) return {};
  return {
    ...limits(0.3, 0.35),
    ...(random() < 0.3 && { task: limits(0.1, 0.5) }),
    ...(random() < 0.3 && { worker: { backend: limits(0.1, 0.5), capped: limits(0.05, 0.3), sum: limits(0.01, 0.3) } }),
  };
}

function randomCommands(random: Random): readonly TimedCommand[] {
  const count = random() < 0.5 ? 0 : Math.floor(random() * 6);
  return Array.from({ length: count }, () => ({ afterMs: Math.floor(random() ** 2 * 20_000), event: randomCommand(random) }));
}

function randomCommand(random: Random): Command {
  const task = `t${1 + Math.floor(random() * 12)}`;
  const kinds: readonly Command[] = [
    { type: "run.pause" },
    { type: "run.resume" },
    { type: "run.cancel", reason: "enough" },
    { type: "run.tell", text: "hurry" },
    { type: "run.tell", text: "slowly", task },
    { type: "ask.answer", ask: "t1#1/1/call_1_0", decision: "approve" },
    { type: "task.skip", task },
    { type: "task.skip", task, reason: "not needed" },
    { type: "task.retry", task },
    { type: "task.retry", task: "t1" },
  ];
  return kinds[Math.floor(random() * kinds.length)] ?? { type: "run.pause" };
}

/** Now and then a person wants a task again the moment it is settled. */
function impatient(random: Random): (event: RunEvent) => Command | undefined {
  let left = 2;
  return (event) => {
    const settled = event.type === "task.failed" || event.type === "task.skipped" || event.type === "task.finished";
    if (!settled || left === 0 || random() > 0.3) return undefined;
    left -= 1;
    return { type: "task.retry", task: event.task };
  };
}

async function audited(seed: number): Promise<SimulatedRun> {
  const random = randomFrom(seed);
  const input = randomInput(random, seed);
  stage.play(seed, { turns: random() * 0.3, steps: random() * 0.2 });
  const commands = randomCommands(random);
  const react = random() < 0.3 ? impatient(random) : () => undefined;
  const auditor = new RunAuditor();
  const machine = seed % 4 === 0 ? oneForOne : usual;
  const run = await simulate({ input, machine, seed, commands, watch: auditor.watch, onEvent: auditor.hear, react });
  auditor.expectSound(run);
  return run;
}

function nameOf(event: RunEvent): string {
  if (event.type === "plan.amended") return event.parts.length > 0 ? "split" : "redone on top";
  return event.type === "task.retrying" && event.changes.includes("the task in other words") ? "reworded" : event.type;
}

describe("random runs", () => {
  it("all end, and hold every promise on the way", async () => {
    const outcomes: Record<string, number> = {};
    const events: Record<string, number> = {};
    for (let seed = 1; seed <= 2_000; seed++) {
      const { output, events: told } = await audited(seed).catch((error: unknown) => {
        throw new Error(`The run of seed ${seed}: ${String(error)}`, { cause: error });
      });
      for (const event of told) {
        const name = nameOf(event);
        events[name] = (events[name] ?? 0) + 1;
      }
      outcomes[output?.outcome ?? "none"] = (outcomes[output?.outcome ?? "none"] ?? 0) + 1;
    }
    // What is rare in worlds still happens in them.
    for (const { type, times } of [
      { type: "split", times: 50 },
      { type: "task.mending", times: 100 },
      { type: "task.invalidated", times: 50 },
      { type: "task.revived", times: 10 },
      { type: "redone on top", times: 20 },
      { type: "reworded", times: 10 },
    ])
      expect({ type, often: (events[type] ?? 0) > times }).toEqual({ type, often: true });
    // The worlds are neither too kind nor too cruel: every way of ending is among them.
    expect(Object.keys(outcomes).toSorted()).toEqual(["cancelled", "complete", "failed", "partial"]);
    expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(50);
  }, 60_000);

  it("are the same, byte by byte, for the same seed", async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const [one, other] = [await audited(seed), await audited(seed)];
      expect(other.journal.lines.join("\n")).toBe(one.journal.lines.join("\n"));
      expect(other.events).toEqual(one.events);
    }
  });
});
