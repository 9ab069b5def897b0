// A plan as text: the graph by steps, its longest path, and what it may cost at most. Pure.
import { DEFAULT_POLICY } from "../core/policy.ts";
import type { RunContext } from "../machines/run-state.ts";
import { costCeilings } from "./cost-ceiling.ts";
import { criticalPath, levelsOf } from "../queue/plan-index.ts";
import type { Task } from "../protocol/plan.ts";
import { cellsOf, fitToCells, moneyText, plural, safe } from "./words.ts";

/** The plan of a run as lines; empty when it has none. */
export function planLines(context: RunContext): readonly string[] {
  const { plan, options } = context;
  if (!plan) return [];
  const path = criticalPath(plan);
  const ceilings = costCeilings(context);
  const levels = levelsOf(plan);
  const workerCells = Math.max(0, ...plan.tasks.map(({ worker }) => cellsOf(safe(worker, 40))));
  const labelCells = Math.min(40, Math.max(0, ...plan.tasks.map(({ label }) => cellsOf(safe(label, 60)))));
  const rows = plan.tasks.map((task, at) => {
    const usd = ceilings.tasks[at] ?? null;
    return [
      `${path.tasks.includes(task.id) ? "*" : " "} ${fitToCells(task.id, 4)}${fitToCells(safe(task.worker, 40), workerCells)}`,
      fitToCells(safe(task.label, 60), labelCells),
      usd === null ? "no price known" : `at most ${moneyText(usd)}`,
      afterText(task),
    ]
      .join("  ")
      .trimEnd();
  });
  const steps = [...new Set(levels)].toSorted((a, b) => a - b);
  return [
    `Plan: ${plural(plan.tasks.length, "task")} in ${plural(steps.length, "step")}, up to ${options.concurrency} at once`,
    ...(plan.rationale === "" ? [] : [safe(plan.rationale, 600)]),
    ...steps.flatMap((level) => [`Step ${level + 1}`, ...rows.filter((_, at) => levels[at] === level)]),
    `Longest path (*): ${path.tasks.join(" → ")} (${plural(path.hops, "task")})`,
    ceilingText(ceilings.totalUsd, options.budget.usd),
  ];
}

/** The plan of a run for programs: its tasks, its longest path, and upper bounds in USD (null: no price known). */
export function planData(context: RunContext): PlanData {
  const { plan } = context;
  const ceilings = costCeilings(context);
  const tasks = (plan?.tasks ?? []).map((task, at) => ({ ...task, worstCaseUsd: ceilings.tasks[at] ?? null }));
  return {
    rationale: plan?.rationale ?? "",
    tasks,
    criticalPath: plan ? criticalPath(plan).tasks : [],
    worstCaseUsd: ceilings.totalUsd,
  };
}

/** A plan with its bounds. */
export interface PlanData {
  readonly rationale: string;
  readonly tasks: readonly (Task & { readonly worstCaseUsd: number | null })[];
  readonly criticalPath: readonly string[];
  readonly worstCaseUsd: number | null;
}

function afterText({ dependencies, optional }: Task): string {
  const after = dependencies.map(({ task, kind }) => (kind === "soft" ? `${task} (or without it)` : task)).join(", ");
  return [...(after === "" ? [] : [`after ${after}`]), ...(optional ? ["optional"] : [])].join(", ");
}

function ceilingText(totalUsd: number | null, budgetUsd: number | null): string {
  if (totalUsd === null) return "Worst case: unknown, since a model without a known price or size takes part.";
  const how = `Worst case: ${moneyText(totalUsd)}, if each task used up ${plural(DEFAULT_POLICY.attempts, "attempt")}, each with all its turns and a full context.`;
  return budgetUsd === null ? `${how} --budget sets a limit.` : `${how} The budget ends it at ${moneyText(budgetUsd)}.`;
}
