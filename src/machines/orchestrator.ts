// The orchestrator chart: from a request to an answer. Decides when; what is decided stands in the pure files beside
// this one, what is done in src/actors.
//   O1  Reports, orphaned effects and commands are taken in every state; states only decide what may start.
//   O2  The context is JSON: a snapshot of any state can be restored.
//   O3  Every ending goes through `conclude`: nothing is lost without a reason in the outcome.
//   O4  Paused and suspended carry the tag `hold`: the host starts no turn and no unrepeatable effect.
import { callInput } from "./calls.ts";
import { integrateInput } from "./integrate.ts";
import { lean } from "./lean.ts";
import { orchestratorSetup } from "./orchestrator-setup.ts";
import type { OrchestratorActors } from "./orchestrator-setup.ts";
import { runOutput } from "./run-events.ts";
import { startRun } from "./run-state.ts";
import type { CallName, RunContext, RunRules } from "./run-state.ts";

/** Most steps without an event in between: far more than any decision takes, so that a loop is an error and no hang. */
const MOST_STEPS = 1_000;

/** The machine of a run, with its effects and its constant rules. */
export function orchestratorMachine(actors: OrchestratorActors, rules: RunRules) {
  const call = (name: CallName) => ({
    src: "conversation" as const,
    input: ({ context }: { context: RunContext }) => callInput(context, name, rules),
  });
  const machine = orchestratorSetup(rules)
    .createMachine({
      id: "run",
      options: { maxIterations: MOST_STEPS },
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
        "policy.applied": { actions: "relay" },
        "budget.asked": { actions: "askForMoney" },
        "ask.raised": { actions: "raiseAsk" },
        "effect.orphaned": { actions: "settleOrphan" },
        "host.slept": { actions: "takeGap" },
        "xstate.done.actor.*": [
          { guard: "isWorkerEnd", actions: "settleWorker" },
          { guard: "isMendEnd", actions: "settleMend" },
          { guard: "isWake", actions: "wakeUp" },
        ],
        "xstate.error.actor.*": [
          { guard: "isWorkerEnd", actions: "settleWorker" },
          { guard: "isMendEnd", actions: "settleMend" },
          { guard: "isWake", actions: "wakeUp" },
          { actions: "refuseEnd" },
        ],
        "ask.answer": { actions: "answerAsk" },
        "plan.edit": { actions: "refuseEdit" },
        "run.tell": { actions: "tell" },
        "task.skip": { actions: "skipTask" },
        "task.retry": { actions: "refuseRetry" },
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
                  always: { guard: "isOutOfTime", target: "#run.stopping" },
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
                      entry: ["openRoute", "beginRoute"],
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
                  on: { "task.retry": { actions: "retryTask" } },
                  always: [
                    { guard: "hasFailed", target: "#run.stopping" },
                    { guard: "mustSkipIdle", actions: "skipIdle" },
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
                        input: ({ context }) => ({
                          key: `plan/prepare/${context.calls.plan.tried}`,
                          workspace: "plan",
                          layers: [],
                        }),
                        onDone: [{ guard: "isExplored", target: "planning" }, { actions: "failExploring" }],
                        onError: { actions: "failExploring" },
                      },
                    },
                    planning: {
                      entry: "beginPlan",
                      invoke: { ...call("plan"), id: "plan", onDone: { actions: "takePlan" }, onError: { actions: "takePlan" } },
                    },
                  },
                },
                planned: {
                  always: [
                    { guard: "hasFailed", target: "#run.stopping" },
                    { guard: "needsNoReview", target: "dispatching", actions: "announcePlan" },
                    { guard: "nobodyIsThere", target: "#run.stopping", actions: "rejectPlan" },
                    { target: "reviewing" },
                  ],
                },
                reviewing: {
                  entry: ["enterReviewing", "openReview"],
                  always: { guard: "isOutOfTime", target: "#run.stopping" },
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
                  on: { "task.retry": { actions: "retryTask" } },
                  always: [
                    { guard: "mustSkipIdle", actions: "skipIdle" },
                    { guard: "isAllSettled", target: "settled" },
                    { guard: "mayDispatch", actions: "dispatch" },
                    { guard: "isWaitingForWake", target: "retrying" },
                  ],
                },
                retrying: {
                  entry: "enterRetrying",
                  on: { "task.retry": { actions: "retryTask" } },
                  always: [
                    { guard: "isOutOfTime", target: "#run.stopping" },
                    { guard: "isAnswered", target: "#run.concluding" },
                    { guard: "mayRetryPlan", target: "decomposing" },
                    { guard: "mayRetryIntegration", target: "integrating" },
                    { guard: "mayRetrySynthesis", target: "synthesizing" },
                    { guard: "mayMoveDirectly", target: "direct" },
                    { guard: "mayMove", target: "dispatching" },
                  ],
                },
                settled: { always: [{ guard: "mustIntegrate", target: "integrating" }, { target: "integrated" }] },
                integrating: {
                  entry: ["enterIntegrating", "beginIntegration"],
                  invoke: {
                    id: "integrate",
                    src: "integrate",
                    input: ({ context }) => integrateInput(context),
                    onDone: { target: "integrated", actions: "takeIntegrated" },
                    onError: { target: "integrated", actions: "takeIntegrated" },
                  },
                },
                integrated: {
                  always: [
                    { guard: "mustRetryCall", target: "retrying" },
                    { guard: "mustWorkAgainDirectly", target: "direct" },
                    { guard: "mustWorkAgain", target: "dispatching" },
                    { guard: "isAskedAboutConflicts", target: "resolving" },
                    { guard: "needsNoSynthesis", target: "#run.concluding" },
                    { target: "synthesizing" },
                  ],
                },
                resolving: {
                  entry: "enterResolving",
                  always: { guard: "isNotAskedAboutConflicts", target: "integrated" },
                },
                synthesizing: {
                  entry: ["enterSynthesizing", "openSynthesis", "beginSynthesis"],
                  always: [
                    { guard: "isAnswered", target: "#run.concluding" },
                    { guard: "mustRetryCall", target: "retrying" },
                  ],
                  invoke: {
                    ...call("synthesis"),
                    id: "synthesis",
                    onDone: { actions: "takeSynthesis" },
                    onError: { actions: "takeSynthesis" },
                  },
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
          always: [{ guard: "isCancelled", target: "cancelled" }, { guard: "hasOutcome", target: "done" }, { target: "failed" }],
        },
        done: { type: "final" },
        failed: { type: "final" },
        cancelled: { type: "final" },
      },
    })
    .provide({ actors });
  return lean(machine);
}

/** The orchestrator machine's type. */
export type OrchestratorMachine = ReturnType<typeof orchestratorMachine>;
