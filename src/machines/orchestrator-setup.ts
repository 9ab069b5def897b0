// The words of the orchestrator's chart: what its guards ask and what its actions do. Each is one call of a pure
// function; the chart (orchestrator.ts) says when.
import { setup } from "xstate";
import type { DoneActorEvent, ErrorActorEvent } from "xstate";
import type { RunActors } from "../actors/contract.ts";
import type { EffectOrphaned, HostSlept } from "../host/port.ts";
import type { UpwardMessage } from "../protocol/message.ts";
import type { RunEvent } from "../protocol/run-event.ts";
import {
  announceRoute,
  beginCall,
  conclude,
  needsNoSynthesis,
  openCall,
  planDirectly,
  retryCall,
  takePlan,
  takeRoute,
  takeSynthesis,
} from "./calls.ts";
import {
  PLAN_ASK,
  announcePlan,
  answerAsk,
  closeAsk,
  editPlan,
  isAnswerTo,
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
import { armAgain, goOn, standStill, takeGap, unset } from "./deadlines.ts";
import { dispatch, isAllSettled, isWaitingForWake, mayDispatch } from "./dispatch.ts";
import { effectErrorOf } from "./effect-events.ts";
import type { DoneOf } from "./effect-events.ts";
import { dropLetter } from "./letters.ts";
import { isAskedAboutConflicts, mustWorkAgain } from "./conflicts.ts";
import { beginIntegration, integrationBroke, mustIntegrate, takeIntegrated } from "./integrate.ts";
import { settleMend } from "./mended.ts";
import { askForMoney, endTurn, isInFlight, settleOrphan, startTurn } from "./money.ts";
import { isOutOfTime } from "./overtime.ts";
import { announce, cancel, relay, stopAll } from "./run-events.ts";
import type { RunOutput } from "./run-events.ts";
import { callOutcome, childId, exploreFailure, wake, workerOutcome } from "./run-ends.ts";
import { childOf } from "./run-state.ts";
import type { CallName, RunContext, RunInput, RunRules } from "./run-state.ts";
import { mustSkipIdle, settleWorker, skipIdle } from "./settle.ts";
import { sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";
import type { WorkerMachine } from "./worker.ts";

/** The children of a run. */
export type OrchestratorActors = RunActors & { readonly conversation: ConversationMachine; readonly worker: WorkerMachine };

/** What a run hears: from its children, its host, and people. */
export type OrchestratorEvent =
  | UpwardMessage
  | Delivered
  | EffectOrphaned
  | HostSlept
  | DoneOf<"route" | "plan" | "synthesis", ConversationMachine>
  | DoneOf<"explore", RunActors["prepareWorkspace"]>
  | DoneOf<"integrate", RunActors["integrate"]>
  | DoneActorEvent<unknown, "*">
  | ErrorActorEvent<unknown, "*">;

const base = setup({
  types: {
    context: {} as RunContext,
    events: {} as OrchestratorEvent,
    input: {} as RunInput,
    output: {} as RunOutput,
    emitted: {} as RunEvent,
    tags: {} as "hold",
  },
  actors: {} as OrchestratorActors,
});

/** Carries out a decision: the new context, then each directive in order. */
const decide = (decision: (context: RunContext, event: OrchestratorEvent) => Step) =>
  base.enqueueActions(({ context, event, enqueue }) => {
    const { context: next, then } = decision(context, event);
    if (next !== context) enqueue.assign(() => next);
    for (const one of then) carryOut(one, enqueue);
  });

type Enqueue = Parameters<Parameters<typeof base.enqueueActions>[0]>[0]["enqueue"];

function carryOut(directive: Directive, enqueue: Enqueue): void {
  switch (directive.do) {
    case "emit":
      return enqueue.emit(directive.event);
    case "start":
      return enqueue.spawnChild("worker", { id: `worker:${directive.worker.id}`, input: directive.worker });
    case "talk":
      return enqueue.spawnChild("conversation", { id: directive.input.id, input: directive.input });
    case "wake":
      return enqueue.spawnChild("sleepUntil", {
        id: `wake:${directive.name}`,
        input: { key: `wake/${directive.name}`, dueAt: directive.dueAt },
      });
    case "stop":
      return enqueue.stopChild(directive.child);
    case "tell":
      return enqueue.sendTo(directive.child, directive.message);
  }
}

/** The setup that the chart is written in, bound to constant rules. */
export function orchestratorSetup(rules: RunRules) {
  return base.extend({
    guards: {
      isWorkerEnd: ({ event }) => childId(event).startsWith("worker:"),
      isMendEnd: ({ event }) => childId(event).startsWith("mend:"),
      isWake: ({ event }) => childId(event).startsWith("wake:"),
      isPlanned: ({ context }) => context.plan !== null,
      isRoutedDirect: ({ context }) => context.route?.mode === "direct",
      isRouted: ({ context }) => context.route !== null,
      isExplored: ({ event }) => event.type === "xstate.done.actor.explore" && event.output.value.ok,
      needsNoReview: ({ context }) => !context.options.review,
      nobodyIsThere: ({ context }) => context.options.asks === "deny",
      isPlanApproved: ({ context, event }) => isPlanAnswer(context, event) && event.decision === "approve",
      isPlanRejected: ({ context, event }) => isPlanAnswer(context, event) && event.decision === "reject",
      hasNoWorkspace: ({ context }) => !context.options.hasWorkspace,
      hasFailed: ({ context }) => context.failure !== null,
      mustRetryCall: ({ context }) => context.returning !== null,
      mayRetryPlan: ({ context }) => isReturning(context, "plan"),
      mayRetrySynthesis: ({ context }) => isReturning(context, "synthesis"),
      mayRetryIntegration: ({ context }) => isReturning(context, "integrate"),
      mustWorkAgain: ({ context }) => mustWorkAgain(context),
      mustWorkAgainDirectly: ({ context }) => mustWorkAgain(context) && context.route?.mode === "direct",
      isAskedAboutConflicts: ({ context }) => isAskedAboutConflicts(context),
      isNotAskedAboutConflicts: ({ context }) => !isAskedAboutConflicts(context),
      mayDispatch: ({ context }) => mayDispatch(context),
      mustSkipIdle: ({ context }) => mustSkipIdle(context),
      isAllSettled: ({ context }) => isAllSettled(context),
      isWaitingForWake: ({ context }) => isWaitingForWake(context),
      mayMove: ({ context }) => mayMove(context),
      mayMoveDirectly: ({ context }) => mayMove(context) && context.route?.mode === "direct",
      mustIntegrate: ({ context }) => mustIntegrate(context),
      needsNoSynthesis: ({ context }) => needsNoSynthesis(context),
      isOutOfTime: ({ context }) => isOutOfTime(context),
      isAnswered: ({ context }) => context.answer !== null,
      mustSuspend: ({ context }) => context.suspension !== null,
      isInFlight: ({ context }) => isInFlight(context),
      isCancelled: ({ context }) => context.failure?.code === "Cancelled",
      hasOutcome: ({ context }) => context.outcome === "complete" || context.outcome === "partial",
    },
    actions: {
      announceRun: decide((context) =>
        sequence(
          announce(context, {
            type: "run.started",
            runId: context.runId,
            request: context.request,
            mode: context.mode,
            workers: context.workers.map(({ name }) => name),
          }),
          (next) => armAgain(next),
        ),
      ),
      enterRouting: decide((context) => announce(context, { type: "phase.entered", phase: "routing" })),
      enterDirect: decide((context) => announce(context, { type: "phase.entered", phase: "direct" })),
      enterDecomposing: decide((context) => announce(context, { type: "phase.entered", phase: "decomposing" })),
      enterReviewing: decide((context) => announce(context, { type: "phase.entered", phase: "reviewing" })),
      enterDispatching: decide((context) => announce(context, { type: "phase.entered", phase: "dispatching" })),
      enterRetrying: decide((context) => announce(context, { type: "phase.entered", phase: "retrying" })),
      enterIntegrating: decide((context) => announce(context, { type: "phase.entered", phase: "integrating" })),
      enterResolving: decide((context) => announce(context, { type: "phase.entered", phase: "resolving" })),
      enterSynthesizing: decide((context) => announce(context, { type: "phase.entered", phase: "synthesizing" })),
      becomeRunning: decide((context, event) =>
        sequence(announce(context, { type: "activity.changed", activity: "running", failure: null }), (next) =>
          goOn(next, timed(next, event).now),
        ),
      ),
      becomePaused: decide((context, event) =>
        announce(standStill(context, timed(context, event).now), {
          type: "activity.changed",
          activity: "paused",
          failure: null,
        }),
      ),
      becomeSuspended: decide((context) =>
        announce(standStill(context, context.now), {
          type: "activity.changed",
          activity: "suspended",
          failure: context.suspension,
        }),
      ),
      takeGap: decide((context, event) => step(event.type === "host.slept" ? takeGap(context, event) : context)),
      startTurn: decide((context, event) => (event.type === "turn.started" ? takeTurn(context, event) : step(context))),
      endTurn: decide((context, event) =>
        event.type === "turn.completed" || event.type === "turn.failed" ? endTurn(context, event) : step(context),
      ),
      askForMoney: decide((context, event) => (event.type === "budget.asked" ? askForMoney(context, event) : step(context))),
      settleOrphan: decide((context, event) => (event.type === "effect.orphaned" ? settleOrphan(context, event) : step(context))),
      relay: decide((context, event) => relay(context, event)),
      raiseAsk: decide((context, event) => (event.type === "ask.raised" ? raiseAsk(context, event) : step(context))),
      noteHold: decide((context, event) =>
        event.type === "conversation.held" ? relay({ ...context, suspension: event.failure }, event) : step(context),
      ),
      settleWorker: decide((context, event) =>
        settleWorker(context, { child: childId(event), outcome: workerOutcome(context, event) }, rules),
      ),
      settleMend: decide((context, event) =>
        settleMend(context, { child: childId(event), outcome: callOutcome(context, event) }, rules),
      ),
      wakeUp: decide((context, event) => wake(context, event, rules)),
      openRoute: decide((context) => openCall(context, "route")),
      beginRoute: decide((context) => beginCall(context, "route")),
      takeRoute: decide((context, event) => takeRoute(context, callOutcome(context, event))),
      announceRoute: decide((context) => announceRoute(context)),
      planDirectly: decide((context) => planDirectly(context)),
      openPlan: decide((context) => openCall(context, "plan")),
      beginPlan: decide((context) => beginCall(context, "plan")),
      takePlan: decide((context, event) => takePlan(context, callOutcome(context, event), rules)),
      failExploring: decide((context, event) => retryCall(context, { call: "plan", why: exploreFailure(context, event) }, rules)),
      openReview: decide((context) => openReview(context)),
      editPlan: decide((context, event) => (event.type === "plan.edit" ? editPlan(context, event, rules) : step(context))),
      closePlanAsk: decide((context, event) => (event.type === "ask.answer" ? closeAsk(context, event) : step(context))),
      rejectPlan: decide((context, event) =>
        rejectPlan(context, event.type === "ask.answer" ? event.text : "nobody is there to review it"),
      ),
      announcePlan: decide((context) => announcePlan(context)),
      dispatch: decide((context) => dispatch(context, rules)),
      skipIdle: decide((context) => skipIdle(context)),
      beginIntegration: decide((context) => beginIntegration(context)),
      takeIntegrated: decide((context, event) =>
        event.type === "xstate.done.actor.integrate"
          ? takeIntegrated(context, event.output, rules)
          : integrationBroke(context, effectErrorOf(event, context.now), rules),
      ),
      openSynthesis: decide((context) => openCall(context, "synthesis")),
      beginSynthesis: decide((context) => beginCall(context, "synthesis")),
      takeSynthesis: decide((context, event) => takeSynthesis(context, callOutcome(context, event), rules)),
      conclude: decide((context) => sequence(conclude(context), unset)),
      announceEnd: decide((context) =>
        announce(context, {
          type: "run.finished",
          outcome: context.outcome ?? "failed",
          answer: context.answer ?? "",
          failure: context.failure,
          spend: { ...context.spend },
        }),
      ),
      answerAsk: decide((context, event) => (event.type === "ask.answer" ? answerAsk(context, event, rules) : step(context))),
      refuseEdit: decide((context, event) =>
        dropLetter(timed(context, event), { from: "person", what: "plan.edit", reason: "no plan is under review" }),
      ),
      refuseEnd: decide((context, event) =>
        dropLetter(context, { from: childId(event), what: event.type, reason: "nobody waits for it" }),
      ),
      tell: decide((context, event) => (event.type === "run.tell" ? tell(context, event) : step(context))),
      skipTask: decide((context, event) => (event.type === "task.skip" ? skipByCommand(context, event) : step(context))),
      refuseRetry: decide((context, event) =>
        dropLetter(timed(context, event), { from: "person", what: "task.retry", reason: "no tasks are being done now" }),
      ),
      retryTask: decide((context, event) =>
        event.type === "task.retry" ? retryByCommand(context, event, rules) : step(context),
      ),
      resumeHeld: decide((context, event) => resumeHeld(context, "at" in event ? event.at : context.now)),
      cancel: decide((context, event) => cancel(context, event)),
      stopAll: decide((context) => stopAll(context)),
    },
  });
}

/** A turn of somebody alive is booked; that of a stranger would hold up the end for ever. */
const takeTurn = (context: RunContext, event: Extract<UpwardMessage, { type: "turn.started" }>): Step =>
  childOf(context, event.from)
    ? startTurn(context, event)
    : dropLetter(context, { from: event.from, what: event.type, reason: "the attempt is over" });

const isReturning = ({ returning, suspension }: RunContext, call: CallName | "integrate"): boolean =>
  suspension === null && returning?.call === call && returning.woken;

const mayMove = (context: RunContext): boolean => context.returning === null && !isWaitingForWake(context);

const timed = (context: RunContext, event: OrchestratorEvent): RunContext =>
  "at" in event ? { ...context, now: event.at } : context;

/** An answer to the plan as it stands under review. */
const isPlanAnswer = (
  { asks }: RunContext,
  event: OrchestratorEvent,
): event is Extract<OrchestratorEvent, { type: "ask.answer" }> =>
  event.type === "ask.answer" &&
  event.ask === PLAN_ASK &&
  isAnswerTo(
    asks.find(({ id }) => id === PLAN_ASK),
    event,
  );
