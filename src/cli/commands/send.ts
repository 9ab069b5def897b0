// `quatrain send`: a command for a run that this or another process works on.
import { QuatrainError } from "../../core/errors.ts";
import { nearest } from "../../core/text.ts";
import type { Command } from "../../protocol/command.ts";
import { commandRun } from "../../run/open-run.ts";
import type { Io } from "../io.ts";
import { placeOf } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";

/** What was typed after `send`. */
export interface SentWords {
  readonly id: string;
  readonly name: string;
  readonly words: readonly string[];
}

/** Flags of `send`. */
export interface SendFlags extends PlaceFlags {
  readonly task?: string;
  readonly reason?: string;
}

/** Puts a command into the inbox of a run. Throws QuatrainError "UnknownRun" or "BadOption". */
export async function sendCommand(sent: SentWords, flags: SendFlags, io: Io): Promise<number> {
  const { store } = placeOf(flags, io);
  commandRun(sent.id, commandOf(sent, flags), { store });
  io.stdout.write(
    `Sent: ${sent.name} to ${sent.id}. It is delivered at once if the run is being worked on, else when it is resumed.\n`,
  );
  return 0;
}

/** Reads the words. */
export function commandOf({ name, words }: SentWords, { task, reason }: SendFlags): Command {
  const [first] = words;
  const all = words.join(" ");
  const because = reason === undefined ? {} : { reason };
  switch (name) {
    case "approve":
    case "reject":
      return { type: "ask.answer", ask: first ?? "plan", decision: name, ...(reason === undefined ? {} : { text: reason }) };
    case "tell":
      if (all.trim() === "") throw bad('tell needs a text: quatrain send RUN tell "use the existing table".');
      return { type: "run.tell", text: all, ...(task === undefined ? {} : { task }) };
    case "pause":
      return { type: "run.pause" };
    case "resume":
      return { type: "run.resume" };
    case "cancel":
      return { type: "run.cancel", ...because };
    case "skip":
      return { type: "task.skip", task: named(name, first), ...because };
    case "retry":
      return { type: "task.retry", task: named(name, first) };
    default: {
      const near = nearest(name, NAMES);
      throw bad(`There is no command "${name}" to send${near ? `; did you mean ${near}?` : "."} Use one of ${NAMES.join(", ")}.`);
    }
  }
}

function named(name: string, task: string | undefined): string {
  if (task === undefined) throw bad(`${name} needs a task: quatrain send RUN ${name} t3.`);
  return task;
}

const NAMES = ["approve", "reject", "tell", "pause", "resume", "cancel", "skip", "retry"] as const;

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
