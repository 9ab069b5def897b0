// The door: one call starts a run.
import { mkdirSync, accessSync, constants } from "node:fs";
import path from "node:path";
import { createActor } from "xstate";
import { QuatrainError, messageOf } from "../core/errors.ts";
import { HostError } from "../host/errors.ts";
import { memoryHost } from "../host/memory.ts";
import type { Host } from "../host/port.ts";
import { sqliteHost } from "../host/sqlite.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { DefinedPlan } from "../workers/define-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { OrchestrateOptions, SharedOptions } from "./options.ts";
import { prepareRun } from "./prepare.ts";
import type { PreparedRun } from "./prepare.ts";
import { startHandle } from "./run.ts";
import type { Run } from "./run.ts";

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
  // The handle is typed by the workers that were given; at run time they are all the same.
  return begin(prepareRun(request, options), options) as unknown as Run<W>;
}

/** Begins a run that is prepared. Throws as `orchestrate` does. */
export function begin({ id, store, world, input }: PreparedRun, options: Omit<SharedOptions, "workers">): Run {
  const host = openHost(store, id);
  try {
    const inspect = options.inspect ? { inspect: options.inspect } : {};
    const actor = createActor(world.machines.orchestrator, host.attach({ input, versions: world.versions, ...inspect }));
    return startHandle({ id, host, world, actor, replayedThrough: -1 }, options);
  } catch (error) {
    // Closes at once: neither the lease nor the file outlives a failed start.
    void host.close();
    throw isTaken(error) ? takenError(id, error) : storeError(error);
  }
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
    RunExists: "BadOption",
    Drift: "StoreTooNew",
  } as const;
  const code = error.code in codes ? codes[error.code as keyof typeof codes] : undefined;
  return code ? new QuatrainError(code, error.message, { cause: error }) : error;
}

/** A run of this id is in the store already, with an input of its own. */
const isTaken = (error: unknown): boolean => HostError.is(error) && error.code === "InputChanged";

function takenError(id: string, cause: unknown): QuatrainError {
  return new QuatrainError(
    "BadOption",
    `id is "${id}", and the store has a run of that id; take that up with openRun, or choose another.`,
    { cause },
  );
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
