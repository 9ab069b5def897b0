#!/usr/bin/env node
// Where the command line starts. Its border: process in, exit code out.
//   M1  The Node version is checked before anything modern is loaded: this file and what it imports by name stay readable for Node 18.
//   M2  An output that can't be written (its reader has gone, the disk is full) ends no command with a stack: the rest of
//       the output is dropped, and the exit code tells.
//   M3  One warning is filtered, by its exact text: the one that Node 22 prints about node:sqlite. Nothing else is.
import process from "node:process";
import { isSupported, tooOld } from "./node-version.ts";

/** As shells count SIGPIPE. */
const READER_GONE = 141;
const SQLITE_WARNING = "SQLite is an experimental feature and might change at any time";

if (isSupported(process.versions.node)) {
  filterWarning();
  const { runCommandLine, processIo } = await import("./program.ts");
  const output = watchOutput();
  const code = await runCommandLine(process.argv.slice(2), processIo());
  process.exitCode = output.broken ?? code;
} else {
  process.stderr.write(`${tooOld(process.versions.node, process.execPath)}\n`);
  process.exitCode = 2;
}

/** M2. */
function watchOutput(): { readonly broken: number | undefined } {
  let broken: number | undefined;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (broken !== undefined) return;
    broken = error.code === "EPIPE" ? READER_GONE : 1;
    // A command whose work is done may have set its own before.
    process.exitCode = broken;
    if (error.code !== "EPIPE") process.stderr.write(`quatrain: the output can't be written: ${error.message}\n`);
  });
  process.stderr.on("error", () => {});
  return {
    get broken() {
      return broken;
    },
  };
}

/** M3. */
function filterWarning(): void {
  const emit = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (warning === SQLITE_WARNING && rest[0] === "ExperimentalWarning") return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
}
