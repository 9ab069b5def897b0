// What takes its process down again and again is given up, and attempts are counted however often a run is taken up.
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { MOST_CRASHES } from "../../src/actors/poisoned.ts";
import { performWork } from "../../src/actors/perform-work.ts";
import type { CrashPoint } from "../../src/host/crash.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";
import type { MemoryJournal } from "../../src/host/memory-journal.ts";
import { simulatedHost } from "../../src/host/simulated.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { simulatedPorts } from "../../src/testing/simulated-ports.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { noWorkspace } from "../../src/workspace/no-workspace.ts";
import { runInput, workers } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";

const answer = (key: string) => (key.startsWith("t") ? "GAVE UP: no idea" : "all is done");
const ports = simulatedPorts({ model: ({ key, request }) => scriptedOutcome(answer(key), request) });

/** Runs to the end or to a crash; who is asked says no. */
async function play(
  machine: OrchestratorMachine,
  input: RunInput,
  more: { readonly journal: MemoryJournal; readonly crash: (point: CrashPoint) => boolean },
) {
  const host = simulatedHost({ seed: 1, ...more });
  const actor = createActor(machine, host.attach({ input }));
  const events: RunEvent[] = [];
  actor.on("*", (event) => events.push(event));
  actor.start();
  let end = await host.run();
  const [ask] = actor.getSnapshot().context.asks;
  if (end.kind === "stalled" && ask) {
    host.send({ type: "ask.answer", ask: ask.id, decision: "reject" });
    end = await host.run();
  }
  return { end, events, output: actor.getSnapshot().output };
}

/** Runs until a process does not crash; the process ends whenever the result of `key` is about to be recorded, `times` times. */
async function crashing(times: number, shape: { readonly optional: boolean; readonly asks: "deny" | "wait" }) {
  let performed = 0;
  const bomb = defineWorker({ name: "bomb", description: "goes off", perform: () => `gone off ${(performed += 1)} times` });
  const cast = [bomb, ...workers];
  const actors = { ...ports.actors, performWork: performWork({ runId: "r-1", workers: cast, workspace: noWorkspace() }) };
  const machine = createOrchestrator({ workers: cast, ports: { ...ports, actors } });
  const plan = planOf({ a: { worker: "bomb", optional: shape.optional }, b: { worker: "sum" } });
  const input = runInput({ plan, options: { asks: shape.asks } });
  const journal = memoryJournal();
  let crashes = 0;
  const crash = ({ when, rows }: CrashPoint): boolean => {
    const goesOff =
      when === "before" && crashes < times && rows.some(({ kind, key }) => kind === "result" && key === "t1#1/perform");
    if (goesOff) crashes += 1;
    return goesOff;
  };
  let run: Awaited<ReturnType<typeof play>>;
  do run = await play(machine, input, { journal, crash });
  while (run.end.kind === "crashed");
  return { run, performed, crashes };
}

describe("work that was going on at every crash", () => {
  it("is done again a few times, and then no more: its task fails and says why", async () => {
    const { run, performed, crashes } = await crashing(MOST_CRASHES, { optional: false, asks: "deny" });
    expect({ performed, crashes }).toEqual({ performed: 3, crashes: 3 });
    expect(run.output).toMatchObject({
      outcome: "partial",
      tasks: [
        { status: "failed", attempts: 1, failure: { code: "Poisoned", message: expect.stringContaining("3 times") } },
        { status: "finished" },
      ],
    });
  });

  it("is done where it goes well once more in time", async () => {
    const { run, performed } = await crashing(MOST_CRASHES - 1, { optional: false, asks: "deny" });
    expect(performed).toBe(3);
    expect(run.output).toMatchObject({ outcome: "complete", tasks: [{ status: "finished", attempts: 1 }, {}] });
  });

  it("is skipped where its task is optional, and put to a person where one is there", async () => {
    expect((await crashing(3, { optional: true, asks: "deny" })).run.output).toMatchObject({
      outcome: "complete",
      tasks: [{ status: "skipped", failure: { code: "Poisoned" } }, {}],
    });
    const { run } = await crashing(3, { optional: false, asks: "wait" });
    expect(run.events.filter(({ type }) => type === "ask.opened")).toMatchObject([
      { ask: { kind: "escalation", detail: { code: "Poisoned" } } },
    ]);
  });
});

describe("attempts", () => {
  it("are counted over all resumes, wherever the run stopped", async () => {
    const machine = createOrchestrator({ workers, ports });
    const input = runInput({ plan: planOf({ a: {} }) });
    for (let [stopAt, crashed] = [0, true]; crashed; stopAt++) {
      const journal = memoryJournal();
      const crash = ({ append, when }: CrashPoint): boolean => append * 2 + (when === "after" ? 1 : 0) === stopAt;
      crashed = (await play(machine, input, { journal, crash })).end.kind === "crashed";
      const { output } = await play(machine, input, { journal, crash: () => false });
      expect({ stopAt, tasks: output?.tasks }).toMatchObject({
        stopAt,
        tasks: [
          {
            status: "failed",
            attempts: 2,
            history: [
              { attempt: 1, code: "WorkerGaveUp", message: "no idea", changes: ["told what failed before"] },
              { attempt: 2, code: "WorkerGaveUp", message: "no idea", changes: [] },
            ],
          },
        ],
      });
    }
  });
});
