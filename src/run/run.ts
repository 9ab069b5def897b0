// A run as its owner holds it: watch, ask, command, wait, stop.
//   R1  `result` settles exactly once and never rejects, whatever happens to the run.
//   R2  A suspended run is stopped cleanly: its journal keeps it, `openRun` takes it up.
//   R3  After the end nothing is left: no timer, listener, lease or subscription.
import { filter } from "rxjs";
import type { Observable } from "rxjs";
import type { Actor, SnapshotFrom } from "xstate";
import { QuatrainError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import type { Host } from "../host/port.ts";
import type { OrchestratorMachine } from "../machines/orchestrator.ts";
import { runOutput } from "../machines/run-events.ts";
import type { RunContext } from "../machines/run-state.ts";
import { NO_MODELS } from "../machines/run-state.ts";
import { LedgerBook } from "../model/ledger-fold.ts";
import type { LedgerTerms } from "../model/ledger-turn.ts";
import type { Ledger } from "../model/ledger.ts";
import { Command } from "../protocol/command.ts";
import type { Ask } from "../protocol/command.ts";
import type { TurnDelta } from "../protocol/turn.ts";
import type { Worker } from "../workers/define-worker.ts";
import { answerWith } from "./answer.ts";
import { EventLog } from "./event-log.ts";
import type { EventStream } from "./event-log.ts";
import type { SharedOptions } from "./options.ts";
import { resultOf } from "./result.ts";
import type { RunResult } from "./result.ts";
import { Watched } from "./watched.ts";
import type { World } from "./world.ts";

export type { RunResult, TaskResultOf } from "./result.ts";

/** A live run. */
export interface Run<W extends readonly Worker[] = readonly Worker[]> {
  readonly id: string;
  /** All events from the first, for every subscriber; completes with the run, never errors. */
  readonly events: EventStream;
  /** Events up to this journal row were replayed from an earlier process; -1 for a fresh run. */
  readonly replayedThrough: number;
  /**
   * Pieces of running answers: of all conversations, of one task, or of `route`, `plan`, `synthesis`. Not recorded, and
   * nothing is kept for a watcher that comes late or that throws (it is dropped, see `events`).
   */
  deltas(task?: string): Observable<TurnDelta>;
  /** Questions that are open now. */
  readonly asks: readonly Ask[];
  /** Never rejects. */
  readonly result: Promise<RunResult<W>>;
  readonly snapshot: SnapshotFrom<OrchestratorMachine>;
  /** Where the money went so far; reading walks over all attempts. `result` has it at the end. */
  readonly ledger: Ledger;
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
  const book = new LedgerBook({ models: modelsOf(actor) });
  const deltas = new Watched(world.deltas, "run.deltas");
  const answer = typeof asks === "function" ? asks : undefined;
  let suspended: Failure | null = null;
  actor.on("*", (event) => {
    book.add(event);
    log.add(event, host.seq);
    if (event.type === "ask.opened" && answer && !host.replaying) void answerWith(answer, host, event.ask as Ask);
    if (event.type !== "activity.changed") return;
    suspended = event.activity === "suspended" ? event.failure : null;
    // R2: what still runs finishes first, so that nothing is paid twice.
    if (suspended && !host.replaying) void host.idle().then(() => suspended && host.close());
  });
  const onAbort = (): void => void host.close();
  signal?.addEventListener("abort", onAbort, { once: true });
  const result = host.settled().then(async (end) => {
    signal?.removeEventListener("abort", onAbort);
    await world.close().catch(() => {});
    log.end();
    return resultOf({ actor, world, id, book }, end, suspended);
  });
  actor.start();
  if (signal?.aborted) onAbort();
  return {
    id,
    actor,
    result,
    events: log.stream,
    replayedThrough: parts.replayedThrough,
    deltas: (task) =>
      deltas.pipe(
        filter(({ conversation }) => task === undefined || conversation === task || conversation.startsWith(`${task}#`)),
      ),
    get asks() {
      return actor.getSnapshot().context.asks;
    },
    get snapshot() {
      return actor.getSnapshot();
    },
    get ledger() {
      return book.read();
    },
    send: (command) => host.send(checkCommand(command)),
    stop: async ({ graceMs = 0 } = {}) => {
      await host.close({ graceMs });
      // R3: also what commands have left running.
      await result;
    },
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

/** A machine that broke before its first state has no models, whatever its type says. */
const modelsOf = (actor: Actor<OrchestratorMachine>): LedgerTerms["models"] => {
  const context: Partial<RunContext> | undefined = actor.getSnapshot().context;
  return context?.models ?? NO_MODELS;
};

async function wholeOutput(actor: Actor<OrchestratorMachine>, { artifacts }: World, task: string): Promise<string> {
  const result = runOutput(actor.getSnapshot().context).tasks.find(({ id }) => id === task);
  if (!result?.ref) throw new QuatrainError("BadOption", `Task "${task}" has no output: it is ${result?.status ?? "unknown"}.`);
  return artifacts.get(result.ref);
}
