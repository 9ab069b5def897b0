// `quatrain init --tests`: writes a model-based test for the user's workers.
//   I1  Nothing is overwritten without --force.
//   I2  Whatever the user's module leaves running, the command ends.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import { EXIT } from "../exit-code.ts";
import { EXAMPLE_WORKERS } from "../init/example-text.ts";
import { findWorkers, USUAL_FILES } from "../init/find-workers.ts";
import type { WorkersFile } from "../init/find-workers.ts";
import { samplePlan } from "../init/sample-plan.ts";
import { testText } from "../init/test-text.ts";
import type { Io } from "../io.ts";
import { Printer } from "../printer.ts";

/** Flags of `init`, as the command parser gives them. */
export interface InitFlags {
  readonly tests?: boolean;
  readonly workers?: string;
  readonly out?: string;
  readonly example?: boolean;
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** I2. How long the process may take to end by itself. */
const LEAVE_MS = 500;

/**
 * Writes the test and says what to do next. Throws QuatrainError "BadOption" for bad flags, files that are there already,
 * and modules that can't be loaded or hold no workers; "BadWorker" for workers that can't be used together.
 */
export async function initCommand(flags: InitFlags, io: Io): Promise<number> {
  if (flags.tests !== true) throw bad("init does not know what to write. Say: quatrain init --tests");
  const printer = new Printer(io);
  let code: number = EXIT.usage;
  const wrote = flags.example === true ? writeExample(flags, io) : undefined;
  if (wrote !== undefined) printer.line(`Wrote ${wrote}: a worker of each kind, to begin with.`);
  try {
    const found = await findWorkers(wrote ?? flags.workers, io.directory);
    const out = outOf(flags.out, found.file);
    const plan = samplePlan(found.workers);
    if (plan.diamond.length === 0) throw bad(NO_INPUT);
    const text = testText({ specifier: specifierOf(path.resolve(io.directory, out), found.file), exports: found.exports, plan });
    if (flags.dryRun === true) printer.line(text.trimEnd());
    else {
      write(path.resolve(io.directory, out), text, { shown: out, flag: "--out", isForced: flags.force === true });
      for (const line of nextSteps(found, out, io)) printer.line(line);
    }
    code = EXIT.done;
    return code;
  } finally {
    await printer.close();
    io.later(LEAVE_MS, () => io.leave(code));
  }
}

const NO_INPUT =
  "For none of the workers an input could be made up that fits its schema. Export one worker whose input is simple, or none at all, to begin with.";

/** Writes the example workers; returns the file as it is shown. */
function writeExample({ workers, force, dryRun }: InitFlags, { directory }: Io): string {
  const shown = workers ?? USUAL_FILES[0] ?? "quatrain.workers.ts";
  if (dryRun === true) throw bad("--example writes the workers that the test is for; leave out --dry-run.");
  write(path.resolve(directory, shown), EXAMPLE_WORKERS, { shown, flag: "--workers", isForced: force === true });
  return shown;
}

/** Files that vitest takes for tests. */
const TEST_FILE = /\.(?:test|spec)\.[cm]?[jt]sx?$/;

function outOf(out: string | undefined, workersFile: string): string {
  if (out === undefined) return /\.[cm]?tsx?$/.test(workersFile) ? "quatrain.test.ts" : "quatrain.test.js";
  if (TEST_FILE.test(out)) return out;
  throw bad(`--out is "${out}"; vitest runs files such as quatrain.test.ts or workers.spec.js.`);
}

/** I1. */
function write(
  file: string,
  text: string,
  { shown, flag, isForced }: { readonly shown: string; readonly flag: string; readonly isForced: boolean },
): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: isForced ? "w" : "wx" });
  } catch (error) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST" && existsSync(file);
    if (isThere) throw bad(`${shown} is there already. --force overwrites it, ${flag} names another file.`, error);
    throw bad(`${shown} can't be written: ${messageOf(error)}. Name another file with ${flag}.`, error);
  }
}

function specifierOf(out: string, workersFile: string): string {
  const relative = path.relative(path.dirname(out), workersFile).split(path.sep).join("/");
  return relative.startsWith("../") ? relative : `./${relative}`;
}

function nextSteps({ file, workers }: WorkersFile, out: string, { directory }: Io): readonly string[] {
  const names = workers.map(({ name }) => name);
  const installs = [
    ...(isInstalled("quatrain", directory) ? [] : ["  npm install quatrain"]),
    ...(isInstalled("vitest", directory) ? [] : ["  npm install --save-dev vitest"]),
  ];
  return [
    `Wrote ${out}: a model-based test for ${listed(names)} of ${path.relative(directory, file) || file}.`,
    "Next:",
    ...installs,
    `  npx vitest run ${out}`,
  ];
}

/** Whether a package lies in a node_modules folder here or above. */
function isInstalled(name: string, directory: string): boolean {
  if (existsSync(path.join(directory, "node_modules", name, "package.json"))) return true;
  const above = path.dirname(directory);
  return above !== directory && isInstalled(name, above);
}

/** `a`, `a and b`, `a, b and c`. */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const bad = (message: string, cause?: unknown): QuatrainError =>
  new QuatrainError("BadOption", message, cause === undefined ? undefined : { cause });
