// From a state to the steps that may come next, and from a step to the event that XState or the host would send.
// Nothing here remembers anything: the same snapshot gives the same steps in the same order.
//   E1  Time stands still: every event comes at the moment that the context knows.
import { failure } from "../../../core/failure.ts";
import type { FailureCode } from "../../../core/failure.ts";
import { parseAttemptId, taskIndex, taskOfConversation, workerActorId } from "../../../core/ids.ts";
import { unreachable } from "../../../core/unreachable.ts";
import type { ConversationOutcome } from "../../../protocol/message.ts";
import type { Command } from "../../../protocol/command.ts";
import type { DraftPlan, Plan } from "../../../protocol/plan.ts";
import { NO_SPEND } from "../../../protocol/spend.ts";
import type { Report, WorkerOutcome } from "../../../protocol/work.ts";
import { mendOf } from "../../../machines/mend.ts";
import type { RunContext } from "../../../machines/run-state.ts";
import type { RunSnapshot } from "../../simulate/stage.ts";
import type { ChartStep } from "./chart-step.ts";
import { livingIn } from "./state-key.ts";

/** What may happen in a run. */
export interface Possible {
  /** How an attempt may end besides well. */
  readonly outcomes: readonly (FailureCode | "crash")[];
  /** Codes that conversations and effects of the run's own may end with. */
  readonly calls: readonly FailureCode[];
  /** Whether attempts that are over report once more. */
  readonly stale: boolean;
  readonly commands: readonly Command[];
  /** What the planner may answer. */
  readonly plans: readonly Plan[];
}

/** Knows what may come next. The same child has the very same steps each time. */
export class Possibilities {
  readonly #possible: Possible;
  readonly #ofChild = new Map<string, readonly ChartStep[]>();
  readonly #late = new Map<string, ChartStep>();
  readonly #commands: readonly ChartStep[];

  constructor(possible: Possible) {
    this.#possible = possible;
    this.#commands = possible.commands.map((command) => ({ kind: "command", command }));
  }

  /** The steps that may come next; none where the run is over. */
  from(snapshot: RunSnapshot): readonly ChartStep[] {
    const { context, children, status } = snapshot;
    if (status !== "active") return [];
    const steps: ChartStep[] = [];
    for (const child of livingIn(children)) steps.push(...this.#endsOf(child), ...collisions(context, child));
    if (this.#possible.stale) this.#addLate(steps, snapshot);
    for (const { id: ask } of context.asks)
      steps.push({ kind: "decide", ask, decision: "approve" }, { kind: "decide", ask, decision: "reject" });
    if (isSuspended(snapshot)) steps.push({ kind: "resume" });
    steps.push(...this.#commands);
    return steps;
  }

  #endsOf(child: string): readonly ChartStep[] {
    const known = this.#ofChild.get(child);
    if (known) return known;
    const ends = endsOf(child, this.#possible);
    this.#ofChild.set(child, ends);
    return ends;
  }

  #addLate(steps: ChartStep[], { context, children }: RunSnapshot): void {
    for (const { id: task, attempts } of context.queue?.tasks ?? []) {
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const child = workerActorId(task, attempt);
        if (Object.hasOwn(children, child)) continue;
        const late = this.#late.get(child) ?? { kind: "late", task, attempt };
        this.#late.set(child, late);
        steps.push(late);
      }
    }
  }
}

const isSuspended = (snapshot: RunSnapshot): boolean => snapshot.matches({ active: { activity: "suspended" } });

/** How a child may end. */
function endsOf(child: string, { outcomes, calls, plans }: Possible): readonly ChartStep[] {
  const live = parseAttemptId(child);
  if (live) {
    const bad = outcomes.map((code): ChartStep =>
      code === "crash" ? { kind: "crash", ...live } : { kind: "fail", ...live, code },
    );
    return [{ kind: "finish", ...live }, ...bad];
  }
  if (child.startsWith("wake:")) return [{ kind: "wake", what: child.slice("wake:".length) }];
  const well: readonly ChartStep[] =
    child === "plan"
      ? plans.map((_, plan) => ({ kind: "answer", who: child, code: null, plan }))
      : [{ kind: "answer", who: child, code: null }];
  return [...well, ...calls.map((code): ChartStep => ({ kind: "answer", who: child, code }))];
}

/** Where files are folded: the last two of the finished tasks may have changed the same one. */
function collisions({ queue, integration }: RunContext, who: string): readonly ChartStep[] {
  if (who !== "integrate" || integration.redone > 1) return [];
  const collide = (queue?.tasks ?? []).filter(({ status }) => status === "finished").map(({ id }) => id);
  return collide.length < 2 ? [] : [{ kind: "answer", who, code: null, collide: collide.slice(-2) }];
}

/** An event as the chart hears it. Ends of children are of types that only XState makes. */
interface Heard {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The event of a step. */
export function eventOf(step: ChartStep, { context }: RunSnapshot, plans: readonly Plan[]): Heard {
  const { now: at } = context;
  switch (step.kind) {
    case "finish":
    case "late":
    case "fail":
      return endOf(`worker:${step.task}#${step.attempt}`, outcomeOf(step, context));
    case "crash":
      return brokenOf(`worker:${step.task}#${step.attempt}`);
    case "wake":
      return endOf(`wake:${step.what}`, { value: null, at });
    case "answer":
      return endOf(step.who, answerOf(step, context, plans));
    case "decide":
      return { type: "ask.answer", ask: step.ask, decision: step.decision, at };
    case "resume":
      return { type: "run.resume", at };
    case "command":
      return { ...step.command, at };
    default:
      return unreachable(step);
  }
}

const endOf = (actorId: string, output: unknown): Heard => ({ type: `xstate.done.actor.${actorId}`, actorId, output });
const brokenOf = (actorId: string): Heard => ({
  type: `xstate.error.actor.${actorId}`,
  actorId,
  error: { message: "crashed, as explored" },
});

/** How an attempt ends. */
export function outcomeOf(step: Extract<ChartStep, { readonly attempt: number }>, context: RunContext): WorkerOutcome {
  const { now: at } = context;
  return step.kind === "fail"
    ? { kind: "failed", failure: failure(step.code, "As explored."), spend: NO_SPEND, at }
    : { kind: "finished", report: reportOf(step.task, context), spend: NO_SPEND, at };
}

function reportOf(task: string, { options, plan }: RunContext): Report {
  const ref = `report of ${task}`;
  return {
    worker: plan?.tasks[taskIndex(task)]?.worker ?? "",
    success: true,
    output: { ref, bytes: 4, value: "done" },
    summary: "done",
    changes: { ref, files: options.hasWorkspace ? [{ path: `${task}.txt`, kind: "added" }] : [] },
    evidence: [],
  };
}

/** What a child of the run's own ends with: a conversation its outcome, an effect what it settled to. */
export function answerOf(
  step: Extract<ChartStep, { readonly kind: "answer" }>,
  context: RunContext,
  plans: readonly Plan[],
): unknown {
  const { now: at } = context;
  const { who, code, plan = 0, collide } = step;
  const why = code === null ? null : failure(code, "As explored.");
  if (who === "explore" || who === "integrate") {
    const value = why ? { ok: false, failure: why } : { ok: true, ...(who === "integrate" ? foldOf(collide ?? []) : {}) };
    return { value, at };
  }
  const more = { spend: NO_SPEND, turns: 1, toolCalls: 0, at };
  if (why) return { kind: "failed", failure: why, ...more } satisfies ConversationOutcome;
  const value = saidBy(who, context, plans[plan]);
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { kind: "finished", text, value: value as never, messages: [], ...more } satisfies ConversationOutcome;
}

function foldOf(collide: readonly string[]) {
  const kept = collide.at(-1);
  return { files: [], conflicts: kept === undefined ? [] : [{ path: "shared.txt", tasks: collide, kept }] };
}

function saidBy(who: string, context: RunContext, plan: Plan | undefined): unknown {
  if (who === "route") return { mode: "orchestrate", worker: null, reason: "as explored" };
  if (who === "plan") return plan ? draftOf(plan) : {};
  const task = taskOfConversation(who);
  if (task === undefined) return "done";
  return mendOf(context, task)?.step === "split" ? partsOf(context, task) : { task: "in other words", constraints: [] };
}

function partsOf({ plan }: RunContext, task: string): unknown {
  const { label = "", worker = "" } = plan?.tasks[taskIndex(task)] ?? {};
  return { rationale: "", tasks: ["one", "two"].map((part) => ({ label: `${label}-${part}`, worker, task: "a part" })) };
}

/** A plan as a model would write it. */
function draftOf({ rationale, tasks }: Plan): DraftPlan {
  const labelOf = (id: string): string => tasks.find((task) => task.id === id)?.label ?? id;
  return {
    rationale,
    tasks: tasks.map(({ id: _id, dependencies, outputFormat, input, ...task }) => ({
      ...task,
      input: input === null ? null : JSON.stringify(input),
      output_format: outputFormat,
      files: [...task.files],
      constraints: [...task.constraints],
      writes: [...task.writes],
      acceptance: [...task.acceptance],
      depends_on: dependencies.flatMap((edge) => (edge.kind === "hard" ? [labelOf(edge.task)] : [])),
      after: dependencies.flatMap((edge) => (edge.kind === "soft" ? [labelOf(edge.task)] : [])),
    })),
  };
}
