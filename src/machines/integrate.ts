// Folding the change sets of all finished tasks into one result.
import type { Attempted, IntegrateInput, Integrated } from "../actors/contract.ts";
import { failure } from "../core/failure.ts";
import { taskIndex } from "../core/ids.ts";
import type { Settled } from "../host/port.ts";
import { dependencyClosure, topologicalOrder } from "../queue/plan-index.ts";
import type { RunContext } from "./run-state.ts";
import { emit, step } from "./step.ts";
import type { Step } from "./step.ts";

/** True when there is anything to fold. */
export const mustIntegrate = ({ options, reports }: RunContext): boolean =>
  options.hasWorkspace && reports.some((report) => (report?.changes.files.length ?? 0) > 0);

/** The change sets in topological order, each with the tasks it comes after. */
export function integrateInput({ plan, reports }: RunContext): IntegrateInput {
  if (!plan) return { key: "integrate", changes: [] };
  const changes = topologicalOrder(plan).flatMap((task) => {
    const report = reports[taskIndex(task)];
    return report && report.changes.files.length > 0
      ? [{ task, ref: report.changes.ref, after: dependencyClosure(plan, task) }]
      : [];
  });
  return { key: "integrate", changes };
}

/** Takes the result; without one the run goes on and says so. */
export function takeIntegrated(context: RunContext, { value, at }: Settled<Attempted<Integrated>>): Step {
  const now = Math.max(context.now, at);
  if (!value.ok) return step({ ...context, now, failure: value.failure });
  const next = { ...context, now, files: value.files, conflicts: value.conflicts };
  return step(
    next,
    ...value.conflicts.map(({ path, tasks, kept }) => emit(next, { type: "conflict.found", path, tasks: [...tasks], kept })),
  );
}

/** The folding itself broke. */
export function integrationBroke(context: RunContext, { message, at }: { readonly message: string; readonly at: number }): Step {
  return step({ ...context, now: Math.max(context.now, at), failure: failure("WorkspaceFailed", message) });
}
