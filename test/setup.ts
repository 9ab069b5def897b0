// Guards what test files share. The files of one worker run in one realm (isolate: false), so a fake clock, a changed
// directory or a stubbed global would leak into the next file and nothing would tell.
//   G1  After each file the shared world is put back as it was before it.
//   G2  A file that left a difference fails, and the message names each difference.
//   G3  Each file has a temporary folder of its own (TMPDIR), which must be empty at its end.
import { mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { afterAll, vi } from "vitest";

const usualTemporary = process.env["TMPDIR"];
const temporary = realpathSync(mkdtempSync(path.join(tmpdir(), "quatrain-tests-")));
process.env["TMPDIR"] = temporary;
const restoreTo = { ...process.env };
const directory = process.cwd();

/** What libraries define on first import, by design, and the runner keeps for itself. */
const expectedGlobals = [
  /^__vitest/i,
  /^__vite/i,
  /^__zod_/,
  /^__coverage/i,
  /jest|vitest/i,
  /^__REACT/,
  /undici/,
  /^Symbol\(signal-exit/,
];
/** Reading these on a newer Node prints a warning or opens a file. */
const neverRead = new Set(["localStorage", "sessionStorage"]);
/** Own properties of these are watched, too: spies and stubs land there. */
const watched = {
  globalThis,
  Date,
  Math,
  JSON,
  Promise,
  performance,
  crypto,
  console,
  "process.stdout": process.stdout,
  "process.stderr": process.stderr,
} as const;
const watchedKeys: Readonly<Record<string, readonly string[]>> = {
  performance: ["now", "timeOrigin"],
  crypto: ["randomUUID", "getRandomValues"],
  console: ["log", "info", "warn", "error", "debug"],
  "process.stdout": ["write"],
  "process.stderr": ["write"],
};

type Slots = ReadonlyMap<string | symbol, unknown>;
const before = new Map(Object.entries(watched).map(([name, owner]) => [name, slotsOf(name, owner)]));

// Registered first, therefore run last: after the file's own afterAll hooks.
afterAll(() => {
  const differences = [...clock(), ...workingDirectory(), ...environment(), ...globals(), ...temporaryFolder()];
  if (differences.length > 0) {
    throw new Error(`This test file left the shared world changed (it was put back):\n  ${differences.join("\n  ")}`);
  }
});

function clock(): string[] {
  if (!vi.isFakeTimers()) return [];
  vi.useRealTimers();
  return ["fake timers are still on: call vi.useRealTimers()"];
}

function workingDirectory(): string[] {
  const now = currentDirectory();
  if (now === directory) return [];
  process.chdir(directory);
  return [`the working directory is ${now}`];
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return "(removed)";
  }
}

function environment(): string[] {
  const names = new Set([...Object.keys(restoreTo), ...Object.keys(process.env)]);
  // Values may be secrets, so only names are told.
  const changed = [...names].filter((name) => restoreTo[name] !== process.env[name]);
  for (const name of changed) {
    const value = restoreTo[name];
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
  return changed.map((name) => `the environment variable ${name} is not what it was`);
}

/** G3. Gone with all that is in it, and the usual one is back for the next file. */
function temporaryFolder(): string[] {
  const left = readdirSync(temporary).map((name) => `${name} was left in the temporary folder`);
  rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  if (usualTemporary === undefined) Reflect.deleteProperty(process.env, "TMPDIR");
  else process.env["TMPDIR"] = usualTemporary;
  return left;
}

function globals(): string[] {
  return Object.entries(watched).flatMap(([name, owner]) => restoreSlots(name, owner, before.get(name) ?? new Map()));
}

function restoreSlots(name: string, owner: object, old: Slots): string[] {
  const now = slotsOf(name, owner);
  return [...new Set([...old.keys(), ...now.keys()])].flatMap((key) => {
    if (old.has(key) === now.has(key) && Object.is(old.get(key), now.get(key))) return [];
    if (old.has(key)) Object.defineProperty(owner, key, { configurable: true, writable: true, value: old.get(key) });
    else Reflect.deleteProperty(owner, key);
    return [`${name}.${String(key)} was ${!old.has(key) ? "added" : now.has(key) ? "replaced" : "removed"}`];
  });
}

function slotsOf(name: string, owner: object): Slots {
  const keys = watchedKeys[name] ?? Reflect.ownKeys(owner);
  const wanted = keys.filter((key) => !neverRead.has(String(key)) && !expectedGlobals.some((one) => one.test(String(key))));
  return new Map(wanted.filter((key) => key in owner).map((key) => [key, Reflect.get(owner, key) as unknown]));
}
