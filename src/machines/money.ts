// Money and tokens of a run: what was spent, what is reserved, who may start a turn next.
//   M1  Spent and reserved never exceed a limit (see limits.ts): a turn starts only after its worst case is reserved.
//   M2  Every turn is booked once: completed, failed, lost in a crash, or orphaned by a stop.
//   M3  Nobody waits for money that can't come: a turn that would not fit even if all others cost nothing is refused.
//   M4  Nobody waits for ever for the bill of a stopped turn: after a while its worst case is booked as an estimate.
import { taskOfConversation } from "../core/ids.ts";
import type { EffectOrphaned } from "../host/port.ts";
import { chargeTask } from "../queue/queue.ts";
import type { LimitName, WorstCase } from "../protocol/budget.ts";
import type { UpwardMessage } from "../protocol/message.ts";
import { addTurn, estimateOf, tokensOf } from "../protocol/spend.ts";
import type { TurnSpend, Usage } from "../protocol/spend.ts";
import { addUse, roomFor, useOfRun } from "./limits.ts";
import { childOf } from "./run-state.ts";
import type { Account, RunContext } from "./run-state.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";
import { turnLost, turnEnd } from "./turn-events.ts";

const NO_RESERVE = { reservedUsd: 0, reservedInputTokens: 0, reservedOutputTokens: 0 };
const NO_MONEY: Account = { usd: 0, ...NO_RESERVE, inFlight: false, turn: 0, model: "" };
/** How long the bill of a stopped turn is waited for. Hosts bring it at once; a restore without one never does. */
const BILL_MS = 60_000;
const BILL = "/bill";

type Message<T extends UpwardMessage["type"]> = Extract<UpwardMessage, { type: T }>;

/** The account of a conversation; empty when it has none. */
export const accountOf = (context: RunContext, from: string): Account =>
  Object.hasOwn(context.accounts, from) ? (context.accounts[from] ?? NO_MONEY) : NO_MONEY;

/** True while a turn is in flight anywhere, stopped ones included. */
export const isInFlight = (context: RunContext): boolean => Object.values(context.accounts).some((account) => account.inFlight);

/** A turn goes out. */
export function startTurn(context: RunContext, { from, turn, model, worst, at }: Message<"turn.started">): Step {
  const account = { ...accountOf(context, from), ...reserveOf(worst), inFlight: true, turn, model };
  const next = { ...setAccount(context, from, account), now: at, calls: countTurn(context, from, turn) };
  return step(next, emit(next, { type: "turn.started", conversation: from, turn, model }));
}

/** A turn came back, well or not. */
export function endTurn(context: RunContext, message: Message<"turn.completed"> | Message<"turn.failed">): Step {
  const { from, usage, usd, at } = message;
  const booked = book({ ...context, now: at }, from, usage && { usage, usd });
  return sequence(step(booked, ...turnEvents(booked, message)), fund);
}

/** What a lost turn may have cost is told once. */
function turnEvents(context: RunContext, message: Message<"turn.completed"> | Message<"turn.failed">): readonly Directive[] {
  const { from, turn, usage, usd } = message;
  const { model } = accountOf(context, from);
  const events =
    message.type === "turn.failed" && message.lost
      ? [...turnLost({ from, turn, model, why: "crash", usage, usd }), turnEnd({ ...message, usage: null, usd: null }, model)]
      : [turnEnd(message, model)];
  return events.map((event) => emit(context, event));
}

/** A stopped turn came to its end: its cost is booked, its reservation is free. */
export function settleOrphan(context: RunContext, orphan: EffectOrphaned): Step {
  const timed = { ...context, now: Math.max(context.now, orphan.at) };
  if (orphan.name !== "modelTurn") return step(timed);
  const { from, turn } = turnOf(orphan.key);
  const account = accountOf(context, from);
  const dropped = (next: RunContext, reason: string): readonly Directive[] =>
    orphan.performed ? [emit(next, { type: "letter.dropped", from, what: "modelTurn", reason })] : [];
  // M2: its worst case was booked before, or another turn of that name is in flight by now.
  if (!account.inFlight || account.turn !== turn)
    return step(timed, ...dropped(timed, "its actor was stopped; its cost was booked before"));
  const stop: Directive = { do: "stop", child: `wake:${billName(context, from)}` };
  // It was sent, and nobody knows what came of it.
  if (orphan.performed && (orphan.value === undefined || isLost(orphan.value)))
    return sequence(step(context, stop), (next) => estimateBill(next, from, orphan.at));
  const bill = billOf(orphan.value);
  const booked = book(timed, from, bill);
  const { usage, usd } = bill ?? { usage: null, usd: null };
  const lost = turnLost({ from, turn, model: account.model, why: "stopped", usage, usd }).map((event) => emit(booked, event));
  const charged = chargeLate(closeAccount(booked, from), from, booked.spend.usd - context.spend.usd);
  return sequence(step(charged, stop, ...lost, ...dropped(charged, "its actor was stopped; its cost is booked")), fund);
}

/** Waits for the bill of a turn that was stopped in flight (M4). */
export function awaitBill(context: RunContext, from: string): readonly Directive[] {
  if (!accountOf(context, from).inFlight) return [];
  return [{ do: "wake", name: billName(context, from), dueAt: context.now + BILL_MS }];
}

/** The conversation whose bill a wait is for, by the wait's name; undefined for any other wait. */
export function billedBy(name: string): string | undefined {
  if (!name.endsWith(BILL)) return undefined;
  const from = name.slice(0, -BILL.length);
  return taskOfConversation(from) ? from : from.replace(/#\d+$/, "");
}

/** A conversation is over: a turn whose end it never told, since it broke, is booked at its worst case. */
export function closeBooks(context: RunContext, from: string): Step {
  return accountOf(context, from).inFlight ? estimateBill(context, from, context.now) : fund(closeAccount(context, from));
}

/** No bill came: the worst case is booked. */
export function estimateBill(context: RunContext, from: string, at: number): Step {
  const now = Math.max(context.now, at);
  const { inFlight, reservedUsd, reservedInputTokens, reservedOutputTokens, turn, model } = accountOf(context, from);
  if (!inFlight) return step({ ...context, now });
  const worst = { usd: reservedUsd, inputTokens: reservedInputTokens, outputTokens: reservedOutputTokens };
  const bill = estimateOf(worst, reservedUsd > 0);
  const booked = book({ ...context, now }, from, bill);
  const charged = chargeLate(closeAccount(booked, from), from, reservedUsd);
  const lost = turnLost({ from, turn, model, why: "unbilled", ...bill }).map((event) => emit(booked, event));
  const reason = "its actor was stopped and no bill came; its worst case is booked";
  return sequence(step(charged, ...lost, emit(charged, { type: "letter.dropped", from, what: "modelTurn", reason })), fund);
}

/** A turn asks for its worst case. */
export function askForMoney(context: RunContext, { from, worst, at }: Message<"budget.asked">): Step {
  return fund({ ...context, now: at, funding: [...context.funding.filter((one) => one.from !== from), { from, worst }] });
}

/** Gives money to whoever waits for it, first come first served; refuses where none can come any more (M3). */
export function fund(context: RunContext): Step {
  let next = context;
  const then: Directive[] = [];
  for (const { from, worst } of context.funding) {
    const child = childOf(next, from);
    const room = child === undefined ? undefined : roomFor(next, from, worst);
    if (room?.kind === "later") continue;
    next = withoutFunding(next, from);
    if (child === undefined || room === undefined) continue;
    if (room.kind === "now") {
      next = setAccount(next, from, { ...accountOf(next, from), ...reserveOf(worst) });
      then.push({ do: "tell", child, message: { type: "budget.granted", at: next.now } });
    } else {
      next = { ...next, refusedBy: room.limit ?? next.refusedBy };
      then.push({ do: "tell", child, message: { type: "budget.refused", failure: room.failure, at: next.now } });
    }
  }
  return step(next, ...then);
}

/** A limit of the run is used up: from now on nothing new starts (see `skipIdle`). `what`: by default the one that refused a turn. */
export function goBroke(context: RunContext, what: LimitName = context.refusedBy ?? "usd"): Step {
  if (context.broke) return step(context);
  const { options, spend } = context;
  const limit = options.budget[what] ?? 0;
  const used = what === "ms" ? limit : useOfRun(context)[what];
  return step(
    { ...context, broke: what },
    emit(context, { type: "budget.reached", what, limit, used, limitUsd: options.budget.usd, spentUsd: spend.usd }),
  );
}

/** Closes the account of a conversation that is over; an entry stays while a stopped turn is in flight. */
export function closeAccount(context: RunContext, from: string): RunContext {
  const { [from]: account, ...others } = context.accounts;
  return !account || account.inFlight ? context : { ...context, accounts: others };
}

function book(context: RunContext, from: string, bill: TurnSpend | null): RunContext {
  const account = accountOf(context, from);
  const usd = bill?.usd ?? 0;
  const spent = bill
    ? addUse({ ...context, spend: addTurn(context.spend, bill) }, from, { usd, tokens: tokensOf(bill.usage), ms: 0 })
    : context;
  return setAccount(spent, from, { ...account, ...NO_RESERVE, usd: account.usd + usd, inFlight: false });
}

const reserveOf = ({ usd, inputTokens, outputTokens }: WorstCase) => ({
  reservedUsd: usd,
  reservedInputTokens: inputTokens,
  reservedOutputTokens: outputTokens,
});

/** The conversation and the number of a turn, read from the key of its effect. */
function turnOf(key: string): { readonly from: string; readonly turn: number } {
  const at = key.indexOf("/turn/");
  return { from: key.slice(0, at), turn: Number.parseInt(key.slice(at + "/turn/".length), 10) };
}

/** The name of the wait for a bill: an attempt is stopped once, a conversation of the run once a try. */
function billName({ calls }: RunContext, from: string): string {
  const isCall = from === "route" || from === "plan" || from === "synthesis";
  return `${isCall ? `${from}#${calls[from].tried}` : from}${BILL}`;
}

/** A late bill of an attempt that has settled goes to its task. */
function chargeLate(context: RunContext, from: string, usd: number): RunContext {
  const task = taskOfConversation(from);
  if (!task || !context.queue || childOf(context, from)) return context;
  return { ...context, queue: chargeTask(context.queue, { task, usd }) };
}

/** What an orphaned model turn still returned is a ModelTurnOutput; anything else costs nothing that we know of. */
function billOf(value: unknown): TurnSpend | null {
  const outcome = field(value, "outcome");
  const usage = field(outcome, "usage");
  const usd = field(outcome, "usd");
  return isUsage(usage) ? { usage, usd: typeof usd === "number" ? usd : null } : null;
}

/** A turn that was in flight at a crash, and stopped before its loss was told. */
const isLost = (value: unknown): boolean => Number(field(value, "lost") ?? 0) > 0;

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

const isUsage = (value: unknown): value is Usage =>
  typeof field(value, "inputTokens") === "number" && typeof field(value, "outputTokens") === "number";

const setAccount = (context: RunContext, from: string, account: Account): RunContext => ({
  ...context,
  accounts: { ...context.accounts, [from]: account },
});

const withoutFunding = (context: RunContext, from: string): RunContext => ({
  ...context,
  funding: context.funding.filter((one) => one.from !== from),
});

function countTurn({ calls }: RunContext, from: string, turn: number): RunContext["calls"] {
  if (from !== "route" && from !== "plan" && from !== "synthesis") return calls;
  return { ...calls, [from]: { ...calls[from], turns: turn } };
}
