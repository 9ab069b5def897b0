// The promises that every run keeps, whatever happens to it. Each reads only what a run shows: its snapshots, its events,
// its journal, its output.
import { parseAttemptId, taskIndex } from "../../core/ids.ts";
import type { TaskResult } from "../../machines/run-events.ts";
import type { RunContext } from "../../machines/run-state.ts";
import { countOf, isSettledStatus } from "../../queue/state.ts";
import type { TaskState } from "../../queue/state.ts";
import { always, atEnd, throughout } from "./invariant.ts";
import type { Breach, Invariant } from "./invariant.ts";
import { moneyAddsUp } from "./bills.ts";
import { overruns } from "./overruns.ts";
import type { SimulatedRun } from "./stage.ts";

/** Every run comes to its end and says so once, as its last word. */
const everyRunEnds = atEnd("everyRunEnds", ({ end, events }) => {
  if (end.kind === "stalled") return undefined;
  if (end.kind === "error") return `the run broke: ${String(end.error)}`;
  const ends = events.filter(({ type }) => type === "run.finished").length;
  if (ends !== 1) return `run.finished was said ${ends} times`;
  return events.at(-1)?.type === "run.finished" ? undefined : `${events.at(-1)?.type} came after run.finished`;
});

/** A run that does not move waits for a person: for an answer, or to be resumed. */
const everyWaitHasAWakeUp = atEnd("everyWaitHasAWakeUp", ({ end, snapshot }) => {
  if (end.kind !== "stalled") return undefined;
  const { context, value } = snapshot;
  const { queue, funding, accounts } = context;
  return `nothing can move it any more: ${JSON.stringify({ value, tasks: queue?.counts, funding, accounts })}`;
});

/** Every task of an accepted plan ends exactly once (again only after it was opened again), and as the output says. */
const everyTaskEndsOnce = throughout("everyTaskEndsOnce", () => {
  const ends = new Map<string, string[]>();
  const reopened = new Map<string, number>();
  let before: readonly TaskState[] = [];
  let isAccepted = false;
  return {
    snapshot({ context: { queue } }) {
      const tasks = queue?.tasks ?? [];
      if (tasks !== before) for (const [at, was] of before.entries()) noteReopened(reopened, was, tasks[at]);
      before = tasks;
      return undefined;
    },
    event(event) {
      if (event.type === "plan.accepted" || event.type === "task.started") isAccepted = true;
      const status = ENDS[event.type];
      if (status !== undefined && "task" in event) ends.set(event.task, [...(ends.get(event.task) ?? []), status]);
      return undefined;
    },
    end({ output }) {
      const wrong = (isAccepted ? (output?.tasks ?? []) : []).find(({ id, status }) => {
        const told = ends.get(id) ?? [];
        return told.at(-1) !== status || told.length !== 1 + (reopened.get(id) ?? 0);
      });
      if (!wrong) return undefined;
      const { id, status } = wrong;
      const told = ends.get(id)?.join(", ") ?? "nothing";
      return `${id} is ${status}; told was ${told}; it was opened again ${reopened.get(id) ?? 0} times`;
    },
  };
});

/** What a task is after an event. */
const ENDS: Readonly<Partial<Record<string, string>>> = {
  "task.finished": "finished",
  "task.reused": "finished",
  "task.failed": "failed",
  "task.skipped": "skipped",
};

function noteReopened(reopened: Map<string, number>, was: TaskState, now: TaskState | undefined): void {
  if (!now || was === now || !isSettledStatus(was.status) || isSettledStatus(now.status)) return;
  reopened.set(now.id, (reopened.get(now.id) ?? 0) + 1);
}

/** No attempt starts before its hard dependencies are finished and its soft ones are settled. */
const dependenciesHold = eachStart("dependenciesHold", ({ plan, queue }, { id }) => {
  const early = plan?.tasks[taskIndex(id)]?.dependencies.find(({ task, kind }) => {
    const status = queue?.tasks[taskIndex(task)]?.status ?? "waiting";
    return kind === "hard" ? status !== "finished" : !isSettledStatus(status);
  });
  return early && `${id} runs while ${early.task} is ${queue?.tasks[taskIndex(early.task)]?.status ?? "unknown"}`;
});

/** No task is started while it runs, and attempts are counted up one by one. */
const noDoubleStart = throughout("noDoubleStart", () => {
  const attempts = new Map<string, number>();
  const running = new Set<string>();
  let tasks: readonly TaskState[] = [];
  return {
    snapshot({ context: { queue } }) {
      tasks = queue?.tasks ?? [];
      for (const id of running) if (queue?.tasks[taskIndex(id)]?.status !== "running") running.delete(id);
      return undefined;
    },
    event(event) {
      if (event.type === "task.retrying" && isSettledStatus(tasks[taskIndex(event.task)]?.status ?? "finished"))
        return `${event.task} is retried but did not run`;
      // What is done again was stopped, and may start anew before the next snapshot.
      if (event.type === "task.invalidated") running.delete(event.task);
      if (event.type !== "task.started") return undefined;
      if (running.has(event.task)) return `${event.task} is started while it runs`;
      const before = attempts.get(event.task) ?? 0;
      attempts.set(event.task, event.attempt);
      running.add(event.task);
      return event.attempt === before + 1 ? undefined : `attempt ${event.attempt} of ${event.task} follows attempt ${before}`;
    },
  };
});

/** Never more tasks at once than the run, or their worker, allows. */
const capsHold = always("capsHold", ({ context: { queue, options } }) => {
  if (!queue) return undefined;
  const running = queue.running.length;
  if (running > options.concurrency) return `${running} tasks run at once; ${options.concurrency} may`;
  for (const [worker, cap] of Object.entries(queue.caps)) {
    const count = queue.running.filter((at) => queue.tasks[at]?.worker === worker).length;
    if (count > cap) return `${count} tasks of ${worker} run at once; ${cap} may`;
    if (countOf(queue.runningBy, worker) !== count)
      return `${worker} is counted as ${countOf(queue.runningBy, worker)}, not ${count}`;
  }
  return undefined;
});

/** What is spent and what is reserved stay within every limit of the run, of tasks and of workers; nothing takes too long. */
const budgetHolds = always("budgetHolds", ({ context }) => overruns(context)[0]);

/** Plan, queue and reports belong together, and a task is being mended exactly while a conversation about it goes on. */
const bookkeepingHolds = always("bookkeepingHolds", ({ context: { plan, queue, reports, mending } }) => {
  if (!queue) return undefined;
  if (plan?.tasks.length !== queue.tasks.length || reports.length !== queue.tasks.length)
    return `${plan?.tasks.length} tasks are planned, ${queue.tasks.length} queued, ${reports.length} reported`;
  if (queue.counts.mending !== mending.length) return `${queue.counts.mending} tasks are being mended in ${mending.length} ways`;
  const idle = mending.find(({ task }) => queue.tasks[taskIndex(task)]?.status !== "mending");
  return idle && `${idle.task} is ${queue.tasks[taskIndex(idle.task)]?.status}, and yet it is being mended`;
});

/** Live worker actors are those of running tasks, and no others. */
const noOrphanActor = always("noOrphanActor", ({ context: { queue }, children, status }) => {
  const alive = Object.keys(children).filter((id) => id.startsWith("worker:"));
  const orphan = alive.find((id) => {
    const attempt = parseAttemptId(id);
    const task = queue?.tasks[taskIndex(attempt?.task ?? "")];
    return status !== "active" || task?.status !== "running" || task.attempts !== attempt?.attempt;
  });
  return orphan && children[orphan]?.getSnapshot().status === "active" ? `${orphan} lives, but its task does not run` : undefined;
});

/** After the end nothing is open: no account, question, actor or effect; journal rows are numbered without gaps. */
const nothingIsLeft = atEnd("nothingIsLeft", ({ end, snapshot, rows }) => {
  if (end.kind !== "done") return undefined;
  const { accounts, funding, asks, talking } = snapshot.context;
  const open = { accounts: Object.keys(accounts), funding: funding.map(({ from }) => from), asks: asks.map(({ id }) => id) };
  if (Object.values(open).some(({ length }) => length > 0)) return `left open: ${JSON.stringify(open)}`;
  if (talking !== null) return `the conversation "${talking}" is still going on`;
  const alive = Object.entries(snapshot.children).filter(([, child]) => child?.getSnapshot().status === "active");
  if (alive.length > 0) return `still alive: ${alive.map(([id]) => id).join(", ")}`;
  return rowsBroken(rows);
});

/** Every effect with an intent has exactly one closing row, and rows are numbered without gaps. */
function rowsBroken(rows: SimulatedRun["rows"]): Breach {
  const closed = new Set<string>();
  for (const [at, { seq, kind, id = "" }] of rows.entries()) {
    if (seq !== at + 1) return `row ${at + 1} is numbered ${seq}`;
    if (kind !== "result" && kind !== "error" && kind !== "cancelled") continue;
    if (closed.has(id)) return `effect ${id} is closed twice, the second time by row ${seq}`;
    closed.add(id);
  }
  const open = rows.find(({ kind, id = "" }) => kind === "intent" && !closed.has(id));
  return open && `effect ${open.id} has an intent (row ${open.seq}) and no closing row`;
}

/** The outcome says how the tasks ended, and every loss has a reason that leads to its root. */
const outcomeExplains = atEnd("outcomeExplains", ({ end, output, snapshot }) => {
  if (end.kind !== "done" || !output) return undefined;
  const { outcome, tasks, failure } = output;
  const required = tasks.filter((_, at) => !snapshot.context.plan?.tasks[at]?.optional);
  const finished = tasks.filter(({ status }) => status === "finished").length;
  if (outcome === "complete" && required.some(({ status }) => status !== "finished"))
    return "complete, but a required task is lost";
  if (outcome === "complete" && failure) return `complete, but failed as ${failure.code}`;
  if (outcome === "partial" && finished === 0) return "partial, but nothing is finished";
  if (outcome === "failed" && finished > 0) return `failed, but ${finished} tasks are finished`;
  if (outcome !== "complete" && outcome !== "partial" && !failure) return `${outcome}, but without a failure`;
  const lost = tasks.filter(({ status }) => status === "failed" || status === "skipped");
  const silent = lost.find((task) => !task.failure || !task.cause);
  if (silent) return `${silent.id} is ${silent.status} without a reason`;
  const roots = new Set(lost.flatMap((task) => (isFollowing(task) ? [] : [task.cause?.message])));
  const rootless = lost.find((task) => isFollowing(task) && !roots.has(task.cause?.message));
  return rootless && `${rootless.id} is skipped because of "${rootless.cause?.message}", which no task failed of`;
});

/** Lost because of another task. */
const isFollowing = ({ failure }: TaskResult): boolean => failure?.code === "DependencyFailed" && failure.cause !== undefined;

/** Looks at each attempt once, in the first snapshot that shows it running. */
function eachStart(name: string, broken: (context: RunContext, task: TaskState) => Breach): Invariant {
  return always(name, ({ context }, before) => {
    const { queue } = context;
    for (const at of queue?.running ?? []) {
      const [task, was] = [queue?.tasks[at], before?.context.queue?.tasks[at]];
      if (!task || (was?.status === "running" && was.attempts === task.attempts)) continue;
      const breach = broken(context, task);
      if (breach !== undefined) return breach;
    }
    return undefined;
  });
}

/** All promises of a run, by name. `Object.values(invariants)` is the default of `simulateRuns` and `crashSweep`. */
export const invariants = {
  everyRunEnds,
  everyWaitHasAWakeUp,
  everyTaskEndsOnce,
  dependenciesHold,
  noDoubleStart,
  capsHold,
  budgetHolds,
  bookkeepingHolds,
  moneyAddsUp,
  noOrphanActor,
  nothingIsLeft,
  outcomeExplains,
} as const satisfies Readonly<Record<string, Invariant>>;
