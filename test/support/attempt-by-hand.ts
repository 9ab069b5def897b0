// One attempt in a test's own hands: the worker machine as a root, or under a parent.
import { createActor } from "xstate";
import type { Actor } from "xstate";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import type { WorkerMachine } from "../../src/machines/worker.ts";
import type { WorkerContext, WorkerInput } from "../../src/machines/worker-state.ts";
import type { WorkerOutcome } from "../../src/protocol/work.ts";
import { attemptInput, workers } from "./cast.ts";
import { Hands } from "./hands.ts";
import { underParent } from "./parent.ts";

/** The worker machine on effects that are settled by hand. */
export const workerOn = (hands: Hands): WorkerMachine => createMachines({ workers, ports: hands.ports }).worker;

/** An attempt that only moves when the test says so; what is settled at once can be changed by `prepare`. */
export class AttemptByHand {
  readonly hands = new Hands();
  readonly actor: Actor<WorkerMachine>;

  constructor(name: string, more: Partial<WorkerInput> = {}, prepare: (hands: Hands) => void = () => undefined) {
    prepare(this.hands);
    this.actor = createActor(workerOn(this.hands), { input: attemptInput(name, more) });
    this.actor.start();
    this.hands.settle();
  }

  get context(): WorkerContext {
    return this.actor.getSnapshot().context;
  }

  /** The state, such as `verifying` or `working.conversing`. */
  get state(): string {
    const { value } = this.actor.getSnapshot() as { value: unknown };
    return typeof value === "string"
      ? value
      : Object.entries(value as Record<string, string>)
          .flat()
          .join(".");
  }

  get outcome(): WorkerOutcome {
    const { output } = this.actor.getSnapshot();
    if (!output) throw new Error(`The attempt is not over: it is ${this.state}.`);
    return output;
  }
}

/** An attempt under a parent that hears what it says. */
export function attemptUnderParent(name: string, more: Partial<WorkerInput> = {}) {
  const hands = new Hands();
  return { hands, ...underParent(workerOn(hands), attemptInput(name, more), hands) };
}
