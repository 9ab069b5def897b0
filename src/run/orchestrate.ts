// The door: one call starts a run.
import { mkdirSync, accessSync, constants } from "node:fs";
import { randomUUID } from "node:crypto";
import path from "node:path";
import { createActor } from "xstate";
import { QuatrainError, messageOf } from "../core/errors.ts";
import { seedFrom } from "../core/random.ts";
import { HostError } from "../host/errors.ts";
import { memoryHost } from "../host/memory.ts";
import type { Host } from "../host/port.ts";
import { sqliteHost } from "../host/sqlite.ts";
import type { RunInput } from "../machines/run-state.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { DefinedPlan } from "../workers/define-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import { checkOptions } from "./options.ts";
import type { CheckedOptions, OrchestrateOptions } from "./options.ts";
import { startHandle } from "./run.ts";
import type { Run } from "./run.ts";
import { createWorld } from "./world.ts";

/** Longest request, in characters. */
const LONGEST_REQUEST = 200_000;
/** File of a store folder that holds the journals. */
const JOURNAL_FILE = "runs.db";

/**
 * Starts a run: a request in words, or a plan made with `definePlan`. Throws QuatrainError at once for bad configuration;
 * everything later is in the run's `result`, which never rejects.
 */
export function orchestrate<const W extends readonly Worker[] = BuiltIn>(
  request: string | DefinedPlan<W>,
  options: OrchestrateOptions<W> = {},
): Run<W> {
  const plan = typeof request === "string" ? null : request.plan;
  const text = typeof request === "string" ? checkRequest(request) : "Carry out the given plan.";
  const given = { ...options, ...(typeof request === "string" ? {} : { workers: request.workers }) };
  const checked = checkOptions(given);
  const id = options.id ?? newRunId();
  const host = openHost(checked.store, id);
  const world = createWorld({
    ...given,
    runId: id,
    workers: checked.workers,
    workspacePath: checked.workspace,
    store: checked.store,
    endpoints: checked.models.endpoints,
    clock: host.clock,
    maxTasks: checked.options.maxTasks,
    permissions: checked.options.permissions,
  });
  const input = inputOf(checked, { id, text, plan, at: host.clock.now() });
  const inspect = options.inspect ? { inspect: options.inspect } : {};
  const actor = createActor(world.machine, host.attach({ input, versions: world.versions, ...inspect }));
  // The handle is typed by the workers that were given; at run time they are all the same.
  return startHandle({ id, host, world, actor, replayedThrough: -1 }, options) as unknown as Run<W>;
}

/** The journal file of a store folder. */
export const journalFile = (store: string): string => path.join(store, JOURNAL_FILE);

/** Opens the host of a run: durable with a store, in memory without. Throws QuatrainError "RunBusy" and the like. */
export function openHost(store: string | null, id: string): Host {
  if (store === null) return memoryHost();
  makeStore(store);
  try {
    return sqliteHost({ file: journalFile(store), run: id });
  } catch (error) {
    throw storeError(error);
  }
}

/** A host's error in the words of a run's owner. */
export function storeError(error: unknown): unknown {
  if (!HostError.is(error)) return error;
  const codes = {
    LeaseHeld: "RunBusy",
    VersionMismatch: "StoreTooNew",
    StoreCorrupt: "StoreCorrupt",
    UnknownRun: "UnknownRun",
  } as const;
  const code = error.code in codes ? codes[error.code as keyof typeof codes] : undefined;
  return code ? new QuatrainError(code, error.message, { cause: error }) : error;
}

function makeStore(store: string): void {
  try {
    mkdirSync(store, { recursive: true, mode: 0o700 });
    accessSync(store, constants.W_OK);
  } catch (error) {
    throw new QuatrainError(
      "WorkspaceNotWritable",
      `The state folder ${store} can't be written (${messageOf(error)}). Choose another with the option store.`,
      { cause: error },
    );
  }
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
  about: { readonly id: string; readonly text: string; readonly plan: RunInput["plan"]; readonly at: number },
): RunInput {
  const { orchestrator, router, worker, tiers } = checked.models;
  return {
    runId: about.id,
    request: about.text,
    mode: checked.mode,
    plan: about.plan,
    models: { orchestrator, router, worker, tiers },
    options: checked.options,
    world: { workspace: checked.workspace, workers: checked.workers.map(({ name }) => name) },
    at: about.at,
    seed: seedFrom(about.id),
  };
}

/** Short, sortable by time, safe in paths: `r-` and 13 letters or digits. */
const newRunId = (): string => `r-${Date.now().toString(36)}${randomUUID().replaceAll("-", "").slice(0, 5)}`;
