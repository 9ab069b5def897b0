// Money of a run: what was spent, what is reserved, who may spend next.
//   M1  spent + reserved + the synthesis' share never exceeds the budget: a turn starts only after its worst case is reserved.
//   M2  Every turn is booked once: completed, failed, lost in a crash, or orphaned by a stop.
//   M3  Nobody waits for money that can't come: with nothing in flight a turn that does not fit is refused.
//   M4  Nobody waits for ever for the bill of a stopped turn: after a while its worst case is booked as an estimate.
import { taskOfConversation } from "../core/ids.ts";
import { chargeTask } from "../queue/queue.ts";
import { worstCaseUsd } from "../model/prices.ts";
import type { EffectOrphaned, UpwardMessage } from "../protocol/message.ts";
import { addLostTurns, addTurn } from "../protocol/spend.ts";
import type { Usage } from "../protocol/spend.ts";
import type { ModelChoice } from "../protocol/turn.ts";
import { childOf } from "./run-state.ts";
import type { Account, RunContext } from "./run-state.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";

const NO_MONEY: Account = { usd: 0, reservedUsd: 0, inFlight: false };
/** Share of the budget that the synthesis may set aside at most, and the prompt it is reckoned with, in characters. */
const SYNTHESIS_SHARE = 0.25;
const SYNTHESIS_CHARACTERS = 40_000;
/** Most output of a synthesis, in tokens. */
const SYNTHESIS_TOKENS = 8_000;
const FEWEST_TOKENS = 500;
/** How long the bill of a stopped turn is waited for. Hosts bring it at once; a restore without one never does. */
const BILL_MS = 60_000;
const BILL = "/bill";
const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  estimated: true,
};

type Message<T extends UpwardMessage["type"]> = Extract<UpwardMessage, { type: T }>;

/** The account of a conversation; empty when it has none. */
export const accountOf = (context: RunContext, from: string): Account =>
  Object.hasOwn(context.accounts, from) ? (context.accounts[from] ?? NO_MONEY) : NO_MONEY;

/** True while a turn is in flight anywhere, stopped ones included. */
export const isInFlight = (context: RunContext): boolean => Object.values(context.accounts).some((account) => account.inFlight);

/** A turn goes out. */
export function startTurn(context: RunContext, { from, turn, model, reservedUsd, at }: Message<"turn.started">): Step {
  const account = { ...accountOf(context, from), reservedUsd, inFlight: true };
  const next = { ...setAccount(context, from, account), now: at, calls: countTurn(context, from, turn) };
  return step(next, emit(next, { type: "turn.started", conversation: from, turn, model }));
}

/** A turn came back, well or not. */
export function endTurn(context: RunContext, message: Message<"turn.completed"> | Message<"turn.failed">): Step {
  const { from, turn, usage, usd, lost, at } = message;
  const booked = book({ ...context, now: at }, { from, usage, usd, lost });
  const costUsd = usage ? usd : 0;
  const lostEvents = usage && lost > 0 ? [emit(booked, { type: "turn.lost", conversation: from, usd: (usd ?? 0) * lost })] : [];
  const event =
    message.type === "turn.completed"
      ? emit(booked, {
          type: "turn.completed",
          conversation: from,
          turn,
          model: message.model,
          stop: message.stop,
          usd,
          ...tokens(message.usage),
        })
      : emit(booked, {
          type: "turn.failed",
          conversation: from,
          turn,
          failure: message.failure,
          usd: costUsd,
          wakeAt: message.wakeAt,
        });
  return sequence(step(booked, ...lostEvents, event), fund);
}

/** A stopped turn came to its end: its cost is booked, its reservation is free. */
export function settleOrphan(context: RunContext, orphan: EffectOrphaned): Step {
  if (orphan.name !== "modelTurn") return step({ ...context, now: orphan.at });
  const from = orphan.key.slice(0, orphan.key.indexOf("/turn/"));
  const stop: Directive = { do: "stop", child: `wake:${billName(context, from)}` };
  // It was sent, and nobody knows what came of it.
  if (orphan.performed && orphan.value === undefined)
    return sequence(step(context, stop), (next) => estimateBill(next, from, orphan.at));
  const booked = book({ ...context, now: orphan.at }, { from, ...billOf(orphan.value) });
  const charged = chargeLate(closeAccount(booked, from), from, booked.spend.usd - context.spend.usd);
  const dropped = emit(charged, {
    type: "letter.dropped",
    from,
    what: "modelTurn",
    reason: "its actor was stopped; its cost is booked",
  });
  return sequence(step(charged, stop, ...(orphan.performed ? [dropped] : [])), fund);
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
  const { inFlight, reservedUsd } = accountOf(context, from);
  if (!inFlight) return step({ ...context, now });
  const usd = reservedUsd > 0 ? reservedUsd : null;
  const booked = book({ ...context, now }, { from, usage: NO_USAGE, usd, lost: 0 });
  const charged = chargeLate(closeAccount(booked, from), from, reservedUsd);
  const reason = "its actor was stopped and no bill came; its worst case is booked";
  return sequence(step(charged, emit(charged, { type: "letter.dropped", from, what: "modelTurn", reason })), fund);
}

/** A turn asks for its worst case. */
export function askForMoney(context: RunContext, { from, usd, at }: Message<"budget.asked">): Step {
  return fund({ ...context, now: at, funding: [...context.funding.filter((one) => one.from !== from), { from, usd }] });
}

/** Gives money to whoever waits for it, first come first served; refuses where none can come any more (M3). */
export function fund(context: RunContext): Step {
  let next = context;
  const then: Directive[] = [];
  for (const { from, usd } of context.funding) {
    const child = childOf(next, from);
    if (!child) next = withoutFunding(next, from);
    else if (usd <= spareUsd(next, from)) {
      next = setAccount(withoutFunding(next, from), from, { ...accountOf(next, from), reservedUsd: usd });
      then.push({ do: "tell", child, message: { type: "budget.granted", usd, at: next.now } });
    } else if (!othersReserved(next, from)) {
      next = withoutFunding(next, from);
      then.push({ do: "tell", child, message: { type: "budget.refused", at: next.now } });
    }
  }
  return step(next, ...then);
}

/** The budget let somebody down: from now on nothing new starts (see `skipIdle`). */
export function goBroke(context: RunContext): Step {
  if (context.broke) return step(context);
  const { options, spend } = context;
  return step(
    { ...context, broke: true },
    emit(context, { type: "budget.reached", limitUsd: options.budgetUsd ?? 0, spentUsd: spend.usd }),
  );
}

/** Closes the account of a conversation that is over; an entry stays while a stopped turn is in flight. */
export function closeAccount(context: RunContext, from: string): RunContext {
  const { [from]: account, ...others } = context.accounts;
  return !account || account.inFlight ? context : { ...context, accounts: others };
}

/** The synthesis' model, its output cut to what the budget still allows. */
export function synthesisChoice(context: RunContext, choice: ModelChoice): ModelChoice {
  const capped = { ...choice, maxTokens: Math.min(choice.maxTokens, SYNTHESIS_TOKENS) };
  const { budgetUsd } = context.options;
  if (budgetUsd === null || !choice.price) return capped;
  const prompt = worstCaseUsd({ ...capped, maxTokens: 0 }, { knownPromptTokens: 0, newCharacters: SYNTHESIS_CHARACTERS }) ?? 0;
  const affordable = Math.floor(((spareUsd(context, "synthesis") - prompt) / choice.price.outputUsd) * 1e6);
  return { ...capped, maxTokens: Math.max(FEWEST_TOKENS, Math.min(capped.maxTokens, affordable)) };
}

/** What a conversation may still reserve. The synthesis' share is kept from all others. */
export function spareUsd(context: RunContext, from: string): number {
  const { budgetUsd } = context.options;
  if (budgetUsd === null) return Number.POSITIVE_INFINITY;
  const reserved = Object.entries(context.accounts).reduce(
    (sum, [name, account]) => (name === from ? sum : sum + account.reservedUsd),
    0,
  );
  const share = from === "synthesis" || context.route?.mode === "direct" ? 0 : synthesisShareUsd(context, budgetUsd);
  return budgetUsd - context.spend.usd - reserved - share;
}

function synthesisShareUsd({ models }: RunContext, budgetUsd: number): number {
  const choice = { ...models.orchestrator, maxTokens: Math.min(models.orchestrator.maxTokens, SYNTHESIS_TOKENS) };
  return Math.min(
    budgetUsd * SYNTHESIS_SHARE,
    worstCaseUsd(choice, { knownPromptTokens: 0, newCharacters: SYNTHESIS_CHARACTERS }) ?? 0,
  );
}

function book(
  context: RunContext,
  bill: { readonly from: string; readonly usage: Usage | null; readonly usd: number | null; readonly lost: number },
): RunContext {
  const { from, usage, usd, lost } = bill;
  const spend = usage ? addLostTurns(addTurn(context.spend, { usage, usd }), { usage, usd }, lost) : context.spend;
  const account = accountOf(context, from);
  const usedUsd = spend.usd - context.spend.usd;
  return setAccount({ ...context, spend }, from, { usd: account.usd + usedUsd, reservedUsd: 0, inFlight: false });
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

function billOf(value: unknown): { readonly usage: Usage | null; readonly usd: number | null; readonly lost: number } {
  // What an orphaned model turn still returned is a ModelTurnOutput; anything else costs nothing that we know of.
  const outcome = field(value, "outcome");
  const usage = field(outcome, "usage");
  const usd = field(outcome, "usd");
  const lost = field(value, "lost");
  return {
    usage: isUsage(usage) ? usage : null,
    usd: typeof usd === "number" ? usd : null,
    lost: typeof lost === "number" ? lost : 0,
  };
}

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;

const isUsage = (value: unknown): value is Usage =>
  typeof field(value, "inputTokens") === "number" && typeof field(value, "outputTokens") === "number";

const tokens = ({ inputTokens, outputTokens, cacheReadTokens }: Usage) => ({ inputTokens, outputTokens, cacheReadTokens });

const othersReserved = (context: RunContext, from: string): boolean =>
  Object.entries(context.accounts).some(([name, account]) => name !== from && account.reservedUsd > 0);

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
