// What is made of the answer when the orchestrator's model has looked at a task: the plan grows by its parts, or its text
// is another one. An answer that helps nothing leads to the next step of the row, never to a hang.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { parseJson } from "../core/json.ts";
import { remedyFor } from "../core/policy.ts";
import { taskIndex } from "../core/ids.ts";
import { RewordAnswer } from "../prompts/reword.ts";
import type { ConversationOutcome } from "../protocol/message.ts";
import type { Plan } from "../protocol/plan.ts";
import { withParts } from "../queue/check-split.ts";
import { splitTask } from "../queue/grow.ts";
import { chargeTask } from "../queue/queue.ts";
import { adjustmentOf } from "./dispatch.ts";
import { dropLetter } from "./letters.ts";
import { boundsOf, mendedOf, roomForParts, withoutMend } from "./mend.ts";
import { accountOf, closeBooks } from "./money.ts";
import { planLines } from "./plan-events.ts";
import { recordChanges, schedule, withIssue } from "./retry.ts";
import type { Mend, RunContext, RunRules } from "./run-state.ts";
import { follow } from "./settle.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";

/** A conversation about a task ended: `child` is its id. */
export function settleMend(
  context: RunContext,
  { child, outcome }: { readonly child: string; readonly outcome: ConversationOutcome },
  rules: RunRules,
): Step {
  const stop: Directive = { do: "stop", child };
  const mend = context.mending.find(({ id, begun }) => id === child && begun);
  const { queue } = context;
  if (!mend || !queue)
    return sequence(step(context, stop), (next) =>
      dropLetter(next, { from: child, what: outcome.kind, reason: "the task is no longer mended" }),
    );
  const charged: RunContext = {
    ...withoutMend(context, mend),
    now: Math.max(context.now, outcome.at),
    queue: chargeTask(queue, { task: mend.task, usd: accountOf(context, mend.id).usd }),
  };
  return sequence(
    step(charged, stop),
    (next) =>
      outcome.kind === "finished"
        ? take(next, mend, { text: outcome.text, rules })
        : goOn(next, mend, { why: outcome.failure, rules }),
    (next) => closeBooks(next, mend.id),
  );
}

function take(context: RunContext, mend: Mend, answer: { readonly text: string; readonly rules: RunRules }): Step {
  const { text, rules } = answer;
  if (mend.step === "reword") {
    const reworded = RewordAnswer.safeParse(parseJson(text));
    return reworded.success
      ? reword(context, mend, reworded.data)
      : goOn(context, mend, { why: failure("PlanInvalid", "The new text of the task could not be read."), rules });
  }
  const bounds = boundsOf(context, mend.task);
  const checked = bounds && rules.checkSplit(text, bounds);
  if (!checked?.ok) return goOn(context, mend, { why: failure("PlanInvalid", "The parts of the task do not fit it."), rules });
  // Other tasks may have been cut meanwhile.
  if (checked.plan.tasks.length > roomForParts(context))
    return goOn(context, mend, { why: failure("PlanInvalid", "There is no room for more tasks in the plan."), rules });
  return split(context, mend, checked.plan);
}

/** The plan grows at its end, and the task waits for its parts. */
function split(context: RunContext, mend: Mend, parts: Plan): Step {
  const { plan, queue } = context;
  const task = plan?.tasks[taskIndex(mend.task)];
  if (!plan || !queue || !task) return step(context);
  const grown = withParts(plan, task, parts);
  const added = grown.tasks.slice(plan.tasks.length);
  const before = adjustmentOf(context, mend.task);
  const changes = [`cut into ${added.map(({ id, label }) => `${id} (${label})`).join(", ")}, then put together`];
  const next: RunContext = {
    ...recordChanges(context, mend.task, { ...before, changes }),
    plan: grown,
    queue: splitTask(queue, grown, mend.task),
    reports: [...context.reports, ...added.map(() => null)],
    mended: { ...context.mended, [mend.task]: { ...mendedOf(context, mend.task), parts: added.map(({ id }) => id) } },
  };
  const why = `${mend.why.code}: ${mend.why.message}`;
  return step(
    next,
    emit(next, { type: "plan.amended", task: mend.task, parts: added.map(({ id }) => id), why, ...planLines(grown) }),
  );
}

/** The next attempt is given the task in other words. */
function reword(context: RunContext, mend: Mend, { task: text, constraints }: RewordAnswer): Step {
  const { plan } = context;
  const position = taskIndex(mend.task);
  const task = plan?.tasks[position];
  if (!plan || !task) return step(context);
  const before = adjustmentOf(context, mend.task);
  const next: RunContext = {
    ...context,
    plan: { ...plan, tasks: plan.tasks.with(position, { ...task, task: text, constraints }) },
    mended: { ...context.mended, [mend.task]: { ...mendedOf(context, mend.task), reworded: true } },
  };
  const adjustment = { ...before, issues: withIssue(before.issues, mend, mend.why), changes: ["the task in other words"] };
  return schedule(next, mend, { why: mend.why, wakeAt: context.now, adjustment, usd: 0 });
}

/** It helped nothing: the next step of the row. Without money for it there is none for another attempt either. */
function goOn(context: RunContext, mend: Mend, { why, rules }: { readonly why: Failure; readonly rules: RunRules }): Step {
  const isBroke = why.code === "BudgetExceeded";
  const remedy = isBroke ? remedyFor(rules.policy, "BudgetExceeded", { failed: 0 }) : mend.rest;
  const lost = isBroke ? { ...why, cause: mend.why } : mend.why;
  return follow(context, { live: mend, why: lost, remedy }, rules);
}
