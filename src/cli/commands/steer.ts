// `quatrain tell`, `answer`, `pause`, `cancel`, `skip`, `retry`: a command for a run, whichever process works on it, or none.
// What the run could not use is refused here, as far as its state can be looked at; the run itself has the last word.
import { QuatrainError } from "../../core/errors.ts";
import { taskIndex } from "../../core/ids.ts";
import { nearest } from "../../core/text.ts";
import { unreachable } from "../../core/unreachable.ts";
import { holderOf } from "../../host/holder.ts";
import type { RunContext } from "../../machines/run-state.ts";
import type { Command } from "../../protocol/command.ts";
import { isSettledStatus } from "../../queue/state.ts";
import type { TaskState } from "../../queue/queue.ts";
import { commandRun } from "../../run/open-run.ts";
import { journalFile } from "../../run/orchestrate.ts";
import { peekRun } from "../../run/peek.ts";
import type { RunSummary } from "../../run/records.ts";
import { foundRun } from "../found-run.ts";
import type { Io } from "../io.ts";
import { placeOf, resumeCommand } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";
import { safe } from "../words.ts";

/** Sends a command to a run and says when it is heard. Throws QuatrainError "UnknownRun" or "BadOption". */
export async function steerCommand(id: string, command: Command, { flags, io }: Steering): Promise<number> {
  const place = placeOf(flags, io);
  refuseClosed(foundRun(id, place), place.flags);
  const context = await contextOf(id, place.store);
  if (context) refuseUnusable(context, command);
  const bound = context && command.type === "ask.answer" ? boundAnswer(context, command) : { command };
  const isNew = commandRun(id, bound.command, { store: place.store, ...("key" in bound ? { key: bound.key } : {}) });
  const isOwned = holderOf({ file: journalFile(place.store), run: id }) !== null;
  const when = isOwned
    ? "it is delivered at once by the process that works on the run."
    : `nobody works on the run now: it is delivered when the run is taken up: ${resumeCommand(id, place)}`;
  io.stdout.write(isNew ? `Sent to ${id}; ${when}\n` : `${id} has an answer to this question already; nothing was sent.\n`);
  return 0;
}

/** Where a command comes from. */
export interface Steering {
  readonly flags: PlaceFlags;
  readonly io: Io;
}

/** The answer to a question. Throws QuatrainError "BadOption" for what is neither yes nor no. */
export function answerOf(ask: string, decision: string, words: readonly string[]): Command {
  if (decision !== "yes" && decision !== "no") throw bad(`The answer is "${decision}"; give yes or no.`);
  const text = words.join(" ").trim();
  return { type: "ask.answer", ask, decision: decision === "yes" ? "approve" : "reject", ...(text === "" ? {} : { text }) };
}

function refuseClosed({ id, state }: RunSummary, flags: string): void {
  if (state === "open") return;
  const next =
    state === "ended"
      ? `quatrain continue ${id}${flags} "…" follows it up, quatrain fork ${id}${flags} goes another way`
      : `quatrain fork ${id}${flags} goes on from it`;
  throw bad(`Run ${id} is over, so nothing hears a command any more: ${next}.`);
}

/** Undefined where it can't be looked at: workers of one's own, another version. */
async function contextOf(id: string, store: string): Promise<RunContext | undefined> {
  try {
    return (await peekRun(id, { store })).context;
  } catch (error) {
    if (QuatrainError.is(error)) return undefined;
    throw error;
  }
}

function refuseUnusable(context: RunContext, command: Command): void {
  switch (command.type) {
    case "ask.answer":
      return void openAsk(context, command.ask);
    case "task.skip":
      return refuseTask(context, command.task, ({ status }) => !isSettledStatus(status));
    case "task.retry":
      return refuseTask(context, command.task, ({ status }) => status === "failed" || status === "skipped");
    case "run.tell":
      return command.task === undefined ? undefined : refuseTask(context, command.task, ({ status }) => status === "running");
    case "plan.edit":
    case "run.cancel":
    case "run.pause":
    case "run.resume":
      return undefined;
    default:
      return unreachable(command);
  }
}

function refuseTask({ queue, runId }: RunContext, task: string, isUsable: (task: TaskState) => boolean): void {
  const tasks = queue?.tasks ?? [];
  const state = tasks[taskIndex(task)];
  if (state && isUsable(state)) return;
  if (tasks.length === 0) throw bad(`Run ${runId} has no tasks yet.`);
  const usable = tasks.filter(isUsable).map(({ id, label }) => `${id} (${safe(label, 40)})`);
  const which = usable.length === 0 ? "No task could be named here now." : `Name one of ${usable.slice(0, 20).join(", ")}.`;
  throw bad(`Run ${runId} ${state ? `has task ${task} ${state.status}` : `has no task "${safe(task, 40)}"`}. ${which}`);
}

function openAsk({ asks, runId }: RunContext, id: string) {
  const found = asks.find((ask) => ask.id === id);
  if (found) return found;
  const open = asks.map((ask) => ask.id);
  const near = nearest(id, open);
  throw bad(
    open.length === 0
      ? `Run ${runId} has no open question.`
      : `Run ${runId} has no open question "${safe(id, 60)}"${near ? `; did you mean ${near}?` : "."} Open: ${open.join(", ")}.`,
  );
}

/** The answer to exactly what was asked: sent twice, from wherever, it is one. */
function boundAnswer(context: RunContext, command: Extract<Command, { type: "ask.answer" }>) {
  const { id, hash } = openAsk(context, command.ask);
  return { command: { ...command, hash }, key: `answer/${id}/${hash}` };
}

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
