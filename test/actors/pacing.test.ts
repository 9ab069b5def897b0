// One limiter and one breaker for all workers of a run, on virtual time: whole runs over the real turn effect.
import { of } from "rxjs";
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { modelTurn } from "../../src/actors/model-turn.ts";
import { simulatedHost } from "../../src/host/simulated.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import { createGovernor, laneOf, signalOf } from "../../src/model/governor.ts";
import type { ModelPort } from "../../src/model/port.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { simulatedPorts } from "../../src/testing/simulated-ports.ts";
import { runInput, workers } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";

/** Six tasks that may run at once; the model answers by the number of the call, from 0. */
async function run(answerOf: (call: number) => ScriptedAnswer) {
  const calls: { readonly at: number; readonly conversation: string }[] = [];
  const governor = createGovernor();
  const host = simulatedHost({ seed: 5, latency: () => 100 });
  const model: ModelPort = {
    turn: (request) => {
      const outcome = scriptedOutcome(answerOf(calls.length), request);
      calls.push({ at: host.clock.now(), conversation: request.conversation });
      const signal = signalOf(outcome);
      if (signal) governor.learned(laneOf(request.parameters.choice), signal);
      return of({ kind: "outcome" as const, outcome });
    },
  };
  const { actors, tools } = simulatedPorts({ model });
  const machine = createOrchestrator({
    workers,
    ports: { tools, actors: { ...actors, modelTurn: modelTurn({ model, governor }) } },
  });
  const plan = planOf(Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((label) => [label, {}])));
  const input = runInput({ plan, options: { concurrency: 6, synthesis: false } });
  const actor = createActor(machine, host.attach({ input })).start();
  expect(await host.run()).toEqual({ kind: "done" });
  return { calls, output: actor.getSnapshot().output };
}

describe("workers of one run", () => {
  it("all stand still once five calls in a row found the model overloaded, whoever made them", async () => {
    const { calls, output } = await run((call) => (call < 6 ? { fail: "Overloaded" } : "done"));
    expect(output?.outcome).toBe("complete");
    const fifth = calls[4]?.at ?? 0;
    expect(new Set(calls.slice(0, 5).map(({ conversation }) => conversation)).size).toBeGreaterThan(3);
    // The six began together; the breaker opened with the fifth answer.
    const [next = 0] = calls.slice(6).map(({ at }) => at - fifth);
    expect(next).toBeGreaterThanOrEqual(30_000);
  });

  it("are all slowed by the first that meets a limit", async () => {
    const { calls, output } = await run((call) => (call === 0 ? { fail: "RateLimited", retryAfterMs: 20_000 } : "done"));
    expect(output?.outcome).toBe("complete");
    const [limited = 0, ...others] = calls.map(({ at }) => at);
    expect(others.filter((at) => at > limited && at < limited + 20_000)).toEqual([]);
    expect(others.length).toBeGreaterThanOrEqual(6);
  });
});
