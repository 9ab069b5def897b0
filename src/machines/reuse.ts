// Reuse by content: finished work of an earlier run stands for a task that is made from exactly the same.
//   U1  A key holds all that an attempt's result depends on, and nothing of where or when it was made: no ids, no times, no
//       issues of earlier attempts, nothing that people said meanwhile.
//   U2  Only a task that was never started is taken from an entry: what is done again on purpose is really done again.
import { taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { digestOf, stableStringify } from "../core/json.ts";
import { workerPrompt } from "../prompts/worker.ts";
import type { ReuseEntry } from "../protocol/lineage.ts";
import type { Task } from "../protocol/plan.ts";
import type { ModelChoice, ToolDeclaration } from "../protocol/turn.ts";
import type { WorkerCard } from "../protocol/work.ts";
import { dependencyClosure } from "../queue/plan-index.ts";
import type { RunContext } from "./run-state.ts";

/** What a key needs to know besides the run's context. */
export interface KeyFacts {
  /** Digests of the workers as they were when the work was done, by name; see `workerDigest`. */
  readonly workers: Readonly<Record<string, string>>;
  /** Names the files that the run began with; null without files. */
  readonly base: string | null;
}

/** What a worker is, as far as its results depend on it: its card, the tools it is offered, the prompt it gets. */
export function workerDigest(card: WorkerCard, tools: Readonly<Record<string, ToolDeclaration>>): string {
  const { cap: _cap, ...what } = card;
  const offered = card.tools.map((name) => (Object.hasOwn(tools, name) ? (tools[name] ?? name) : name));
  return digestOf(stableStringify([what, offered, workerPrompt.version]));
}

/** The digests of all workers, by name. */
export function workerDigests(
  cards: readonly WorkerCard[],
  tools: Readonly<Record<string, ToolDeclaration>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(cards.map((card) => [card.name, workerDigest(card, tools)]));
}

/**
 * What a task is made from: its brief, its worker, the model, the files below it and the reports of what it depends on. Null
 * where that can't be said: an unknown task or worker, or a dependency without a report.
 */
export function contentKey(context: RunContext, id: TaskId, { workers, base }: KeyFacts): string | null {
  const { plan } = context;
  const task = plan?.tasks[taskIndex(id)];
  const worker = task && Object.hasOwn(workers, task.worker) ? workers[task.worker] : undefined;
  if (!plan || !task || worker === undefined) return null;
  const built = dependencyClosure(plan, id).map((one) => context.reports[taskIndex(one)]?.changes.ref ?? null);
  const given = task.dependencies.map((edge) => {
    const [before, report] = [plan.tasks[taskIndex(edge.task)], context.reports[taskIndex(edge.task)]];
    return [before?.label, before?.worker, edge.kind, report?.output.ref ?? null];
  });
  return digestOf(stableStringify([briefOf(task), worker, modelOf(context, task), base, built, given]));
}

/** The finished work that stands for a task about to be started; undefined when it has to be done. */
export function reusable(
  context: RunContext,
  id: TaskId,
  workers: () => Readonly<Record<string, string>>,
): ReuseEntry | undefined {
  const { lineage, queue } = context;
  if (!lineage || queue?.tasks[taskIndex(id)]?.attempts !== 0) return undefined;
  const key = contentKey(context, id, { workers: workers(), base: lineage.base });
  return lineage.reuse.find((entry) => entry.key === key);
}

function briefOf({ task, files, constraints, outputFormat, input, writes, acceptance }: Task): object {
  return { task, files, constraints, outputFormat, input, writes, acceptance };
}

/** The model that a first attempt would ask. What it costs is no part of what it says. */
function modelOf({ workers, models }: RunContext, { worker, tier }: Task): Omit<ModelChoice, "price"> | null {
  const card = workers.find(({ name }) => name === worker);
  if (!card || card.kind !== "model") return null;
  const { endpoint, model, effort, maxTokens } = models.tiers[tier ?? card.tier];
  return { endpoint, model, effort, maxTokens };
}
