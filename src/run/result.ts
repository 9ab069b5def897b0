// How a run ended, as its owner is told: typed by its workers, whole where the type promises it.
import type { Actor } from "xstate";
import { messageOf } from "../core/errors.ts";
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { taskIndex } from "../core/ids.ts";
import { parseJson } from "../core/json.ts";
import { unreachable } from "../core/unreachable.ts";
import { HostError } from "../host/errors.ts";
import type { HostEnd } from "../host/port.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import { runOutput } from "../machines/run-events.ts";
import type { RunOutput, TaskResult } from "../machines/run-events.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { LedgerBook } from "../model/ledger-fold.ts";
import type { Ledger } from "../model/ledger.ts";
import type { Outcome } from "../protocol/run-event.ts";
import { NO_SPEND } from "../protocol/spend.ts";
import type { OutputOf } from "../workers/define-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { World } from "./world.ts";

/** How one task ended, its output typed by its worker. */
export type TaskResultOf<W extends readonly Worker[]> = {
  [One in W[number] as One["name"]]: Omit<TaskResult, "worker" | "status" | "output" | "failure" | "cause"> & {
    readonly worker: One["name"];
  } & (
      | { readonly status: "finished"; readonly output: OutputOf<One>; readonly failure: null; readonly cause: null }
      | {
          readonly status: "failed" | "skipped" | "unfinished";
          readonly output: null;
          readonly failure: Failure | null;
          readonly cause: Failure | null;
        }
    );
}[W[number]["name"]];

/** How a run ended, or why it stands still (`suspended`: mend what `failure` names and open the run again). */
export interface RunResult<W extends readonly Worker[] = readonly Worker[]> extends Omit<RunOutput, "outcome" | "tasks"> {
  readonly outcome: Outcome | "suspended";
  readonly tasks: readonly TaskResultOf<W>[];
  /** Where the money went, as far as the run got. */
  readonly ledger: Ledger;
}

/** What a result is read from. */
export interface ResultSources {
  readonly id: string;
  readonly actor: Pick<Actor<OrchestratorMachine>, "getSnapshot">;
  readonly world: Pick<World, "artifacts">;
  readonly book: Pick<LedgerBook, "read">;
}

/** The result of a run that came to this end; `suspended` is why it stands still. Never rejects. */
export async function resultOf(sources: ResultSources, end: HostEnd, suspended: Failure | null): Promise<RunResult> {
  const snapshot = sources.actor.getSnapshot();
  // A machine that broke before its first state has no context of ours, whatever its type says.
  const context: RunContext | undefined = "runId" in (snapshot.context ?? {}) ? snapshot.context : undefined;
  const output = context ? runOutput(context) : nothingOf(sources.id);
  const whole = context ? await wholeTasks(output.tasks, context, sources.world) : [];
  // Outputs were checked by their worker's schema before they were reported; the type says so.
  const tasks = whole as unknown as RunResult["tasks"];
  const ledger = sources.book.read();
  switch (end.kind) {
    case "done":
      return { ...output, tasks, ledger };
    case "error":
      return { ...output, tasks, ledger, outcome: "suspended", failure: failureOf(end.error) };
    case "closed":
    case "crashed":
      return { ...output, tasks, ledger, outcome: "suspended", failure: suspended ?? context?.suspension ?? null };
    default:
      return unreachable(end);
  }
}

/** What broke the machine or its host, as a failure of the run. */
function failureOf(error: unknown): Failure {
  const codes = {
    LeaseHeld: "LeaseLost",
    LeaseLost: "LeaseLost",
    StoreCorrupt: "StoreCorrupt",
    StoreFull: "StoreFull",
    StoreFailed: "StoreFull",
  } as const;
  const code = HostError.is(error) && error.code in codes ? codes[error.code as keyof typeof codes] : "Internal";
  return failure(code, messageOf(error));
}

/** Typed outputs that were cut for the machine are read from their artifacts; text stays cut (`run.output` has the whole). */
function wholeTasks(
  tasks: readonly TaskResult[],
  context: RunContext,
  { artifacts }: Pick<World, "artifacts">,
): Promise<readonly TaskResult[]> {
  const typed = new Set(context.workers.filter(({ outputSchema }) => outputSchema !== null).map(({ name }) => name));
  return Promise.all(
    tasks.map(async (task) => {
      const bytes = context.queue?.tasks[taskIndex(task.id)]?.result?.bytes ?? 0;
      if (task.ref === null || !typed.has(task.worker) || bytes <= INLINE) return task;
      const text = await artifacts.get(task.ref).catch(() => undefined);
      // It was stored as JSON; a broken store leaves the cut text.
      const output = text === undefined ? undefined : (parseJson(text) as TaskResult["output"] | undefined);
      return output === undefined ? task : { ...task, output };
    }),
  );
}

/** Outputs up to this size, in bytes, travel in reports themselves, whole (see src/machines/worker-state.ts). */
const INLINE = 4_000;

const nothingOf = (runId: string): RunOutput => ({
  runId,
  outcome: "failed",
  answer: "",
  failure: null,
  tasks: [],
  files: [],
  conflicts: [],
  spend: NO_SPEND,
  budgetReached: false,
  startedAt: 0,
  endedAt: 0,
  sleptMs: 0,
});
