// What every state of the chart must keep. Children are never started here, so nothing of them but their ids is read.
import { FAILURES } from "../../../core/failure.ts";
import { taskIndex, workerActorId } from "../../../core/ids.ts";
import { isSettledStatus } from "../../../queue/state.ts";
import { always } from "../../simulate/invariant.ts";
import type { Invariant } from "../../simulate/invariant.ts";
import { invariants } from "../../simulate/invariants.ts";

/** Live workers are those of running tasks, each has exactly one, and no others live. */
const noOrphanActor = always("noOrphanActor", ({ context: { queue }, children, status }) => {
  if (status !== "active") return undefined;
  const running = new Set(
    (queue?.tasks ?? []).flatMap(({ id, attempts, status: now }) => (now === "running" ? workerActorId(id, attempts) : [])),
  );
  const orphan = Object.keys(children).find((id) => id.startsWith("worker:") && !running.delete(id));
  if (orphan !== undefined) return `${orphan} lives, but its task does not run`;
  const [lost] = running;
  return lost && `${lost} is gone, but its task still runs`;
});

/** A task is finished exactly when its report is there. */
const reportsHold = always("reportsHold", ({ context: { queue, reports } }) => {
  const wrong = queue?.tasks.find(({ status }, at) => (status === "finished") !== Boolean(reports[at]));
  return wrong && `${wrong.id} is ${wrong.status}, and its report is ${reports[taskIndex(wrong.id)] ? "there" : "missing"}`;
});

/** The counts and lists of the queue say what its tasks say. */
const countsHold = always("countsHold", ({ context: { queue } }) => {
  if (!queue) return undefined;
  const counts: Record<string, number> = {};
  for (const { status } of queue.tasks) counts[status] = (counts[status] ?? 0) + 1;
  const wrong = Object.entries(queue.counts).find(([status, count]) => (counts[status] ?? 0) !== count);
  if (wrong) return `${wrong[1]} tasks are counted as ${wrong[0]}; ${counts[wrong[0]] ?? 0} are`;
  const { running, ready, retrying } = queue;
  const listed = Object.entries({ running, ready, retrying }).find(([status, list]) => list.length !== (counts[status] ?? 0));
  return listed && `${listed[1].length} tasks are listed as ${listed[0]}; ${counts[listed[0]] ?? 0} are`;
});

/** A run that is over has an outcome, and every task is settled, unless its plan was turned down. */
const settledAtTheEnd = always("settledAtTheEnd", ({ status, context: { queue, outcome, failure } }) => {
  if (status !== "done") return undefined;
  if (outcome === null) return "the run ended without an outcome";
  if (failure?.code === "Rejected") return undefined;
  const open = queue?.tasks.find((task) => !isSettledStatus(task.status));
  return open && `the run ended while ${open.id} was ${open.status}`;
});

/** The promises of the chart by name: those of `invariants` that one step shows, and those that only a chart can show. */
export const chartInvariants = {
  capsHold: invariants.capsHold,
  dependenciesHold: invariants.dependenciesHold,
  bookkeepingHolds: invariants.bookkeepingHolds,
  countsHold,
  reportsHold,
  noOrphanActor,
  settledAtTheEnd,
} as const satisfies Readonly<Record<string, Invariant>>;

/** No task has more attempts than `most`. Attempts that ended with what a person mends for the whole run are not counted. */
export const attemptsHold = (most: number): Invariant =>
  always("attemptsHold", ({ context: { queue, history } }) => {
    for (const { id, attempts } of queue?.tasks ?? []) {
      if (attempts <= most) continue;
      const failed = Object.hasOwn(history, id) ? (history[id] ?? []) : [];
      const own = attempts - failed.filter(({ code }) => FAILURES[code].level === "run").length;
      if (own > most) return `${id} is at attempt ${own}; ${most} are the most`;
    }
    return undefined;
  });
