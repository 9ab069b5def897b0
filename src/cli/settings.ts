// From flags to options: every value is checked here, by the name of its flag.
import path from "node:path";
import { QuatrainError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { ModelOptions } from "../model/models.ts";
import type { OrchestrateOptions } from "../run/options.ts";
import { workersNamed } from "../run/options.ts";
import type { Worker } from "../workers/define-worker.ts";
import { budgetOf } from "./budget-flags.ts";
import type { BudgetFlags } from "./budget-flags.ts";
import type { Io } from "./io.ts";
import type { RecordFlags } from "./recording.ts";

/** Flags that say where a run and its state are. */
export interface PlaceFlags {
  /** False: `--no-workspace`. */
  readonly workspace?: string | false;
  readonly stateDir?: string;
}

/** Flags that say how to show a run. */
export interface ViewFlags {
  readonly json?: boolean;
  readonly plain?: boolean;
}

/** Flags that a run and its resume share. */
export interface SharedFlags extends PlaceFlags, ViewFlags, RecordFlags {
  readonly baseUrl?: string;
  readonly modelOrchestrator?: string;
  readonly modelWorker?: string;
  readonly modelRouter?: string;
  readonly yes?: boolean;
  readonly apply?: boolean;
  readonly inspect?: boolean;
}

/** Flags of `run`, as the command parser gives them. */
export interface RunFlags extends SharedFlags, BudgetFlags {
  readonly mode?: string;
  readonly workers?: string;
  readonly concurrency?: string;
  readonly allowBash?: boolean;
}

/** Where a run works and where its state is kept. */
export interface Place {
  /** Null: text only. */
  readonly workspace: string | null;
  readonly store: string;
  /** The flags that name this place again, for commands that are shown to people; "" in the usual place. */
  readonly flags: string;
  /** The command that takes a run of this place up again, where that is not `quatrain resume`. */
  readonly again?: string;
}

/** Reads the place: the state is kept in `.quatrain` of the workspace, unless told otherwise. */
export function placeOf(
  { workspace, stateDir }: PlaceFlags,
  { directory, environment }: Pick<Io, "directory" | "environment">,
): Place {
  if (workspace === "") throw bad('--workspace is ""; name a folder, or use --no-workspace.');
  const folder = workspace === false ? null : path.resolve(directory, workspace ?? ".");
  const usual = path.join(path.resolve(directory), ".quatrain");
  const told = stateDir ?? environment["QUATRAIN_STATE_DIR"];
  const store = told ? path.resolve(directory, told) : path.join(folder ?? path.resolve(directory), ".quatrain");
  const byVariable = stateDir === undefined && Boolean(told);
  return {
    workspace: folder,
    store,
    flags: store === usual || byVariable ? "" : ` --state-dir ${quoted(path.relative(directory, store) || store)}`,
  };
}

/** Options of a new run, without what depends on who watches. Throws QuatrainError naming the flag. */
export function runOptions(flags: RunFlags, place: Place, io: Pick<Io, "environment">): OrchestrateOptions<readonly Worker[]> {
  const { mode, workers, concurrency, allowBash } = flags;
  const budget = budgetOf(flags);
  const models = modelOptions(flags, io);
  return {
    store: place.store,
    ...(place.workspace === null ? {} : { workspace: place.workspace }),
    ...(models === undefined ? {} : { models }),
    ...(mode === undefined ? {} : { mode: modeOf(mode) }),
    ...(workers === undefined ? {} : { workers: workersOf(workers) }),
    ...(concurrency === undefined ? {} : { concurrency: countOf("--concurrency", concurrency) }),
    ...(budget === undefined ? {} : { budget }),
    ...(allowBash === true ? { permissions: { allow: ["bash"] } } : {}),
  };
}

/** Models by role; undefined when no flag names one. */
export function modelOptions(flags: SharedFlags, { environment }: Pick<Io, "environment">): ModelOptions | undefined {
  const { baseUrl, modelOrchestrator, modelWorker, modelRouter } = flags;
  if (baseUrl === undefined && modelOrchestrator === undefined && modelWorker === undefined && modelRouter === undefined)
    return undefined;
  if (baseUrl !== undefined && !URL.canParse(baseUrl))
    throw bad(`--base-url is "${baseUrl}"; give an address such as http://127.0.0.1:8080.`);
  const apiKey = environment["QUATRAIN_API_KEY"];
  const endpoint = baseUrl === undefined ? {} : { baseURL: baseUrl, ...(apiKey ? { apiKey } : {}) };
  const spec = (flag: string, model: string | undefined, usual: string) => {
    if (model === "") throw bad(`${flag} is ""; give a model id, or opus, sonnet or haiku.`);
    return model === undefined && baseUrl === undefined ? undefined : { model: model ?? usual, ...endpoint };
  };
  const orchestrator = spec("--model-orchestrator", modelOrchestrator, "opus");
  const worker = spec("--model-worker", modelWorker, "sonnet");
  const router = spec("--model-router", modelRouter, "haiku");
  return { ...(orchestrator && { orchestrator }), ...(worker && { worker }), ...(router && { router }) };
}

/** The command that takes a run up again. */
export const resumeCommand = (run: string, { flags, again }: Pick<Place, "flags" | "again">): string =>
  again ?? `quatrain resume ${run}${flags}`;

/** The command that goes on from a run in a new one. */
export const forkCommandText = (run: string, { flags }: Pick<Place, "flags">): string => `quatrain fork ${run}${flags}`;

function modeOf(mode: string): "auto" | "direct" | "orchestrate" {
  if (mode === "auto" || mode === "direct" || mode === "orchestrate") return mode;
  const near = nearest(mode, ["auto", "direct", "orchestrate"]);
  throw bad(`--mode is "${mode}"${near ? `; did you mean ${near}?` : ";"} Use auto, direct or orchestrate.`);
}

function workersOf(list: string): readonly Worker[] {
  const names = list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  if (names.length === 0) throw bad("--workers is empty; name at least one, such as --workers backend,docs.");
  return workersNamed([...new Set(names)]);
}

/** Reads a whole number from 1 on. Throws QuatrainError "BadOption" naming the flag. */
export function countOf(flag: string, text: string, most = 1_000): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw bad(`${flag} is "${text}"; give a whole number from 1 to ${most}.`);
}

/** A path as a shell takes it. */
const quoted = (text: string): string => (/^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
