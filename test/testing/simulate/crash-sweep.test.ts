// What crashSweep is for: a worker or a machine that does not survive a crash is found, with the moment of the crash.
import { fromPromise, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { effect } from "quatrain/host";
import { crashSweep, type SimulatedCase } from "quatrain/testing";
import { createOrchestrator } from "quatrain/machines";
import { defineWorker } from "quatrain/workers";
import type { DelegateLogic } from "../../../src/workers/define-worker.ts";
import { planOf } from "../../support/plans.ts";

const writer = defineWorker({ name: "writer", description: "writes", instructions: "write" });

/** A machine worker with one effect. */
function machineWith(perform: () => string, kind: "idempotent" | "once") {
  const work = effect("work", { class: kind }, perform);
  const machine = setup({
    types: { context: {} as { id: string; made: string }, input: {} as { id: string } },
    actors: { work },
  }).createMachine({
    id: "own",
    context: ({ input }) => ({ id: input.id, made: "" }),
    initial: "working",
    states: {
      working: {
        invoke: {
          id: "work",
          src: "work",
          input: ({ context }) => ({ key: `${context.id}/work` }),
          onDone: { target: "finished", actions: ({ context, event }) => void (context.made = event.output.value) },
          onError: { target: "finished", actions: ({ context }) => void (context.made = "unknown") },
        },
      },
      finished: { type: "final" },
    },
    output: ({ context }) => ({ ok: true, output: context.made }),
  });
  return defineWorker({ name: "own", description: "own", machine: machine as unknown as DelegateLogic });
}

const caseOf = (plan: SimulatedCase["plan"]): SimulatedCase => ({
  seed: 1,
  mode: "orchestrate",
  plan,
  options: {},
  commands: [],
  world: { script: {} },
});
const own = planOf({ a: { worker: "own" } });

describe("crashSweep", () => {
  it("stops at every moment of all kinds", async () => {
    const report = await crashSweep({ workers: [writer], cases: [caseOf(planOf({ a: { worker: "writer" } }))] });
    expect(report).toMatchObject({ cases: 1, violations: [] });
    expect(report.moments.beforeCommit).toBe(report.moments.afterCommit);
    expect(report.moments.beforeResult).toBeGreaterThan(1);
    expect(report.stops).toBe(report.moments.beforeCommit * 2 + report.moments.beforeResult);
  });

  it("finds a worker whose effect gives something else the second time", async () => {
    let times = 0;
    const moody = machineWith(() => `made ${++times}`, "idempotent");
    const { violations } = await crashSweep({ workers: [moody], cases: [caseOf(own)] });
    expect(violations[0]).toMatchObject({ invariant: "sameResult", seed: 1 });
    expect(violations[0]?.script).toContain("taken up again");
  });

  it("shows that what may only run once is not run again: the worker has to live with not knowing", async () => {
    let times = 0;
    const careful = machineWith(() => `made ${++times > 0 ? "it" : ""}`, "once");
    const report = await crashSweep({ workers: [careful], cases: [caseOf(own)] });
    // Three moments lie between the beginning of the effect and its result: each leaves the output unknown.
    expect(report.violations.map(({ invariant }) => invariant)).toEqual(["sameResult"]);
    expect(report.violations[0]?.message).toContain("unknown");
    expect(times).toBeLessThan(report.stops + 2);
    const alike = await crashSweep({ workers: [careful], cases: [caseOf(own)], result: ({ outcome }) => outcome });
    expect(alike.violations).toEqual([]);
  });

  it("tells of a run that breaks without any stop: with no moments to stop at it would look like success", async () => {
    const foreign = defineWorker({
      name: "own",
      description: "does its work behind the host's back",
      machine: setup({ actors: { work: fromPromise(() => Promise.resolve("made")) } }).createMachine({
        id: "own",
        initial: "working",
        states: { working: { invoke: { id: "work", src: "work", onDone: "over" } }, over: { type: "final" } },
        output: { ok: true, output: "made" },
      }),
    });
    const { violations } = await crashSweep({ workers: [foreign], cases: [caseOf(own)] });
    const broken = violations.find(({ stop }) => stop === -1);
    expect(broken).toMatchObject({ invariant: "everyRunEnds", moment: "never" });
    expect(broken?.message).toContain("asynchronous work that is not journaled");
    expect(broken?.script).toMatch(/^without a stop\n/);
  });

  it("finds a machine that decides by something outside of it", async () => {
    let asked = 0;
    const { violations } = await crashSweep({
      workers: [writer],
      cases: [caseOf(planOf({ a: { worker: "writer" }, b: { worker: "writer" } }))],
      machine: (options) =>
        createOrchestrator(options).provide({ guards: { mayDispatch: ({ context }) => ++asked > 40 && context.queue !== null } }),
    });
    expect(violations.length).toBeGreaterThan(0);
  });
});
