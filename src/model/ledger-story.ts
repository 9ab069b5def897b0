// What the events of a run tell about its conversations, as far as a ledger needs it: which attempt of what, on which
// model, what for, what became of it, and how much it was not given to read.
//   S1  An outcome is settled once; only a later attempt turns `accepted` into `replaced`.
//   S2  Memory grows with tasks and attempts, never with turns.
import type { FailureCode } from "../core/failure.ts";
import { attemptId, parseAttemptId, taskId, taskOfConversation } from "../core/ids.ts";
import type { RunEvent } from "../protocol/run-event.ts";
import type { AttemptOutcome, LedgerAmounts, LedgerLine, Purpose } from "./ledger.ts";

/** A conversation as it stands. `model`: the one asked last; "" before the first turn. */
export type Talk = Omit<LedgerLine, keyof LedgerAmounts | "outcome">;

type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

interface Draft {
  attempt: number;
  model: string;
  /** Its answer or its checked result was sent back. */
  isSentBack: boolean;
  isVerifying: boolean;
  /** Its last turn was a whole answer. */
  hasAnswered: boolean;
  /** Bytes of finished outputs that it was not given, until they are counted. */
  withheldBytes: number;
}

const OWN: Readonly<Record<string, Purpose>> = { route: "route", plan: "plan", synthesis: "synthesis" };
/** Losses that are somebody's decision: the attempt itself had not failed. */
const STOPPED: ReadonlySet<FailureCode> = new Set(["Cancelled", "Skipped", "Rejected", "BudgetExceeded", "DependencyFailed"]);

/** Follows a run. Give it every event, in order. */
export class LedgerStory {
  readonly #talks = new Map<string, Draft>();
  readonly #outcomes = new Map<string, AttemptOutcome>();
  readonly #workers = new Map<string, string>();
  readonly #attempts = new Map<string, number>();
  readonly #dependencies = new Map<string, readonly string[]>();
  readonly #outputs = new Map<string, number>();
  readonly #accepted = new Set<string>();
  #outputBytes = 0;
  #mode: "direct" | "orchestrate" | null = null;

  /** What moves money, and what tells what it was for. */
  readonly #handlers: { readonly [T in RunEvent["type"]]?: (event: Of<T>) => void } = {
    "route.decided": ({ mode }) => {
      this.#mode = mode;
      this.#settleOwn("route", "accepted");
    },
    "plan.accepted": (event) => this.#plan(event),
    "phase.retrying": ({ phase }) => this.#tryAgain(phase),
    "plan.repairing": () => this.#change("plan", { isSentBack: true }),
    "answer.repairing": ({ conversation }) => this.#change(conversation, { isSentBack: true }),
    "turn.started": ({ conversation, model }) => this.#change(conversation, { model }),
    "turn.completed": ({ conversation, stop }) =>
      this.#change(conversation, { hasAnswered: stop === "end_turn" || stop === "stop_sequence" }),
    "turn.failed": ({ conversation }) => this.#change(conversation, { hasAnswered: false }),
    "task.started": (event) => this.#start(event),
    "task.progressed": (event) => this.#progress(event),
    "task.finished": (event) => this.#accept(event),
    "task.reused": ({ task }) => void this.#accepted.add(task),
    "task.retrying": (event) => this.#fail(event),
    "task.mending": (event) => this.#fail(event),
    "task.failed": (event) => this.#fail(event),
    "task.invalidated": ({ task }) => this.#reopen(task),
    "plan.amended": ({ tasks }) => this.#learn(tasks),
    "task.skipped": (event) => this.#skip(event),
    "run.finished": (event) => this.#finish(event),
  };

  /** Which way was chosen; null before it is. */
  get mode(): "direct" | "orchestrate" | null {
    return this.#mode;
  }

  /** Tasks whose report stands. */
  get acceptedTasks(): number {
    return this.#accepted.size;
  }

  /** What became of an attempt. */
  outcomeOf({ conversation, attempt }: Pick<Talk, "conversation" | "attempt">): AttemptOutcome {
    return this.#outcomes.get(`${conversation}/${attempt}`) ?? "open";
  }

  /** The conversation of a turn. */
  talkOf(conversation: string): Talk {
    const { attempt, model, isSentBack } = this.#draftOf(conversation);
    const task = taskOfConversation(conversation) ?? null;
    const usual = parseAttemptId(conversation) ? "work" : (OWN[conversation] ?? "mend");
    const worker = task === null ? null : (this.#workers.get(task) ?? null);
    return { conversation, task, worker, attempt, model, purpose: isSentBack ? "repair" : usual };
  }

  /** Bytes that a conversation was not given; told once. */
  takeWithheld(conversation: string): number {
    const draft = this.#draftOf(conversation);
    const { withheldBytes } = draft;
    draft.withheldBytes = 0;
    return withheldBytes;
  }

  see(event: RunEvent): void {
    // The table gives each type of event to a handler of that type; the compiler can't follow that through a lookup.
    const handler = this.#handlers[event.type] as ((event: RunEvent) => void) | undefined;
    handler?.(event);
  }

  #plan({ tasks }: Of<"plan.accepted">): void {
    this.#learn(tasks);
    this.#settleOwn("plan", "accepted");
  }

  #learn(tasks: Of<"plan.accepted">["tasks"]): void {
    for (const { id, dependencies } of tasks)
      this.#dependencies.set(
        id,
        dependencies.map(({ task }) => task),
      );
  }

  /** Work that follows on a verification was sent back by it. */
  #progress({ task, attempt, state }: Of<"task.progressed">): void {
    const draft = this.#draftOf(attemptId(taskId(task), attempt));
    if (state === "working" && draft.isVerifying) draft.isSentBack = true;
    if (state === "working" || state === "verifying") draft.isVerifying = state === "verifying";
  }

  #start({ task, attempt, worker }: Of<"task.started">): void {
    this.#reopen(task);
    this.#attempts.set(task, attempt);
    this.#workers.set(task, worker);
    const given = this.#dependencies.get(task) ?? [];
    const givenBytes = [...new Set([task, ...given])].reduce((sum, one) => sum + (this.#outputs.get(one) ?? 0), 0);
    this.#change(attemptId(taskId(task), attempt), { withheldBytes: this.#outputBytes - givenBytes });
  }

  /** A task is to be done once more: what its attempt before came to no longer stands. */
  #reopen(task: string): void {
    this.#accepted.delete(task);
    const attempt = this.#attempts.get(task);
    if (attempt === undefined) return;
    const conversation = attemptId(taskId(task), attempt);
    const before = this.outcomeOf({ conversation, attempt });
    if (before === "accepted") this.#outcomes.set(`${conversation}/${attempt}`, "replaced");
    else this.#settle(conversation, attempt, "failed");
  }

  #accept({ task, attempt, outputBytes }: Of<"task.finished">): void {
    this.#accepted.add(task);
    this.#outputBytes += outputBytes - (this.#outputs.get(task) ?? 0);
    this.#outputs.set(task, outputBytes);
    this.#settle(attemptId(taskId(task), attempt), attempt, "accepted");
  }

  #fail({ task, attempt }: Of<"task.retrying" | "task.mending" | "task.failed">): void {
    this.#settle(attemptId(taskId(task), attempt), attempt, "failed");
  }

  #skip({ task, failure }: Of<"task.skipped">): void {
    const attempt = this.#attempts.get(task);
    if (attempt === undefined) return;
    this.#settle(attemptId(taskId(task), attempt), attempt, STOPPED.has(failure.code) ? "stopped" : "failed");
  }

  #finish({ outcome }: Of<"run.finished">): void {
    for (const [conversation, { hasAnswered }] of this.#talks) {
      if (parseAttemptId(conversation)) continue;
      // A route or plan that was taken has said so before.
      const isTaken = hasAnswered && conversation !== "route" && conversation !== "plan";
      this.#settleOwn(conversation, isTaken ? "accepted" : outcome === "cancelled" ? "stopped" : "failed");
    }
  }

  #settleOwn(conversation: string, outcome: AttemptOutcome): void {
    const draft = this.#talks.get(conversation);
    if (draft) this.#settle(conversation, draft.attempt, outcome);
  }

  #tryAgain(conversation: string): void {
    this.#settleOwn(conversation, "failed");
    const attempt = this.#draftOf(conversation).attempt + 1;
    this.#talks.set(conversation, { ...NEW, attempt });
  }

  #settle(conversation: string, attempt: number, outcome: AttemptOutcome): void {
    const key = `${conversation}/${attempt}`;
    if (!this.#outcomes.has(key)) this.#outcomes.set(key, outcome);
  }

  #change(conversation: string, change: Partial<Draft>): void {
    Object.assign(this.#draftOf(conversation), change);
  }

  #draftOf(conversation: string): Draft {
    const known = this.#talks.get(conversation);
    if (known) return known;
    const draft = { ...NEW, attempt: parseAttemptId(conversation)?.attempt ?? 1 };
    this.#talks.set(conversation, draft);
    return draft;
  }
}

const NEW: Draft = {
  attempt: 1,
  model: "",
  isSentBack: false,
  isVerifying: false,
  hasAnswered: false,
  withheldBytes: 0,
};
