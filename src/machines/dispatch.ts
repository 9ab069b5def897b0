// What starts next, and with what: the brief, the model, the layers of an attempt.
//   D1  A task is started only by `startReady`, which holds dependencies and caps.
//   D2  A brief holds the task, its named files, and the outputs of its direct dependencies; nothing else.
//   D3  What an earlier run has done from the same is not started: its report stands (reuse.ts).
import { attemptId, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import { headAndTail } from "../core/text.ts";
import type { Plan, Task } from "../protocol/plan.ts";
import type { Brief, DependencyOutput, Report } from "../protocol/work.ts";
import { dependencyClosure } from "../queue/plan-index.ts";
import { canStart, finishTask, isSettled, startReady } from "../queue/queue.ts";
import type { StartedTask } from "../queue/queue.ts";
import type { ReuseEntry } from "../protocol/lineage.ts";
import { armFor } from "./deadlines.ts";
import { mustAsk } from "./limits.ts";
import { isInFlight } from "./money.ts";
import { reusable, workerDigests } from "./reuse.ts";
import type { Adjustment, RunContext, RunRules } from "./run-state.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";
import type { WorkerInput } from "./worker-state.ts";

/** Longest output of one dependency in a brief, in characters; trimmed attempts get 60 % of it. */
const DEPENDENCY_CHARACTERS = 20_000;
const TRIMMED_SHARE = 0.6;

/** Starts every task that may start. */
export function dispatch(context: RunContext, rules: Pick<RunRules, "cards" | "tools">): Step {
  const { queue, plan, lineage } = context;
  if (!queue || !plan) return step(context);
  if (lineage && lineage.reuse.length > 0) return dispatchReusing(context, plan, rules);
  const { queue: next, started } = startReady(queue, plan, context.now);
  const starts = started.flatMap((one) => startTask(context, one));
  return sequence(step({ ...context, queue: next }, ...starts), (after) => armFor(after, started));
}

/** D3. What is reused makes room and readies others, so it is gone on with until only work that has to be done was started. */
function dispatchReusing(context: RunContext, plan: Plan, rules: Pick<RunRules, "cards" | "tools">): Step {
  let digests: Readonly<Record<string, string>> | undefined;
  const workers = () => (digests ??= workerDigests(rules.cards, rules.tools));
  let all = step(context);
  for (;;) {
    const { context: now } = all;
    if (!now.queue) return all;
    const { queue, started } = startReady(now.queue, plan, now.now);
    const entries = started.map(({ task }) => reusable(now, task, workers));
    const fresh = started.filter((_, at) => entries[at] === undefined);
    all = sequence(
      all,
      () => step({ ...now, queue }),
      ...started.map(
        ({ task }, at) =>
          (next: RunContext) =>
            take(next, task, entries[at]),
      ),
      (next) => step(next, ...fresh.flatMap((one) => startTask(now, one))),
      (next) => armFor(next, fresh),
    );
    if (fresh.length === started.length) return all;
  }
}

/** True when a task may start now. */
export const mayDispatch = ({ queue, broke, suspension }: RunContext): boolean =>
  queue !== null && broke === null && suspension === null && canStart(queue);

/** True when every task is finished, failed or skipped and no stopped turn is still in flight. */
export const isAllSettled = (context: RunContext): boolean =>
  context.queue !== null && isSettled(context.queue) && !isInFlight(context);

/** True when nothing runs or may run before a wake-up time. */
export function isWaitingForWake({ queue }: RunContext): boolean {
  if (queue === null) return false;
  const { running, ready, mending, retrying } = queue.counts;
  return running === 0 && ready === 0 && mending === 0 && retrying > 0;
}

/** What an attempt has to change, none by default. */
export const adjustmentOf = (context: RunContext, task: TaskId): Adjustment =>
  Object.hasOwn(context.adjustments, task) ? (context.adjustments[task] ?? UNCHANGED) : UNCHANGED;

const UNCHANGED: Adjustment = { choice: null, trimmed: false, issues: [], changes: [] };

/** The report of an earlier run settles the task; no worker, no money. */
function take(context: RunContext, task: TaskId, entry: ReuseEntry | undefined): Step {
  const { queue, plan } = context;
  if (!queue || !plan || !entry) return step(context);
  const { report, from, usd: savedUsd } = entry;
  const { ref, bytes } = report.output;
  const result = { ref, bytes, summary: report.summary };
  const settled = finishTask(queue, plan, { task, at: context.now, usd: 0, result });
  const next = { ...context, queue: settled, reports: context.reports.with(taskIndex(task), report) };
  const files = report.changes.files.map(({ path }) => path);
  return step(next, emit(next, { type: "task.reused", task, from, summary: report.summary, files, savedUsd }));
}

function startTask(context: RunContext, { task: id, attempt }: StartedTask): readonly Directive[] {
  const worker = workerInput(context, id, attempt);
  if (!worker) return [];
  const model = worker.card.kind === "model" ? worker.choice.model : null;
  const { changes } = adjustmentOf(context, id);
  const started = emit(context, {
    type: "task.started",
    task: id,
    attempt,
    worker: worker.card.name,
    model,
    changes: [...changes],
  });
  return [started, { do: "start", worker }];
}

function workerInput(context: RunContext, id: TaskId, attempt: number): WorkerInput | undefined {
  const task = context.plan?.tasks[taskIndex(id)];
  const card = context.workers.find(({ name }) => name === task?.worker);
  if (!task || !card) return undefined;
  const { options, models, now: at } = context;
  const adjustment = adjustmentOf(context, id);
  return {
    id: attemptId(id, attempt),
    task: id,
    card,
    brief: briefOf(context, task, adjustment),
    choice: adjustment.choice ?? models.tiers[task.tier ?? card.tier],
    hasWorkspace: options.hasWorkspace,
    layers: options.hasWorkspace ? layersOf(context, id) : [],
    acceptance: task.acceptance,
    writes: task.writes,
    putsTogether: Object.hasOwn(context.mended, id) && (context.mended[id]?.parts.length ?? 0) > 0,
    permissions: options.permissions,
    allowanceUsd: mustAsk(context) ? "asked" : null,
    at,
  };
}

function briefOf(context: RunContext, task: Task, { trimmed, issues }: Adjustment): Brief {
  const most = Math.floor(DEPENDENCY_CHARACTERS * (trimmed ? TRIMMED_SHARE : 1));
  const said = context.told.map((text) => `The person who asked for all this adds: ${text}`);
  return {
    task: task.task,
    files: trimmed ? task.files.slice(0, Math.ceil(task.files.length * TRIMMED_SHARE)) : task.files,
    constraints: [...task.constraints, ...said],
    output_format: task.outputFormat,
    input: task.input,
    dependencies: task.dependencies.flatMap((edge) => dependencyOutput(context, edge.task, most)),
    issues,
  };
}

function dependencyOutput({ plan, reports }: RunContext, id: TaskId, most: number): readonly DependencyOutput[] {
  const task = plan?.tasks[taskIndex(id)];
  const report = reports[taskIndex(id)];
  return task && report ? [{ task: id, label: task.label, worker: task.worker, output: cut(report.output.value, most) }] : [];
}

const cut = (output: Json, most: number): Json => (typeof output === "string" ? headAndTail(output, most) : output);

/** The finished dependencies' change sets, in plan order: the copy of a task depends on nothing else. */
function layersOf({ plan, reports }: RunContext, id: TaskId): WorkerInput["layers"] {
  // Most plans of text work change no file at all: then nobody has to know what builds on what.
  if (!plan || !reports.some(hasFiles)) return [];
  return dependencyClosure(plan, id).flatMap((task) => {
    const report = reports[taskIndex(task)];
    return hasFiles(report) ? [{ task, ref: report.changes.ref, after: dependencyClosure(plan, task) }] : [];
  });
}

const hasFiles = (report: Report | null | undefined): report is Report => !!report && report.changes.files.length > 0;
