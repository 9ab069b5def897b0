// Where a run stands and how it ended, as lines to read under a failed expectation.
import type { Failure } from "../../core/failure.ts";
import { headAndTail, oneLine } from "../../core/text.ts";
import type { RunContext } from "../../machines/run-state.ts";
import type { TaskState } from "../../queue/state.ts";

/** Most tasks that are listed. */
const MOST_TASKS = 20;
/** Most characters of a failure's message. */
const LONGEST_FAILURE = 4_000;

/** What is read of a snapshot of a run. */
export interface Standing {
  readonly status: string;
  readonly value: unknown;
  readonly context: Pick<RunContext, "queue" | "asks" | "suspension" | "plan">;
}

/** What is read of a task that is over, or was never begun. */
export interface EndedTask {
  readonly id: string;
  readonly worker: string;
  readonly status: string;
  readonly failure: Failure | null;
}

/** Where a run stands and what it waits for. */
export function standingLines({ status, value, context }: Standing): readonly string[] {
  const { queue, asks, suspension, plan } = context;
  const open = (queue?.tasks ?? []).filter(({ status: at }) => at !== "finished");
  return [
    `it stands in ${statesOf(value).join(" and ")}${status === "active" ? "" : ` (${status})`}`,
    ...(suspension ? [`suspended by ${failureText(suspension)}`] : []),
    ...asks.map(
      ({ id, kind, from, text }) => `a person is asked (${kind}, ask "${id}"${from ? `, from ${from}` : ""}): ${oneLine(text)}`,
    ),
    ...cut(open.map((task) => taskLine(task, waitsFor(task, { plan, queue })))),
  ];
}

/** How the tasks of a run ended. */
export function taskLines(tasks: readonly EndedTask[]): readonly string[] {
  return cut(
    tasks.map(({ id, worker, status, failure }) => `${id} (${worker}) ${status}${failure ? `: ${failureText(failure)}` : ""}`),
  );
}

/** A failure with what it follows from, its lines as they are. */
export function failureText({ code, message, cause }: Failure): string {
  return `${code}: ${headAndTail(message, LONGEST_FAILURE)}${cause ? ` Because of ${failureText(cause)}` : ""}`;
}

/** A headline and indented lines below it. */
export function report(headline: string, lines: readonly string[]): string {
  return [headline, ...lines.flatMap((line) => line.split("\n")).map((line) => (line === "" ? "" : `  ${line}`))].join("\n");
}

function taskLine({ id, worker, status, attempts, wakeAt, failure }: TaskState, waits: string): string {
  const more = [
    ...(attempts > 0 ? [`attempt ${attempts}`] : []),
    ...(status === "retrying" && wakeAt !== null ? [`wakes at ${new Date(wakeAt).toISOString()}`] : []),
    ...(waits === "" ? [] : [waits]),
    ...(failure ? [failureText(failure)] : []),
  ];
  return `${id} (${worker}) is ${status}${more.length > 0 ? `: ${more.join(", ")}` : ""}`;
}

function waitsFor({ id, status }: TaskState, { plan, queue }: Pick<RunContext, "plan" | "queue">): string {
  if (status !== "waiting") return "";
  const needed = plan?.tasks.find((task) => task.id === id)?.dependencies ?? [];
  const open = needed.filter(({ task }) => queue?.tasks.find((one) => one.id === task)?.status !== "finished");
  return open.length > 0 ? `for ${open.map(({ task }) => task).join(", ")}` : "";
}

/** `active.phase.dispatching` for each leaf of a state value. */
function statesOf(value: unknown): readonly string[] {
  if (typeof value !== "object" || value === null) return [String(value)];
  return Object.entries(value).flatMap(([key, inner]) => statesOf(inner).map((rest) => (rest === "" ? key : `${key}.${rest}`)));
}

const cut = (lines: readonly string[]): readonly string[] =>
  lines.length > MOST_TASKS ? [...lines.slice(0, MOST_TASKS), `and ${lines.length - MOST_TASKS} more tasks`] : lines;
