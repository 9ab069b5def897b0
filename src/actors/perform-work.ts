// Work that a function of the user's does, as an effect.
import { messageOf } from "../core/errors.ts";
import { failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { headAndTail } from "../core/text.ts";
import { effect } from "../host/effect.ts";
import type { Brief } from "../protocol/work.ts";
import type { WorkspacePort } from "../workspace/port.ts";
import { bounded } from "./bounded.ts";
import type { Attempted, PerformInput, RunActors } from "./contract.ts";
import { poisoned } from "./poisoned.ts";

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

/** Longest text that a function may tell watchers at once, in characters; longer ones are cut in the middle. */
const LONGEST_NOTE = 4_000;

/**
 * The `performWork` effect. A throw fails the attempt as WorkerCrashed; an output that is no JSON or does not fit the
 * worker's schema fails it as WorkerOutputInvalid. After a crash the function is called again, unless it had told
 * something by `log`: then the attempt is lost, since nobody knows how far it got.
 */
export function performWork({ runId, workers, workspace }: PerformPorts): RunActors["performWork"] {
  return effect(
    "performWork",
    { class: "idempotent", gated: true },
    async ({ worker: name, brief, workspace: attempt }: PerformInput, context): Promise<Attempted<{ readonly output: Json }>> => {
      const worker = workers.find((one) => one.name === name);
      if (typeof worker?.perform !== "function")
        return { ok: false, failure: failure("WorkerCrashed", `Worker "${name}" has no function to perform.`) };
      const why = poisoned(context, `the function of worker "${name}"`);
      if (why) return { ok: false, failure: why };
      const use: PerformTools = {
        signal: context.signal,
        workspace: workspace.rootOf({ run: runId, attempt }),
        // Also what JavaScript logs that is no text.
        log: (text: unknown) => context.part(headAndTail(String(text), LONGEST_NOTE)),
      };
      let made: unknown;
      try {
        made = await bounded(context, perform(worker.perform, brief, use), () => undefined);
      } catch (error) {
        return { ok: false, failure: failure("WorkerCrashed", `Worker "${name}" threw: ${messageOf(error)}`) };
      }
      const { output, issues } = read(made, worker);
      if (issues.length === 0) return { ok: true, output };
      return {
        ok: false,
        failure: failure("WorkerOutputInvalid", `Worker "${name}" returned what its schema refuses: ${issues.join(" ")}`),
      };
    },
  );
}

/** A function of JavaScript's may throw at once. */
async function perform(work: NonNullable<Performer["perform"]>, brief: Brief, use: PerformTools): Promise<unknown> {
  return work(brief, use);
}

/** An output as what survives JSON (reports are stored and handed on), and what is wrong with it. Nothing counts as null. */
function read(made: unknown, { checkOutput }: Performer): { readonly output: Json; readonly issues: readonly string[] } {
  try {
    const text = made === undefined ? "null" : JSON.stringify(made);
    if (text === undefined) return { output: null, issues: [`a ${typeof made} is no JSON.`] };
    // JSON.parse makes plain JSON.
    const output = JSON.parse(text) as Json;
    return { output, issues: checkOutput(output) };
  } catch (error) {
    return { output: null, issues: [messageOf(error)] };
  }
}
