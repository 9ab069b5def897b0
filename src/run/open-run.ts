// Runs that exist: list them, take one up again, command one that another process owns.
import path from "node:path";
import { createActor } from "xstate";
import { z } from "zod";
import { QuatrainError } from "../core/errors.ts";
import { listRuns as listJournals, openInbox, readRows } from "../host/sqlite.ts";
import type { RunInfo } from "../host/sqlite.ts";
import { resolveModels } from "../model/models.ts";
import { BUILT_IN } from "../workers/built-in.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { Command } from "../protocol/command.ts";
import { checkKeys, workersNamed } from "./options.ts";
import type { SharedOptions } from "./options.ts";
import { journalFile, openHost, storeError } from "./orchestrate.ts";
import { answerOpenAsks, checkCommand, startHandle } from "./run.ts";
import type { Run } from "./run.ts";
import { createWorld } from "./world.ts";

/** A recorded run. */
export interface RunSummary {
  readonly id: string;
  readonly request: string;
  readonly createdAt: number;
  /** `ended`: the machine reached its end. `open`: it can be resumed (or is being worked on). */
  readonly state: "open" | "ended" | "broken";
  /** Absolute path of its workspace; null for text only. */
  readonly workspace: string | null;
}

/** Where recorded runs are. */
export interface StoreOptions {
  /** Folder that `orchestrate` was given as `store`. @default `.quatrain` in the current folder */
  readonly store?: string;
}

/** Options of `openRun`. */
export interface OpenOptions<W extends readonly Worker[] = BuiltIn> extends SharedOptions<W>, StoreOptions {
  /** Where the workspace is now, if it moved. */
  readonly workspace?: string;
}

const Rules = z.object({ allow: z.array(z.string()), ask: z.array(z.string()), deny: z.array(z.string()) });

const Recorded = z.looseObject({
  request: z.string(),
  options: z.object({ maxTasks: z.number(), permissions: Rules }),
  world: z.looseObject({ workspace: z.string().nullable(), workers: z.array(z.string()) }),
});

/** The recorded runs of a store, oldest first. An empty list when there is no store. */
export function listRuns({ store = ".quatrain" }: StoreOptions = {}): readonly RunSummary[] {
  try {
    return listJournals({ file: journalFile(path.resolve(store)) }).flatMap(summaryOf);
  } catch (error) {
    throw storeError(error);
  }
}

/**
 * Takes a recorded run up where it stopped; an ended one just tells its events and result again. Throws QuatrainError
 * "UnknownRun", "RunBusy" (another process works on it) or "StoreTooNew". Other workers or policies than it was started
 * with are refused, because the journal would no longer fit.
 */
export async function openRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  options: OpenOptions<W> = {},
): Promise<Run<W>> {
  const store = path.resolve(options.store ?? ".quatrain");
  const recorded = recordOf(store, id);
  const workers = options.workers ?? workersNamed(recorded.world.workers, BUILT_IN);
  const workspacePath = options.workspace === undefined ? recorded.world.workspace : path.resolve(options.workspace);
  const { endpoints, ...models } = resolveModels(options.models);
  if (!options.model) checkKeys({ ...models, endpoints }, options.models !== undefined);
  const host = openHost(store, id);
  const { seq: replayedThrough } = lastRow(store, id);
  const world = createWorld({
    ...options,
    runId: id,
    workers,
    workspacePath,
    store,
    endpoints,
    clock: host.clock,
    ...recorded.options,
  });
  try {
    const inspect = options.inspect ? { inspect: options.inspect } : {};
    const actor = createActor(
      world.machine,
      host.attach({ versions: world.versions, ...inspect }) as Parameters<typeof createActor<typeof world.machine>>[1],
    );
    const run = startHandle({ id, host, world, actor, replayedThrough }, options);
    // The host replays in the first microtask after the start.
    await Promise.resolve();
    answerOpenAsks(run, host, options.asks);
    if (run.snapshot.matches({ active: { activity: "suspended" } })) run.send({ type: "run.resume" });
    return run as unknown as Run<W>;
  } catch (error) {
    await host.close();
    throw storeError(error);
  }
}

/** Puts a command into a run's inbox, whoever owns it. Throws QuatrainError "UnknownRun" or "BadOption". */
export function commandRun(id: string, command: Command, { store = ".quatrain" }: StoreOptions = {}): void {
  const checked = checkCommand(command);
  try {
    const inbox = openInbox({ file: journalFile(path.resolve(store)), run: id });
    inbox.send(checked);
    inbox.close();
  } catch (error) {
    throw storeError(error);
  }
}

function recordOf(store: string, id: string): z.infer<typeof Recorded> {
  const known = listRuns({ store });
  const info = listJournals({ file: journalFile(store) }).find((run) => run.id === id);
  if (!info) {
    const recent = known.slice(-5).map((run) => run.id);
    throw new QuatrainError(
      "UnknownRun",
      `There is no run "${id}" in ${store}.${recent.length > 0 ? ` Recent runs: ${recent.join(", ")}.` : " It holds no runs."}`,
    );
  }
  return Recorded.parse(info.input);
}

function lastRow(store: string, id: string): { readonly seq: number } {
  return readRows({ file: journalFile(store), run: id }).at(-1) ?? { seq: -1 };
}

function summaryOf(info: RunInfo): readonly RunSummary[] {
  const input = Recorded.safeParse(info.input);
  if (!input.success) return [];
  const state = info.ended === undefined ? "open" : info.ended.kind === "done" ? "ended" : "broken";
  return [{ id: info.id, request: input.data.request, createdAt: info.createdAt, state, workspace: input.data.world.workspace }];
}
