// What the matchers for runs can be shown, and what they read of it: how it ended, what it cost, what it said.
import type { Failure } from "../../core/failure.ts";
import type { Ledger } from "../../model/ledger.ts";
import { NO_SPEND } from "../../protocol/spend.ts";
import type { SpendTotals } from "../../protocol/spend.ts";
import type { Outcome, RunEvent } from "../../protocol/run-event.ts";
import type { Run } from "../../run/run.ts";
import type { RunResult } from "../../run/result.ts";
import type { RunSnapshot, SimulatedRun } from "../simulate/stage.ts";
import { failureText, standingLines, taskLines } from "./standing.ts";

/**
 * A run in any form: the handle of `orchestrate` or `openRun`, its result, a simulated run, the orchestrator's actor on a
 * simulated host (which stands where `host.run()` left it), or a promise of one of these.
 */
export type RunSubject =
  | Run
  | Pick<RunResult, "outcome" | "failure" | "tasks" | "spend">
  | SimulatedRun
  | { getSnapshot(): RunSnapshot }
  | PromiseLike<RunSubject>;

/** What became of a run, as far as its form tells. */
export interface Ending {
  /** Null: it has not ended. */
  readonly outcome: Outcome | "suspended" | null;
  readonly failure: Failure | null;
  readonly spend: SpendTotals;
  /** Absent where its form has none. */
  readonly ledger?: Ledger;
  /** Absent where its form has none. */
  readonly events?: readonly RunEvent[];
  /** To read: how its tasks ended, or what it waits for. */
  readonly lines: readonly string[];
}

/** Waits for the end of a run, for at most so many ms of real time. Throws TypeError for what is no run. */
export async function endingOf(subject: unknown, withinMs: number): Promise<Ending> {
  if (isThenable(subject)) {
    const settled = await within(subject, withinMs);
    return settled === LATE ? unsettled([`the promise did not settle within ${withinMs} ms`]) : endingOf(settled, withinMs);
  }
  if (isRun(subject)) {
    const result = await within(subject.result, withinMs);
    const events = eventsSoFar(subject);
    if (result !== LATE) return { ...endingOfResult(result), events };
    const { ledger, snapshot } = subject;
    const lines = [`it had ${withinMs} ms of real time`, ...standingLines(snapshot)];
    return { ...unsettled(lines, snapshot.context.spend), ledger, events };
  }
  if (isSimulated(subject)) return endingOfSimulated(subject);
  if (isActor(subject)) return endingOfSnapshot(subject.getSnapshot());
  if (isResult(subject)) return endingOfResult(subject);
  throw new TypeError(
    `This expectation is about a run: give it a run, its result, a simulated run or the orchestrator's actor, not ${describeValue(subject)}.`,
  );
}

function endingOfResult({ outcome, failure, tasks, spend, ledger }: Result): Ending {
  const lines = [...(failure ? [failureText(failure)] : []), ...taskLines(tasks)];
  return { outcome, failure, spend, lines, ...(ledger && { ledger }) };
}

function endingOfSimulated({ end, output, snapshot, events }: SimulatedRun): Ending {
  if (end.kind === "done" && output) return { ...endingOfResult(output), events };
  const why = end.kind === "error" ? `the machine broke: ${String(end.error)}` : `the simulated run ${END_WORDS[end.kind]}`;
  return { ...unsettled([why, ...standingLines(snapshot)], snapshot.context.spend), events };
}

const END_WORDS = {
  done: "ended without an output",
  stalled: "came to a stand: nothing will ever become due",
  closed: "was closed",
  crashed: "crashed",
} as const;

function endingOfSnapshot(snapshot: RunSnapshot): Ending {
  if (snapshot.status === "done" && snapshot.output) return endingOfResult(snapshot.output);
  const broke = snapshot.status === "error" ? [`the machine broke: ${String(snapshot.error)}`] : [];
  return unsettled([...broke, ...standingLines(snapshot)], snapshot.context.spend);
}

const unsettled = (lines: readonly string[], spend: SpendTotals = NO_SPEND): Ending => ({
  outcome: null,
  failure: null,
  spend,
  lines,
});

/** Events come to a watcher at once, from the first. */
function eventsSoFar(run: Run): readonly RunEvent[] {
  const events: RunEvent[] = [];
  run.events.subscribe((event) => events.push(event)).unsubscribe();
  return events;
}

type Result = Pick<RunResult, "outcome" | "failure" | "spend"> & {
  readonly tasks: Parameters<typeof taskLines>[0];
  readonly ledger?: Ledger;
};

const LATE: unique symbol = Symbol("late");

/** A promise, or `LATE` after so many ms. */
async function within<T>(promise: PromiseLike<T>, ms: number): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(() => resolve(LATE), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const has = <K extends string>(value: unknown, ...fields: readonly K[]): value is Readonly<Record<K, unknown>> =>
  typeof value === "object" && value !== null && fields.every((field) => field in value);

const isThenable = (value: unknown): value is PromiseLike<unknown> => has(value, "then") && typeof value.then === "function";
const isRun = (value: unknown): value is Run => has(value, "result", "events", "snapshot") && isThenable(value.result);
const isSimulated = (value: unknown): value is SimulatedRun => has(value, "end", "snapshot", "events", "case");
const isActor = (value: unknown): value is { getSnapshot(): RunSnapshot } =>
  has(value, "getSnapshot") && typeof value.getSnapshot === "function";
const isResult = (value: unknown): value is Result => has(value, "outcome", "spend", "tasks");

/** A value in a few words. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `${typeof value} ${JSON.stringify(value)?.slice(0, 60) ?? ""}`.trim();
  const keys = Object.keys(value).slice(0, 6).join(", ");
  return Array.isArray(value) ? `an array of ${value.length}` : `an object with ${keys === "" ? "no fields" : keys}`;
}
