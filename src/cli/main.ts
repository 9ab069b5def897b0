#!/usr/bin/env node
// Where the command line starts. Its border: process in, exit code out.
//   M1  The Node version is checked before anything modern is loaded: this file and what it imports by name stay readable for Node 18.
//   M2  One warning is filtered, by its exact text: the one that Node 22 prints about node:sqlite. Nothing else is.
import process from "node:process";
import { isSupported, tooOld } from "./node-version.ts";

const SQLITE_WARNING = "SQLite is an experimental feature and might change at any time";

if (isSupported(process.versions.node)) {
  filterWarning();
  const { runCommandLine, processIo } = await import("./program.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
} else {
  process.stderr.write(`${tooOld(process.versions.node, process.execPath)}\n`);
  process.exitCode = 2;
}

/** M2. */
function filterWarning(): void {
  const emit = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: unknown[]): void => {
    if (warning === SQLITE_WARNING && rest[0] === "ExperimentalWarning") return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
}
