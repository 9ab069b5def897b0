// What the live view remembers of a run's events: the detail that the orchestrator's context does not hold. A pure fold.
import type { Failure } from "../../core/failure.ts";
import { parseAttemptId, taskOfConversation } from "../../core/ids.ts";
import { unreachable } from "../../core/unreachable.ts";
import type { NumberedEvent } from "../../protocol/run-event.ts";

/** What one conversation is doing right now. */
export interface Doing {
  /** `thinking`, `acting(bash)`, `waiting(Overloaded)`, `asking` or `held(AuthFailed)`. */
  readonly step: string;
  /** When waiting ends, ms; null for everything else. */
  readonly until: number | null;
}

/** What is known of one task, or of one of the run's own conversations. */
export interface Detail {
  /** `preparing`, `working`, `verifying` or `committing`; "" for conversations. */
  readonly state: string;
  readonly doing: Doing | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly attempt: number;
  readonly turns: number;
  readonly tokens: number;
  readonly usd: number;
  readonly summary: string;
  readonly failure: Failure | null;
  readonly wakeAt: number | null;
}

/** The fold of all events so far. */
export interface ViewState {
  readonly runId: string;
  readonly request: string;
  readonly phase: string;
  readonly activity: "running" | "paused" | "suspended";
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly failure: Failure | null;
  readonly outcome: string | null;
  /** By task id (`t3`) and by name of the run's own conversations (`route`, `plan`, `synthesis`); see `detailOf`. */
  readonly details: Readonly<Record<string, Detail>>;
  /** Those that changed lately win over `details`: a few, so that an event costs little however many tasks there are. */
  readonly latest: Readonly<Record<string, Detail>>;
  readonly tokens: number;
  readonly usd: number;
  readonly conflicts: number;
  /** The run's own conversation that is alive. */
  readonly talking: string | null;
  /** The ends of running answers, by conversation. No event tells them: whoever watches deltas puts them here. */
  readonly saying: Readonly<Record<string, string>>;
}

/** Most details that are copied for every event. */
const MOST_LATEST = 64;

const NO_DETAIL: Detail = {
  state: "",
  doing: null,
  startedAt: null,
  endedAt: null,
  attempt: 0,
  turns: 0,
  tokens: 0,
  usd: 0,
  summary: "",
  failure: null,
  wakeAt: null,
};

/** Before the first event. */
export const NOTHING_SEEN: ViewState = {
  runId: "",
  request: "",
  phase: "routing",
  activity: "running",
  startedAt: 0,
  endedAt: null,
  failure: null,
  outcome: null,
  details: {},
  latest: {},
  tokens: 0,
  usd: 0,
  conflicts: 0,
  talking: null,
  saying: {},
};

/** What is known of a task or conversation; nothing of unknown ones. */
export function detailOf({ details, latest }: ViewState, name: string): Detail {
  const found = Object.hasOwn(latest, name) ? latest : details;
  return Object.hasOwn(found, name) ? (found[name] ?? NO_DETAIL) : NO_DETAIL;
}

/** Takes one event in. */
export function seeEvent(seen: ViewState, event: NumberedEvent): ViewState {
  switch (event.type) {
    case "run.started":
      return { ...seen, runId: event.runId, request: event.request, startedAt: event.at };
    case "phase.entered":
      return { ...seen, phase: event.phase, talking: null };
    case "activity.changed":
      return { ...seen, activity: event.activity, failure: event.failure };
    case "run.finished":
      return { ...seen, outcome: event.outcome, failure: event.failure, endedAt: event.at, usd: event.spend.usd, talking: null };
    case "conflict.found":
      return { ...seen, conflicts: seen.conflicts + 1 };
    case "ask.opened":
      return event.ask.from === null ? seen : doing(seen, event.ask.from, { step: "asking", until: null });
    case "task.started":
    case "task.progressed":
    case "task.retrying":
    case "task.mending":
    case "task.invalidated":
    case "task.revived":
    case "task.finished":
    case "task.reused":
    case "task.failed":
    case "task.skipped":
      return seeTask(seen, event);
    case "turn.started":
    case "turn.completed":
    case "turn.failed":
    case "turn.lost":
    case "tool.started":
    case "tool.finished":
    case "conversation.held":
    case "answer.repairing":
      return seeTurn(seen, event);
    case "route.decided":
    case "plan.repairing":
    case "plan.accepted":
    case "plan.amended":
    case "ask.closed":
    case "phase.retrying":
    case "budget.reached":
    case "policy.applied":
    case "letter.dropped":
      return seen;
    default:
      return unreachable(event);
  }
}

type Among<T extends string> = Extract<NumberedEvent, { readonly type: T }>;

function seeTask(seen: ViewState, event: Among<`task.${string}`>): ViewState {
  switch (event.type) {
    case "task.started":
      return change(seen, event.task, {
        attempt: event.attempt,
        state: "starting",
        doing: null,
        startedAt: event.at,
        endedAt: null,
        failure: null,
        wakeAt: null,
      });
    case "task.progressed":
      return change(seen, event.task, { state: event.state, doing: null });
    case "task.invalidated":
    case "task.revived":
      return change(seen, event.task, { state: "", failure: null, wakeAt: null, doing: null, summary: "", endedAt: null });
    case "task.retrying":
    case "task.mending":
      return change(seen, event.task, { failure: event.failure, wakeAt: event.wakeAt, doing: null });
    case "task.finished":
      return change(seen, event.task, { summary: event.summary, endedAt: event.at, failure: null, doing: null });
    case "task.reused":
      return change(seen, event.task, { summary: event.summary, startedAt: event.at, endedAt: event.at, doing: null });
    case "task.failed":
    case "task.skipped":
      return change(seen, event.task, { failure: event.failure, endedAt: event.at, doing: null });
    default:
      return unreachable(event);
  }
}

function seeTurn(
  seen: ViewState,
  event: Among<`turn.${string}` | `tool.${string}` | "conversation.held" | "answer.repairing">,
): ViewState {
  switch (event.type) {
    case "turn.started": {
      const next = doing(seen, event.conversation, { step: "thinking", until: null });
      return taskOfConversation(event.conversation) ? next : { ...next, talking: event.conversation };
    }
    case "turn.completed": {
      const tokens = event.inputTokens + event.outputTokens + event.cacheReadTokens;
      return spend(doing(seen, event.conversation, null), event.conversation, { tokens, usd: event.usd ?? 0, turns: 1 });
    }
    case "turn.failed":
      return spend(
        doing(seen, event.conversation, { step: `waiting(${event.failure.code})`, until: event.wakeAt }),
        event.conversation,
        { tokens: 0, usd: event.usd ?? 0, turns: 0 },
      );
    case "turn.lost":
      return spend(seen, event.conversation, { tokens: 0, usd: event.usd ?? 0, turns: 0 });
    case "answer.repairing":
      return doing(seen, event.conversation, { step: "repairing", until: null });
    case "tool.started":
      return doing(seen, event.conversation, { step: `acting(${event.tool})`, until: null });
    case "tool.finished":
      return doing(seen, event.conversation, { step: "acting", until: null });
    case "conversation.held":
      return doing(seen, event.conversation, { step: `held(${event.failure.code})`, until: null });
    default:
      return unreachable(event);
  }
}

/** Where the details of a conversation are kept: under its task, or its own name. */
const nameOf = (conversation: string): string => taskOfConversation(conversation) ?? conversation;

function doing(seen: ViewState, conversation: string, next: Doing | null): ViewState {
  const attempt = parseAttemptId(conversation)?.attempt;
  const { attempt: current } = detailOf(seen, nameOf(conversation));
  // What an attempt that is over still says is no news of the task.
  return attempt !== undefined && attempt !== current ? seen : change(seen, nameOf(conversation), { doing: next });
}

function spend(
  seen: ViewState,
  conversation: string,
  bill: { readonly tokens: number; readonly usd: number; readonly turns: number },
): ViewState {
  const before = detailOf(seen, nameOf(conversation));
  const more = { tokens: before.tokens + bill.tokens, usd: before.usd + bill.usd, turns: before.turns + bill.turns };
  return { ...change(seen, nameOf(conversation), more), tokens: seen.tokens + bill.tokens, usd: seen.usd + bill.usd };
}

function change(seen: ViewState, name: string, more: Partial<Detail>): ViewState {
  const latest = { ...seen.latest, [name]: { ...detailOf(seen, name), ...more } };
  if (Object.keys(latest).length <= MOST_LATEST) return { ...seen, latest };
  return { ...seen, details: { ...seen.details, ...latest }, latest: {} };
}
