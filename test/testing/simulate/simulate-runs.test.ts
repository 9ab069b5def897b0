// What simulateRuns is for: a mistake in a policy, a worker or a machine is found, and told in a few lines.
import { describe, expect, it } from "vitest";
import { resolveBudget } from "../../../src/protocol/budget.ts";
import { createMachine } from "xstate";
import {
  always,
  atEnd,
  invariants,
  type SimulatedCase,
  simulateRuns,
  type SimulateRunsOptions,
  throughout,
  type Violation,
} from "quatrain/testing";
import { createOrchestrator } from "quatrain/machines";
import { defineWorker } from "quatrain/workers";
import type { DelegateLogic } from "../../../src/workers/define-worker.ts";
import { planOf } from "../../support/plans.ts";

const writer = defineWorker({ name: "writer", description: "writes", instructions: "write" });
const adder = defineWorker({ name: "adder", description: "adds", perform: () => "3" });
const workers = [writer, adder];
const two = planOf({ a: { worker: "writer" }, b: { worker: "adder", needs: ["a"] } });
const kind = { turns: 0, steps: 0 };

const first = async (options: Omit<SimulateRunsOptions, "workers">): Promise<Violation> => {
  const { violations } = await simulateRuns({ workers, repeatEvery: 0, ...options });
  const [violation] = violations;
  if (!violation) throw new Error("Nothing was found.");
  return violation;
};

const calm = (more: Partial<SimulatedCase> = {}): SimulatedCase => ({
  seed: 1,
  mode: "orchestrate",
  plan: two,
  options: {},
  commands: [],
  world: { script: {} },
  ...more,
});

describe("simulateRuns", () => {
  it("finds nothing where nothing is wrong, and says what it did", async () => {
    const report = await simulateRuns({ workers, runs: 60, seed: 500 });
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ runs: 60, repeated: 3 });
    expect(Object.values(report.outcomes).reduce((sum, count) => sum + count, 0)).toBe(60);
    expect(report.coverage.events["run.finished"]).toBe(60);
    expect(report.coverage.states["phase dispatching"]).toBeGreaterThan(10);
  });

  it("gives the same report for the same options, and another one for another seed", async () => {
    const play = (seed: number) => simulateRuns({ workers, runs: 25, seed });
    expect(await play(7)).toEqual(await play(7));
    expect((await play(8)).coverage).not.toEqual((await play(7)).coverage);
  });

  it("finds a policy that tries too often, and tells it with one task and its failures", async () => {
    const threeAttempts = atEnd("threeAttempts", ({ output }) => {
      const often = output?.tasks.find(({ attempts }) => attempts > 3);
      return often && `${often.id} was tried ${often.attempts} times`;
    });
    const violation = await first({
      seed: 105,
      runs: 10,
      policy: { attempts: 5 },
      commands: 0,
      options: { asks: "wait" },
      faults: { turns: 0.9, steps: 0.5 },
      invariants: [threeAttempts],
    });
    expect(violation.message).toBe("t1 was tried 4 times");
    expect(violation.case.plan?.tasks.length).toBe(1);
    expect(violation.case.commands).toEqual([]);
    expect(violation.script.split("\n").length).toBeLessThan(30);
    expect(violation.script).toContain("t1 starts, attempt 4");
  });

  it("lets impatient people act the moment they hear of something, and of nothing else", async () => {
    const heard: string[][] = [];
    const retry = { type: "task.retry", task: "t1" } as const;
    await simulateRuns({
      workers,
      repeatEvery: 0,
      cases: [
        calm({ prompts: [{ after: "task.finished", event: retry }] }),
        calm({ prompts: [{ after: "task.finished", task: "t2", event: retry }] }),
        calm({ prompts: [{ after: "task.started", nth: 3, event: retry }] }),
      ],
      onRun: ({ events }) => {
        const told = events.filter(({ type }) => /^task\.(started|finished|invalidated)$/.test(type));
        heard.push(told.map((event) => `${event.type.slice(5)} ${"task" in event ? event.task : ""}`));
      },
    });
    const [whole, again] = [
      ["started t1", "finished t1", "started t2", "finished t2"],
      ["invalidated t1", "invalidated t2"],
    ];
    expect(heard[0]).toEqual(["started t1", "finished t1", "started t2", ...again, ...whole]);
    // The answer is being written by then: a dead letter.
    expect(heard[1]).toEqual(whole);
    expect(heard[2]).toEqual(whole);
  });

  it("makes impatience as small as it can, and says it in words", async () => {
    const never = atEnd("neverRedone", ({ events }) => events.find(({ type }) => type === "task.invalidated")?.type);
    const retry = { after: "task.finished", task: "t2", event: { type: "task.retry", task: "t2" } } as const;
    const hurry = { after: "phase.entered", event: { type: "run.tell", text: "hurry" } } as const;
    const three = planOf({ z: { worker: "writer" }, a: { worker: "writer" }, b: { worker: "adder", needs: ["a"] } });
    const impatient = calm({ plan: three, prompts: [hurry, retry, hurry] });
    const violation = await first({ cases: [impatient], invariants: [never] });
    // One task alone would be the last one: nothing is done again then. So there are two, and the command follows its task.
    expect(violation.case.plan?.tasks).toHaveLength(2);
    expect(violation.case.prompts).toHaveLength(1);
    const [left] = violation.case.prompts ?? [];
    expect(left?.event).toEqual({ type: "task.retry", task: left?.task });
    expect(violation.script).toContain(`task.finished ${left?.task}: task.retry {"task":"${left?.task}"}`);
  });

  it("plays a witness again from its case alone", async () => {
    const noLoss = atEnd("noLoss", ({ output }) => (output?.outcome === "complete" ? undefined : `it is ${output?.outcome}`));
    const options = { workers, invariants: [noLoss], repeatEvery: 0 };
    const { violations } = await simulateRuns({ ...options, runs: 40 });
    const [witness] = violations;
    const again = await simulateRuns({ ...options, cases: [JSON.parse(JSON.stringify(witness?.case)) as SimulatedCase] });
    expect(again.violations.map(({ message }) => message)).toEqual([witness?.message]);
  });

  it("finds a machine that starts nothing", async () => {
    const violation = await first({
      runs: 20,
      tasks: [4, 8],
      commands: 0,
      faults: kind,
      machine: (options) => createOrchestrator(options).provide({ guards: { mayDispatch: () => false } }),
    });
    expect(violation.invariant).toBe("everyWaitHasAWakeUp");
    expect(violation.case.plan?.tasks.length).toBe(1);
  });

  it("finds a run that differs when it is played again", async () => {
    let runs = 0;
    const { violations } = await simulateRuns({
      workers,
      plan: two,
      runs: 1,
      faults: kind,
      commands: 0,
      // A world that remembers: what W1 forbids.
      world: ({ effect }) => (effect === "performWork" ? { output: `result ${++runs}` } : undefined),
    });
    expect(violations.map(({ invariant }) => invariant)).toEqual(["sameSeedSameJournal"]);
    expect(violations[0]?.message).toContain("result ");
  });

  it("runs a user's machine as it is: the one that never ends is timed out", async () => {
    const idle = createMachine({ id: "idle", initial: "idling", states: { idling: {} } }) as unknown as DelegateLogic;
    const lazy = defineWorker({ name: "lazy", description: "idles", machine: idle });
    const plan = planOf({ a: { worker: "lazy" } });
    const { violations, coverage } = await simulateRuns({ workers: [lazy], plan, runs: 1, commands: 0, faults: kind });
    expect(violations).toEqual([]);
    expect(coverage.failures["WorkerTimeout"]).toBeGreaterThan(0);
  });

  it("lets a world of one's own answer first", async () => {
    const { outcomes, coverage } = await simulateRuns({
      workers,
      plan: two,
      runs: 5,
      commands: 0,
      faults: kind,
      options: { budget: resolveBudget(), review: false, asks: "deny" },
      world: ({ key }) => (key === "t2#1/perform" ? { fail: "WorkspaceFailed" } : {}),
    });
    expect(outcomes).toEqual({ complete: 5 });
    expect(coverage.events["task.retrying"]).toBe(5);
  });

  it("takes as long as a worker's latency says", async () => {
    const durations = async (medianMs: number) => {
      const seen: number[] = [];
      await simulateRuns({
        workers,
        cases: [calm()],
        latency: { writer: { medianMs, spread: 0 }, "*": { medianMs: 10, spread: 0 } },
        onRun: ({ output }) => seen.push(output?.tasks[0]?.durationMs ?? 0),
      });
      return seen[0] ?? 0;
    };
    const [fast, slow] = [await durations(100), await durations(1_000)];
    expect(slow - fast).toBeGreaterThanOrEqual(900);
  });

  it("keeps a report that comes late out of the attempt that runs", async () => {
    const script = { "modelTurn t1#1/turn/1.0": { answer: "GAVE UP: no idea" }, "lateReport t1#1": { late: true } };
    const late: string[] = [];
    const { violations } = await simulateRuns({
      workers,
      cases: [calm({ world: { script } })],
      onRun: ({ events }) => late.push(...events.flatMap((event) => (event.type === "letter.dropped" ? [event.from] : []))),
    });
    expect(violations).toEqual([]);
    expect(late).toEqual(["worker:t1#1"]);
  });
});

describe("invariants", () => {
  it("have names that are those of the list", () => {
    expect(Object.values(invariants).map(({ name }) => name)).toEqual(Object.keys(invariants));
  });

  it("see every snapshot, every event and the end, and remember one run only", async () => {
    const counted: number[][] = [];
    const counting = throughout("counting", () => {
      let [snapshots, events] = [0, 0];
      return {
        snapshot: () => {
          snapshots++;
          return undefined;
        },
        event: () => {
          events++;
          return undefined;
        },
        end: ({ events: all }) => {
          counted.push([Math.min(snapshots, 1), events - all.length]);
          return undefined;
        },
      };
    });
    await simulateRuns({ workers, cases: [calm(), calm({ seed: 2 })], invariants: [counting], repeatEvery: 0 });
    expect(counted).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it("that throw are told like those that are broken, and break no run", async () => {
    const clumsy = always("clumsy", () => {
      throw new Error("oops");
    });
    const { violations, outcomes } = await simulateRuns({ workers, cases: [calm()], invariants: [clumsy], shrinkTries: 0 });
    expect(violations.map(({ message }) => message)).toEqual(["the invariant threw: oops"]);
    expect(outcomes).toEqual({ complete: 1 });
  });
});
