// Work that a function of the user's does, as an effect.
import { messageOf } from "../core/errors.ts";
import { failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { effect } from "../host/effect.ts";
import type { Brief } from "../protocol/work.ts";
import type { WorkspacePort } from "../workspace/port.ts";
import type { Attempted, PerformInput, RunActors } from "./contract.ts";

/** What a function of the user's may use while it performs. */
export interface PerformTools {
  readonly signal: AbortSignal;
  /** Absolute path of the attempt's copy of the workspace; "" when the run has none. */
  readonly workspace: string;
  readonly log: (text: string) => void;
}

/** A worker as far as performing goes. */
export interface Performer {
  readonly name: string;
  readonly perform?: ((brief: Brief, use: PerformTools) => Promise<unknown>) | undefined;
  readonly checkOutput: (output: Json) => readonly string[];
}

/** What performing needs. */
export interface PerformPorts {
  readonly runId: string;
  readonly workers: readonly Performer[];
  readonly workspace: WorkspacePort;
}

/**
 * The `performWork` effect. A throw fails the attempt as WorkerCrashed; an output that does not fit the worker's schema
 * fails it as WorkerOutputInvalid. After a crash the function is called again: it must bear that.
 */
export function performWork({ runId, workers, workspace }: PerformPorts): RunActors["performWork"] {
  return effect(
    "performWork",
    { class: "idempotent", gated: true },
    async (
      { worker: name, brief, workspace: attempt }: PerformInput,
      { signal, part },
    ): Promise<Attempted<{ readonly output: Json }>> => {
      const worker = workers.find((one) => one.name === name);
      if (typeof worker?.perform !== "function")
        return { ok: false, failure: failure("WorkerCrashed", `Worker "${name}" has no function to perform.`) };
      try {
        const root = workspace.rootOf({ run: runId, attempt });
        const made = await worker.perform(brief, { signal, workspace: root, log: (text) => part(text) });
        const output = asJson(made);
        const issues = worker.checkOutput(output);
        if (issues.length === 0) return { ok: true, output };
        return {
          ok: false,
          failure: failure("WorkerOutputInvalid", `Worker "${name}" returned what its schema refuses: ${issues.join(" ")}`),
        };
      } catch (error) {
        return { ok: false, failure: failure("WorkerCrashed", `Worker "${name}" threw: ${messageOf(error)}`) };
      }
    },
  );
}

/** What survives JSON: reports are stored and handed on. */
const asJson = (value: unknown): Json => (value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json));
