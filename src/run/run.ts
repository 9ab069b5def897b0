// A run as its owner holds it: watch, ask, command, wait, stop.
//   R1  `result` settles exactly once and never rejects, whatever happens to the run.
//   R2  A suspended run is stopped cleanly: its journal keeps it, `openRun` takes it up.
//   R3  After the end nothing is left: no timer, listener, lease or subscription.
import { filter } from "rxjs";
import type { Observable } from "rxjs";
import type { Actor, SnapshotFrom } from "xstate";
import { messageOf, QuatrainError } from "../core/errors.ts";
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { unreachable } from "../core/unreachable.ts";
import type { TaskId } from "../core/ids.ts";
import type { Host, HostEnd } from "../host/port.ts";
import { HostError } from "../host/errors.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import { runOutput } from "../machines/run-events.ts";
import type { RunOutput, TaskResult } from "../machines/run-events.ts";
import { Command } from "../protocol/command.ts";
import type { Ask } from "../protocol/command.ts";
import type { Outcome } from "../protocol/run-event.ts";
import type { TurnDelta } from "../protocol/turn.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { OutputOf } from "../workers/define-plan.ts";
import { EventLog } from "./event-log.ts";
import type { EventStream } from "./event-log.ts";
import type { Answer, SharedOptions } from "./options.ts";
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
}

/** A live run. */
export interface Run<W extends readonly Worker[] = readonly Worker[]> {
  readonly id: string;
  /** All events from the first, for every subscriber; completes with the run, never errors. */
  readonly events: EventStream;
  /** Events up to this journal row were replayed from an earlier process; -1 for a fresh run. */
  readonly replayedThrough: number;
  /** Pieces of running answers, of all conversations or of one task. Not recorded. */
  deltas(task?: string): Observable<TurnDelta>;
  /** Questions that are open now. */
  readonly asks: readonly Ask[];
  /** Never rejects. */
  readonly result: Promise<RunResult<W>>;
  readonly snapshot: SnapshotFrom<OrchestratorMachine>;
  readonly actor: Actor<OrchestratorMachine>;
  /** Puts a command into the run's inbox. Throws QuatrainError "BadOption" for what is no command. */
  send(command: Command): void;
  /** Stops cleanly, to be resumed: nothing new starts, what runs gets `graceMs`. @default 0 */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** Carries the result folder into the workspace. Rejects where the user's files changed meanwhile. */
  apply(): Promise<readonly string[]>;
  /** The whole output of a finished task. */
  output(task: string): Promise<string>;
}

/** What a live run consists of. */
export interface RunParts {
  readonly id: string;
  readonly host: Host;
  readonly world: World;
  readonly actor: Actor<OrchestratorMachine>;
  readonly replayedThrough: number;
}

/** Starts the actor and wires its watchers. */
export function startHandle(parts: RunParts, { asks, signal }: Pick<SharedOptions, "asks" | "signal">): Run {
  const { id, host, world, actor } = parts;
  const log = new EventLog();
  const stop = (graceMs = 0): Promise<void> => host.close({ graceMs });
  const answer = typeof asks === "function" ? asks : undefined;
  let suspended: Failure | null = null;
  actor.on("*", (event) => {
    log.add(event, host.seq);
    if (event.type === "ask.opened" && answer && !host.replaying) void answerWith(answer, host, event.ask as Ask);
    if (event.type !== "activity.changed") return;
    suspended = event.activity === "suspended" ? event.failure : null;
    // R2: what still runs finishes first, so that nothing is paid twice.
    if (suspended && !host.replaying) void host.idle().then(() => suspended && host.close());
  });
  const onAbort = (): void => void stop();
  signal?.addEventListener("abort", onAbort, { once: true });
  const result = host.settled().then(async (end) => {
    signal?.removeEventListener("abort", onAbort);
    await world.close().catch(() => {});
    log.end();
    return resultOf(actor, end, suspended);
  });
  actor.start();
  if (signal?.aborted) onAbort();
  return {
    id,
    actor,
    result,
    events: log.stream,
    replayedThrough: parts.replayedThrough,
    deltas: (task) => world.deltas.pipe(filter(({ conversation }) => task === undefined || conversation.startsWith(`${task}#`))),
    get asks() {
      return actor.getSnapshot().context.asks;
    },
    get snapshot() {
      return actor.getSnapshot();
    },
    send: (command) => host.send(checkCommand(command)),
    stop: ({ graceMs } = {}) => stop(graceMs),
    apply: async () => (await world.workspace.apply({ run: id })).files,
    output: (task) => wholeOutput(actor, world, task),
  };
}

/** Reads a command. Throws QuatrainError "BadOption". */
export function checkCommand(command: unknown): Command {
  const checked = Command.safeParse(command);
  if (checked.success) return checked.data;
  const what = checked.error.issues.map(({ path, message }) => `${path.join(".") || "command"}: ${message}`).join("; ");
  throw new QuatrainError("BadOption", `This is no command: ${what}.`);
}

/** The questions of a resumed run that were open when it stopped. */
export function answerOpenAsks(run: Run, host: Host, asks: SharedOptions["asks"]): void {
  if (typeof asks === "function") for (const ask of run.asks) void answerWith(asks, host, ask);
}

async function answerWith(answer: (ask: Ask) => Answer | Promise<Answer>, host: Host, ask: Ask): Promise<void> {
  const given = await Promise.resolve(ask)
    .then(answer)
    .catch((error: unknown): Answer => ({ decision: "reject", text: `the asks function threw: ${messageOf(error)}` }));
  const { decision, text } = typeof given === "string" ? { decision: given, text: undefined } : given;
  host.send(
    { type: "ask.answer", ask: ask.id, decision, ...(text === undefined ? {} : { text }) },
    { id: `answer/${ask.id}/${ask.hash}` },
  );
}

function resultOf(actor: Actor<OrchestratorMachine>, end: HostEnd, suspended: Failure | null): RunResult {
  const { context } = actor.getSnapshot();
  const output = runOutput(context);
  // Outputs were checked by their worker's schema before they were reported; the type says so.
  const tasks = output.tasks as unknown as RunResult["tasks"];
  switch (end.kind) {
    case "done":
      return { ...output, tasks };
    case "error":
      return { ...output, tasks, outcome: "suspended", failure: failureOf(end.error) };
    case "closed":
    case "crashed":
      return { ...output, tasks, outcome: "suspended", failure: suspended ?? context.suspension };
    default:
      return unreachable(end);
  }
}

/** What broke the machine or its host, as a failure of the run. */
export function failureOf(error: unknown): Failure {
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

async function wholeOutput(actor: Actor<OrchestratorMachine>, { artifacts }: World, task: string): Promise<string> {
  const result = runOutput(actor.getSnapshot().context).tasks.find(({ id }) => id === (task as TaskId));
  if (!result?.ref) throw new QuatrainError("BadOption", `Task "${task}" has no output: it is ${result?.status ?? "unknown"}.`);
  return artifacts.get(result.ref);
}
