// Five planted mistakes in the orchestrator's rules, made by providing other actions, and the shortest way to each.
import { enqueueActions } from "xstate";
import { parseAttemptId, taskIndex, workerActorId } from "../../src/core/ids.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { dispatch } from "../../src/machines/dispatch.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import { childId, workerOutcome } from "../../src/machines/run-ends.ts";
import type { RunContext, RunRules } from "../../src/machines/run-state.ts";
import { settleWorker } from "../../src/machines/settle.ts";
import { step } from "../../src/machines/step.ts";
import type { Directive, Step } from "../../src/machines/step.ts";
import { createQueue } from "../../src/queue/queue.ts";
import { workers } from "./cast.ts";

/** A machine with a mistake in it. */
export interface Mutant {
  readonly name: string;
  readonly machine: OrchestratorMachine;
  readonly concurrency: number;
  /** Whether late reports come. */
  readonly stale: boolean;
  /** The promise that it breaks first, and the shortest way to that. */
  readonly breaks: string;
  readonly script: string;
}

interface Event {
  readonly type: string;
}

const rules: RunRules = {
  policy: DEFAULT_POLICY,
  cards: workers.map(({ card }) => card),
  tools: {},
  checkPlan: () => ({ ok: false, issues: [] }),
  checkSplit: () => ({ ok: false, issues: [] }),
};

/** All five. */
export const mutants: readonly Mutant[] = [
  {
    name: "late reports are taken for current ones",
    machine: withActions({
      settleWorker: (context, event) => {
        const named = parseAttemptId(childId(event));
        const attempts = context.queue?.tasks[taskIndex(named?.task ?? "")]?.attempts ?? 0;
        const child = named ? workerActorId(named.task, attempts) : "";
        const settled = settleWorker(context, { child, outcome: workerOutcome(context, event) }, rules);
        return step(settled.context, ...settled.then.filter((one) => one.do !== "stop"), { do: "stop", child: childId(event) });
      },
    }),
    concurrency: 1,
    stale: true,
    breaks: "noOrphanActor",
    script: "t1 fails as WorkspaceFailed → t1 is woken → t1#1 reports late",
  },
  {
    name: "caps are ignored",
    machine: withActions({
      dispatch: (context) => {
        const { queue } = context;
        const wide = dispatch({ ...context, queue: queue && { ...queue, concurrency: 99 } }, rules);
        return { ...wide, context: { ...wide.context, queue: wide.context.queue && { ...wide.context.queue, concurrency: 1 } } };
      },
    }),
    concurrency: 1,
    stale: false,
    breaks: "capsHold",
    script: "t1 finishes",
  },
  {
    name: "tasks start before what they need",
    machine: withActions({
      dispatch: (context) => {
        const { plan, queue } = context;
        if (!plan || !queue || queue.tasks.some(({ attempts }) => attempts > 0)) return dispatch(context, rules);
        const alone = { ...plan, tasks: plan.tasks.map((task) => ({ ...task, dependencies: [] })) };
        return dispatch({ ...context, queue: createQueue(alone, { concurrency: queue.concurrency }) }, rules);
      },
    }),
    concurrency: 2,
    stale: false,
    breaks: "dependenciesHold",
    script: "",
  },
  {
    name: "the worker of a settled task is not stopped",
    machine: withActions({
      settleWorker: (context, event) => {
        const settled = settleWorker(context, { child: childId(event), outcome: workerOutcome(context, event) }, rules);
        return step(settled.context, ...settled.then.filter((one) => one.do !== "stop"));
      },
    }),
    concurrency: 2,
    stale: false,
    breaks: "noOrphanActor",
    script: "t1 finishes",
  },
  {
    name: "a wake-up is lost",
    machine: withActions({ wakeUp: (context, event) => step(context, { do: "stop", child: childId(event) }) }),
    concurrency: 2,
    stale: false,
    breaks: "everyWaitHasAWakeUp",
    script: "t1 fails as WorkspaceFailed → t1 is woken",
  },
];

/** The shipped machine with other decisions under some of its actions' names. */
export function withActions(
  decisions: Readonly<Record<string, (context: RunContext, event: Event) => Step>>,
): OrchestratorMachine {
  const actions = Object.fromEntries(Object.entries(decisions).map(([name, decision]) => [name, acting(decision)]));
  return createOrchestrator({ workers }).provide({ actions });
}

function acting(decision: (context: RunContext, event: Event) => Step) {
  return enqueueActions(({ context, event, enqueue }: { context: unknown; event: Event; enqueue: Enqueue }) => {
    const { context: next, then } = decision(context as RunContext, event);
    enqueue.assign(() => next);
    for (const one of then) carryOut(one, enqueue);
  });
}

interface Enqueue {
  assign(update: () => RunContext): void;
  spawnChild(src: string, options: { readonly id: string; readonly input: unknown }): void;
  stopChild(id: string): void;
  sendTo(id: string, message: Event): void;
}

function carryOut(one: Directive, enqueue: Enqueue): void {
  if (one.do === "start") enqueue.spawnChild("worker", { id: `worker:${one.worker.id}`, input: one.worker });
  if (one.do === "wake") enqueue.spawnChild("sleepUntil", { id: `wake:${one.name}`, input: { key: one.name, dueAt: one.dueAt } });
  if (one.do === "stop") enqueue.stopChild(one.child);
  if (one.do === "tell") enqueue.sendTo(one.child, one.message);
}
