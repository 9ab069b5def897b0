// What the inputs of all simulated and explored runs have in common: the options that `orchestrate` would use, no world.
import type { Policy } from "../../core/policy.ts";
import type { RunInput } from "../../machines/run-state.ts";
import type { ModelOptions } from "../../model/models.ts";
import { checkOptions } from "../../run/options.ts";
import type { Worker } from "../../workers/define-worker.ts";
import { scriptedModel } from "../scripted-model.ts";

/** When they begin, in wall-clock ms. */
export const START = Date.UTC(2026, 0);

/** The input of a run without a plan. Throws QuatrainError for bad workers, models or policies, as `orchestrate` does. */
export function baseInput(from: {
  readonly workers: readonly Worker[];
  readonly policy?: Partial<Policy> | undefined;
  readonly models?: ModelOptions | undefined;
}): RunInput {
  const { workers, policy, models } = from;
  const model = scriptedModel({});
  const checked = checkOptions({ workers, model, ...(policy && { policy }), ...(models && { models }) }, false);
  const { orchestrator, router, worker, tiers } = checked.models;
  return {
    runId: "r-simulated",
    request: "do it",
    mode: checked.mode,
    plan: null,
    models: { orchestrator, router, worker, tiers },
    options: checked.options,
    world: { workspace: null, workers: workers.map(({ name }) => name) },
    at: START,
    seed: 0,
  };
}
