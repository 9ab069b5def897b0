// The three charts and the policy table are visited whole: every state, every transition, every failure code, every entry
// that can be applied. What is not must stand in `except`, with its reason.
import { describe, expect, it } from "vitest";
import { createActor, createMachine } from "xstate";
import type { AnyStateMachine, InputFrom, InspectionEvent } from "xstate";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { createConversation } from "../../src/machines/conversation.ts";
import type { ConversationMachine } from "../../src/machines/conversation.ts";
import type { ConversationInput } from "../../src/machines/conversation-state.ts";
import { createMachines, createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { MachineOptions } from "../../src/machines/create-orchestrator.ts";
import type { WorkerMachine } from "../../src/machines/worker.ts";
import { CoverageCounter, mergeCoverage } from "../../src/testing/coverage/coverage.ts";
import type { Coverage } from "../../src/testing/coverage/coverage.ts";
import { coverageOf } from "../../src/testing/coverage/coverage-of.ts";
import { coverageTable } from "../../src/testing/coverage/coverage-table.ts";
import { policyRowsOf } from "../../src/testing/coverage/policy-rows.ts";
import type { SimulatedCase } from "../../src/testing/simulate/case.ts";
import { simulateRuns } from "../../src/testing/simulate/simulate-runs.ts";
import type { SimulateRunsOptions } from "../../src/testing/simulate/simulate-runs.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { attemptInput, runInput, talkInput } from "../support/cast.ts";
import { covering, coveringCases, directCase, fallbackCase, picky, strangerCase } from "../support/coverage-cases.ts";
import { Hands } from "../support/hands.ts";
import { planOf } from "../support/plans.ts";
import { decodeCount } from "../support/talk-by-hand.ts";

const { orchestrator, worker, conversation } = createMachines({ workers: covering });
const machines = [orchestrator, worker, conversation];

/** Every effect takes as long as the other: what comes when is decided by the case alone. */
const latency = { "*": { medianMs: 100, spread: 0 } };

async function play(options: Omit<SimulateRunsOptions, "workers">, workers = covering): Promise<Coverage> {
  const { coverage, violations } = await simulateRuns({ latency, repeatEvery: 0, coverage: "machines", ...options, workers });
  expect(violations.map(({ invariant, message, script }) => `${invariant}: ${message}\n${script}`)).toEqual([]);
  return coverage;
}

/** A worker that the plan is checked with, and the orchestrator does not have. */
const stranger = defineWorker({ name: "stranger", description: "does nothing", perform: () => "" });
const withoutStrangers = (options: MachineOptions) => createOrchestrator({ ...options, workers: covering });

/** A chart that breaks when it is started with an input like this. */
const breaking = (isBad: (input: { readonly id: string }) => boolean): unknown =>
  createMachine({
    id: "broken",
    context: ({ input }: { input: { readonly id: string } }) => {
      if (isBad(input)) throw new Error("a mistake in a machine");
      return {};
    },
  });

/** Children that break, which none of ours does: each is an error that the run hears. */
async function withBrokenChildren(): Promise<Coverage> {
  const broken = breaking(() => true);
  const giveUp = [{ afterMs: 5_000, event: { type: "run.cancel" as const } }];
  const caseOf = (more: Partial<SimulatedCase>): SimulatedCase => ({
    seed: 1,
    mode: "orchestrate",
    plan: planOf({ a: {} }),
    options: {},
    commands: giveUp,
    world: { script: {} },
    ...more,
  });
  const tooLong = { answer: { fail: "PromptTooLong" } } as const;
  const cut = { script: { "modelTurn t1#1/turn/1.0": tooLong, "modelTurn t1#2/turn/1.0": tooLong } };
  return mergeCoverage(
    await play({
      cases: [caseOf({ plan: null, mode: "auto" }), caseOf({}), caseOf({ world: cut })],
      machine: (options) =>
        createMachines(options).orchestrator.provide({
          actors: { conversation: broken as ConversationMachine },
        }),
    }),
    await play({
      cases: [caseOf({})],
      machine: (options) => createMachines(options).orchestrator.provide({ actors: { worker: broken as WorkerMachine } }),
    }),
    await play({
      cases: [caseOf({})],
      machine: (options) => {
        const made = createMachines(options);
        const child = made.worker.provide({ actors: { conversation: broken as ConversationMachine } });
        return made.orchestrator.provide({ actors: { worker: child } });
      },
    }),
  );
}

/** What no simulated world does: timers that break, functions that tell how far they are, errors of children long gone. */
function byHand(): Coverage {
  const counter = new CoverageCounter();
  const start = <M extends AnyStateMachine>(machine: M, input: InputFrom<M>) => {
    const actor = createActor(machine, { input, inspect: (event: InspectionEvent) => counter.inspect(event) });
    actor.start();
    return actor;
  };
  const hands = new Hands();
  const talkOn = (input: ConversationInput) =>
    start(createConversation(hands.actors, { policy: DEFAULT_POLICY, decode: decodeCount }), input);
  const gone = { type: "xstate.error.actor.gone", actorId: "gone", error: new Error("long gone") };

  const talk = talkOn(talkInput());
  hands.answer("t1#1", { fail: "Overloaded" });
  hands.breakOff("sleepUntil", "t1#1/turn/1.1/wait");
  talk.send(gone as never);
  expect(talk.getSnapshot().value).toBe("thinking");
  expect(talkOn(talkInput({ id: "t2#1", allowanceUsd: 0 })).getSnapshot().value).toBe("failed");

  const input = attemptInput("sum", { id: "t3#1", hasWorkspace: false });
  const attempt = start(createMachines({ workers: covering, ports: hands.ports }).worker, input);
  attempt.send({ type: "effect.part", id: "perform", value: "half", at: 2_000 } as never);
  attempt.send(gone as never);
  expect(attempt.getSnapshot().value).toEqual({ working: "performing" });

  const others = new Hands();
  const run = start(
    createMachines({ workers: covering, ports: others.ports }).orchestrator,
    runInput({ plan: planOf({ a: {} }) }),
  );
  others.settle();
  others.fail("t1#1", "HistoryBroken");
  others.breakOff("sleepUntil", "wake/t1#1");
  run.send(gone as never);
  run.send({ type: "run.pause", at: 3_000 });
  run.send({ type: "run.resume", at: 3_001 });
  others.answer("t1#2", "done");
  others.answer("synthesis", "all done");
  expect(run.getSnapshot().value).toBe("done");
  return counter.counts;
}

describe("the shipped machines", () => {
  it("are visited whole: states, transitions, failure codes and policy rows", async () => {
    const coverage = mergeCoverage(
      await play({ cases: coveringCases }),
      await play({ cases: [fallbackCase], policy: { planFallback: true } }),
      await play({ cases: [directCase] }, picky),
      await play({ cases: [strangerCase], machine: withoutStrangers }, [...covering, stranger]),
      await withBrokenChildren(),
      byHand(),
    );
    const report = coverageOf({ coverage, machines });
    expect(coverageTable(report, { onlyMissing: true })).toBe("");
    expect(report.stale).toEqual([]);
    expect([report.codes.total, report.rows.total, report.states.total]).toEqual([42, 134, 57]);
    expect(report.transitions.total).toBeGreaterThan(180);
    // The rule that leaves entries out is right: none of them was applied.
    const applicable = new Set(policyRowsOf(DEFAULT_POLICY).rows);
    expect(Object.keys(coverage.rows).filter((row) => !applicable.has(row))).toEqual([]);
  });
});
