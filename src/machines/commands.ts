// What people and apps ask of a run, and the run's questions to them.
import { failure } from "../core/failure.ts";
import { digestOf, stableStringify } from "../core/json.ts";
import { attemptId, taskId, taskIndex } from "../core/ids.ts";
import { headAndTail } from "../core/text.ts";
import type { Ask, Command } from "../protocol/command.ts";
import type { UpwardMessage } from "../protocol/message.ts";
import { isSettledStatus } from "../queue/state.ts";
import type { TaskStatus } from "../queue/state.ts";
import { answerTask } from "../queue/queue.ts";
import { answerConflicts } from "./conflicts.ts";
import { childOf, liveConversations, withPlan } from "./run-state.ts";
import type { RunContext, RunRules } from "./run-state.ts";
import { answered } from "./deadlines.ts";
import { dropLetter } from "./letters.ts";
import { planLines } from "./plan-events.ts";
import { redo, revive } from "./redo.ts";
import { lossEvents, skip } from "./settle.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";

/** A command as the host delivers it. */
export type Delivered<T extends Command["type"] = Command["type"]> = Extract<Command, { type: T }> & { readonly at: number };

/** The id of the question whether a plan is to be carried out. */
export const PLAN_ASK = "plan";

/** A conversation asks a person. Without one the answer is no. */
export function raiseAsk(context: RunContext, { from, ask, at }: Extract<UpwardMessage, { type: "ask.raised" }>): Step {
  const timed = { ...context, now: at };
  const child = childOf(timed, from);
  if (!child) return dropLetter(timed, { from, what: "ask", reason: "the attempt is over" });
  const opened = emit(timed, { type: "ask.opened", ask });
  if (context.options.asks === "wait") return step({ ...timed, asks: [...timed.asks, ask] }, opened);
  const text = "nobody is there to ask";
  const closed = emit(timed, { type: "ask.closed", ask: ask.id, decision: "reject", by: "policy", text });
  return step(timed, opened, closed, {
    do: "tell",
    child,
    message: { type: "ask.answered", ask: ask.id, decision: "reject", text, at },
  });
}

/** True when an answer is to this very question, as far as it says. */
export const isAnswerTo = (ask: Ask | undefined, { hash }: Delivered<"ask.answer">): boolean =>
  ask !== undefined && (hash === undefined || hash === ask.hash);

/** A person answers. The plan's question is the chart's own matter; here are the others, and what answers nothing. */
export function answerAsk(context: RunContext, command: Delivered<"ask.answer">, rules: RunRules): Step {
  const ask = context.asks.find(({ id }) => id === command.ask);
  if (!ask || !isAnswerTo(ask, command)) {
    const reason = ask ? "the question has changed since it was seen" : "no such question is open";
    return dropLetter({ ...context, now: command.at }, { from: command.ask, what: "ask.answer", reason });
  }
  const closed = closeAsk({ ...context, now: command.at }, command);
  return sequence(closed, (next) => {
    if (ask.kind === "conflict") return answerConflicts(next, command.decision, rules);
    return ask.kind === "escalation" ? answerEscalation(next, ask, command) : passAnswer(next, ask, command);
  });
}

/** Takes a question off the list and says how it was answered. */
export function closeAsk(context: RunContext, command: Delivered<"ask.answer">): Step {
  const next = { ...context, now: command.at, asks: context.asks.filter(({ id }) => id !== command.ask) };
  return step(
    next,
    emit(next, { type: "ask.closed", ask: command.ask, decision: command.decision, by: "person", text: command.text ?? null }),
  );
}

/** Puts the plan to a person, where that is wanted. */
export function openReview(context: RunContext): Step {
  const { plan, options } = context;
  if (!plan || !options.review) return step(context);
  const ask: Ask = {
    id: PLAN_ASK,
    kind: "plan",
    from: null,
    text: `Carry out this plan of ${plan.tasks.length} tasks?`,
    detail: {
      rationale: plan.rationale,
      tasks: plan.tasks.map(({ id, label, worker, task }) => ({ id, label, worker, task: headAndTail(task, 400) })),
    },
    hash: digestOf(stableStringify(plan)),
    at: context.now,
  };
  const next = { ...context, asks: [...context.asks.filter(({ id }) => id !== PLAN_ASK), ask] };
  return step(next, emit(next, { type: "ask.opened", ask }));
}

/** Announces the plan that is carried out. */
export function announcePlan(context: RunContext): Step {
  const { plan } = context;
  if (!plan) return step(context);
  return step(context, emit(context, { type: "plan.accepted", rationale: plan.rationale, ...planLines(plan) }));
}

/** Replaces the plan under review; an invalid one is a dead letter that says why. */
export function editPlan(context: RunContext, command: Delivered<"plan.edit">, { checkPlan }: RunRules): Step {
  const checked = checkPlan(command.plan);
  const timed = { ...context, now: command.at };
  if (checked.ok) return step(withPlan(timed, checked.plan));
  return dropLetter(timed, { from: "person", what: "plan.edit", reason: checked.issues.map(({ message }) => message).join(" ") });
}

/** The plan is turned down. */
export function rejectPlan(context: RunContext, text: string | undefined): Step {
  return step({ ...context, failure: failure("Rejected", `The plan was rejected${text ? `: ${text}` : "."}`) });
}

/** A message to one worker or to all, now and later. */
export function tell(context: RunContext, { text, task, at }: Delivered<"run.tell">): Step {
  const timed = { ...context, now: at };
  const state = task === undefined ? undefined : context.queue?.tasks[taskIndex(task)];
  const targets =
    task === undefined ? liveConversations(timed) : state?.status === "running" ? [attemptId(state.id, state.attempts)] : [];
  const told = targets.flatMap((from): Directive[] => {
    const child = childOf(timed, from);
    return child ? [{ do: "tell", child, message: { type: "worker.told", text, at } }] : [];
  });
  if (task !== undefined && told.length === 0)
    return dropLetter(timed, { from: "person", what: "run.tell", reason: `${task} is not running` });
  return step(task === undefined ? { ...timed, told: [...timed.told, text] } : timed, ...told);
}

/** A person skips a task. */
export function skipByCommand(context: RunContext, { task, reason, at }: Delivered<"task.skip">): Step {
  const timed = { ...context, now: at };
  const skipped = skip(timed, taskId(task), failure("Skipped", `Skipped by a person${reason ? `: ${reason}` : "."}`));
  return skipped.context === timed
    ? dropLetter(timed, { from: "person", what: "task.skip", reason: `${task} is settled or unknown` })
    : skipped;
}

/** A person has a task done again: a failed or skipped one is tried once more, a finished one is redone. */
export function retryByCommand(context: RunContext, { task, at }: Delivered<"task.retry">, { policy }: RunRules): Step {
  const timed = { ...context, now: at };
  const refuse = (reason: string): Step => dropLetter(timed, { from: "person", what: "task.retry", reason });
  if (context.broke !== null) return refuse("the budget is used up");
  if (context.returning !== null) return refuse("the answer is being written already");
  const id = taskId(task);
  const status = context.queue?.tasks[taskIndex(task)]?.status;
  const again =
    status === "finished"
      ? redo(timed, { task: id, because: "a person wants it done again" }, policy.strategy)
      : revive(timed, id);
  return again ?? refuse(status === undefined ? `there is no ${task}` : refusal(task, status));
}

const refusal = (task: string, status: TaskStatus): string =>
  isSettledStatus(status)
    ? `${task} needs a task that failed or was skipped: retry that one first`
    : `${task} is ${status}: only a finished, failed or skipped task can be done again`;

/** Wakes every conversation that was held. After too many restarts their count begins anew. */
export function resumeHeld(context: RunContext, at: number): Step {
  const restarts = context.suspension?.code === "RestartIntensity" ? [] : context.restarts;
  const timed = { ...context, now: at, suspension: null, restarts };
  return step(
    timed,
    ...liveConversations(timed).flatMap((from): Directive[] => {
      const child = childOf(timed, from);
      return child ? [{ do: "tell", child, message: { type: "run.resumed", at } }] : [];
    }),
  );
}

function passAnswer(context: RunContext, ask: Ask, { decision, text, at }: Delivered<"ask.answer">): Step {
  const child = ask.from === null ? undefined : childOf(context, ask.from);
  if (!child) return dropLetter(context, { from: ask.id, what: "ask.answer", reason: "who asked is gone" });
  const message = { type: "ask.answered", ask: ask.id, decision, text: text ?? null, at } as const;
  return sequence(step(context, { do: "tell", child, message }), (next) => answered(next, ask, at));
}

function answerEscalation(context: RunContext, ask: Ask, { decision, at }: Delivered<"ask.answer">): Step {
  const { queue, plan } = context;
  const task = taskId(ask.id.slice(0, ask.id.indexOf("#")));
  if (!queue || !plan) return step(context);
  const next = { ...context, queue: answerTask(queue, plan, { task, at, again: decision === "approve" }) };
  return step(next, ...lossEvents(next, queue, task));
}
