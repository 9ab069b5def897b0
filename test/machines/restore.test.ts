// A run can be persisted in every state, without a host, and taken up again: it comes to the same end.
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import type { Snapshot } from "xstate";
import { simulatedHost } from "../../src/host/simulated.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { RunOutput } from "../../src/machines/run-events.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { simulatedPorts } from "../../src/testing/simulated-ports.ts";
import { runInput, workers } from "../support/cast.ts";
import { Player } from "../support/player.ts";
import { plays } from "../support/plays.ts";
import { diamond } from "../support/plans.ts";

const MOST_STEPS = 400;

/** What must be the same, however often a run is interrupted: times and money of turns paid twice are not. */
const essence = (output: RunOutput | undefined) => ({
  outcome: output?.outcome,
  failure: output?.failure?.code,
  tasks: output?.tasks.map(({ id, status, attempts, output: made }) => ({ id, status, attempts, made })),
});

function playOn(player: Player): RunOutput | undefined {
  for (let steps = 0; steps < MOST_STEPS && player.step(); steps++);
  return player.actor.getSnapshot().output;
}

describe("restored from any of its states", () => {
  it.each(plays)("$name: the run comes to the same end", (play) => {
    const undisturbed = essence(playOn(new Player(play)));
    expect(undisturbed.outcome).toBeDefined();
    const player = new Player(play);
    const states = new Set<string>();
    do {
      const { state } = player;
      if (states.has(state)) continue;
      states.add(state);
      const restored = new Player(play, player.persist(), player.sent);
      expect(restored.state).toBe(state);
      restored.hands.now = player.hands.now;
      expect({ state, ...essence(playOn(restored)) }).toEqual({ state, ...undisturbed });
    } while (player.step());
  });

  it("a run of the simulated host goes on without any host", async () => {
    const ports = simulatedPorts({
      model: ({ key, request }) => scriptedOutcome(key.startsWith("synthesis") ? "all is done" : `${key} is done`, request),
    });
    const machine = createOrchestrator({ workers, ports });
    const saved: string[] = [];
    const choose = () => {
      saved.push(JSON.stringify(actor.getPersistedSnapshot()));
      return 0;
    };
    const host = simulatedHost({ seed: 3, choose });
    const actor = createActor(machine, host.attach({ input: runInput({ plan: diamond }) }));
    actor.start();
    expect(await host.run()).toEqual({ kind: "done" });
    const undisturbed = essence(actor.getSnapshot().output);
    expect(saved.length).toBeGreaterThan(8);
    for (const text of saved) expect(essence(await finish(text, machine))).toEqual(undisturbed);
  });
});

/** Restores a run with effects that are performed again, and waits for its end. */
function finish(text: string, machine: ReturnType<typeof createOrchestrator>): Promise<RunOutput | undefined> {
  const actor = createActor(machine, { input: runInput(), snapshot: JSON.parse(text) as Snapshot<unknown> });
  return new Promise((resolve, reject) => {
    actor.subscribe({ complete: () => resolve(actor.getSnapshot().output), error: reject });
    actor.start();
  });
}
