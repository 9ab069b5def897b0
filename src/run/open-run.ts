// Takes a recorded run up again; commands one that another process owns.
import path from "node:path";
import { createActor } from "xstate";
import { openInbox } from "../host/sqlite.ts";
import { resolveModels } from "../model/models.ts";
import { endProcessesOf } from "../process/marked.ts";
import type { Command } from "../protocol/command.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { checkShared } from "./options.ts";
import type { SharedOptions } from "./options.ts";
import { journalFile, openHost, storeError } from "./orchestrate.ts";
import { checkBinding, checkEndpoints, recordOf, salvagedRows, workersOf } from "./records.ts";
import type { StoreOptions } from "./records.ts";
import { answerOpenAsks, checkCommand, startHandle } from "./run.ts";
import type { Run } from "./run.ts";
import { createWorld } from "./world.ts";

/** Options of `openRun`. */
export interface OpenOptions<W extends readonly Worker[] = BuiltIn> extends SharedOptions<W>, StoreOptions {
  /** Where the workspace is now, if it moved. */
  readonly workspace?: string;
}

/**
 * Takes a recorded run up where it stopped; an ended one just tells its events and result again, and needs no key. Of
 * `asks` only a function matters here: whether questions wait for a person was settled at the start. Throws QuatrainError
 * "UnknownRun", "RunBusy" (another process works on it), "StoreTooNew" (another version wrote it: fork it), "MissingKey",
 * or "BadOption" for other workers, tasks or policies than it was started with, because the journal would no longer fit.
 */
export async function openRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  options: OpenOptions<W> = {},
): Promise<Run<W>> {
  checkShared(options);
  const record = recordOf(id, options);
  const { store, input, info } = record;
  const workers = workersOf(record, options);
  const workspacePath = options.workspace === undefined ? input.world.workspace : path.resolve(options.workspace);
  const { endpoints } = resolveModels(options.models);
  if (!options.model && info.ended === undefined) checkEndpoints(record, workers, endpoints);
  const host = openHost(store, id);
  try {
    // A killed process leaves its commands running; nothing may work beside them.
    if (workspacePath !== null) await endProcessesOf(id);
    const replayedThrough = salvagedRows(record).rows.at(-1)?.seq ?? -1;
    const about = { runId: id, workers, workspacePath, store, endpoints, clock: host.clock };
    const { maxTasks, permissions } = input.options;
    const world = createWorld({ ...options, ...about, maxTasks, permissions });
    checkBinding(record, world.versions);
    const inspect = options.inspect ? { inspect: options.inspect } : {};
    const actor = createActor(
      world.machines.orchestrator,
      host.attach({ versions: world.versions, ...inspect }) as Parameters<
        typeof createActor<typeof world.machines.orchestrator>
      >[1],
    );
    const run = startHandle({ id, host, world, actor, replayedThrough }, options);
    // The host replays in the first microtask after the start.
    await Promise.resolve();
    answerOpenAsks(run, host, options.asks);
    if (isSuspended(run)) run.send({ type: "run.resume" });
    return run as unknown as Run<W>;
  } catch (error) {
    await host.close();
    throw storeError(error);
  }
}

/** Where a command goes, and what makes it the same command when it is sent again. */
export interface CommandOptions extends StoreOptions {
  /** A second command with this key is dropped. @default every command counts */
  readonly key?: string;
}

/**
 * Puts a command into a run's inbox, whoever owns it; with no owner it is delivered when the run is taken up. False: a
 * command with this key was there already. Throws QuatrainError "UnknownRun" or "BadOption".
 */
export function commandRun(id: string, command: Command, { store = ".quatrain", key }: CommandOptions = {}): boolean {
  const checked = checkCommand(command);
  try {
    const inbox = openInbox({ file: journalFile(path.resolve(store)), run: id });
    try {
      return inbox.send(checked, key);
    } finally {
      inbox.close();
    }
  } catch (error) {
    throw storeError(error);
  }
}

/** A machine that broke has no activity to look at. */
const isSuspended = ({ snapshot }: Run): boolean =>
  snapshot.status === "active" && snapshot.matches({ active: { activity: "suspended" } });
