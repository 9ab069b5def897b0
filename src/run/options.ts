// What a caller may set, checked at once: bad configuration throws here, before anything is started or paid.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import type { InspectionEvent } from "xstate";
import { QuatrainError } from "../core/errors.ts";
import { nearest } from "../core/text.ts";
import type { Policy } from "../core/policy.ts";
import type { RunOptions } from "../machines/run-state.ts";
import type { ModelOptions, ResolvedModels } from "../model/models.ts";
import { DEFAULT_ENDPOINT, resolveModels } from "../model/models.ts";
import type { ModelPort } from "../model/port.ts";
import type { Ask, PermissionRules } from "../protocol/command.ts";
import { defaultPermissions } from "../tools/permissions.ts";
import type { Tool } from "../tools/port.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import { BUILT_IN } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";

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
  /** Most money for the whole run. @default no limit */
  readonly budget?: { readonly usd: number };
  /** Whether the plan is put to a person (an ask of kind `plan`) before anything starts. @default false */
  readonly review?: boolean;
  /** Added to the default rules: deny beats ask beats allow; what no rule matches is asked. */
  readonly permissions?: Partial<PermissionRules>;
  /** Folder for journal, copies and results; false keeps everything in memory. @default `.quatrain` in the workspace, memory without one */
  readonly store?: string | false;
  /** @default a fresh id */
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
export function checkOptions(given: OrchestrateOptions<readonly Worker[]>): CheckedOptions {
  const workspace = checkWorkspace(given.workspace);
  const workers = given.workers ?? BUILT_IN;
  if (workers.length === 0) throw new QuatrainError("BadOption", "workers is empty; name at least one.");
  const concurrency = checkCount("concurrency", given.concurrency ?? 8, 1_000);
  const maxTasks = checkCount("maxTasks", given.maxTasks ?? 40, 100_000);
  const models = resolveModels(given.models);
  const budgetUsd = checkBudget(given.budget, models, workers);
  if (!given.model) checkKeys(models, given.models !== undefined);
  const mode = given.mode ?? "auto";
  if (!["auto", "direct", "orchestrate"].includes(mode))
    throw new QuatrainError("BadOption", `mode is "${mode}"; use auto, direct or orchestrate.`);
  return {
    workers,
    workspace,
    store: storeOf(given.store, workspace),
    models,
    mode,
    options: {
      concurrency,
      maxTasks,
      review: given.review ?? false,
      asks: (given.asks ?? "deny") === "deny" ? "deny" : "wait",
      permissions: mergePermissions(given.permissions),
      budgetUsd,
      hasWorkspace: workspace !== null,
    },
  };
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

/** The default rules with a caller's own added; a caller's allow takes a rule out of ask. */
export function mergePermissions(own: Partial<PermissionRules> = {}): PermissionRules {
  const { allow = [], ask = [], deny = [] } = own;
  return {
    allow: [...defaultPermissions.allow.filter((rule) => !ask.includes(rule)), ...allow],
    ask: [...defaultPermissions.ask.filter((rule) => !allow.includes(rule)), ...ask],
    deny: [...defaultPermissions.deny, ...deny],
  };
}

/** Checks that every endpoint in use has a key. Throws QuatrainError "MissingKey". */
export function checkKeys(models: ResolvedModels, ownModels: boolean): void {
  const used = [models.orchestrator, models.worker, models.router, ...Object.values(models.tiers)];
  const usesDefault = used.some(({ endpoint }) => endpoint === DEFAULT_ENDPOINT);
  const hasKey = Boolean(process.env["ANTHROPIC_API_KEY"] ?? process.env["ANTHROPIC_AUTH_TOKEN"]);
  if (!usesDefault || hasKey) return;
  const hint = ownModels ? " (a role without its own baseURL uses the Anthropic API)" : "";
  throw new QuatrainError(
    "MissingKey",
    `There is no API key${hint}: set ANTHROPIC_API_KEY, or try "quatrain demo", which needs none.`,
  );
}

function checkWorkspace(given: OrchestrateOptions["workspace"]): string | null {
  if (given === undefined) return null;
  const { path: folder, isolation = "copy" } = typeof given === "string" ? { path: given } : given;
  if (isolation !== "copy")
    throw new QuatrainError("BadOption", `workspace.isolation is "${String(isolation)}"; only "copy" exists so far.`);
  const absolute = path.resolve(folder);
  if (!existsSync(absolute))
    throw new QuatrainError("MissingWorkspace", `The workspace ${absolute} does not exist; make it, or name another folder.`);
  if (!statSync(absolute).isDirectory()) throw new QuatrainError("MissingWorkspace", `The workspace ${absolute} is no folder.`);
  return absolute;
}

function checkCount(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new QuatrainError("BadOption", `${name} is ${value}; give a whole number from 1 to ${most}.`);
}

function checkBudget(
  budget: { readonly usd: number } | undefined,
  models: ResolvedModels,
  workers: readonly Worker[],
): number | null {
  if (budget === undefined) return null;
  if (!Number.isFinite(budget.usd) || budget.usd <= 0)
    throw new QuatrainError("BadOption", `budget.usd is ${budget.usd}; give an amount above 0, or leave it out.`);
  const inUse = [
    models.orchestrator,
    models.router,
    ...(workers.some(({ card }) => card.kind === "model") ? [models.worker, ...Object.values(models.tiers)] : []),
  ];
  const unpriced = inUse.find(({ price }) => price === null);
  if (unpriced)
    throw new QuatrainError(
      "UnpricedModel",
      `No price is known for ${unpriced.model}, so a budget can't be kept. Give its prices, or run without a budget.`,
    );
  return budget.usd;
}

function storeOf(given: string | false | undefined, workspace: string | null): string | null {
  if (given === false) return null;
  if (given !== undefined) return path.resolve(given);
  return workspace === null ? null : path.join(workspace, ".quatrain");
}
