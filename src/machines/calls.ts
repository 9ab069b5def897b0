// The run's own conversations: route, plan, synthesis. What each is given, and what is made of its answer.
import { failure, rootCause } from "../core/failure.ts";
import { taskIdAt } from "../core/ids.ts";
import type { Failure } from "../core/failure.ts";
import { lastEntry, remedyFor, waitBetween } from "../core/policy.ts";
import { draw } from "../core/random.ts";
import { unreachable } from "../core/unreachable.ts";
import { adjustChoice } from "../model/adjust.ts";
import { plannerPrompt } from "../prompts/planner.ts";
import { RouterAnswer, routerPrompt } from "../prompts/router.ts";
import { synthesizerPrompt } from "../prompts/synthesizer.ts";
import type { ConversationOutcome } from "../protocol/message.ts";
import type { Outcome } from "../protocol/run-event.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import { permit } from "../tools/permissions.ts";
import type { ConversationInput } from "./conversation-state.ts";
import { mustAsk, synthesisChoice } from "./limits.ts";
import { closeBooks, goBroke } from "./money.ts";
import { opening } from "./opening.ts";
import { withPlan } from "./run-state.ts";
import type { CallName, RunContext, RunRules } from "./run-state.ts";
import { countRestart, isTooIntense, tooManyRestarts } from "./retry.ts";
import { emit, sequence, step, tellEntry } from "./step.ts";
import type { Step } from "./step.ts";

/** Tools of the planner. */
const PLANNER_TOOLS = ["read", "glob", "grep", "bash"];
const PLANNER_TURNS = 30;

/** Another try of what a conversation is for. */
export function openCall(context: RunContext, call: CallName): Step {
  const before = context.calls[call];
  return step({ ...context, returning: null, calls: { ...context.calls, [call]: { ...before, tried: before.tried + 1 } } });
}

/** The conversation itself begins: from now on messages reach it. */
export function beginCall(context: RunContext, call: CallName): Step {
  return step({ ...context, talking: call });
}

/** What a conversation of the run is given. */
export function callInput(context: RunContext, call: CallName, rules: RunRules): ConversationInput {
  const common = {
    id: call,
    permissions: context.options.permissions,
    allowanceUsd: mustAsk(context) ? "asked" : null,
    firstTurn: context.calls[call].turns + 1,
    at: context.now,
  } as const;
  switch (call) {
    case "route":
      return { ...common, ...routing(context), limits: { turns: 4, toolCalls: 0 }, repairs: rules.policy.repairs.answer };
    case "plan":
      return {
        ...common,
        ...planning(context, rules),
        limits: { turns: PLANNER_TURNS, toolCalls: 100 },
        repairs: rules.policy.repairs.plan,
      };
    case "synthesis":
      return { ...common, ...synthesis(context), limits: { turns: 4, toolCalls: 0 }, repairs: rules.policy.repairs.answer };
    default:
      return unreachable(call);
  }
}

/** Takes the router's answer. A router that fails is no reason to fail the run: the plan decides then. */
export function takeRoute(context: RunContext, outcome: ConversationOutcome): Step {
  const answer = outcome.kind === "finished" ? RouterAnswer.safeParse(outcome.value) : undefined;
  const { workers } = context;
  const known = workers.find(({ name }) => name === answer?.data?.worker)?.name ?? workers[0]?.name ?? null;
  const route = answer?.success
    ? { mode: answer.data.mode, worker: answer.data.mode === "direct" ? known : null, reason: answer.data.reason }
    : {
        mode: "orchestrate" as const,
        worker: null,
        reason: `the router gave no usable answer${outcome.kind === "failed" ? ` (${outcome.failure.code})` : ""}`,
      };
  return sequence(closeCall(context, "route", outcome.at), (closed) => step({ ...closed, route }));
}

/** Says which way was chosen. */
export function announceRoute(context: RunContext): Step {
  const { route } = context;
  return step(context, ...(route ? [emit(context, { type: "route.decided", ...route })] : []));
}

/** A direct request is a plan of one task; its worker's output is the answer. Nothing of it is a model's, so nothing is checked. */
export function planDirectly(context: RunContext): Step {
  if (context.plan) return step(context);
  const worker = context.workers.find(({ name }) => name === context.route?.worker) ?? context.workers[0];
  if (!worker || worker.inputSchema !== null) {
    const why = worker
      ? `Worker "${worker.name}" wants an input, which a direct request has not; give a plan.`
      : "There are no workers.";
    return step({ ...context, failure: failure("PlanInvalid", why) });
  }
  const nothing = { files: [], constraints: [], dependencies: [], writes: [], acceptance: [] };
  const task = { id: taskIdAt(0), label: "answer", worker: worker.name, task: context.request, input: null, outputFormat: "" };
  const plan = { rationale: context.route?.reason ?? "", tasks: [{ ...task, ...nothing, optional: false, tier: null }] };
  return step(withPlan(context, plan));
}

/** Takes the planner's answer: a checked plan, or what to do without one. */
export function takePlan(context: RunContext, outcome: ConversationOutcome, rules: RunRules): Step {
  return sequence(closeCall(context, "plan", outcome.at), (closed) => {
    if (outcome.kind === "failed") return retryCall(closed, { call: "plan", why: outcome.failure }, rules);
    const checked = rules.checkPlan(outcome.text);
    if (checked.ok) return step(withPlan(closed, checked.plan));
    const why = failure("PlanInvalid", checked.issues.map(({ message }) => message).join(" "));
    return retryCall(closed, { call: "plan", why }, rules);
  });
}

/** Takes the final answer, or makes do without: what was done is told in any case. */
export function takeSynthesis(context: RunContext, outcome: ConversationOutcome, rules: RunRules): Step {
  return sequence(closeCall(context, "synthesis", outcome.at), (closed) => {
    if (outcome.kind === "finished") return step({ ...closed, answer: outcome.text });
    return retryCall(closed, { call: "synthesis", why: outcome.failure }, rules);
  });
}

/** A conversation of the run that did not bring what it was for. */
export interface FailedCall {
  readonly call: CallName;
  readonly why: Failure;
}

/** A conversation of the run broke or failed: try it again as the policy says, or go on without it. */
export function retryCall(context: RunContext, { call, why }: FailedCall, rules: RunRules): Step {
  const state = context.calls[call];
  const { steps, then } = remedyFor(rules.policy, why.code, { failed: state.tried });
  const next = steps.find((one) => one.do === "renew");
  if (next && isTooIntense(context, rules))
    return step({ ...context, suspension: tooManyRestarts(rules, why), returning: { call, woken: true } });
  if (next) {
    const drawn = draw(context.seed);
    const wakeAt = context.now + Math.max(why.retryAfterMs ?? 0, waitBetween(next.waitMs, drawn.value));
    const choice = adjustChoice(state.choice ?? choiceOf(context, call), next.change, context.models.orchestrator);
    const waiting: RunContext = {
      ...countRestart(context, rules),
      seed: drawn.next,
      calls: { ...context.calls, [call]: { ...state, choice } },
      returning: { call, woken: false },
    };
    return step(
      waiting,
      tellEntry(waiting, call, { code: why.code, entry: next.entry }),
      emit(waiting, { type: "phase.retrying", phase: call, failure: why, wakeAt }),
      { do: "wake", name: `${call}#${state.tried}`, dueAt: wakeAt },
    );
  }
  const last = tellEntry(context, call, lastEntry(why.code, then));
  if (then === "suspend") return step({ ...context, suspension: why, returning: { call, woken: true } }, last);
  const without = withoutCall(context, { call, why }, rules);
  return then === "fail" && !fallsBack({ call, why }, rules) ? sequence(step(context, last), () => without) : without;
}

/** The wait before another try of a conversation is over. */
export function wakeCall(context: RunContext, at: number): Step {
  const { returning } = context;
  return step({ ...context, now: Math.max(context.now, at), returning: returning && { ...returning, woken: true } });
}

/** How the run ends: its outcome and its answer. */
export function conclude(context: RunContext): Step {
  const { queue, plan } = context;
  const tasks = queue?.tasks ?? [];
  const required = tasks.filter((_, at) => !plan?.tasks[at]?.optional);
  // What follows from another loss names it as its cause.
  const isRoot = (lost: Failure | null) => lost !== null && (lost.code !== "DependencyFailed" || lost.cause === undefined);
  const firstLoss = tasks.find(({ failure: lost }) => isRoot(lost))?.failure ?? null;
  const finished = tasks.some(({ status }) => status === "finished");
  const whole =
    finished && required.every(({ status }) => status === "finished") && context.failure === null && context.broke === null;
  const cancelled = context.failure?.code === "Cancelled";
  const outcome: Outcome = cancelled ? "cancelled" : whole ? "complete" : finished ? "partial" : "failed";
  const answer = context.answer ?? plainAnswer(context);
  return step({ ...context, outcome, answer, failure: context.failure ?? (whole ? null : firstLoss) });
}

/** True when there is nothing to synthesize (the direct way, or nothing finished), or no time left for it. */
export const needsNoSynthesis = ({ route, queue, options, answer }: RunContext): boolean =>
  answer !== null || !options.synthesis || route?.mode === "direct" || (queue?.counts.finished ?? 0) === 0;

function withoutCall(context: RunContext, { call, why }: FailedCall, rules: RunRules): Step {
  const spent = why.code === "BudgetExceeded" ? goBroke(context) : step(context);
  if (call === "synthesis") return sequence(spent, (next) => step({ ...next, answer: plainAnswer(next), failure: why }));
  if (fallsBack({ call, why }, rules)) {
    const route = { mode: "direct" as const, worker: context.workers[0]?.name ?? null, reason: "the plan stayed invalid" };
    return announceRoute({ ...context, route });
  }
  return sequence(spent, (next) => step({ ...next, failure: why }));
}

/** True when one worker does without the plan. */
const fallsBack = ({ call, why }: FailedCall, { policy }: RunRules): boolean =>
  call === "plan" && why.code === "PlanInvalid" && policy.planFallback;

function closeCall(context: RunContext, call: CallName, at: number): Step {
  return closeBooks({ ...context, talking: null, now: Math.max(context.now, at) }, call);
}

function choiceOf({ models }: RunContext, call: CallName): ModelChoice {
  return call === "route" ? models.router : models.orchestrator;
}

function routing(context: RunContext) {
  const data = { request: context.request, workers: context.workers, hasWorkspace: context.options.hasWorkspace };
  const choice = context.calls.route.choice ?? choiceOf(context, "route");
  return opening({ choice, system: routerPrompt.system(data), tools: [], format: routerPrompt.format }, routerPrompt.user(data));
}

function planning(context: RunContext, { tools }: RunRules) {
  const { request, workers, told, options } = context;
  const bashAllowed = permit({ name: "bash", input: { command: "true" } }, options.permissions).decision === "allow";
  const names = options.hasWorkspace ? PLANNER_TOOLS.filter((name) => name !== "bash" || bashAllowed) : [];
  const data = {
    request,
    workers,
    hasWorkspace: options.hasWorkspace,
    limits: { maxTasks: options.maxTasks },
    bashAllowed,
    told,
    earlier: context.lineage?.earlier ?? [],
  };
  const choice = context.calls.plan.choice ?? choiceOf(context, "plan");
  const declared = names.flatMap((name) => (Object.hasOwn(tools, name) ? (tools[name] ?? []) : []));
  return opening(
    { choice, system: plannerPrompt.system(data), tools: declared, format: plannerPrompt.format },
    plannerPrompt.user(data),
  );
}

function synthesis(context: RunContext) {
  const { request, plan, queue, reports, conflicts, files } = context;
  const tasks = plan?.tasks ?? [];
  const labelOf = (id: string): string => tasks.find((task) => task.id === id)?.label ?? id;
  const data = {
    request,
    plan: { rationale: plan?.rationale ?? "", tasks },
    reports: tasks.flatMap((task, at) => {
      const report = reports[at];
      if (!report) return [];
      const { value } = report.output;
      return [
        {
          label: task.label,
          worker: task.worker,
          summary: report.summary,
          output: typeof value === "string" ? value : JSON.stringify(value),
          files: report.changes.files,
          evidence: report.evidence,
        },
      ];
    }),
    failures: (queue?.tasks ?? []).flatMap(({ label, failure: why, status }) => {
      if (!why || status === "finished") return [];
      const root = rootCause(why);
      return [{ label, code: why.code, message: why.message, rootCause: root === why ? null : `${root.code}: ${root.message}` }];
    }),
    conflicts: conflicts.map((conflict) => ({
      path: conflict.path,
      tasks: conflict.tasks.map(labelOf),
      kept: labelOf(conflict.kept),
    })),
    changedFiles: files,
    earlier: context.lineage?.earlier ?? [],
  };
  const choice = synthesisChoice(context, context.calls.synthesis.choice ?? choiceOf(context, "synthesis"));
  return opening({ choice, system: synthesizerPrompt.system(data), tools: [], format: null }, synthesizerPrompt.user(data));
}

/** The answer when no model wrote one: the single output, or what each task came to. */
export function plainAnswer({ route, plan, queue, reports, failure: why }: RunContext): string {
  const only = reports[0]?.output.value;
  if (route?.mode === "direct" && only !== undefined) return typeof only === "string" ? only : JSON.stringify(only, null, 2);
  const lines = (queue?.tasks ?? []).map(({ label, status, result, failure: lost }) =>
    `- ${label}: ${status}. ${result?.summary ?? lost?.message ?? ""}`.trim(),
  );
  const head = why ? `No answer could be written (${why.message})` : "No answer could be written.";
  return lines.length > 0 ? `${plan && why ? `${head}\n\n` : ""}What the tasks came to:\n${lines.join("\n")}` : head;
}
