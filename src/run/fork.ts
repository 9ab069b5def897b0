// A fork: a new run that goes another way from any moment of an old one, and keeps what the old one has finished.
//   F1  The old run is only read: no lease, no row, no file of it is changed, whoever works on it.
//   F2  Finished work stands where it was made from exactly the same (src/machines/reuse.ts); all else is done again.
//   F3  What can't be known to be the same is done again: a tool that acts on the outside and is not repeatable.
import path from "node:path";
import { QuatrainError, messageOf } from "../core/errors.ts";
import { isPlainObject } from "../core/json.ts";
import { seedFrom } from "../core/random.ts";
import { taskIndex } from "../core/ids.ts";
import { systemClock } from "../host/clocks.ts";
import type { Budget } from "../protocol/budget.ts";
import type { Row } from "../host/journal.ts";
import { PLAN_ASK } from "../machines/commands.ts";
import { contentKey } from "../machines/reuse.ts";
import type { RunContext, RunInput, RunOptions } from "../machines/run-state.ts";
import { resolveModels } from "../model/models.ts";
import type { Lineage, ReuseEntry } from "../protocol/lineage.ts";
import type { DraftPlan, Plan } from "../protocol/plan.ts";
import { checkPlan, describeIssues } from "../queue/check-plan.ts";
import { draftOf } from "../queue/write-draft.ts";
import { createToolbox } from "../tools/toolbox.ts";
import { takeBase } from "../workspace/inherit.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { OpenOptions } from "./open-run.ts";
import { checkBudget } from "./budget.ts";
import { checkId, checkShared, modelsInUse } from "./options.ts";
import { begin } from "./orchestrate.ts";
import { quietWorld, replay, upTo } from "./peek.ts";
import type { Peeked } from "./peek.ts";
import { newRunId } from "./prepare.ts";
import { checkEndpoints, listRuns, recordOf, salvagedRows, workersOf } from "./records.ts";
import type { RunRecord } from "./records.ts";
import type { Run } from "./run.ts";
import { createWorld } from "./world.ts";

/** Options of `forkRun`: those of `openRun`, and what is to be different. */
export interface ForkOptions<W extends readonly Worker[] = BuiltIn> extends OpenOptions<W> {
  /** The journal row after which the ways part. @default the last one that can be used */
  readonly at?: number;
  /** A plan to carry out instead, as a model writes it or as JSON text. @default the plan of that moment; none yet: planned anew */
  readonly plan?: DraftPlan | string;
  /** Most money for the new run. @default as the old one */
  readonly budget?: number | Budget;
  /** Whether the plan is put to a person. @default no for a plan that was accepted or is given here, else as the old one */
  readonly review?: boolean;
  /** @default a fresh id */
  readonly id?: string;
}

/**
 * Begins a new run with the request, the plan, the base of the files and what people said of a recorded run as of a moment.
 * Its finished tasks are reused where they are asked for in the same way; what changed, and what depends on it, is done again.
 * Models, limits and permissions are the old run's unless given. Works for any run that can be read: ended, open, broken by an
 * error in the framework, written by another version, damaged further on. Rejects with QuatrainError "UnknownRun",
 * "BadOption", "BadPlan" (with all issues), "UnknownWorker", "StoreCorrupt" (nothing usable), "StoreTooNew", "MissingKey".
 */
export async function forkRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  options: ForkOptions<W> = {},
): Promise<Run<W>> {
  checkShared(options);
  checkId(options.id);
  const record = recordOf(id, options);
  if (options.id !== undefined && listRuns(record).some((run) => run.id === options.id))
    throw new QuatrainError("BadOption", `id is "${options.id}", and the store has a run of that id; choose another.`);
  const workers = workersOf(record, options);
  const moment = await momentOf(record, options);
  const plan = planOf(moment.context, workers, options);
  const input = inputOf(record, moment.context, { workers, plan, options });
  const { store } = record;
  const base = input.world.workspace === null ? null : await takeBase({ state: store, from: id, run: input.runId });
  const world = createWorld({
    ...options,
    runId: input.runId,
    workers,
    workspacePath: input.world.workspace,
    store,
    endpoints: resolveModels(options.models).endpoints,
    clock: systemClock(),
    maxTasks: input.options.maxTasks,
    permissions: input.options.permissions,
  });
  const lineage: Lineage = {
    parent: { run: id, seq: moment.seq, as: "fork" },
    route: options.plan === undefined ? moment.context.route : { ...EDITED },
    told: moment.context.told,
    base,
    reuse: finishedWork(moment, { record, base, options }),
    earlier: moment.context.lineage?.earlier ?? [],
  };
  const { workerDigests } = world;
  const whole = { ...input, world: { ...input.world, workerDigests }, lineage };
  return begin({ id: input.runId, store, world, input: whole }, options) as unknown as Run<W>;
}

/** The plan of a recorded run at a moment, as it can be edited; null before there is one. Rejects as `forkRun`. */
export async function draftAt(
  id: string,
  options: Pick<ForkOptions<readonly Worker[]>, "at" | "store" | "workers" | "policy" | "tools">,
): Promise<DraftPlan | null> {
  const { context } = await momentOf(recordOf(id, options), options);
  return context.plan && draftOf(context.plan);
}

/** A moment of a recorded run, as far as this version can follow its journal. */
export interface Moment extends Omit<Peeked, "rows"> {
  readonly rows: readonly Row[];
}

/**
 * The last usable moment, or the one that is wanted. Inputs of effects are not compared: a fork may go on from a run that
 * another version began, since what was answered then is recorded. Throws QuatrainError "StoreCorrupt" or "BadOption".
 */
export async function momentOf(
  record: RunRecord,
  options: Pick<ForkOptions, "at" | "policy" | "tools"> & { workers?: readonly Worker[] },
): Promise<Moment> {
  const { id } = record.info;
  let rows = upTo(salvagedRows(record), options.at, id);
  const world = quietWorld(record, options);
  let why: unknown;
  while (rows.length > 0) {
    const { peeked, fault, reached } = await replay(
      rows.map(({ digest: _digest, ...row }) => row),
      world,
    );
    if (peeked) {
      if (options.at !== undefined && peeked.seq < options.at) throw beyond(id, options.at, { usable: peeked.seq, why });
      return { ...peeked, rows };
    }
    why = fault;
    rows = rows.slice(0, Math.min(reached, rows.length - 1));
  }
  throw new QuatrainError("StoreCorrupt", `Nothing of run "${id}" can be used: ${messageOf(why)}`, { cause: why });
}

const beyond = (id: string, at: number, { usable, why }: { readonly usable: number; readonly why: unknown }): QuatrainError =>
  new QuatrainError(
    "BadOption",
    `at is ${at}, but run "${id}" can be followed up to row ${usable} only: ${messageOf(why)} Give at: ${usable}.`,
  );

const EDITED = { mode: "orchestrate", worker: null, reason: "the plan was edited" } as const;

function planOf(context: RunContext, workers: readonly Worker[], { plan }: Pick<ForkOptions, "plan">): Plan | null {
  if (plan === undefined) {
    const lost = context.plan?.tasks.find((task) => !workers.some(({ name }) => name === task.worker));
    if (!lost) return context.plan;
    throw new QuatrainError(
      "BadPlan",
      `Task "${lost.label}" is for worker "${lost.worker}", who is not among the workers given.`,
    );
  }
  const tasks = Math.max(context.options.maxTasks, context.plan?.tasks.length ?? 0);
  const checked = checkPlan(plan, { workers, limits: { tasks } });
  if (checked.ok) return checked.plan;
  throw new QuatrainError("BadPlan", `The plan can't be carried out:\n${describeIssues(checked.issues)}`);
}

interface Wanted {
  readonly workers: readonly Worker[];
  readonly plan: Plan | null;
  readonly options: Omit<ForkOptions, "workers">;
}

function inputOf(record: RunRecord, context: RunContext, { workers, plan, options }: Wanted): Omit<RunInput, "lineage"> {
  const { input } = record;
  const { lineage: _lineage, ...old } = input;
  const resolved = resolveModels(options.models);
  const { orchestrator, router, worker, tiers } = options.models === undefined ? old.models : resolved;
  const models = { orchestrator, router, worker, tiers };
  if (!options.model) checkEndpoints({ ...record, input: { ...input, models, plan } }, workers, resolved.endpoints);
  const works = workers.some(({ card }) => card.kind === "model");
  const inUse = modelsInUse(models, { plans: plan === null, works, answers: old.options.synthesis });
  const scope = { workers: workers.map(({ name }) => name), inUse };
  const budget = options.budget === undefined ? old.options.budget : checkBudget(options.budget, scope);
  const runId = options.id ?? newRunId();
  const workspace = options.workspace === undefined ? old.world.workspace : path.resolve(options.workspace);
  return {
    ...old,
    runId,
    plan,
    models,
    options: { ...changedOptions(old.options, context, options), budget },
    world: { workspace, workers: workers.map(({ name }) => name) },
    at: Date.now(),
    seed: seedFrom(runId),
  };
}

function changedOptions(
  { estimatesMs, ...old }: RunOptions,
  context: RunContext,
  { plan, asks, review }: Wanted["options"],
): RunOptions {
  const isOpen = context.plan === null || context.asks.some(({ id }) => id === PLAN_ASK);
  return {
    ...old,
    ...(plan === undefined && estimatesMs !== undefined ? { estimatesMs } : {}),
    review: review ?? (plan === undefined && isOpen && old.review),
    asks: asks === undefined ? old.asks : asks === "deny" ? "deny" : "wait",
  };
}

interface Sources {
  readonly record: RunRecord;
  readonly base: string | null;
  readonly options: Pick<ForkOptions, "tools">;
}

/** F2. What the old run itself had taken over stays with the run that did it. */
function finishedWork({ context, rows }: Moment, { record, base, options }: Sources): readonly ReuseEntry[] {
  const unsafe = outsideTasks(rows, context, options);
  const facts = { workers: record.input.world.workerDigests ?? {}, base };
  return (context.queue?.tasks ?? []).flatMap(({ id, status, usd }): readonly ReuseEntry[] => {
    const report = context.reports[taskIndex(id)];
    const key = status === "finished" && report && !unsafe.has(id) ? contentKey(context, id, facts) : null;
    if (key === null || !report) return [];
    const before = context.lineage?.reuse.find((entry) => entry.key === key && entry.report.output.ref === report.output.ref);
    return [before ?? { key, from: record.info.id, usd, report }];
  });
}

/** F3: the tasks whose models called such a tool. Bash is none: what it does is in the files, or its worker's own affair. */
function outsideTasks(rows: readonly Row[], context: RunContext, { tools }: Pick<ForkOptions, "tools">): ReadonlySet<string> {
  const toolbox = createToolbox({ extra: tools ?? [] });
  const isOutside = (name: string): boolean =>
    name !== "bash" && (!toolbox.names.includes(name) || toolbox.specs([name])[0]?.class === "once");
  const offered = (task: string): readonly string[] => {
    const worker = context.plan?.tasks[taskIndex(task)]?.worker;
    return context.workers.find(({ name }) => name === worker)?.tools ?? [];
  };
  return new Set(
    rows.flatMap(({ kind, key, body }) => {
      const task = kind === "result" ? /^(t\d+)#\d+\/turn\//.exec(key ?? "")?.[1] : undefined;
      return task !== undefined && calledTools(body).some((name) => offered(task).includes(name) && isOutside(name))
        ? [task]
        : [];
    }),
  );
}

/** The tools that a recorded turn asked for. */
function calledTools(body: Row["body"]): readonly string[] {
  const outcome = isPlainObject(body) ? body["outcome"] : undefined;
  const blocks = isPlainObject(outcome) && Array.isArray(outcome["blocks"]) ? outcome["blocks"] : [];
  return blocks.flatMap((block: unknown) =>
    isPlainObject(block) && block["type"] === "tool_use" && typeof block["name"] === "string" ? [block["name"]] : [],
  );
}
