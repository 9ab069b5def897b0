// What a caller may set, checked at once: bad configuration throws here, before anything is started or paid.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import type { InspectionEvent } from "xstate";
import { QuatrainError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { Policy } from "../core/policy.ts";
import { policyIssues } from "../core/policy-check.ts";
import type { RunOptions } from "../machines/run-state.ts";
import type { ModelOptions, ResolvedModels } from "../model/models.ts";
import { DEFAULT_ENDPOINT, resolveModels } from "../model/models.ts";
import type { ModelPort } from "../model/port.ts";
import type { Budget } from "../protocol/budget.ts";
import type { Ask, PermissionRules } from "../protocol/command.ts";
import { defaultPermissions, parsePermissions } from "../tools/permissions.ts";
import type { Tool } from "../tools/port.ts";
import { createToolbox } from "../tools/toolbox.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import { BUILT_IN } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import { checkBudget } from "./budget.ts";

/** Ids name folders and rows. */
const RUN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A person's (or a program's) answer to an ask. */
export type Answer = "approve" | "reject" | { readonly decision: "approve" | "reject"; readonly text?: string };

/** Options that a run and its resume share. */
export interface SharedOptions<W extends readonly Worker[] = readonly Worker[]> {
  /** Who can do tasks. @default the built-in workers */
  readonly workers?: W;
  /** Models by role, as ids or with address, effort and prices. */
  readonly models?: ModelOptions;
  /** Answers turns instead of the Anthropic API; for tests and other providers. */
  readonly model?: ModelPort;
  /** Tools besides the built-in ones. */
  readonly tools?: readonly Tool[];
  /** Parts of the supervision policy that differ from the default. */
  readonly policy?: Partial<Policy>;
  /** Names of environment variables that commands of workers may see. @default [] */
  readonly environment?: readonly string[];
  /** `deny`: every question is answered with no; `wait`: a person answers by command; a function answers at once. @default "deny" */
  readonly asks?: "deny" | "wait" | ((ask: Ask) => Answer | Promise<Answer>);
  /** Gets XState's inspection events, nothing during a replay. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Aborting it stops the run cleanly, to be resumed later. */
  readonly signal?: AbortSignal;
}

/** Options of `orchestrate`. */
export interface OrchestrateOptions<W extends readonly Worker[] = BuiltIn> extends SharedOptions<W> {
  /** Folder to work on. Each attempt works in a copy; the folder itself is changed only by `run.apply()`. @default none: text only */
  readonly workspace?: string | { readonly path: string; readonly isolation?: "copy" };
  /** `auto`: a cheap call decides between one worker and a plan. @default "auto" */
  readonly mode?: "auto" | "direct" | "orchestrate";
  /** Most tasks at once. @default 8 */
  readonly concurrency?: number;
  /** Most tasks of a plan. @default 40 */
  readonly maxTasks?: number;
  /** Most USD for the whole run; or limits of money, tokens and time, also for each task and for workers. @default no limit */
  readonly budget?: number | Budget;
  /** Whether a model writes the answer from the reports; else it lists what the tasks came to. @default true, except for a given plan without model workers */
  readonly synthesis?: boolean;
  /** Whether the plan is put to a person (an ask of kind `plan`) before anything starts. @default false */
  readonly review?: boolean;
  /** Added to the default rules: deny beats ask beats allow; what no rule matches is asked. */
  readonly permissions?: Partial<PermissionRules>;
  /** Folder for journal, copies and results; false keeps journal and outputs in memory (copies of a workspace still go to its `.quatrain`). @default `.quatrain` in the workspace, memory without one */
  readonly store?: string | false;
  /** Letters, digits, dots, dashes, underscores; 64 at most, none that the store has. @default a fresh id */
  readonly id?: string;
}

/** Options after checking. */
export interface CheckedOptions {
  readonly workers: readonly Worker[];
  readonly workspace: string | null;
  readonly store: string | null;
  readonly models: ResolvedModels;
  readonly options: RunOptions;
  readonly mode: "auto" | "direct" | "orchestrate";
}

/** Checks options. Throws QuatrainError that names the option, the value and what to do. */
export function checkOptions(given: OrchestrateOptions<readonly Worker[]>, hasPlan: boolean): CheckedOptions {
  checkShared(given);
  const workspace = checkWorkspace(given.workspace);
  const workers = checkWorkers(given.workers ?? BUILT_IN, given.tools);
  checkPolicy(
    given.policy,
    workers.map(({ name }) => name),
  );
  const concurrency = checkCount("concurrency", given.concurrency ?? 8, 1_000);
  const maxTasks = checkCount("maxTasks", given.maxTasks ?? 40, 100_000);
  const models = resolveModels(given.models);
  const byModel = workers.some(({ card }) => card.kind === "model");
  const synthesis = given.synthesis ?? (byModel || !hasPlan);
  const inUse = modelsInUse(models, { plans: !hasPlan, works: byModel, answers: synthesis });
  const budget = checkBudget(given.budget, { workers: workers.map(({ name }) => name), inUse });
  if (!given.model) checkKeys(inUse, given.models !== undefined);
  const mode = oneOf("mode", given.mode ?? "auto", ["auto", "direct", "orchestrate"]);
  const review = given.review ?? false;
  if (typeof review !== "boolean") throw bad("review", review, "use true or false");
  checkId(given.id);
  return {
    workers,
    workspace,
    store: storeOf(given.store, workspace),
    models,
    mode,
    options: {
      concurrency,
      maxTasks,
      review,
      synthesis,
      asks: (given.asks ?? "deny") === "deny" ? "deny" : "wait",
      permissions: mergePermissions(given.permissions),
      budget,
      hasWorkspace: workspace !== null,
    },
  };
}

/** Checks the id of a new run. Throws QuatrainError "BadOption". */
export function checkId(id: string | undefined): void {
  if (id !== undefined && !RUN_ID.test(id))
    throw bad("id", id, "use letters, digits, dots, dashes and underscores, beginning with a letter or digit, 64 at most");
}

/** Checks what a run and its resume have in common. Throws QuatrainError "BadOption". */
export function checkShared({ asks, policy, environment }: SharedOptions): void {
  if (typeof asks !== "function" && !["deny", "wait"].includes(asks ?? "deny"))
    throw bad("asks", asks, "use deny, wait or a function");
  checkPolicy(policy);
  if (environment === undefined) return;
  const list: unknown = environment;
  if (!Array.isArray(list)) throw bad("environment", list, "give a list of names of variables");
  const name = environment.find((one: unknown) => typeof one !== "string" || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(one));
  if (name !== undefined) throw bad("environment", name, "give names of variables, such as NODE_ENV");
  const key = environment.find((one) => /^anthropic_/i.test(one));
  if (key !== undefined) throw bad("environment", key, "keys are never handed to the commands of workers; leave it out");
}

function checkPolicy(policy: Partial<Policy> | undefined, workers?: readonly string[]): void {
  const issues = policy === undefined ? [] : policyIssues(policy, workers);
  if (issues.length > 0) throw new QuatrainError("BadOption", `${issues.slice(0, 5).join("; ")}.`);
}

/** Checks the workers of a run against the tools there are. Throws QuatrainError "BadOption", "BadWorker" or "UnknownTool". */
export function checkWorkers(workers: readonly Worker[], extra: readonly Tool[] = []): readonly Worker[] {
  const list: unknown = workers;
  if (!Array.isArray(list) || workers.length === 0) throw bad("workers", workers, "name at least one, made with defineWorker");
  const toolbox = createToolbox({ extra });
  const names = new Set<string>();
  for (const worker of workers) {
    if (!worker?.card) throw bad("workers", worker, "make each with defineWorker");
    if (names.has(worker.name))
      throw new QuatrainError("BadWorker", `Two workers are named "${worker.name}"; names must be unique.`);
    names.add(worker.name);
    // Throws UnknownTool, naming the known ones.
    toolbox.specs(worker.card.tools);
  }
  return workers;
}

/** Picks built-in workers by name. Throws QuatrainError "UnknownWorker" naming the nearest. */
export function workersNamed(names: readonly string[], known: readonly Worker[] = BUILT_IN): readonly Worker[] {
  return names.map((name) => {
    const found = known.find((worker) => worker.name === name);
    if (found) return found;
    const all = known.map((worker) => worker.name);
    const near = nearest(name, all);
    throw new QuatrainError(
      "UnknownWorker",
      `There is no worker "${name}"${near ? `; did you mean "${near}"?` : "."} Known: ${all.join(", ")}.`,
    );
  });
}

/**
 * The default rules with a caller's own added; a caller's allow takes a rule out of ask. Throws QuatrainError "BadOption"
 * for a rule that can't be read: it would deny everything later.
 */
export function mergePermissions(own: Partial<PermissionRules> = {}): PermissionRules {
  parsePermissions(own);
  const { allow = [], ask = [], deny = [] } = own;
  return {
    allow: [...defaultPermissions.allow.filter((rule) => !ask.includes(rule)), ...allow],
    ask: [...defaultPermissions.ask.filter((rule) => !allow.includes(rule)), ...ask],
    deny: [...defaultPermissions.deny, ...deny],
  };
}

/** The models that a run asks, by what it has models do. */
export function modelsInUse<Choice>(
  models: {
    readonly orchestrator: Choice;
    readonly router: Choice;
    readonly worker: Choice;
    readonly tiers: Readonly<Record<string, Choice>>;
  },
  { plans, works, answers }: { readonly plans: boolean; readonly works: boolean; readonly answers: boolean },
): readonly Choice[] {
  return [
    ...(plans ? [models.router] : []),
    ...(plans || answers ? [models.orchestrator] : []),
    ...(works ? [models.worker, ...Object.values(models.tiers)] : []),
  ];
}

/** Checks that there is a key where a model in use needs one. Throws QuatrainError "MissingKey". */
export function checkKeys(used: readonly { readonly endpoint: string }[], ownModels: boolean): void {
  const usesDefault = used.some(({ endpoint }) => endpoint === DEFAULT_ENDPOINT);
  // An empty variable is none, here as in the client.
  const hasKey = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"].some((name) => process.env[name]?.trim());
  if (!usesDefault || hasKey) return;
  const hint = ownModels ? " (a role without its own baseURL uses the Anthropic API)" : "";
  throw new QuatrainError(
    "MissingKey",
    `There is no API key${hint}: set ANTHROPIC_API_KEY, or try "quatrain demo", which needs none.`,
  );
}

function checkWorkspace(given: OrchestrateOptions["workspace"]): string | null {
  if (given === undefined) return null;
  const { path: folder, isolation = "copy" } = typeof given === "string" ? { path: given } : (given ?? {});
  if (typeof folder !== "string" || folder === "") throw bad("workspace", given, 'name a folder, such as "."');
  if (isolation !== "copy") throw bad("workspace.isolation", isolation, 'only "copy" exists so far');
  const absolute = path.resolve(folder);
  if (!existsSync(absolute))
    throw new QuatrainError("MissingWorkspace", `The workspace ${absolute} does not exist; make it, or name another folder.`);
  if (!statSync(absolute).isDirectory()) throw new QuatrainError("MissingWorkspace", `The workspace ${absolute} is no folder.`);
  return absolute;
}

function checkCount(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw bad(name, value, `give a whole number from 1 to ${most}`);
}

function storeOf(given: string | false | undefined, workspace: string | null): string | null {
  if (given === false) return null;
  if (given === undefined) return workspace === null ? null : path.join(workspace, ".quatrain");
  if (typeof given !== "string" || given === "") throw bad("store", given, "name a folder, or false for none");
  return path.resolve(given);
}

function oneOf<const T extends string>(name: string, given: T, known: readonly T[]): T {
  if (known.includes(given)) return given;
  throw bad(name, given, `use ${known.join(", ")}`);
}

function bad(name: string, given: unknown, advice: string): QuatrainError {
  const text = typeof given === "number" ? String(given) : (JSON.stringify(given) ?? String(given));
  return new QuatrainError("BadOption", `${name} is ${text.length > 100 ? `${text.slice(0, 100)}…` : text}; ${advice}.`);
}
