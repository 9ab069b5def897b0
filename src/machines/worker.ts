// The worker chart: one attempt of one task, from its workspace copy to its report. Decides when; what is decided
// stands in worker-state.ts. Ends with its outcome as `output`; what it says meanwhile goes up as typed messages.
import { setup } from "xstate";
import type { DoneActorEvent, ErrorActorEvent } from "xstate";
import type { WorkActors } from "../actors/contract.ts";
import { failure } from "../core/failure.ts";
import type { EffectPart } from "../host/port.ts";
import type { DelegateOutput } from "../protocol/delegate.ts";
import type { DownwardMessage, UpwardMessage } from "../protocol/message.ts";
import type { WorkerOutcome } from "../protocol/work.ts";
import type { DelegateLogic } from "../workers/define-worker.ts";
import type { ConversationMachine } from "./conversation.ts";
import { startConversation } from "./conversation-state.ts";
import { effectErrorOf } from "./effect-events.ts";
import type { DoneOf } from "./effect-events.ts";
import { lean } from "./lean.ts";
import { sendUp } from "./upward.ts";
import {
  checksOf,
  mustHold,
  mustVerify,
  openTalk,
  outcomeOf,
  sendBack,
  sendingBack,
  startWorker,
  stepKey,
  takeAnswer,
  takeEvidence,
  takeStep,
  takeUpAgain,
} from "./worker-state.ts";
import type { HeldStep, WorkerContext, WorkerInput, WorkerRules } from "./worker-state.ts";

type Actors = WorkActors & { readonly conversation: ConversationMachine; readonly machine: DelegateLogic };

type Event =
  | UpwardMessage
  | DownwardMessage
  | EffectPart
  | DoneOf<"prepare", WorkActors["prepareWorkspace"]>
  | DoneOf<"conversation", ConversationMachine>
  | DoneOf<"perform", WorkActors["performWork"]>
  | DoneOf<"verify", WorkActors["verifyWork"]>
  | DoneOf<"commit", WorkActors["commitWork"]>
  | DoneActorEvent<DelegateOutput, "delegate">
  | ErrorActorEvent<unknown, "prepare" | "conversation" | "perform" | "verify" | "commit" | "delegate">;

const base = setup({
  types: {
    context: {} as WorkerContext,
    events: {} as Event,
    input: {} as WorkerInput,
    output: {} as WorkerOutcome,
  },
  actors: {} as Actors,
});

/** The effects and children of worker machines. `machines`: users' own worker machines by worker name. */
export interface WorkerParts {
  readonly actors: Omit<Actors, "machine">;
  readonly machines?: Readonly<Record<string, DelegateLogic>>;
}

/** The machine for one attempt, with its effects and its constant rules. Runs as a child or as a root. */
export function createWorker({ actors, machines = {} }: WorkerParts, rules: WorkerRules) {
  const machine = base
    .extend({
      guards: {
        hasNoWorkspace: ({ context }) => !context.hasWorkspace,
        isDoneByModel: ({ context }) => context.card.kind === "model",
        isDoneByFunction: ({ context }) => context.card.kind === "perform",
        hasFailed: ({ context }) => context.failure !== null,
        mustHold: ({ context }) => mustHold(context),
        wasPreparing: ({ context }) => context.held === "preparing",
        wasVerifying: ({ context }) => context.held === "verifying",
        maySendBack: ({ context }) => sendingBack(context, rules) !== null,
        needsNoVerifying: ({ context }) => !mustVerify(context),
      },
      actions: {
        reportPreparing: reportState("preparing"),
        reportWorking: reportState("working"),
        reportVerifying: reportState("verifying"),
        reportCommitting: reportState("committing"),
        openTalk: base.assign(({ context }) => openTalk(context, rules)),
        passUp: base.enqueueActions(({ event, self, enqueue }) => {
          if ("from" in event) sendUp(self, enqueue, event);
        }),
        passDown: base.enqueueActions(({ context, event, enqueue }) => {
          enqueue.sendTo(context.card.kind === "machine" ? "delegate" : "conversation", event);
        }),
        passPart: base.enqueueActions(({ context, event, self, enqueue }) => {
          if (event.type !== "effect.part") return;
          const note = typeof event.value === "string" ? event.value : JSON.stringify(event.value);
          sendUp(self, enqueue, { type: "worker.progressed", from: context.id, state: "performing", note, at: event.at });
        }),
        takeWorkspace: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.prepare" ? takeStep(context, event.output, () => ({})) : context,
        ),
        takeAnswer: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.conversation" ? takeAnswer(context, event.output) : context,
        ),
        takePerformed: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.perform" ? takeStep(context, event.output, ({ output }) => ({ output })) : context,
        ),
        startMachine: base.enqueueActions(({ context, enqueue }) => {
          const { id, brief, now: at } = context;
          enqueue.spawnChild(machineName(context.card.name), { id: "delegate", input: { id, brief, at } });
        }),
        takeDelegated: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.delegate"
            ? takeStep(context, { value: event.output, at: context.now }, ({ output }) => ({ output }))
            : context,
        ),
        takeEvidence: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.verify"
            ? takeStep(context, event.output, ({ evidence }) => takeEvidence([...evidence, ...checksOf(context).refused]))
            : context,
        ),
        skipEvidence: base.assign(({ context }) => ({ evidence: checksOf(context).refused })),
        sendBack: base.enqueueActions(({ context, self, enqueue }) => {
          const applied = sendingBack(context, rules);
          enqueue.assign(() => sendBack(context));
          if (applied) sendUp(self, enqueue, { type: "policy.applied", from: context.id, ...applied, at: context.now });
        }),
        takeCommitted: base.assign(({ context, event }) =>
          event.type === "xstate.done.actor.commit" ? takeStep(context, event.output, (committed) => ({ committed })) : context,
        ),
        holdPreparing: hold("preparing"),
        holdVerifying: hold("verifying"),
        holdCommitting: hold("committing"),
        takeUpAgain: base.assign(({ context, event }) => takeUpAgain(context, "at" in event ? event.at : context.now)),
        keepMessage: base.assign(({ context, event }) =>
          event.type === "worker.told" ? { told: [...context.told, event.text] } : {},
        ),
        recordCrash: base.assign(({ context, event }) => {
          const { message, at } = effectErrorOf(event, context.now);
          return { failure: failure("WorkerCrashed", message), now: at };
        }),
      },
    })
    .createMachine({
      id: "worker",
      context: ({ input }) => startWorker(input),
      output: ({ context }) => outcomeOf(context),
      initial: "starting",
      on: {
        "turn.started": { actions: "passUp" },
        "turn.completed": { actions: "passUp" },
        "turn.failed": { actions: "passUp" },
        "tool.started": { actions: "passUp" },
        "tool.finished": { actions: "passUp" },
        "answer.repairing": { actions: "passUp" },
        "policy.applied": { actions: "passUp" },
        "worker.progressed": { actions: "passUp" },
        "ask.raised": { actions: "passUp" },
        "budget.asked": { actions: "passUp" },
        "conversation.held": { actions: "passUp" },
        "effect.part": { actions: "passPart" },
        "worker.told": { actions: "keepMessage" },
        // Heard where it is waited for; elsewhere it is late, and unheard it would break the machine.
        "xstate.error.actor.*": {},
      },
      states: {
        starting: { always: [{ guard: "hasNoWorkspace", target: "working" }, { target: "preparing" }] },
        preparing: {
          entry: "reportPreparing",
          invoke: {
            id: "prepare",
            src: "prepareWorkspace",
            input: ({ context }) => ({ key: stepKey(context, "prepare"), workspace: context.id, layers: context.layers }),
            onDone: { target: "prepared", actions: "takeWorkspace" },
            onError: { target: "failed", actions: "recordCrash" },
          },
        },
        prepared: {
          always: [
            { guard: "mustHold", target: "held", actions: "holdPreparing" },
            { guard: "hasFailed", target: "failed" },
            { target: "working" },
          ],
        },
        working: {
          entry: "reportWorking",
          initial: "choosing",
          states: {
            choosing: {
              always: [
                { guard: "isDoneByModel", target: "conversing" },
                { guard: "isDoneByFunction", target: "performing" },
                { target: "delegating" },
              ],
            },
            conversing: {
              entry: "openTalk",
              invoke: {
                id: "conversation",
                src: "conversation",
                input: ({ context }) => context.talk ?? startConversation(undefined),
                onDone: { target: "#worker.worked", actions: "takeAnswer" },
                onError: { target: "#worker.failed", actions: "recordCrash" },
              },
              on: {
                "ask.answered": { actions: "passDown" },
                "budget.granted": { actions: "passDown" },
                "budget.refused": { actions: "passDown" },
                "worker.told": { actions: "passDown" },
                "run.resumed": { actions: "passDown" },
              },
            },
            performing: {
              invoke: {
                id: "perform",
                src: "performWork",
                input: ({ context: { id, card, brief } }) => ({ key: `${id}/perform`, worker: card.name, workspace: id, brief }),
                onDone: { target: "#worker.worked", actions: "takePerformed" },
                onError: { target: "#worker.failed", actions: "recordCrash" },
              },
            },
            delegating: {
              entry: "startMachine",
              on: {
                "xstate.done.actor.delegate": { target: "#worker.worked", actions: "takeDelegated" },
                "xstate.error.actor.delegate": { target: "#worker.failed", actions: "recordCrash" },
                "ask.answered": { actions: "passDown" },
                "budget.granted": { actions: "passDown" },
                "budget.refused": { actions: "passDown" },
                "worker.told": { actions: "passDown" },
                "run.resumed": { actions: "passDown" },
              },
            },
          },
        },
        worked: {
          always: [
            { guard: "hasFailed", target: "failed" },
            { guard: "needsNoVerifying", target: "committing", actions: "skipEvidence" },
            { target: "verifying" },
          ],
        },
        verifying: {
          entry: "reportVerifying",
          invoke: {
            id: "verify",
            src: "verifyWork",
            input: ({ context }) => {
              const { needsFiles, commands } = checksOf(context);
              return {
                key: stepKey(context, `verify/${context.verified}`),
                workspace: context.id,
                layers: context.layers,
                needsFiles,
                commands,
              };
            },
            onDone: { target: "judging", actions: "takeEvidence" },
            onError: { target: "failed", actions: "recordCrash" },
          },
        },
        judging: {
          always: [
            { guard: "mustHold", target: "held", actions: "holdVerifying" },
            { guard: "maySendBack", target: "working", actions: "sendBack" },
            { guard: "hasFailed", target: "failed" },
            { target: "committing" },
          ],
        },
        committing: {
          entry: "reportCommitting",
          invoke: {
            id: "commit",
            src: "commitWork",
            input: ({ context }) => {
              const { id, layers, output } = context;
              return { key: stepKey(context, "commit"), workspace: id, layers, output };
            },
            onDone: { target: "committed", actions: "takeCommitted" },
            onError: { target: "failed", actions: "recordCrash" },
          },
        },
        committed: {
          always: [
            { guard: "mustHold", target: "held", actions: "holdCommitting" },
            { guard: "hasFailed", target: "failed" },
            { target: "finished" },
          ],
        },
        held: {
          on: {
            "run.resumed": [
              { guard: "wasPreparing", target: "preparing", actions: "takeUpAgain" },
              { guard: "wasVerifying", target: "verifying", actions: "takeUpAgain" },
              { target: "committing", actions: "takeUpAgain" },
            ],
          },
        },
        finished: { type: "final" },
        failed: { type: "final" },
      },
    })
    .provide({ actors: { ...actors, ...named(machines) } });
  return lean(machine);
}

/** The worker machine's type. */
export type WorkerMachine = ReturnType<typeof createWorker>;

const reportState = (state: string) =>
  base.enqueueActions(({ context, self, enqueue }) => {
    sendUp(self, enqueue, { type: "worker.progressed", from: context.id, state, note: "", at: context.now });
  });

const hold = (held: HeldStep) =>
  base.enqueueActions(({ context, self, enqueue }) => {
    const { id: from, failure: why, now: at } = context;
    enqueue.assign({ held });
    if (why) sendUp(self, enqueue, { type: "conversation.held", from, failure: why, at });
  });

/** Users' machines are actors named after their worker; to the types they are all one, `machine`. */
const machineName = (worker: string) => `machine:${worker}` as "machine";

const named = (machines: Readonly<Record<string, DelegateLogic>>): { readonly machine?: DelegateLogic } =>
  Object.fromEntries(Object.entries(machines).map(([worker, logic]) => [machineName(worker), logic]));
