// A run as lines: one for each event worth telling. Pure.
import type { Failure } from "../core/failure.ts";
import { parseAttemptId } from "../core/ids.ts";
import { unreachable } from "../core/unreachable.ts";
import type { NumberedEvent } from "../protocol/run-event.ts";
import { failureText } from "./messages.ts";
import { countText, durationText, moneyText, plural, safe } from "./words.ts";

/** What lines need to remember of earlier events. */
export interface PlainMemory {
  /** Host time of the first event in ms; null before it. */
  readonly startedAt: number | null;
  /** Worker of each task seen so far. */
  readonly workers: Readonly<Record<string, string>>;
}

/** Nothing seen yet. */
export const NO_MEMORY: PlainMemory = { startedAt: null, workers: {} };

/** The lines of one event (often one, sometimes none), each with its time since the start, and the memory after it. */
export function plainLines(
  memory: PlainMemory,
  event: NumberedEvent,
): { readonly memory: PlainMemory; readonly lines: readonly string[] } {
  const next = remember(memory, event);
  const time = `${((event.at - (next.startedAt ?? event.at)) / 1000).toFixed(1)}s`.padStart(8);
  return { memory: next, lines: textsOf(event, next).map((text) => `${time}  ${text}`) };
}

function remember(memory: PlainMemory, event: NumberedEvent): PlainMemory {
  const startedAt = memory.startedAt ?? event.at;
  if (event.type === "plan.accepted") {
    return { startedAt, workers: Object.fromEntries(event.tasks.map(({ id, worker }) => [id, safe(worker, 40)])) };
  }
  if (event.type === "plan.amended") {
    const added = event.tasks.map(({ id, worker }) => [id, safe(worker, 40)] as const);
    return { startedAt, workers: { ...memory.workers, ...Object.fromEntries(added) } };
  }
  const isNews = event.type === "task.started" && memory.workers[event.task] !== safe(event.worker, 40);
  if (!isNews) return startedAt === memory.startedAt ? memory : { ...memory, startedAt };
  return { startedAt, workers: { ...memory.workers, [event.task]: safe(event.worker, 40) } };
}

type Among<T extends string> = Extract<NumberedEvent, { readonly type: T }>;
type OfConversation = Among<`turn.${string}` | `tool.${string}` | "conversation.held" | "answer.repairing">;
type OfTask = Among<`task.${string}`>;

/** What a line says about an event, without its time. */
function textsOf(event: NumberedEvent, memory: PlainMemory): readonly string[] {
  if (event.type === "plan.amended") return amendedTexts(event, memory);
  if ("task" in event) return taskTexts(event, nameOf(event.task, memory));
  if ("conversation" in event) return conversationTexts(event, nameOf(event.conversation, memory));
  return runTexts(event, memory);
}

/** `[t2 backend]` for a task or an attempt of it, `[plan]` for a conversation of the run. */
function nameOf(name: string, { workers }: PlainMemory): string {
  const id = parseAttemptId(name)?.task ?? name;
  return `[${Object.hasOwn(workers, id) ? `${id} ${workers[id]}` : safe(id, 60)}]`;
}

function runTexts(
  event: Exclude<NumberedEvent, OfConversation | OfTask | Among<"plan.amended">>,
  memory: PlainMemory,
): readonly string[] {
  switch (event.type) {
    case "run.started":
      return [`[run] ${event.runId} (${event.mode}; ${event.workers.join(", ")}): ${safe(event.request, 120)}`];
    case "phase.entered":
      return [`[run] ${event.phase}`];
    case "activity.changed":
      return [`[run] ${event.activity}${because(event.failure)}`];
    case "route.decided":
      return [`[run] ${event.mode}${event.worker === null ? "" : ` by ${event.worker}`}: ${safe(event.reason)}`];
    case "plan.repairing":
      return [`[plan] has ${plural(event.issues.length, "issue")} and goes back: ${safe(event.issues.join(" "), 300)}`];
    case "plan.accepted":
      return planTexts(event);
    case "ask.opened":
      return [`${nameOf(event.ask.from ?? "run", memory)} asks (${safe(event.ask.id)}): ${safe(event.ask.text)}`];
    case "ask.closed": {
      const decided = event.decision === "approve" ? "approved" : "rejected";
      return [`[run] ${safe(event.ask)}: ${decided} by ${event.by}${event.text === null ? "" : `, ${safe(event.text)}`}`];
    }
    case "phase.retrying":
      return [`[${event.phase}] failed (${failureText(event.failure)}); again ${inTime(event)}`];
    case "conflict.found":
      return [
        `[run] conflict: ${safe(event.path)} was changed by ${event.tasks.join(" and ")}; the version of ${event.kept} is kept`,
      ];
    case "budget.reached":
      return [`[run] budget reached: ${limitText(event)}, nothing new starts`];
    case "policy.applied":
      return [];
    case "letter.dropped":
      return [`[run] dropped: ${safe(event.what, 60)} of ${safe(event.from, 60)} (${safe(event.reason)})`];
    case "run.finished": {
      const isDone = event.outcome === "complete" || event.outcome === "partial";
      return [`[run] ${isDone ? "done: " : ""}${event.outcome}${because(event.failure)}`];
    }
    default:
      return unreachable(event);
  }
}

function taskTexts(event: OfTask, task: string): readonly string[] {
  switch (event.type) {
    case "task.started":
      return [
        `${task} attempt ${event.attempt}${event.model === null ? "" : ` on ${safe(event.model)}`}${changesText(event.changes)}`,
      ];
    case "task.progressed":
      if (event.note === "") return event.state === "verifying" ? [`${task} verifying`] : [];
      return [`${task} ${event.state}: ${safe(event.note)}`];
    case "task.retrying":
      return [
        `${task} attempt ${event.attempt} failed (${failureText(event.failure)}); again ${inTime(event)}${changesText(event.changes)}`,
      ];
    case "task.mending": {
      const how = event.step === "split" ? "it is cut into parts" : "it is worded anew";
      return [`${task} attempt ${event.attempt} failed (${failureText(event.failure)}); ${how}`];
    }
    case "task.invalidated":
      return [`${task} is to be done again: ${safe(event.because)}`];
    case "task.revived":
      return [`${task} is tried again`];
    case "task.finished": {
      const files = event.files.length > 0 ? `, ${plural(event.files.length, "file")}` : "";
      return [`${task} finished in ${durationText(event.durationMs)}, ${moneyText(event.usd)}${files}: ${safe(event.summary)}`];
    }
    case "task.reused":
      return [`${task} reused from ${safe(event.from, 80)}, ${moneyText(event.savedUsd)} saved: ${safe(event.summary)}`];
    case "task.failed":
      return [`${task} failed: ${failureText(event.failure)}`];
    case "task.skipped":
      return [`${task} skipped: ${failureText(event.failure)}`];
    default:
      return unreachable(event);
  }
}

function conversationTexts(event: OfConversation, who: string): readonly string[] {
  switch (event.type) {
    case "turn.started":
    case "turn.completed":
      return [];
    case "turn.failed": {
      const again = event.wakeAt === null ? "" : `; again ${inTime({ at: event.at, wakeAt: event.wakeAt })}`;
      return [`${who} turn ${event.turn} failed (${failureText(event.failure)})${again}`];
    }
    case "turn.lost":
      return [`${who} ${LOST[event.why]} (${moneyText(event.usd ?? 0)}${event.estimated ? ", estimated" : ""})`];
    case "answer.repairing":
      return [`${who} answer goes back (${plural(event.issues.length, "issue")}): ${safe(event.issues.join(" "), 300)}`];
    case "tool.started":
      return [`${who} ${safe(event.summary)}`];
    case "tool.finished":
      return event.ok ? [] : [`${who} ${safe(event.tool, 60)} failed: ${safe(event.summary)}`];
    case "conversation.held":
      return [`${who} held: ${failureText(event.failure)}`];
    default:
      return unreachable(event);
  }
}

function amendedTexts({ task, parts, tasks, why }: Among<"plan.amended">, memory: PlainMemory): readonly string[] {
  const name = nameOf(task, memory);
  if (parts.length === 0) return [`[plan] ${name} gets another place: ${safe(why)}`];
  const added = tasks.filter(({ id }) => parts.includes(id)).map(({ id, label }) => `${id} (${safe(label, 80)})`);
  return [`[plan] ${name} is cut into ${added.join(", ")}: ${safe(why)}`];
}

function planTexts({ tasks, criticalPath, rationale }: Extract<NumberedEvent, { type: "plan.accepted" }>): readonly string[] {
  const head = `[plan] ${plural(tasks.length, "task")}, longest path ${criticalPath.join(" → ")}: ${safe(rationale)}`;
  return [
    head,
    ...tasks.map(({ id, worker, label, dependencies, optional }) => {
      const after = dependencies.map(({ task, kind }) => (kind === "soft" ? `${task}?` : task)).join(", ");
      return `[plan]   ${id} ${safe(worker, 40)}: ${safe(label, 80)}${after === "" ? "" : ` after ${after}`}${optional ? " (optional)" : ""}`;
    }),
  ];
}

function limitText({ what, limit, used }: Extract<NumberedEvent, { type: "budget.reached" }>): string {
  if (what === "usd") return `${moneyText(used)} of ${moneyText(limit)} is spent`;
  return what === "tokens" ? `${countText(used)} of ${countText(limit)} tokens are spent` : `${durationText(limit)} are over`;
}

const because = (failure: Failure | null): string => (failure === null ? "" : ` (${failureText(failure)})`);
const changesText = (changes: readonly string[]): string => (changes.length === 0 ? "" : `, with ${safe(changes.join(", "))}`);
const inTime = ({ at, wakeAt }: { readonly at: number; readonly wakeAt: number }): string =>
  wakeAt <= at ? "at once" : `in ${durationText(wakeAt - at)}`;

const LOST = {
  crash: "a turn was in flight when the run stopped; the most it can have cost is booked",
  stopped: "a turn came back after its work was stopped; it is paid",
  unbilled: "a turn was stopped and no bill came; its worst case is booked",
} as const;
