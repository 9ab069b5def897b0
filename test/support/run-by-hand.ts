// A run in a test's own hands: the real three machines, every effect settled by the test.
import { createActor } from "xstate";
import type { Actor } from "xstate";
import type { Policy } from "../../src/core/policy.ts";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import type { RunOutput } from "../../src/machines/run-events.ts";
import type { Command } from "../../src/protocol/command.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { runInput, workers } from "./cast.ts";
import type { RunShape } from "./cast.ts";
import { Hands } from "./hands.ts";

/** A run that only moves when the test says so. */
export class RunByHand {
  readonly hands = new Hands();
  readonly events: RunEvent[] = [];
  readonly actor: Actor<OrchestratorMachine>;
  error: unknown;

  /** `prepare` may change which effects settle at once before the run starts. */
  constructor(
    shape: RunShape = {},
    options: { readonly policy?: Partial<Policy>; readonly prepare?: (hands: Hands) => void } = {},
  ) {
    const { policy, prepare } = options;
    const machines = createMachines({ workers, ports: this.hands.ports, ...(policy && { policy }) });
    this.actor = createActor(machines.orchestrator, { id: "run", input: runInput(shape) });
    this.actor.on("*", (event) => {
      this.events.push(event);
    });
    this.actor.subscribe({
      error: (error) => {
        this.error = error;
      },
    });
    prepare?.(this.hands);
    this.actor.start();
    this.hands.settle();
  }

  get context(): RunContext {
    return this.actor.getSnapshot().context;
  }

  /** The phase or end the run is in, such as `dispatching`. */
  get phase(): string {
    const { value } = this.actor.getSnapshot() as { value: unknown };
    if (typeof value === "string") return value;
    const { phase } = (value as { active: { phase: string | Record<string, unknown> } }).active;
    return typeof phase === "string" ? phase : Object.keys(phase).join();
  }

  /** `running`, `paused` or `suspended`; "" at the end. */
  get activity(): string {
    const { value } = this.actor.getSnapshot() as { value: unknown };
    return typeof value === "string" ? "" : (value as { active: { activity: string } }).active.activity;
  }

  /** Statuses of the tasks in plan order, such as `finished running waiting`. */
  get statuses(): string {
    return (this.context.queue?.tasks ?? []).map(({ status }) => status).join(" ");
  }

  /** Ids of the worker actors that are alive. */
  get workers(): readonly string[] {
    return Object.keys(this.actor.getSnapshot().children).filter((id) => id.startsWith("worker:"));
  }

  /** The output of a run that has ended. */
  get output(): RunOutput {
    const { output } = this.actor.getSnapshot();
    if (!output) throw new Error(`The run is not over: ${this.phase}, ${this.statuses}.`);
    return output;
  }

  /** The events of a type. */
  all<T extends RunEvent["type"]>(type: T): readonly Extract<RunEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
  }

  /** What went into the dead letters. */
  get letters(): readonly string[] {
    return this.all("letter.dropped").map(({ from, what, reason }) => `${from}: ${what} (${reason})`);
  }

  /** A command of a person or app. */
  command(command: Command): void {
    this.actor.send({ ...command, at: ++this.hands.now });
    this.hands.settle();
  }

  /** The worker of an attempt says that it is done. */
  finish(...conversations: readonly string[]): void {
    for (const conversation of conversations) this.hands.answer(conversation, `${conversation} is done`);
  }

  /** Tells the run of the effects that it stopped. */
  bury(answer: Parameters<Hands["bury"]>[1] = null): void {
    if (this.actor.getSnapshot().status === "active") this.hands.bury(this.actor, answer);
  }
}
