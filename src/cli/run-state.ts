// A run at one moment, as data and as lines: where it stands, what each task and conversation does and waits for. Pure.
import { isPlainObject } from "../core/json.ts";
import { taskIndex } from "../core/ids.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { Ask } from "../protocol/command.ts";
import type { Parent } from "../protocol/lineage.ts";
import type { SpendTotals } from "../protocol/spend.ts";
import { explain } from "../queue/queue.ts";
import type { TaskStatus } from "../queue/queue.ts";
import type { Peeked } from "../run/peek.ts";
import { failureText } from "./messages.ts";
import { cellsOf, countText, cutToCells, durationText, fitToCells, moneyText, plural, safe } from "./words.ts";

/** One task at that moment. */
export interface TaskView {
  readonly id: string;
  readonly label: string;
  readonly worker: string;
  readonly status: TaskStatus;
  readonly attempts: number;
  /** Model of the present (or next) attempt; null for workers without one. */
  readonly model: string | null;
  readonly usd: number;
  /** One line on why it stands so. */
  readonly note: string;
}

/** One conversation that is alive. */
export interface ConversationView {
  /** `plan`, `route`, `synthesis` or an attempt such as `t3#1`. */
  readonly id: string;
  readonly turn: number;
  readonly waitsFor: string;
}

/** A run at one moment. */
export interface RunView {
  readonly id: string;
  readonly request: string;
  readonly parent: Parent | null;
  readonly seq: number;
  readonly rows: number;
  readonly at: number;
  readonly startedAt: number;
  /** Such as `dispatching`, or the end it came to. */
  readonly phase: string;
  /** `running`, `paused` or `suspended`; null at the end. */
  readonly activity: string | null;
  readonly why: RunContext["failure"];
  readonly spend: SpendTotals;
  readonly reservedUsd: number;
  readonly budgetUsd: number | null;
  readonly tasks: readonly TaskView[];
  readonly conversations: readonly ConversationView[];
  readonly asks: readonly Ask[];
  readonly told: readonly string[];
  readonly letters: RunContext["letters"];
}

/** Reads the state of a run. */
export function viewOf({ seq, rows, at, snapshot, persisted, context }: Peeked): RunView {
  const { phase, activity } = placeOf(snapshot.value);
  return {
    id: context.runId,
    request: context.request,
    parent: context.lineage?.parent ?? null,
    seq,
    rows,
    at,
    startedAt: context.startedAt,
    phase: snapshot.status === "error" ? "broken" : phase,
    activity: snapshot.status === "active" ? activity : null,
    why: context.failure ?? context.suspension,
    spend: context.spend,
    reservedUsd: Object.values(context.accounts).reduce((sum, account) => sum + account.reservedUsd, 0),
    budgetUsd: context.options.budget.usd,
    tasks: tasksOf(context),
    conversations: snapshot.status === "active" ? conversationsIn(persisted) : [],
    asks: context.asks,
    told: context.told,
    letters: context.letters,
  };
}

/** The state as lines of 80 cells at most, where words allow. */
export function viewLines(view: RunView): readonly string[] {
  const parts = [headLines(view), taskLines(view), conversationLines(view), askLines(view), letterLines(view)];
  return parts.filter((part) => part.length > 0).flatMap((part, at) => (at === 0 ? part : ["", ...part]));
}

function placeOf(value: unknown): { readonly phase: string; readonly activity: string | null } {
  if (typeof value === "string") return { phase: value, activity: null };
  const active = isPlainObject(value) && isPlainObject(value["active"]) ? value["active"] : {};
  const { phase, activity } = active;
  return {
    phase: typeof phase === "string" ? phase : (Object.keys(isPlainObject(phase) ? phase : {})[0] ?? ""),
    activity: typeof activity === "string" ? activity : null,
  };
}

function tasksOf(context: RunContext): readonly TaskView[] {
  const { queue, plan } = context;
  return (queue?.tasks ?? []).map(({ id, label, worker, status, attempts, usd }) => ({
    id,
    label,
    worker,
    status,
    attempts,
    usd,
    model: modelOf(context, id),
    note: queue && plan ? (context.reports[taskIndex(id)]?.summary ?? explain(queue, plan, id)) : "",
  }));
}

function modelOf({ plan, workers, models, adjustments }: RunContext, id: string): string | null {
  const task = plan?.tasks[taskIndex(id)];
  const card = workers.find(({ name }) => name === task?.worker);
  if (!task || card?.kind !== "model") return null;
  const changed = Object.hasOwn(adjustments, id) ? adjustments[id]?.choice : undefined;
  return (changed ?? models.tiers[task.tier ?? card.tier]).model;
}

/** The conversations in a persisted tree: below the run itself, or below one of its workers. */
function conversationsIn(persisted: unknown): readonly ConversationView[] {
  return childrenOf(persisted).flatMap(([name, child]) => {
    if (["route", "plan", "synthesis"].includes(name)) return [conversationView(name, child)];
    if (!name.startsWith("worker:")) return [];
    const id = name.slice("worker:".length);
    const talk = childrenOf(child).find(([inner]) => inner === "conversation");
    return [talk ? conversationView(id, talk[1]) : { id, turn: 0, waitsFor: `its worker: ${stateText(child)}` }];
  });
}

function childrenOf(snapshot: unknown): readonly (readonly [string, unknown])[] {
  const children = isPlainObject(snapshot) && isPlainObject(snapshot["children"]) ? snapshot["children"] : {};
  return Object.entries(children).map(([name, child]) => [name, isPlainObject(child) ? child["snapshot"] : undefined] as const);
}

/** The innermost name of a state. */
function stateText(snapshot: unknown): string {
  let value: unknown = isPlainObject(snapshot) ? snapshot["value"] : undefined;
  while (isPlainObject(value)) value = Object.values(value)[0];
  return typeof value === "string" ? value : "";
}

function conversationView(id: string, snapshot: unknown): ConversationView {
  const context = isPlainObject(snapshot) && isPlainObject(snapshot["context"]) ? snapshot["context"] : {};
  const turn = typeof context["turn"] === "number" ? context["turn"] : 0;
  return { id, turn, waitsFor: waitText(stateText(snapshot), context) };
}

function waitText(state: string, context: Readonly<Record<string, unknown>>): string {
  const calls = Array.isArray(context["calls"]) ? (context["calls"] as readonly unknown[]) : [];
  const call = calls[Number(context["next"])];
  const failure = isPlainObject(context["failure"]) ? String(context["failure"]["code"]) : "a failure";
  switch (state) {
    case "thinking":
      return "the model's answer";
    case "reserving":
    case "funding":
      return "money for its next turn";
    case "calling":
      return `its tool ${isPlainObject(call) ? String(call["name"]) : ""}`.trimEnd();
    case "asking":
      return "a person's answer";
    case "waiting":
      return `another try (${failure})`;
    case "held":
      return `the run to be resumed (${failure})`;
    default:
      return state === "" ? "nothing" : state;
  }
}

function headLines(view: RunView): readonly string[] {
  const { id, parent, seq, rows, at, startedAt, phase, activity, why, spend, reservedUsd, budgetUsd } = view;
  const from = parent ? `, a ${parent.as} of ${parent.run} at row ${parent.seq}` : "";
  const tokens = spend.inputTokens + spend.outputTokens + spend.cacheReadTokens + spend.cacheWriteTokens;
  const limit = budgetUsd === null ? "" : ` of ${moneyText(budgetUsd)}`;
  return [
    safe(view.request, 400),
    `${id}${from}: row ${seq} of ${rows}, ${durationText(at - startedAt)} after its start`,
    `${activity === null ? phase : `${phase}, ${activity}`} · ${moneyText(spend.usd)} spent, ${moneyText(reservedUsd)} reserved${limit} · ${countText(tokens)} tokens in ${plural(spend.turns, "turn")}`,
    ...(why === null ? [] : [failureText(why, 400)]),
  ];
}

function taskLines({ tasks }: RunView): readonly string[] {
  if (tasks.length === 0) return [];
  const cells = (of: (task: TaskView) => string, most: number): number =>
    Math.min(most, Math.max(...tasks.map((task) => cellsOf(of(task)))));
  const [labels, workers] = [cells(({ label }) => safe(label, 60), 24), cells(({ worker }) => safe(worker, 40), 12)];
  const models = cells(({ model }) => shortModel(model), 14);
  return [
    "Tasks",
    ...tasks.map(({ id, label, worker, status, attempts, model, usd, note }) => {
      const tries = attempts > 0 ? `#${attempts}` : "";
      const columns = [
        `${MARKS[status]} ${fitToCells(id, 3)}`,
        fitToCells(safe(worker, 40), workers),
        fitToCells(safe(label, 60), labels),
        fitToCells(`${status}${tries === "" ? "" : ` ${tries}`}`, 14),
        fitToCells(shortModel(model), models),
        usd > 0 ? moneyText(usd) : "",
      ];
      const line = `  ${columns.join("  ").trimEnd()}`;
      return note === "" ? line : `${line}\n      ${cutToCells(safe(note, 200), 74)}`;
    }),
  ].flatMap((line) => line.split("\n"));
}

const shortModel = (model: string | null): string => safe(model ?? "", 60).replace(/^claude-/, "");

function conversationLines({ conversations }: RunView): readonly string[] {
  if (conversations.length === 0) return [];
  const cells = Math.max(...conversations.map(({ id }) => cellsOf(id)));
  return [
    "Conversations",
    ...conversations.map(
      ({ id, turn, waitsFor }) =>
        `  ${fitToCells(id, cells)}  ${turn > 0 ? `turn ${turn}, ` : ""}waits for ${safe(waitsFor, 60)}`,
    ),
  ];
}

function askLines({ asks, id: run }: RunView): readonly string[] {
  if (asks.length === 0) return [];
  return [
    "Questions",
    ...asks.flatMap(({ id, text }) => [
      `  ${safe(id, 60)}: ${safe(text, 300)}`,
      `    quatrain answer ${run} ${safe(id, 60)} yes`,
    ]),
  ];
}

function letterLines({ letters, told }: RunView): readonly string[] {
  return [
    ...(told.length === 0 ? [] : ["Told", ...told.map((text) => `  ${safe(text, 300)}`)]),
    ...(letters.count === 0
      ? []
      : [`Dead letters: ${letters.count}`, ...letters.last.slice(-5).map((letter) => `  ${safe(letter, 200)}`)]),
  ];
}

const MARKS: Readonly<Record<TaskStatus, string>> = {
  waiting: "·",
  ready: "·",
  running: "▸",
  retrying: "↻",
  mending: "↻",
  asking: "?",
  finished: "✓",
  failed: "✗",
  skipped: "–",
  invalidated: "·",
};
