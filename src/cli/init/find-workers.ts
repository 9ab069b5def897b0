// Finds the workers that a module of the user's exports.
import { existsSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import type { Worker } from "../../workers/define-worker.ts";

/** Where workers are looked for when no file is named, in this order. */
export const USUAL_FILES: readonly string[] = [
  "quatrain.workers.ts",
  "quatrain.workers.js",
  "quatrain.workers.mjs",
  "workers.ts",
  "workers.js",
  "src/workers.ts",
  "src/workers.js",
];

/** One export that holds workers. */
export interface WorkersExport {
  /** Its name; `default` for the default export. */
  readonly name: string;
  readonly isList: boolean;
  readonly workers: readonly Worker[];
}

/** A module and its workers: one at least, each name once. */
export interface WorkersFile {
  /** Absolute. */
  readonly file: string;
  readonly exports: readonly WorkersExport[];
  readonly workers: readonly Worker[];
}

/**
 * Loads a module, or the first of `USUAL_FILES` that is there, and finds its workers. Throws QuatrainError "BadOption"
 * where there is none or it can't be loaded, "BadWorker" for workers that can't be used together.
 */
export async function findWorkers(file: string | undefined, directory: string): Promise<WorkersFile> {
  const found = file === undefined ? usualFile(directory) : path.resolve(directory, file);
  const shown = path.relative(directory, found) || found;
  if (!existsSync(found))
    throw bad(`--workers is "${file}", and there is no such file. Name the module that exports your workers.`);
  const module = await loaded(found, shown);
  const all = Object.entries(module).flatMap(([name, value]) => workersIn(name, value, shown));
  const seen = new Set<unknown>();
  const exports = all
    // A worker that is exported alone and in a list is taken once.
    .toSorted((a, b) => Number(b.isList) - Number(a.isList))
    .filter(({ workers }) => {
      const isNew = workers.some((worker) => !seen.has(worker));
      for (const worker of workers) seen.add(worker);
      return isNew;
    });
  const workers = exports.flatMap((one) => one.workers);
  if (workers.length === 0) throw bad(noneText(shown, module));
  checkNames(workers, shown);
  return { file: found, exports, workers };
}

function usualFile(directory: string): string {
  const found = USUAL_FILES.find((file) => existsSync(path.join(directory, file)));
  if (found !== undefined) return path.join(directory, found);
  throw bad(
    `There is no file with workers here; looked for ${USUAL_FILES.join(", ")}. ` +
      "Name yours with --workers, or have one written to begin with: quatrain init --tests --example",
  );
}

async function loaded(file: string, shown: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new QuatrainError("BadOption", `${shown} can't be loaded: ${whyNot(error)}`, { cause: error });
  }
}

function whyNot(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  if (code === "ERR_UNKNOWN_FILE_EXTENSION")
    return `Node ${process.versions.node} can't load TypeScript; use Node 22.18 or newer, or name a compiled .js file.`;
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")
    return `${messageOf(error)}. Node only takes types away; enums and namespaces need a compiled .js file.`;
  return `${messageOf(error)}${/[.!?]$/.test(messageOf(error)) ? "" : "."} It has to load by itself, without starting anything.`;
}

function workersIn(name: string, value: unknown, shown: string): readonly WorkersExport[] {
  if (isWorker(value)) return [{ name, isList: false, workers: [value] }];
  if (!Array.isArray(value) || !value.some(isWorker)) return [];
  const workers = value.filter(isWorker);
  if (workers.length === value.length) return [{ name, isList: true, workers }];
  const at = value.findIndex((one) => !isWorker(one));
  throw bad(`The list "${name}" of ${shown} holds workers, and at place ${at + 1} something else: ${kindOf(value[at])}.`);
}

function isWorker(value: unknown): value is Worker {
  if (typeof value !== "object" || value === null) return false;
  return (
    "name" in value &&
    typeof value.name === "string" &&
    "card" in value &&
    typeof value.card === "object" &&
    "checkInput" in value &&
    typeof value.checkInput === "function"
  );
}

function noneText(shown: string, module: Readonly<Record<string, unknown>>): string {
  const others = Object.entries(module).map(([name, value]) => `${name} (${kindOf(value)})`);
  const has = others.length === 0 ? "exports nothing" : `exports ${others.join(", ")}: none of them is a worker`;
  return `${shown} ${has}. Export what defineWorker returns: export const write = defineWorker({ name: "write", … })`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value;
}

function checkNames(workers: readonly Worker[], shown: string): void {
  for (const worker of workers) {
    const other = workers.find((one) => one.name === worker.name && one !== worker);
    if (other)
      throw new QuatrainError("BadWorker", `${shown} exports two workers named "${worker.name}"; names are unique in a run.`);
  }
}

const bad = (message: string): QuatrainError => new QuatrainError("BadOption", message);
