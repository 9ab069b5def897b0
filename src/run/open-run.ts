// Runs that exist: list them, take one up again, command one that another process owns.
import path from "node:path";
import { createActor } from "xstate";
import { z } from "zod";
import { QuatrainError } from "../core/errors.ts";
import { listRuns as listJournals, openInbox, readRows } from "../host/sqlite.ts";
import type { RunInfo } from "../host/sqlite.ts";
import { DEFAULT_ENDPOINT, resolveModels } from "../model/models.ts";
import type { ResolvedModels } from "../model/models.ts";
import { endProcessesOf } from "../process/marked.ts";
import { BUILT_IN } from "../workers/built-in.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { Command } from "../protocol/command.ts";
import { checkKeys, checkShared, checkWorkers, modelsInUse, workersNamed } from "./options.ts";
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

const Model = z.object({ endpoint: z.string(), model: z.string() });

const Recorded = z.looseObject({
  request: z.string(),
  models: z.object({ orchestrator: Model, router: Model, worker: Model, tiers: z.record(z.string(), Model) }),
  plan: z.unknown(),
  options: z.object({ maxTasks: z.number(), permissions: Rules, synthesis: z.boolean() }),
  world: z.looseObject({ workspace: z.string().nullable(), workers: z.array(z.string()) }),
});

/** The recorded runs of a store, oldest first. An empty list when there is no store. */
export function listRuns({ store = ".quatrain" }: StoreOptions = {}): readonly RunSummary[] {
  return journalsOf(path.resolve(store)).flatMap(summaryOf);
}

/**
 * Takes a recorded run up where it stopped; an ended one just tells its events and result again, and needs no key. Of
 * `asks` only a function matters here: whether questions wait for a person was settled at the start. Throws QuatrainError
 * "UnknownRun", "RunBusy" (another process works on it), "StoreTooNew", "MissingKey", or "BadOption" for other workers,
 * tasks or policies than it was started with, because the journal would no longer fit.
 */
export async function openRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  options: OpenOptions<W> = {},
): Promise<Run<W>> {
  checkShared(options);
  const store = path.resolve(options.store ?? ".quatrain");
  const { input, info } = recordOf(store, id);
  const workers = checkWorkers(options.workers ?? workersNamed(input.world.workers, BUILT_IN), options.tools);
  const workspacePath = options.workspace === undefined ? input.world.workspace : path.resolve(options.workspace);
  const { endpoints } = resolveModels(options.models);
  if (!options.model && info.ended === undefined) {
    const byModel = workers.some(({ card }) => card.kind === "model");
    checkEndpoints(
      id,
      modelsInUse(input.models, { plans: input.plan === null, works: byModel, answers: input.options.synthesis }),
      endpoints,
    );
  }
  const host = openHost(store, id);
  try {
    // A killed process leaves its commands running; nothing may work beside them.
    if (workspacePath !== null) await endProcessesOf(id);
    const { seq: replayedThrough } = lastRow(store, id);
    const world = createWorld({
      ...options,
      runId: id,
      workers,
      workspacePath,
      store,
      endpoints,
      clock: host.clock,
      ...input.options,
    });
    checkBinding(id, info.versions["workers"], world.versions["workers"]);
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

/** Puts a command into a run's inbox, whoever owns it. Throws QuatrainError "UnknownRun" or "BadOption". */
export function commandRun(id: string, command: Command, { store = ".quatrain" }: StoreOptions = {}): void {
  const checked = checkCommand(command);
  try {
    const inbox = openInbox({ file: journalFile(path.resolve(store)), run: id });
    try {
      inbox.send(checked);
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

function recordOf(store: string, id: string): { readonly input: z.infer<typeof Recorded>; readonly info: RunInfo } {
  const known = listRuns({ store });
  const info = journalsOf(store).find((run) => run.id === id);
  if (!info) {
    const recent = known.slice(-5).map((run) => run.id);
    throw new QuatrainError(
      "UnknownRun",
      `There is no run "${id}" in ${store}.${recent.length > 0 ? ` Recent runs: ${recent.join(", ")}.` : " It holds no runs."}`,
    );
  }
  const input = Recorded.safeParse(info.input);
  if (input.success) return { input: input.data, info };
  throw new QuatrainError("StoreCorrupt", `Run "${id}" in ${store} was not begun by orchestrate: its input can't be read.`);
}

function journalsOf(store: string): readonly RunInfo[] {
  try {
    return listJournals({ file: journalFile(store) });
  } catch (error) {
    throw storeError(error);
  }
}

/** The models of a run are recorded, their addresses and keys are not. */
function checkEndpoints(id: string, used: readonly z.infer<typeof Model>[], endpoints: ResolvedModels["endpoints"]): void {
  const lost = used.find(({ endpoint }) => endpoint !== DEFAULT_ENDPOINT && !Object.hasOwn(endpoints, endpoint));
  if (lost)
    throw new QuatrainError(
      "BadOption",
      `Run "${id}" asks ${lost.model} at ${lost.endpoint}, and models names no such address; give the models it was started with.`,
    );
  checkKeys(used, Object.keys(endpoints).length > 0);
}

function checkBinding(id: string, recorded: string | undefined, given: string | undefined): void {
  if (recorded === given) return;
  throw new QuatrainError(
    "BadOption",
    `Run "${id}" was started with other workers, or another policy or maxTasks; give openRun the same workers and policy.`,
  );
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
