// Folding the change sets of all finished tasks into one result.
import type { Attempted, IntegrateInput, Integrated } from "../actors/contract.ts";
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { taskIndex } from "../core/ids.ts";
import { lastEntry, remedyFor, waitBetween } from "../core/policy.ts";
import { draw } from "../core/random.ts";
import type { Settled } from "../host/port.ts";
import { dependencyClosure, topologicalOrder } from "../queue/plan-index.ts";
import { settleConflicts } from "./conflicts.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { emit, step, tellEntry } from "./step.ts";
import type { Step } from "./step.ts";

/** True when there is anything to fold. */
export const mustIntegrate = ({ options, reports }: RunContext): boolean =>
  options.hasWorkspace && reports.some((report) => (report?.changes.files.length ?? 0) > 0);

/** The folding begins. */
export const beginIntegration = (context: RunContext): Step =>
  step({
    ...context,
    returning: null,
    integration: { ...context.integration, tried: context.integration.tried + 1 },
  });

/** The change sets in topological order, each with the tasks it comes after. */
export function integrateInput({ plan, reports, integration }: RunContext): IntegrateInput {
  const key = integration.tried <= 1 ? "integrate" : `integrate/${integration.tried}`;
  if (!plan) return { key, changes: [] };
  const changes = topologicalOrder(plan).flatMap((task) => {
    const report = reports[taskIndex(task)];
    return report && report.changes.files.length > 0
      ? [{ task, ref: report.changes.ref, after: dependencyClosure(plan, task) }]
      : [];
  });
  return { key, changes };
}

/** Takes the result and decides about conflicts in it. */
export function takeIntegrated(context: RunContext, { value, at }: Settled<Attempted<Integrated>>, rules: RunRules): Step {
  const timed = { ...context, now: Math.max(context.now, at) };
  if (!value.ok) return integrationFailed(timed, value.failure, rules);
  const { files, conflicts } = value;
  return settleConflicts({ ...timed, files, conflicts, integration: { ...context.integration, failed: 0 } }, rules);
}

/** The folding itself broke. */
export function integrationBroke(
  context: RunContext,
  { message, at }: { readonly message: string; readonly at: number },
  rules: RunRules,
): Step {
  return integrationFailed({ ...context, now: Math.max(context.now, at) }, failure("WorkspaceFailed", message), rules);
}

/** Tried again as its row says, at once after a resume where a person has to mend something; else the run goes on and says so. */
function integrationFailed(context: RunContext, why: Failure, { policy }: RunRules): Step {
  const { integration, seed, now } = context;
  const failed = integration.failed + 1;
  const { steps, then } = remedyFor(policy, why.code, { failed });
  const next = steps.find((one) => one.do === "renew");
  const counted = { ...context, integration: { ...integration, failed } };
  if (next) {
    const drawn = draw(seed);
    const wakeAt = now + waitBetween(next.waitMs, drawn.value);
    const waiting: RunContext = { ...counted, seed: drawn.next, returning: { call: "integrate", woken: false } };
    const applied = tellEntry(waiting, "integrate", { code: why.code, entry: next.entry });
    const told = emit(waiting, { type: "phase.retrying", phase: "integrate", failure: why, wakeAt });
    return step(waiting, applied, told, { do: "wake", name: `integrate#${integration.tried}`, dueAt: wakeAt });
  }
  const last = tellEntry(counted, "integrate", lastEntry(why.code, then));
  if (then === "suspend") return step({ ...counted, suspension: why, returning: { call: "integrate", woken: true } }, last);
  return step({ ...counted, failure: why }, ...(then === "fail" ? [last] : []));
}
