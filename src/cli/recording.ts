// Writes the cassette of a run: `--record FILE` of the commands that carry one out, `export --cassette`.
//   C1  Whether the file can be written is checked before anything is paid.
//   C2  The file is there whole or not at all.
import { existsSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileTrouble, QuatrainError } from "../core/errors.ts";
import { secretsIn } from "../core/secrets.ts";
import { recordCassette } from "../run/cassette-record.ts";
import { cassetteText } from "../run/cassette-text.ts";
import type { Io } from "./io.ts";

/** Flags of commands that may record. */
export interface RecordFlags {
  readonly record?: string;
  readonly force?: boolean;
}

/** A cassette that is to be written. */
export interface Recording {
  /** As it was given, for messages. */
  readonly file: string;
  /** Makes it of a recorded run. Returns its size in bytes. Rejects with QuatrainError. */
  write(run: string, store: string): Promise<number>;
}

/** What is to be recorded; undefined without `--record`. Throws QuatrainError "BadOption" (C1). */
export function recordingOf({ record, force = false }: RecordFlags, io: Io): Recording | undefined {
  return record === undefined ? undefined : openRecording("--record", { file: record, force, io });
}

/** Where a cassette goes. */
export interface RecordingPlace {
  readonly file: string;
  readonly force: boolean;
  readonly io: Pick<Io, "directory" | "environment">;
}

/** Checks the place of a cassette. Throws QuatrainError "BadOption" naming the flag or argument (C1). */
export function openRecording(name: string, { file, force, io }: RecordingPlace): Recording {
  const target = path.resolve(io.directory, file);
  if (file === "") throw new QuatrainError("BadOption", `${name} is ""; name a file, such as run.cassette.`);
  if (existsSync(target) && (!force || statSync(target).isDirectory()))
    throw new QuatrainError(
      "BadOption",
      `${name} ${file}: the file is there already; name another, or overwrite it with --force.`,
    );
  if (!existsSync(path.dirname(target)))
    throw new QuatrainError("BadOption", `${name} ${file}: its folder is not there; make it first.`);
  return {
    file,
    write: async (run, store) => {
      const text = await cassetteOfRun(run, { store, io });
      writeWhole(target, text);
      return Buffer.byteLength(text);
    },
  };
}

/** The text of a recorded run's cassette. */
export async function cassetteOfRun(
  run: string,
  { store, io }: { readonly store: string; readonly io: Pick<Io, "environment"> },
): Promise<string> {
  return cassetteText(await recordCassette(run, { store, secrets: secretsIn(io.environment) }));
}

/** C2. Throws QuatrainError "BadOption". */
export function writeWhole(target: string, text: string): void {
  const beside = `${target}.${process.pid}.part`;
  try {
    writeFileSync(beside, text, { mode: 0o600 });
    renameSync(beside, target);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new QuatrainError("BadOption", `${target} can't be written: ${fileTrouble(error)}. Name a file that can be written.`, {
      cause: error,
    });
  }
}
