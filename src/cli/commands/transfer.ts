// `quatrain export` and `quatrain import`: the journal of a run as lines of JSON, and back.
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import path from "node:path";
import { fileTrouble, QuatrainError } from "../../core/errors.ts";
import { exportRun, importRun } from "../../host/transfer.ts";
import { journalFile, storeError } from "../../run/orchestrate.ts";
import { foundRun } from "../found-run.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";
import { cassetteOfRun, openRecording } from "../recording.ts";
import { placeOf } from "../settings.ts";
import type { PlaceFlags } from "../settings.ts";
import { countText } from "../words.ts";

/** Writes the journal of a run to a file, or to stdout. Throws QuatrainError "UnknownRun", "StoreCorrupt", "BadOption". */
export async function exportCommand(id: string, file: string | undefined, { flags, io }: Transfer): Promise<number> {
  const place = placeOf(flags, io);
  foundRun(id, place);
  if (flags.cassette === true) return exportCassette(id, file, { flags, io });
  const lines = exportRun({ file: journalFile(place.store), run: id });
  try {
    if (file === undefined) await print(lines, io);
    else {
      const count = writeLines(path.resolve(io.directory, file), lines);
      io.stdout.write(`Wrote ${count} lines to ${file}. Take them in elsewhere: quatrain import ${file}\n`);
    }
  } catch (error) {
    throw storeError(error);
  }
  return 0;
}

async function exportCassette(id: string, file: string | undefined, { flags, io }: Transfer): Promise<number> {
  const { store } = placeOf(flags, io);
  if (file === undefined) {
    await print((await cassetteOfRun(id, { store, io })).trimEnd().split("\n"), io);
    return 0;
  }
  const bytes = await openRecording("export", { file, force: flags.force === true, io }).write(id, store);
  io.stdout.write(`Wrote ${countText(bytes)} bytes to ${file}. Play it without a key: quatrain replay ${file}\n`);
  return 0;
}

/** Takes an exported journal in. Throws QuatrainError "BadOption" for a file that can't be read or a run that is there already, "StoreCorrupt", "StoreTooNew". */
export async function importCommand(file: string, flags: PlaceFlags & { readonly as?: string }, io: Io): Promise<number> {
  const { store, flags: named } = placeOf(flags, io);
  const lines = readLines(path.resolve(io.directory, file));
  mkdirSync(store, { recursive: true, mode: 0o700 });
  try {
    const id = importRun({ file: journalFile(store), lines, ...(flags.as === undefined ? {} : { run: flags.as }) });
    io.stdout.write(`Imported ${id}. See it: quatrain show ${id}${named}\n`);
  } catch (error) {
    throw storeError(error);
  }
  return 0;
}

/** Where to and from. */
export interface Transfer {
  readonly flags: PlaceFlags & { readonly cassette?: boolean; readonly force?: boolean };
  readonly io: Io;
}

async function print(lines: Iterable<string>, io: Io): Promise<void> {
  const printer = new Printer(io);
  for (const line of lines) printer.line(line);
  await printer.close();
}

function writeLines(file: string, lines: Iterable<string>): number {
  let count = 0;
  const target = attempt(file, () => openSync(file, "w", 0o600));
  try {
    for (const line of lines) {
      writeSync(target, `${line}\n`);
      count++;
    }
  } finally {
    closeSync(target);
  }
  return count;
}

function readLines(file: string): readonly string[] {
  return attempt(file, () => readFileSync(file, "utf8"))
    .replace(/\n$/, "")
    .split("\n");
}

function attempt<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new QuatrainError("BadOption", `${file} can't be used: ${fileTrouble(error)}. Name a file that can be used.`, {
      cause: error,
    });
  }
}
