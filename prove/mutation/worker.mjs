// A process of the laboratory. It loads all tests once, then judges one mutant after the other: activates it, runs the
// tests that reach it, and says whether one of them failed.
//   W1  A kill counts when the same test passes afterwards without the mutant. Where it does not, something is left over:
//       the process says so and ends, and the mutant is judged again by a new one unless it was the first here.
//   W2  A process that a test has kept waiting is not used again.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { collect } from "./test-api.mjs";

const [place, active, saveTo] = process.argv.slice(2);
const { tests: files, count } = JSON.parse(readFileSync(path.join(place, "laboratory.json"), "utf8"));
const NONE = -1;
const realKill = process.kill.bind(process);
// Tests put clocks of their own in place of these.
const { setTimeout: later, clearTimeout: forget, setImmediate: nextTurn } = globalThis;

const seen = new Uint8Array(count);
let activeMutant = Number(active);
let strayError;

globalThis.mutation = {
  reached: (id) => {
    seen[id] = 1;
    return id === activeMutant;
  },
};
process.chdir(place);
// A mutant may mean a process of somebody else.
process.kill = (pid, signal) => {
  if (signal !== 0) throw new Error(`A signal ${signal} to ${pid} is not sent here.`);
  return realKill(pid, 0);
};
// vitest's fake timers look for the process they run in.
globalThis.__vitest_worker__ = { config: { fakeTimers: {} }, current: undefined };
for (const stray of ["uncaughtException", "unhandledRejection"]) process.on(stray, (error) => (strayError ??= error));

const loaded = [];
for (const file of files) {
  const { default: declare } = await import(pathToFileURL(path.join(place, file.replace(/\.ts$/, ".js"))).href);
  loaded.push({ file, declare });
}
const atImport = reachedSince();
for (const one of loaded) {
  one.tests = await collect(one.declare);
  one.atCollection = reachedSince();
}

if (saveTo) {
  writeFileSync(saveTo, JSON.stringify(await survey()));
  process.exit(0);
}

let judged = 0;
process.on("disconnect", () => process.exit());
process.on("message", async ({ mutant, tests, again }) => {
  process.send(await judge(mutant, tests, new Set(again)));
  judged += 1;
});
process.send({ kind: "ready" });

/** Runs everything once without a mutant: what each test reaches and how long it takes. One that fails is not asked. */
async function survey() {
  const tests = [];
  const failing = [];
  for (const [file, { tests: own, atCollection }] of loaded.entries()) {
    for (const [index, test] of own.entries()) {
      const started = performance.now();
      const outcome = await run(test, 30_000);
      const ms = performance.now() - started;
      const reaches = reachedSince();
      if (outcome.failed) failing.push(`${files[file]}: "${test.name}": ${outcome.why}`);
      else if (!isAboutTime(test)) tests.push({ file, index, ms, reaches });
    }
    tests.push({ file, index: null, ms: 0, reaches: atCollection });
  }
  return { atImport, tests, failing };
}

/** Fails on a busy machine, too. */
function isAboutTime({ perform }) {
  return /performance\.now/.test(perform.toString());
}

/** `tests` by file and number; files in `again` declare their tests anew while the mutant is active. */
async function judge(mutant, tests, again) {
  seen.fill(0);
  activeMutant = mutant;
  const renewed = new Map();
  for (const { file, index, ms } of tests) {
    process.send({ kind: "running", ms });
    if (again.has(file) && !renewed.has(file)) {
      activeMutant = mutant;
      renewed.set(file, await collect(loaded[file].declare).catch(() => []));
    }
    const test = (renewed.get(file) ?? loaded[file].tests)[index ?? 0];
    activeMutant = mutant;
    const outcome = test === undefined ? { failed: true, why: "the test is gone" } : await run(test, ms * 10 + 2_000);
    activeMutant = Number(active);
    if (!outcome.failed) continue;
    const by = `${files[file]}: ${test?.name}`;
    const isClean = !outcome.late && Number(active) === NONE && !(await run(loaded[file].tests[index], ms * 10 + 2_000)).failed;
    return { kind: "killed", by, why: outcome.why, test: { file, index }, isClean, isFirst: judged === 0 };
  }
  return { kind: "survived", reached: seen[mutant] === 1 };
}

async function run({ hooks, perform }, limitMs) {
  strayError = undefined;
  let timer;
  const late = new Promise((resolve) => {
    timer = later(resolve, limitMs, { failed: true, late: true, why: `not done after ${Math.round(limitMs)} ms` });
  });
  const outcome = await Promise.race([attempt(hooks, perform), late]);
  forget(timer);
  return strayError === undefined ? outcome : { failed: true, why: String(strayError).slice(0, 200) };
}

async function attempt(hooks, perform) {
  let outcome = { failed: false };
  const fail = (error) => (outcome = { failed: true, why: String(error?.message ?? error).slice(0, 200) });
  try {
    for (const { before } of hooks) await before?.();
    const result = perform();
    if (result instanceof Promise) {
      await result;
      // What nobody waits for fails a turn later.
      await new Promise((resolve) => {
        nextTurn(resolve);
      });
    }
  } catch (error) {
    fail(error);
  }
  for (const { after } of hooks) await Promise.resolve(after?.()).catch(fail);
  return outcome;
}

function reachedSince() {
  const ids = [];
  seen.forEach((value, id) => value === 1 && ids.push(id));
  seen.fill(0);
  return ids;
}
