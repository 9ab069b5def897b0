// Runs as a store has them: their list, what one was begun with, its rows.
import path from "node:path";
import { z } from "zod";
import { QuatrainError } from "../core/errors.ts";
import { listRuns as listJournals, readRows } from "../host/sqlite.ts";
import type { RunInfo, SalvagedRows } from "../host/sqlite.ts";
import type { RunInput } from "../machines/run-state.ts";
import { DEFAULT_ENDPOINT } from "../model/models.ts";
import type { ResolvedModels } from "../model/models.ts";
import type { Parent } from "../protocol/lineage.ts";
import { BUILT_IN } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { checkKeys, checkWorkers, modelsInUse, workersNamed } from "./options.ts";
import type { SharedOptions } from "./options.ts";
import { journalFile, storeError } from "./orchestrate.ts";

/** A recorded run. */
export interface RunSummary {
  readonly id: string;
  readonly request: string;
  readonly createdAt: number;
  /** `ended`: the machine reached its end. `open`: it can be resumed (or is being worked on). `broken`: an error in the framework stopped it; it can be forked. */
  readonly state: "open" | "ended" | "broken";
  /** Absolute path of its workspace; null for text only. */
  readonly workspace: string | null;
  /** The run that it goes on from; null for a run of its own. */
  readonly parent: Parent | null;
}

/** Where recorded runs are. */
export interface StoreOptions {
  /** Folder that `orchestrate` was given as `store`. @default `.quatrain` in the current folder */
  readonly store?: string;
}

/** A run as its journal's head tells it. */
export interface RunRecord {
  readonly store: string;
  readonly input: RunInput;
  readonly info: RunInfo;
}

const Rules = z.object({ allow: z.array(z.string()), ask: z.array(z.string()), deny: z.array(z.string()) });
const Model = z.looseObject({ endpoint: z.string(), model: z.string() });

const Recorded = z.looseObject({
  request: z.string(),
  models: z.looseObject({ orchestrator: Model, router: Model, worker: Model, tiers: z.record(z.string(), Model) }),
  plan: z.unknown(),
  options: z.looseObject({ maxTasks: z.number(), permissions: Rules, synthesis: z.boolean() }),
  world: z.looseObject({ workspace: z.string().nullable(), workers: z.array(z.string()) }),
});

/** The recorded runs of a store, oldest first. An empty list when there is no store. */
export function listRuns({ store = ".quatrain" }: StoreOptions = {}): readonly RunSummary[] {
  return journalsOf(path.resolve(store)).flatMap((info) => {
    const input = inputOf(info);
    if (!input) return [];
    const state = info.ended === undefined ? "open" : info.ended.kind === "done" ? "ended" : "broken";
    const { request, world, lineage } = input;
    return [
      { id: info.id, request, createdAt: info.createdAt, state, workspace: world.workspace, parent: lineage?.parent ?? null },
    ];
  });
}

/** What a run was begun with. Throws QuatrainError "UnknownRun" or "StoreCorrupt". */
export function recordOf(id: string, { store: folder = ".quatrain" }: StoreOptions): RunRecord {
  const store = path.resolve(folder);
  const info = journalsOf(store).find((run) => run.id === id);
  if (!info) {
    const recent = listRuns({ store }).slice(-5);
    const known = recent.length > 0 ? `Recent runs: ${recent.map((run) => run.id).join(", ")}.` : "It holds no runs.";
    throw new QuatrainError("UnknownRun", `There is no run "${id}" in ${store}. ${known}`);
  }
  const input = inputOf(info);
  if (input) return { store, input, info };
  throw new QuatrainError("StoreCorrupt", `Run "${id}" in ${store} was not begun by orchestrate: its input can't be read.`);
}

/** All rows of a run that are still good, and what is wrong with the next one, if anything. */
export function salvagedRows({ store, info }: RunRecord): SalvagedRows {
  return readRows({ file: journalFile(store), run: info.id, salvage: true });
}

/** The workers of a recorded run: those given, or the built-in ones of the recorded names. Throws QuatrainError. */
export function workersOf({ input }: RunRecord, { workers, tools }: Pick<SharedOptions, "workers" | "tools">): readonly Worker[] {
  return checkWorkers(workers ?? workersNamed(input.world.workers, BUILT_IN), tools);
}

/** The models of a run are recorded, their addresses and keys are not. Throws QuatrainError "BadOption" or "MissingKey". */
export function checkEndpoints(
  { input, info }: RunRecord,
  workers: readonly Worker[],
  endpoints: ResolvedModels["endpoints"],
): void {
  const works = workers.some(({ card }) => card.kind === "model");
  const used = modelsInUse(input.models, { plans: input.plan === null, works, answers: input.options.synthesis });
  const lost = used.find(({ endpoint }) => endpoint !== DEFAULT_ENDPOINT && !Object.hasOwn(endpoints, endpoint));
  if (lost)
    throw new QuatrainError(
      "BadOption",
      `Run "${info.id}" asks ${lost.model} at ${lost.endpoint}, and models names no such address; give the models it was started with.`,
    );
  checkKeys(used, Object.keys(endpoints).length > 0);
}

/** Throws QuatrainError "BadOption" where a journal would not fit the workers or the policy. */
export function checkBinding({ info }: RunRecord, versions: Readonly<Record<string, string>>): void {
  if (info.versions["workers"] === versions["workers"]) return;
  throw new QuatrainError(
    "BadOption",
    `Run "${info.id}" was started with other workers, or another policy or maxTasks; give openRun the same workers and policy.`,
  );
}

function journalsOf(store: string): readonly RunInfo[] {
  try {
    return listJournals({ file: journalFile(store) });
  } catch (error) {
    throw storeError(error);
  }
}

/** Undefined for runs of other machines in the same file. */
function inputOf({ input }: RunInfo): RunInput | undefined {
  const checked = Recorded.safeParse(input);
  // The parts that a resume builds on were just checked; the rest is what `prepareRun` wrote.
  return checked.success ? (checked.data as unknown as RunInput) : undefined;
}
