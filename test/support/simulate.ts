// Whole runs on the simulated host, driven to their end: a run that waits for a person is given one.
import { createActor } from "xstate";
import type { SnapshotFrom } from "xstate";
import { randomFrom } from "../../src/core/random.ts";
import type { CrashPoint } from "../../src/host/crash.ts";
import { memoryJournal } from "../../src/host/memory-journal.ts";
import type { MemoryJournal } from "../../src/host/memory-journal.ts";
import { simulatedHost } from "../../src/host/simulated.ts";
import type { SimulatedEnd } from "../../src/host/simulated.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import type { RunOutput } from "../../src/machines/run-events.ts";
import type { Command } from "../../src/protocol/command.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";

/** A snapshot of the orchestrator. */
export type RunSnapshot = SnapshotFrom<OrchestratorMachine>;

/** A command and how long after the start it comes, in virtual ms. */
export interface TimedCommand {
  readonly afterMs: number;
  readonly event: Command;
}

/** One simulated run. */
export interface Simulation {
  readonly input: RunInput;
  readonly machine: OrchestratorMachine;
  readonly seed: number;
  readonly commands?: readonly TimedCommand[];
  readonly journal?: MemoryJournal;
  readonly crash?: (point: CrashPoint) => boolean;
  /** Looks at every snapshot of the root. */
  readonly watch?: (snapshot: RunSnapshot) => void;
  /** Looks at every event the moment it is emitted. */
  readonly onEvent?: (event: RunEvent) => void;
  /** What a person asks for the moment an event is emitted. */
  readonly react?: (event: RunEvent) => Command | undefined;
}

/** How it went. `end` is `stalled` where nobody could have helped. */
export interface SimulatedRun {
  readonly end: SimulatedEnd;
  readonly output: RunOutput | undefined;
  readonly snapshot: RunSnapshot;
  readonly events: readonly RunEvent[];
  readonly journal: MemoryJournal;
}

/** Most times a person helps a run along. */
const MOST_HELP = 300;
const START = Date.UTC(2026, 0);

/** Runs to the end, from the virtual start of time on, a crash, or a stall that no person could mend. The same simulation gives the same run. */
export async function simulate(simulation: Simulation): Promise<SimulatedRun> {
  const { input, machine, seed, commands = [], journal = memoryJournal(), crash, watch, onEvent, react } = simulation;
  const host = simulatedHost({ seed, journal, startAt: START, ...(crash && { crash }) });
  const actor = createActor(machine, host.attach({ input: { ...input, at: START } }));
  const events: RunEvent[] = [];
  actor.on("*", (event) => {
    events.push(event);
    onEvent?.(event);
    const command = react?.(event);
    if (command) host.send(command, { id: `react-${events.length}` });
  });
  if (watch) actor.subscribe({ next: watch, error: () => undefined });
  actor.start();
  for (const [at, { afterMs, event }] of commands.entries()) host.send(event, { id: `c${at}`, at: START + afterMs });
  let end = await host.run();
  for (let round = 0; end.kind === "stalled" && round < MOST_HELP; round++) {
    const help = helpFor(actor.getSnapshot(), randomFrom(seed + round));
    if (!help) break;
    host.send(help, { id: `help-${seed}-${host.seq}` });
    end = await host.run();
  }
  const snapshot = actor.getSnapshot();
  return { end, output: snapshot.output, snapshot, events, journal };
}

/** What a person does when a run waits for one: answers its question, or lets it go on. */
function helpFor(snapshot: RunSnapshot, random: () => number): Command | undefined {
  const [ask] = snapshot.context.asks;
  if (ask) return { type: "ask.answer", ask: ask.id, decision: random() < 0.6 ? "approve" : "reject" };
  return snapshot.hasTag("hold") ? { type: "run.resume" } : undefined;
}
