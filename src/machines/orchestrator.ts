// The orchestrator chart: from a request to an answer. Decides when; what is decided stands in the pure files beside
// this one, what is done in src/actors.
//   O1  Reports, orphaned effects and commands are taken in every state; states only decide what may start.
//   O2  The context is JSON: a snapshot of any state can be restored.
//   O3  Every ending goes through `conclude`: nothing is lost without a reason in the outcome.
//   O4  Paused and suspended carry the tag `hold`: the host starts no turn and no unrepeatable effect.
import { setup } from "xstate";
import type { DoneActorEvent, ErrorActorEvent } from "xstate";
import type { RunActors } from "../actors/contract.ts";
import { failure } from "../core/failure.ts";
import { taskIndex } from "../core/ids.ts";
import type { EffectOrphaned } from "../host/port.ts";
import type { ConversationOutcome, UpwardMessage } from "../protocol/message.ts";
import type { RunEvent } from "../protocol/run-event.ts";
import type { WorkerOutcome } from "../protocol/work.ts";
import { announceRoute, callInput, conclude, needsNoSynthesis, openCall, planDirectly, retryCall, takePlan, takeRoute, takeSynthesis, wakeCall } from "./calls.ts";
import {
  PLAN_ASK,
  announcePlan,
  answerAsk,
  closeAsk,
  editPlan,
  openReview,
  raiseAsk,
  rejectPlan,
  resumeHeld,
  retryByCommand,
  skipByCommand,
  tell,
} from "./commands.ts";
import type { Delivered } from "./commands.ts";
import type { ConversationMachine } from "./conversation.ts";
import { dispatch, isAllSettled, isWaitingForWake, mayDispatch } from "./dispatch.ts";
import { effectErrorOf } from "./effect-events.ts";
import type { DoneOf } from "./effect-events.ts";
import { integrateInput, integrationBroke, mustIntegrate, takeIntegrated } from "./integrate.ts";
import { askForMoney, endTurn, isInFlight, settleOrphan, startTurn } from "./money.ts";
import { announce, cancel, relay, runOutput, stopAll } from "./run-events.ts";
import type { RunOutput } from "./run-events.ts";
import { startRun } from "./run-state.ts";
import type { CallName, RunContext, RunInput, RunRules } from "./run-state.ts";
import { dropLetter, settleWorker, wakeUp } from "./settle.ts";
import { sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";
import type { WorkerMachine } from "./worker.ts";

type Actors = RunActors & { readonly conversation: ConversationMachine; readonly worker: WorkerMachine };

type Event =
  | UpwardMessage
  | Delivered
  | EffectOrphaned
  | DoneOf<"route" | "plan" | "synthesis", ConversationMachine>
  | DoneOf<"explore", RunActors["prepareWorkspace"]>
  | DoneOf<"integrate", RunActors["integrate"]>
  | DoneActorEvent<unknown, "*">
  | ErrorActorEvent<unknown, "*">;

const base = setup({
  types: {
    context: {} as RunContext,
    events: {} as Event,
    input: {} as RunInput,
    output: {} as RunOutput,
    emitted: {} as RunEvent,
    tags: {} as "hold",
  },
  actors: {} as Actors,
});

/** Carries out a decision: the new context, then each directive in order. */
const decide = (decision: (context: RunContext, event: Event) => Step) =>
  base.enqueueActions(({ context, event, enqueue }) => {
    const { context: next, then } = decision(context, event);
    enqueue.assign(() => next);
    for (const one of then) carryOut(one, enqueue);
  });

type Enqueue = Parameters<Parameters<typeof base.enqueueActions>[0]>[0]["enqueue"];

function carryOut(directive: Directive, enqueue: Enqueue): void {
  switch (directive.do) {
    case "emit":
      return enqueue.emit(directive.event);
    case "start":
      return enqueue.spawnChild("worker", { id: `worker:${directive.worker.id}`, input: directive.worker });
    case "wake":
      return enqueue.spawnChild("sleepUntil", { id: `wake:${directive.name}`, input: { key: `wake/${directive.name}`, dueAt: directive.dueAt } });
    case "stop":
      return enqueue.stopChild(directive.child);
    case "tell":
      return enqueue.sendTo(directive.child, directive.message);
  }
}

/** The machine of a run, with its effects and its constant rules. */
export function orchestratorMachine(actors: Actors, rules: RunRules) {
  const call = (name: CallName) => ({
    src: "conversation" as const,
    input: ({ context }: { context: RunContext }) => callInput(context, name, rules),
  });
  return base
    .extend({
      guards: {
        isWorkerEnd: ({ event }) => childId(event).startsWith("worker:"),
        isWake: ({ event }) => childId(event).startsWith("wake:"),
        isPlanned: ({ context }) => context.plan !== null,
        isRoutedDirect: ({ context }) => context.route?.mode === "direct",
        isRouted: ({ context }) => context.route !== null,
        needsNoReview: ({ context }) => !context.options.review,
        nobodyIsThere: ({ context }) => context.options.asks === "deny",
        isPlanApproved: ({ event }) => event.type === "ask.answer" && event.ask === PLAN_ASK && event.decision === "approve",
        isPlanRejected: ({ event }) => event.type === "ask.answer" && event.ask === PLAN_ASK && event.decision === "reject",
        hasNoWorkspace: ({ context }) => !context.options.hasWorkspace,
        hasFailed: ({ context }) => context.failure !== null,
        mustRetryCall: ({ context }) => context.returning !== null,
        mayRetryRoute: ({ context }) => isReturning(context, "route"),
        mayRetryPlan: ({ context }) => isReturning(context, "plan"),
        mayRetrySynthesis: ({ context }) => isReturning(context, "synthesis"),
        mayDispatch: ({ context }) => mayDispatch(context),
        isAllSettled: ({ context }) => isAllSettled(context),
        isWaitingForWake: ({ context }) => isWaitingForWake(context),
        mayMove: ({ context }) => mayMove(context),
        mayMoveDirectly: ({ context }) => mayMove(context) && context.route?.mode === "direct",
        mustIntegrate: ({ context }) => mustIntegrate(context),
        needsNoSynthesis: ({ context }) => needsNoSynthesis(context),
        isAnswered: ({ context }) => context.answer !== null,
        mustSuspend: ({ context }) => context.suspension !== null,
        isInFlight: ({ context }) => isInFlight(context),
        isCancelled: ({ context }) => context.failure?.code === "Cancelled",
        hasOutcome: ({ context }) => context.outcome === "complete" || context.outcome === "partial",
      },
      actions: {
        announceRun: decide((context) => announce(context, { type: "run.started", runId: context.runId, request: context.request, mode: context.mode, workers: context.workers.map(({ name }) => name) })),
        enterRouting: decide((context) => announce(context, { type: "phase.entered", phase: "routing" })),
        enterDirect: decide((context) => announce(context, { type: "phase.entered", phase: "direct" })),
        enterDecomposing: decide((context) => announce(context, { type: "phase.entered", phase: "decomposing" })),
        enterReviewing: decide((context) => announce(context, { type: "phase.entered", phase: "reviewing" })),
        enterDispatching: decide((context) => announce(context, { type: "phase.entered", phase: "dispatching" })),
        enterRetrying: decide((context) => announce(context, { type: "phase.entered", phase: "retrying" })),
        enterIntegrating: decide((context) => announce(context, { type: "phase.entered", phase: "integrating" })),
        enterSynthesizing: decide((context) => announce(context, { type: "phase.entered", phase: "synthesizing" })),
        becomeRunning: decide((context) => announce(context, { type: "activity.changed", activity: "running", failure: null })),
        becomePaused: decide((context) => announce(context, { type: "activity.changed", activity: "paused", failure: null })),
        becomeSuspended: decide((context) => announce(context, { type: "activity.changed", activity: "suspended", failure: context.suspension })),
        startTurn: decide((context, event) => (event.type === "turn.started" ? startTurn(context, event) : step(context))),
        endTurn: decide((context, event) => (event.type === "turn.completed" || event.type === "turn.failed" ? endTurn(context, event) : step(context))),
        askForMoney: decide((context, event) => (event.type === "budget.asked" ? askForMoney(context, event) : step(context))),
        settleOrphan: decide((context, event) => (event.type === "effect.orphaned" ? settleOrphan(context, event) : step(context))),
        relay: decide((context, event) => relay(context, event)),
        raiseAsk: decide((context, event) => (event.type === "ask.raised" ? raiseAsk(context, event) : step(context))),
        noteHold: decide((context, event) => (event.type === "conversation.held" ? relay({ ...context, suspension: event.failure }, event) : step(context))),
        settleWorker: decide((context, event) => settleWorker(context, childId(event), workerOutcome(context, event), rules)),
        wakeUp: decide((context, event) => wake(context, event)),
        openRoute: decide((context) => openCall(context, "route")),
        takeRoute: decide((context, event) => takeRoute(context, callOutcome(context, event))),
        announceRoute: decide((context) => announceRoute(context)),
        planDirectly: decide((context) => planDirectly(context, rules)),
        openPlan: decide((context) => openCall(context, "plan")),
        takePlan: decide((context, event) => takePlan(context, callOutcome(context, event), rules)),
        failExploring: decide((context, event) => retryCall(context, "plan", failure("WorkspaceFailed", exploreError(context, event)), rules)),
        openReview: decide((context) => openReview(context)),
        editPlan: decide((context, event) => (event.type === "plan.edit" ? editPlan(context, event, rules) : step(context))),
        closePlanAsk: decide((context, event) => (event.type === "ask.answer" ? closeAsk(context, event) : step(context))),
        rejectPlan: decide((context, event) => rejectPlan(context, event.type === "ask.answer" ? event.text : "nobody is there to review it")),
        announcePlan: decide((context) => announcePlan(context)),
        dispatch: decide((context) => dispatch(context)),
        takeIntegrated: decide((context, event) =>
          event.type === "xstate.done.actor.integrate" ? takeIntegrated(context, event.output) : integrationBroke(context, effectErrorOf(event, context.now)),
        ),
        openSynthesis: decide((context) => openCall(context, "synthesis")),
        takeSynthesis: decide((context, event) => takeSynthesis(context, callOutcome(context, event), rules)),
        conclude: decide((context) => conclude(context)),
        announceEnd: decide((context) => announce(context, { type: "run.finished", outcome: context.outcome ?? "failed", answer: context.answer ?? "", failure: context.failure, spend: { ...context.spend } })),
        answerAsk: decide((context, event) => (event.type === "ask.answer" ? answerAsk(context, event) : step(context))),
        refuseEdit: decide((context, event) => dropLetter(timed(context, event), { from: "person", what: "plan.edit", reason: "no plan is under review" })),
        tell: decide((context, event) => (event.type === "run.tell" ? tell(context, event) : step(context))),
        skipTask: decide((context, event) => (event.type === "task.skip" ? skipByCommand(context, event) : step(context))),
        retryTask: decide((context, event) => (event.type === "task.retry" ? retryByCommand(context, event) : step(context))),
        resumeHeld: decide((context, event) => resumeHeld(context, "at" in event ? event.at : context.now)),
        cancel: decide((context, event) => cancel(context, event)),
        stopAll: decide((context) => stopAll(context)),
      },
    })
    .createMachine({
      id: "run",
      context: ({ input }) => startRun(input, rules),
      output: ({ context }) => runOutput(context),
      initial: "active",
      entry: "announceRun",
      on: {
        "turn.started": { actions: "startTurn" },
        "turn.completed": { actions: "endTurn" },
        "turn.failed": { actions: "endTurn" },
        "tool.started": { actions: "relay" },
        "tool.finished": { actions: "relay" },
        "worker.progressed": { actions: "relay" },
        "answer.repairing": { actions: "relay" },
        "budget.asked": { actions: "askForMoney" },
        "ask.raised": { actions: "raiseAsk" },
        "effect.orphaned": { actions: "settleOrphan" },
        "xstate.done.actor.*": [
          { guard: "isWorkerEnd", actions: "settleWorker" },
          { guard: "isWake", actions: "wakeUp" },
        ],
        "xstate.error.actor.*": [
          { guard: "isWorkerEnd", actions: "settleWorker" },
          { guard: "isWake", actions: "wakeUp" },
        ],
        "ask.answer": { actions: "answerAsk" },
        "plan.edit": { actions: "refuseEdit" },
        "run.tell": { actions: "tell" },
        "task.skip": { actions: "skipTask" },
        "task.retry": { actions: "retryTask" },
        "run.cancel": { target: ".stopping", actions: "cancel" },
      },
      states: {
        active: {
          type: "parallel",
          states: {
            phase: {
              initial: "routing",
              states: {
                routing: {
                  entry: "enterRouting",
                  initial: "choosing",
                  exit: "announceRoute",
                  states: {
                    choosing: {
                      always: [
                        { guard: "isPlanned", target: "#run.active.phase.planned" },
                        { guard: "isRoutedDirect", target: "#run.active.phase.direct" },
                        { guard: "isRouted", target: "#run.active.phase.decomposing" },
                        { target: "asking" },
                      ],
                    },
                    asking: {
                      entry: "openRoute",
                      invoke: {
                        ...call("route"),
                        id: "route",
                        onDone: { target: "choosing", actions: "takeRoute" },
                        onError: { target: "choosing", actions: "takeRoute" },
                      },
                    },
                  },
                },
                direct: {
                  entry: ["enterDirect", "planDirectly"],
                  always: [
                    { guard: "hasFailed", target: "#run.stopping" },
                    { guard: "isAllSettled", target: "settled" },
                    { guard: "mayDispatch", actions: "dispatch" },
                    { guard: "isWaitingForWake", target: "retrying" },
                  ],
                },
                decomposing: {
                  entry: "enterDecomposing",
                  initial: "opening",
                  always: [
                    { guard: "hasFailed", target: "#run.stopping" },
                    { guard: "isPlanned", target: "planned" },
                    { guard: "isRoutedDirect", target: "direct" },
                    { guard: "mustRetryCall", target: "retrying" },
                  ],
                  states: {
                    opening: {
                      entry: "openPlan",
                      always: [{ guard: "hasNoWorkspace", target: "planning" }, { target: "exploring" }],
                    },
                    exploring: {
                      invoke: {
                        id: "explore",
                        src: "prepareWorkspace",
                        input: ({ context }) => ({ key: `plan/prepare/${context.calls.plan.tried}`, workspace: "plan", layers: [] }),
                        onDone: [{ guard: ({ event }) => event.output.value.ok, target: "planning" }, { actions: "failExploring" }],
                        onError: { actions: "failExploring" },
                      },
                    },
                    planning: {
                      invoke: { ...call("plan"), id: "plan", onDone: { actions: "takePlan" }, onError: { actions: "takePlan" } },
                    },
                  },
                },
                planned: {
                  always: [
                    { guard: "needsNoReview", target: "dispatching", actions: "announcePlan" },
                    { guard: "nobodyIsThere", target: "#run.stopping", actions: "rejectPlan" },
                    { target: "reviewing" },
                  ],
                },
                reviewing: {
                  entry: ["enterReviewing", "openReview"],
                  on: {
                    "ask.answer": [
                      { guard: "isPlanApproved", target: "dispatching", actions: ["closePlanAsk", "announcePlan"] },
                      { guard: "isPlanRejected", target: "#run.stopping", actions: ["closePlanAsk", "rejectPlan"] },
                    ],
                    "plan.edit": { target: "reviewing", reenter: true, actions: "editPlan" },
                  },
                },
                dispatching: {
                  entry: "enterDispatching",
                  always: [
                    { guard: "isAllSettled", target: "settled" },
                    { guard: "mayDispatch", actions: "dispatch" },
                    { guard: "isWaitingForWake", target: "retrying" },
                  ],
                },
                retrying: {
                  entry: "enterRetrying",
                  always: [
                    { guard: "mayRetryRoute", target: "routing" },
                    { guard: "mayRetryPlan", target: "decomposing" },
                    { guard: "mayRetrySynthesis", target: "synthesizing" },
                    { guard: "mayMoveDirectly", target: "direct" },
                    { guard: "mayMove", target: "dispatching" },
                  ],
                },
                settled: { always: [{ guard: "mustIntegrate", target: "integrating" }, { target: "integrated" }] },
                integrating: {
                  entry: "enterIntegrating",
                  invoke: {
                    id: "integrate",
                    src: "integrate",
                    input: ({ context }) => integrateInput(context),
                    onDone: { target: "integrated", actions: "takeIntegrated" },
                    onError: { target: "integrated", actions: "takeIntegrated" },
                  },
                },
                integrated: { always: [{ guard: "needsNoSynthesis", target: "#run.concluding" }, { target: "synthesizing" }] },
                synthesizing: {
                  entry: ["enterSynthesizing", "openSynthesis"],
                  always: [
                    { guard: "isAnswered", target: "#run.concluding" },
                    { guard: "mustRetryCall", target: "retrying" },
                  ],
                  invoke: { ...call("synthesis"), id: "synthesis", onDone: { actions: "takeSynthesis" }, onError: { actions: "takeSynthesis" } },
                },
              },
            },
            activity: {
              initial: "running",
              states: {
                running: {
                  always: { guard: "mustSuspend", target: "suspended" },
                  on: {
                    "run.pause": { target: "paused", actions: "becomePaused" },
                    "conversation.held": { actions: "noteHold" },
                  },
                },
                paused: {
                  tags: "hold",
                  always: { guard: "mustSuspend", target: "suspended" },
                  on: {
                    "run.resume": { target: "running", actions: "becomeRunning" },
                    "conversation.held": { actions: "noteHold" },
                  },
                },
                suspended: {
                  tags: "hold",
                  entry: "becomeSuspended",
                  on: {
                    "run.resume": { target: "running", actions: ["resumeHeld", "becomeRunning"] },
                    "conversation.held": { actions: "noteHold" },
                  },
                },
              },
            },
          },
        },
        stopping: {
          entry: "stopAll",
          always: [{ guard: "isInFlight" }, { target: "concluding" }],
        },
        concluding: {
          entry: ["conclude", "announceEnd"],
          always: [
            { guard: "isCancelled", target: "cancelled" },
            { guard: "hasOutcome", target: "done" },
            { target: "failed" },
          ],
        },
        done: { type: "final" },
        failed: { type: "final" },
        cancelled: { type: "final" },
      },
    })
    .provide({ actors });
}

/** The orchestrator machine's type. */
export type OrchestratorMachine = ReturnType<typeof orchestratorMachine>;

const isReturning = ({ returning, suspension }: RunContext, call: CallName): boolean => suspension === null && returning?.call === call && returning.woken;

/** The id of the child that an event is about; "" for other events. */
function childId(event: Event): string {
  return "actorId" in event && typeof event.actorId === "string" ? event.actorId : "";
}

const mayMove = (context: RunContext): boolean => context.returning === null && !isWaitingForWake(context);

const timed = (context: RunContext, event: Event): RunContext => ("at" in event ? { ...context, now: event.at } : context);

/** How a worker ended; one that broke has crashed. */
function workerOutcome(context: RunContext, event: Event): WorkerOutcome {
  // Children named worker:… are worker machines, whose output is a WorkerOutcome.
  if ("output" in event) return event.output as WorkerOutcome;
  const { message, at } = effectErrorOf(event, context.now);
  return { kind: "failed", failure: failure("WorkerCrashed", message), spend: context.spend, at };
}

/** How a conversation of the run ended; one that broke has failed. */
function callOutcome(context: RunContext, event: Event): ConversationOutcome {
  // Children named route, plan and synthesis are conversations.
  if ("output" in event) return event.output as ConversationOutcome;
  const { message, at } = effectErrorOf(event, context.now);
  return { kind: "failed", failure: failure("WorkerCrashed", message), spend: context.spend, turns: 0, toolCalls: 0, at };
}

function exploreError(context: RunContext, event: Event): string {
  if (event.type !== "xstate.done.actor.explore") return effectErrorOf(event, context.now).message;
  return event.output.value.ok ? "" : event.output.value.failure.message;
}

/** A wait is over: of a task, or of a conversation of the run. */
function wake(context: RunContext, event: Event): Step {
  const name = childId(event).slice("wake:".length);
  const at = "output" in event ? wokenAt(event.output) : context.now;
  const stop = step(context, { do: "stop", child: childId(event) });
  const task = name.slice(0, Math.max(0, name.indexOf("#")));
  const position = taskIndex(task);
  return sequence(stop, (next) => {
    const state = next.queue?.tasks[position];
    return Number.isNaN(position) ? wakeCall(next, at ?? next.now) : state ? wakeUp(next, state.id, at ?? next.now) : step(next);
  });
}

const wokenAt = (output: unknown): number | undefined => (typeof output === "object" && output !== null && "at" in output && typeof output.at === "number" ? output.at : undefined);
