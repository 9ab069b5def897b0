// Everything of a run before it starts: checked options, its world, its machines, the input of its orchestrator.
import { randomUUID } from "node:crypto";
import { QuatrainError } from "../core/errors.ts";
import { seedFrom } from "../core/random.ts";
import { systemClock } from "../host/clocks.ts";
import type { HostClock } from "../host/port.ts";
import type { RunInput } from "../machines/run-state.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { DefinedPlan } from "../workers/define-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, OrchestrateOptions } from "./options.ts";
import { createWorld } from "./world.ts";
import type { World } from "./world.ts";

/** A run that could start. Nothing is opened and nothing runs. */
export interface PreparedRun {
  readonly id: string;
  /** Folder for journal, copies and results; null keeps everything in memory. */
  readonly store: string | null;
  readonly world: World;
  /** For `createActor(world.machines.orchestrator, host.attach({ input }))`, or without a host. */
  readonly input: RunInput;
}

/** Longest request, in characters. */
const LONGEST_REQUEST = 200_000;

/**
 * What `orchestrate` starts, for those who start it themselves with XState. Takes the same options (`asks`, `inspect`
 * and `signal` belong to the handle that `orchestrate` returns and do nothing here). Throws QuatrainError as it does.
 */
export function prepareRun<const W extends readonly Worker[] = BuiltIn>(
  request: string | DefinedPlan<W>,
  options: OrchestrateOptions<W> = {},
  clock: HostClock = systemClock(),
): PreparedRun {
  const plan = planOf(request);
  const text = typeof request === "string" ? checkRequest(request) : "Carry out the given plan.";
  const given = { ...options, ...(typeof request === "string" ? {} : { workers: request.workers }) };
  const checked = checkOptions(given, plan !== null);
  const id = options.id ?? newRunId();
  const estimatesMs = typeof request === "string" ? {} : (request.estimatesMs ?? {});
  const world = createWorld({
    ...given,
    runId: id,
    workers: checked.workers,
    workspacePath: checked.workspace,
    store: checked.store,
    endpoints: checked.models.endpoints,
    clock,
    maxTasks: checked.options.maxTasks,
    permissions: checked.options.permissions,
  });
  const about = { id, text, plan, estimatesMs, workerDigests: world.workerDigests, at: clock.now() };
  return { id, store: checked.store, world, input: inputOf(checked, about) };
}

function planOf(request: string | DefinedPlan): RunInput["plan"] {
  if (typeof request === "string") return null;
  if (typeof request === "object" && request !== null && "plan" in request && "workers" in request) return request.plan;
  throw new QuatrainError("BadOption", `The request is ${typeof request}; give words, or a plan made with definePlan.`);
}

function checkRequest(request: string): string {
  if (request.trim() === "") throw new QuatrainError("EmptyRequest", "The request is empty; say what is to be done.");
  if (request.length > LONGEST_REQUEST)
    throw new QuatrainError(
      "BadOption",
      `The request has ${request.length} characters; ${LONGEST_REQUEST} at most. Put long material into files.`,
    );
  return request;
}

function inputOf(
  checked: CheckedOptions,
  about: {
    readonly id: string;
    readonly text: string;
    readonly plan: RunInput["plan"];
    readonly estimatesMs: Readonly<Record<string, number>>;
    readonly workerDigests: Readonly<Record<string, string>>;
    readonly at: number;
  },
): RunInput {
  const { orchestrator, router, worker, tiers } = checked.models;
  return {
    runId: about.id,
    request: about.text,
    mode: checked.mode,
    plan: about.plan,
    models: { orchestrator, router, worker, tiers },
    options:
      Object.keys(about.estimatesMs).length === 0 ? checked.options : { ...checked.options, estimatesMs: about.estimatesMs },
    world: {
      workspace: checked.workspace,
      workers: checked.workers.map(({ name }) => name),
      workerDigests: about.workerDigests,
    },
    at: about.at,
    seed: seedFrom(about.id),
  };
}

/** Short, sortable by time, safe in paths: `r-` and 13 letters or digits. */
export const newRunId = (): string => `r-${Date.now().toString(36)}${randomUUID().replaceAll("-", "").slice(0, 5)}`;
