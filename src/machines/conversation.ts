// The conversation chart: a model's turn loop with frozen parameters. Planner, worker, synthesizer and router are all
// conversations. Decides when; what is decided stands in conversation-state.ts, what is done in src/actors.
import { setup } from "xstate";
import type { ErrorActorEvent } from "xstate";
import type { ConversationActors } from "../actors/contract.ts";
import { failure } from "../core/failure.ts";
import { oneLine } from "../core/text.ts";
import { permit } from "../tools/permissions.ts";
import type { Ask } from "../protocol/command.ts";
import type { ConversationOutcome, DownwardMessage, UpwardMessage } from "../protocol/message.ts";
import { summarizeCall } from "./asks.ts";
import {
  answerCalls,
  askForRepair,
  billOf,
  goOn,
  judgeCrash,
  judgeTurn,
  outcomeOf,
  startConversation,
  turnKey,
  worstCase,
} from "./conversation-state.ts";
import type { ConversationContext, ConversationInput, ConversationRules } from "./conversation-state.ts";
import { effectErrorOf } from "./effect-events.ts";
import type { DoneOf } from "./effect-events.ts";
import { lean } from "./lean.ts";
import { askAboutCall, breakCall, recordResult, refuseCall } from "./tool-calls.ts";
import { sendUp } from "./upward.ts";

type Event =
  | DownwardMessage
  | DoneOf<"turn", ConversationActors["modelTurn"]>
  | DoneOf<"call", ConversationActors["toolCall"]>
  | DoneOf<"wait", ConversationActors["sleepUntil"]>
  | ErrorActorEvent<unknown, "turn" | "call" | "wait">;

const base = setup({
  types: {
    context: {} as ConversationContext,
    events: {} as Event,
    input: {} as ConversationInput,
    output: {} as ConversationOutcome,
  },
  actors: {} as ConversationActors,
});

/** The machine for one conversation, with its effects and its constant rules. Runs as a child or as a root. */
export function createConversation(actors: ConversationActors, rules: ConversationRules) {
  const machine = base
    .extend({
      guards: {
        hasMoney: ({ context }) => context.granted || (context.allowanceUsd !== "asked" && canAfford(context)),
        mayAskForMoney: ({ context }) => context.allowanceUsd === "asked",
        mustAct: ({ context }) => context.verdict === "act",
        mustContinue: ({ context }) => context.verdict === "continue",
        mustRepair: ({ context }) => context.verdict === "repair",
        mustWait: ({ context }) => context.verdict === "wait",
        mustHold: ({ context }) => context.verdict === "hold",
        mayFinish: ({ context }) => context.verdict === "finish",
        hasFailed: ({ context }) => context.failure !== null,
        allCallsAnswered: ({ context }) => context.next >= context.calls.length,
        callIsUnknown: ({ context }) => !isDeclared(context),
        callIsAllowed: ({ context }) => permission(context).decision === "allow",
        callMustBeAsked: ({ context }) => permission(context).decision === "ask",
        isApproved: ({ context, event }) => answers(context.asking, event) && event.decision === "approve",
        isRejected: ({ context, event }) => answers(context.asking, event) && event.decision === "reject",
      },
      actions: {
        askForMoney: base.enqueueActions(({ context, self, enqueue }) => {
          sendUp(self, enqueue, { type: "budget.asked", from: context.id, worst: worstCase(context), at: context.now });
        }),
        takeMoney: base.assign(({ event }) => (event.type === "budget.granted" ? { granted: true, now: event.at } : {})),
        runOutOfMoney: base.assign(({ context, event }) => ({
          verdict: "fail" as const,
          failure:
            event.type === "budget.refused"
              ? event.failure
              : failure(
                  "BudgetExceeded",
                  `The next turn may cost $${worstCase(context).usd.toFixed(4)}, and that much is not left.`,
                ),
        })),
        announceTurn: base.enqueueActions(({ context, self, enqueue }) => {
          const { id: from, turn, now: at, parameters } = context;
          const { model } = parameters.choice;
          sendUp(self, enqueue, { type: "turn.started", from, turn, model, worst: worstCase(context), at });
        }),
        judgeTurn: base.enqueueActions(({ context, event, self, enqueue }) => {
          const judged = verdictOn(context, event, rules);
          enqueue.assign(() => judged);
          sendUp(self, enqueue, ...turnMessages(context, event, judged), ...appliedMessages(judged));
        }),
        announceRepair: base.enqueueActions(({ context, self, enqueue }) => {
          sendUp(self, enqueue, { type: "answer.repairing", from: context.id, issues: context.issues, at: context.now });
        }),
        askForRepair: base.assign(({ context }) => askForRepair(context)),
        goOn: base.assign(({ context }) => goOn(context)),
        announceCall: base.enqueueActions(({ context, self, enqueue }) => {
          const call = context.calls[context.next];
          if (call)
            sendUp(self, enqueue, {
              type: "tool.started",
              from: context.id,
              tool: call.name,
              summary: summarizeCall(call),
              at: context.now,
            });
        }),
        recordResult: base.enqueueActions(({ context, event, self, enqueue }) => {
          const result = resultOf(event);
          const tool = context.calls[context.next]?.name ?? "";
          const recorded =
            event.type === "xstate.error.actor.call"
              ? breakCall(context, effectErrorOf(event, context.now), rules)
              : recordResult(context, result);
          enqueue.assign(() => recorded);
          const summary = oneLine(result.content);
          sendUp(
            self,
            enqueue,
            { type: "tool.finished", from: context.id, tool, ok: !result.isError, summary, at: result.at },
            ...appliedMessages(recorded),
          );
        }),
        explainUnknownTool: base.assign(({ context }) =>
          recordResult(context, { content: unknownTool(context), isError: true, at: context.now }),
        ),
        refuseByRule: refuse(({ context }) => `the rule "${permission(context).rule}" forbids it`, rules),
        refuseByPerson: refuse(
          ({ event }) =>
            event.type === "ask.answered" && event.text ? `a person answered: ${event.text}` : "it was not approved",
          rules,
        ),
        raiseAsk: base.enqueueActions(({ context, self, enqueue }) => {
          const ask = askAboutCall(context);
          if (!ask) return;
          enqueue.assign({ asking: ask });
          sendUp(self, enqueue, { type: "ask.raised", from: context.id, ask, at: context.now });
        }),
        closeAsk: base.assign(({ context, event }) => ({ asking: null, now: "at" in event ? event.at : context.now })),
        answerCalls: base.assign(({ context }) => answerCalls(context)),
        giveUp: base.assign({ verdict: "fail" as const }),
        announceHold: base.enqueueActions(({ context, self, enqueue }) => {
          const { id: from, failure: why, now: at } = context;
          if (why) sendUp(self, enqueue, { type: "conversation.held", from, failure: why, at });
        }),
        takeUpAgain: base.assign(({ context, event }) => ({ verdict: null, now: "at" in event ? event.at : context.now })),
        wakeUp: base.assign(({ context, event }) => ({
          now:
            event.type === "xstate.done.actor.wait"
              ? Math.max(context.now, event.output.at)
              : Math.max(context.now, context.wakeAt),
        })),
        keepMessage: base.assign(({ context, event }) =>
          event.type === "worker.told" ? { told: [...context.told, event.text] } : {},
        ),
      },
    })
    .createMachine({
      id: "conversation",
      context: ({ input }) => startConversation(input),
      output: ({ context }) => outcomeOf(context),
      initial: "reserving",
      on: {
        "worker.told": { actions: "keepMessage" },
        // Heard where it is waited for; elsewhere it is late, and unheard it would break the machine.
        "xstate.error.actor.*": {},
      },
      states: {
        reserving: {
          always: [
            { guard: "hasMoney", target: "thinking" },
            { guard: "mayAskForMoney", target: "funding" },
            { target: "failed", actions: "runOutOfMoney" },
          ],
        },
        funding: {
          entry: "askForMoney",
          on: {
            "budget.granted": { target: "reserving", actions: "takeMoney" },
            "budget.refused": { target: "failed", actions: "runOutOfMoney" },
          },
        },
        thinking: {
          entry: "announceTurn",
          invoke: {
            id: "turn",
            src: "modelTurn",
            input: ({ context }) => ({
              key: turnKey(context),
              request: {
                conversation: context.id,
                turn: context.turn,
                parameters: context.parameters,
                messages: context.messages,
              },
            }),
            onDone: { target: "deciding", actions: "judgeTurn" },
            onError: { target: "deciding", actions: "judgeTurn" },
          },
        },
        deciding: {
          always: [
            { guard: "mustAct", target: "acting" },
            { guard: "mayFinish", target: "finished" },
            { guard: "mustRepair", target: "repairing" },
            { guard: "mustContinue", target: "reserving", actions: "goOn" },
            { guard: "mustWait", target: "waiting" },
            { guard: "mustHold", target: "held" },
            { target: "failed" },
          ],
        },
        acting: {
          initial: "choosing",
          states: {
            choosing: {
              always: [
                { guard: "hasFailed", target: "#conversation.failed", actions: "giveUp" },
                { guard: "allCallsAnswered", target: "#conversation.reserving", actions: "answerCalls" },
                { guard: "callIsUnknown", target: "choosing", reenter: true, actions: "explainUnknownTool" },
                { guard: "callIsAllowed", target: "calling" },
                { guard: "callMustBeAsked", target: "#conversation.asking" },
                { target: "choosing", reenter: true, actions: "refuseByRule" },
              ],
            },
            calling: {
              entry: "announceCall",
              invoke: {
                id: "call",
                src: "toolCall",
                input: ({ context }) => callInput(context),
                onDone: { target: "choosing", actions: "recordResult" },
                onError: { target: "choosing", actions: "recordResult" },
              },
            },
          },
        },
        asking: {
          entry: "raiseAsk",
          on: {
            "ask.answered": [
              { guard: "isApproved", target: "acting.calling", actions: "closeAsk" },
              { guard: "isRejected", target: "acting.choosing", actions: ["closeAsk", "refuseByPerson"] },
            ],
          },
        },
        repairing: {
          entry: ["announceRepair", "askForRepair"],
          always: "reserving",
        },
        waiting: {
          invoke: {
            id: "wait",
            src: "sleepUntil",
            input: ({ context }) => ({ key: `${turnKey(context)}/wait`, dueAt: context.wakeAt }),
            onDone: { target: "reserving", actions: "wakeUp" },
            onError: { target: "reserving", actions: "wakeUp" },
          },
        },
        held: {
          entry: "announceHold",
          on: { "run.resumed": { target: "reserving", actions: "takeUpAgain" } },
        },
        finished: { type: "final" },
        failed: { type: "final" },
      },
    })
    .provide({ actors });
  return lean(machine);
}

/** The current call is refused, for a reason that the model is told. */
const refuse = (
  reason: (about: { readonly context: ConversationContext; readonly event: Event }) => string,
  rules: ConversationRules,
) =>
  base.enqueueActions(({ context, event, self, enqueue }) => {
    const refused = refuseCall(context, reason({ context, event }), rules);
    enqueue.assign(() => refused);
    sendUp(self, enqueue, ...appliedMessages(refused));
  });

/** The conversation machine's type. */
export type ConversationMachine = ReturnType<typeof createConversation>;

function verdictOn(context: ConversationContext, event: Event, rules: ConversationRules): ConversationContext {
  if (event.type === "xstate.done.actor.turn") return judgeTurn(context, event.output, rules);
  return judgeCrash(context, effectErrorOf(event, context.now), rules);
}

function turnMessages(before: ConversationContext, event: Event, after: ConversationContext): readonly UpwardMessage[] {
  const { id: from, turn } = before;
  const at = after.now;
  const wakeAt = after.verdict === "wait" ? after.wakeAt : null;
  const why = after.failure ?? failure("Internal", "The turn broke.");
  const failed = { type: "turn.failed", from, turn, wakeAt, at } as const;
  if (event.type !== "xstate.done.actor.turn") return [{ ...failed, failure: why, usage: null, usd: null, lost: false }];
  const { outcome, lost } = event.output.value;
  if (outcome.kind === "failed") {
    const { usage, usd } = billOf(before, event.output.value) ?? { usage: null, usd: null };
    return [{ ...failed, failure: outcome.failure, usage, usd, lost: lost > 0 }];
  }
  const { model, stop, usage, usd } = outcome;
  return [{ type: "turn.completed", from, turn, model, stop, usage, usd, at }];
}

/** Says which entry of the policy table was applied, if any was. */
const appliedMessages = ({ applied, id: from, now: at }: ConversationContext): readonly UpwardMessage[] =>
  applied ? [{ type: "policy.applied", from, ...applied, at }] : [];

function resultOf(event: Event): { readonly content: string; readonly isError: boolean; readonly at: number } {
  if (event.type === "xstate.done.actor.call") return { ...event.output.value, at: event.output.at };
  const { message, at } = effectErrorOf(event, 0);
  return { content: message, isError: true, at };
}

function callInput(context: ConversationContext) {
  const call = context.calls[context.next];
  return {
    key: `${context.id}/turn/${context.turn}/call/${context.next}`,
    workspace: context.workspace ?? context.id,
    call: { id: call?.id ?? "", name: call?.name ?? "", input: call?.input ?? null },
  };
}

function permission(context: ConversationContext) {
  const call = context.calls[context.next];
  return permit({ name: call?.name ?? "", input: call?.input ?? null }, context.permissions);
}

const canAfford = (context: ConversationContext): boolean =>
  context.moneyUsd === null || worstCase(context).usd <= context.moneyUsd;

const isDeclared = ({ calls, next, parameters }: ConversationContext): boolean =>
  parameters.tools.some((tool) => tool.name === calls[next]?.name);

const unknownTool = ({ calls, next, parameters }: ConversationContext): string =>
  `There is no tool "${calls[next]?.name}". The tools are: ${parameters.tools.map((tool) => tool.name).join(", ") || "none"}.`;

const answers = (asking: Ask | null, event: Event): event is Extract<Event, { type: "ask.answered" }> =>
  event.type === "ask.answered" && event.ask === asking?.id;
