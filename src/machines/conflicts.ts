// What is done about files that two tasks changed without knowing of each other.
//   F1  The later task is done again on top of the earlier one, as often as the row of ConflictingOutputs says; only
//       between tasks of models, since a function would do the same again.
//   F2  What still collides goes to a person, once, while there is time and money to act on the answer; else the later
//       version stands, and both are named.
import { digestOf, stableStringify } from "../core/json.ts";
import { taskId, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import { failure } from "../core/failure.ts";
import { lastEntry, remedyFor } from "../core/policy.ts";
import type { Ask } from "../protocol/command.ts";
import type { Plan } from "../protocol/plan.ts";
import type { Conflict } from "../protocol/work.ts";
import { dependencyClosure, topologicalOrder } from "../queue/plan-index.ts";
import { isSettled } from "../queue/queue.ts";
import { runDeadlines } from "./deadlines.ts";
import { adjustmentOf } from "./dispatch.ts";
import { planLines } from "./plan-events.ts";
import { redo } from "./redo.ts";
import { cardOfTask } from "./retry.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { emit, sequence, step, tellEntry } from "./step.ts";
import type { Step } from "./step.ts";

/** The id of the question about what still collides. */
export const CONFLICTS_ASK = "conflicts";

/** True while a person is asked about conflicts. */
export const isAskedAboutConflicts = ({ asks }: RunContext): boolean => asks.some(({ id }) => id === CONFLICTS_ASK);

/** True when tasks have to be done again after the folding. */
export const mustWorkAgain = ({ queue }: RunContext): boolean => queue !== null && !isSettled(queue);

/** Decides about the conflicts that the folding found, which stand in the context. */
export function settleConflicts(context: RunContext, rules: RunRules): Step {
  const { conflicts, integration, broke } = context;
  if (conflicts.length === 0) return step(context);
  const { steps, then } = remedyFor(rules.policy, "ConflictingOutputs", { failed: integration.redone + 1 });
  const ofModels = conflicts.filter(({ tasks }) => tasks.every((id) => cardOfTask(context, taskId(id))?.kind === "model"));
  const pairs = pairsOf(context.plan, ofModels);
  const [next] = steps;
  const last = step(context, tellEntry(context, "integrate", lastEntry("ConflictingOutputs", then)));
  if (next && pairs.length > 0 && !broke) {
    const told = tellEntry(context, "integrate", { code: "ConflictingOutputs", entry: next.entry });
    return sequence(step(context, told), (after) => redoLater(after, pairs, rules));
  }
  const isInTime = !broke && context.now < runDeadlines(context).work;
  if (then === "ask" && context.options.asks === "wait" && !integration.asked && isInTime)
    return sequence(last, askAboutConflicts);
  if (then !== "fail") return keep(context);
  return sequence(last, (after) => keep({ ...after, failure: failure("ConflictingOutputs", named(after)) }));
}

/** A person decides: yes keeps the later versions, no has the later tasks done once more on top of the earlier ones. */
export function answerConflicts(context: RunContext, decision: "approve" | "reject", rules: RunRules): Step {
  const pairs = pairsOf(context.plan, context.conflicts);
  return decision === "approve" || context.broke || pairs.length === 0 ? keep(context) : redoLater(context, pairs, rules);
}

/** Nobody has answered in time: the later versions stand. */
export function closeConflicts(context: RunContext): Step {
  const next = { ...context, asks: context.asks.filter(({ id }) => id !== CONFLICTS_ASK) };
  const text = "the time of the run is up";
  const closed = emit(next, { type: "ask.closed", ask: CONFLICTS_ASK, decision: "approve", by: "policy", text });
  return sequence(step(next, closed), keep);
}

/** What stands, and whose version it is, is told. */
function keep(context: RunContext): Step {
  return step(
    context,
    ...context.conflicts.map(({ path, tasks, kept }) => emit(context, { type: "conflict.found", path, tasks: [...tasks], kept })),
  );
}

function redoLater(context: RunContext, pairs: readonly Pair[], { policy }: RunRules): Step {
  const { plan, integration } = context;
  if (!plan) return step(context);
  const ordered = pairs.reduce(withOrder, plan);
  const amended: RunContext = {
    ...context,
    plan: ordered,
    conflicts: [],
    integration: { ...integration, redone: integration.redone + 1 },
  };
  return sequence(
    step(amended),
    ...pairs.map(({ later, earlier, paths }) => (next: RunContext): Step => {
      const because = `it and ${earlier.join(", ")} both changed ${paths.join(", ")}, and neither knew of the other`;
      const before = adjustmentOf(next, later);
      const advice = `Your earlier result and that of ${labels(next, earlier)} both changed ${paths.join(", ")}. Your files now hold their version: do your task on top of it, and keep what they made.`;
      const told: RunContext = {
        ...next,
        adjustments: {
          ...next.adjustments,
          [later]: { ...before, issues: [...before.issues, advice], changes: [`done again on top of ${earlier.join(", ")}`] },
        },
      };
      const announced = emit(told, { type: "plan.amended", task: later, parts: [], why: because, ...planLines(ordered) });
      return sequence(step(told, announced), (after) => redo(after, { task: later, because }, policy.strategy) ?? step(after));
    }),
  );
}

interface Pair {
  readonly later: TaskId;
  readonly earlier: readonly TaskId[];
  readonly paths: readonly string[];
}

/** The tasks to do again, each with all that it has to know of; later is what comes later in the order of the plan. */
function pairsOf(plan: Plan | null, conflicts: readonly Conflict[]): readonly Pair[] {
  const order = new Map((plan ? topologicalOrder(plan) : []).map((id, at) => [id, at]));
  const pairs = new Map<TaskId, Pair>();
  for (const { path, tasks } of conflicts) {
    const ids = tasks.map(taskId).toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
    const later = ids.at(-1);
    if (!plan || later === undefined) continue;
    const known = new Set(dependencyClosure(plan, later));
    const strangers = ids.slice(0, -1).filter((id) => !known.has(id));
    if (strangers.length === 0) continue;
    const before = pairs.get(later) ?? { later, earlier: [], paths: [] };
    pairs.set(later, { later, earlier: [...new Set([...before.earlier, ...strangers])], paths: [...before.paths, path] });
  }
  return [...pairs.values()];
}

/** The plan with a task put after others. It comes later in its order already, so that no circle can close. */
function withOrder(plan: Plan, { later, earlier }: Pair): Plan {
  const task = plan.tasks[taskIndex(later)];
  if (!task) return plan;
  const added = earlier.map((id) => ({ task: id, kind: "soft" as const }));
  return { ...plan, tasks: plan.tasks.with(taskIndex(later), { ...task, dependencies: [...task.dependencies, ...added] }) };
}

function askAboutConflicts(context: RunContext): Step {
  const detail = context.conflicts.map(({ path, tasks, kept }) => ({ path, tasks: [...tasks], kept }));
  const ask: Ask = {
    id: CONFLICTS_ASK,
    kind: "conflict",
    from: null,
    text: `${named(context)} Keep the later versions? No means that the later tasks are done again on top of the earlier ones.`,
    detail,
    hash: digestOf(stableStringify(detail)),
    at: context.now,
  };
  const next: RunContext = { ...context, asks: [...context.asks, ask], integration: { ...context.integration, asked: true } };
  return step(next, emit(next, { type: "ask.opened", ask }));
}

const named = (context: RunContext): string =>
  context.conflicts
    .map(
      ({ path, tasks, kept }) =>
        `${path} was changed by ${labels(context, tasks)}; the version of ${labels(context, [kept])} stands.`,
    )
    .join(" ");

const labels = ({ plan }: RunContext, ids: readonly string[]): string =>
  ids.map((id) => `${id} (${plan?.tasks[taskIndex(id)]?.label ?? id})`).join(" and ");
