// How long a process takes to start: the command line and the doors, against Node that does nothing.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compare, QUICK_ROUNDS, rowOf, ROUNDS } from "./parts/measure.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CLI = "dist/cli/main.js";
const BASELINE = "node -e 0";
const PROBE = fileURLToPath(new URL("cold-probe.mjs", import.meta.url));

/** What is started, and the most milliseconds it may take beyond the baseline. */
const ARMS = {
  [BASELINE]: { args: ["-e", "0"] },
  "--version": { args: [CLI, "--version"], target: 40 },
  "--help": { args: [CLI, "--help"], target: 40 },
  'import "quatrain"': { args: importing("quatrain"), target: 180 },
  'import "quatrain/machines"': { args: importing("quatrain/machines"), target: 90 },
  'import "xstate"': { args: importing("xstate") },
  'import "zod"': { args: importing("zod") },
  'import "@anthropic-ai/sdk"': { args: importing("@anthropic-ai/sdk") },
};

/**
 * Rows of milliseconds over the baseline: by the clock, which has the targets, and of processor time (all threads), which
 * what runs beside disturbs less. The first row of each kind is the baseline itself.
 */
export async function run({ quick = false } = {}) {
  const hasCli = existsSync(new URL(`../${CLI}`, import.meta.url));
  const names = Object.keys(ARMS).filter((name) => hasCli || ARMS[name].args[0] !== CLI);
  const kinds = { clock: lifeOf, processor: workOf };
  const arms = Object.fromEntries(
    Object.entries(kinds).flatMap(([kind, measured]) =>
      names.map((name) => [`${kind}: ${name}`, () => measured(ARMS[name].args)]),
    ),
  );
  const found = await compare(arms, { rounds: quick ? QUICK_ROUNDS : ROUNDS, warmUp: 1 });
  return Object.keys(kinds).flatMap((kind) =>
    names.map((name) => over(found[`${kind}: ${BASELINE}`], found[`${kind}: ${name}`], { kind, name })),
  );
}

function over(base, { median, least, most }, { kind, name }) {
  const title = `cold by ${kind}, ${name}`;
  if (name === BASELINE) return rowOf(title, base, { unit: "ms" });
  const { target } = ARMS[name];
  const beyond = { median: median - base.median, least: least - base.median, most: most - base.median };
  return rowOf(title, beyond, { unit: "ms over", baseline: BASELINE, ...(target && kind === "clock" && { target }) });
}

function importing(door) {
  return ["--input-type=module", "-e", `await import(${JSON.stringify(door)})`];
}

/** Milliseconds from the start of a process to its end. */
async function lifeOf(args) {
  const begin = performance.now();
  await play(args, ["ignore", "ignore", "pipe"]);
  return performance.now() - begin;
}

/** Milliseconds of processor time of a process, as it tells them itself at its end. */
async function workOf(args) {
  const told = await play(["--require", PROBE, ...args], ["ignore", "ignore", "pipe", "pipe"]);
  return Number(told);
}

/** Runs Node to its end. Resolves with what it wrote to its third descriptor, if that is a pipe. */
function play(args, stdio) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio });
    const texts = ["", ""];
    for (const [at, stream] of [child.stderr, child.stdio[3]].entries()) stream?.on("data", (bytes) => (texts[at] += bytes));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(texts[1]);
      else reject(new Error(`node ${args.join(" ")} ended with ${code}: ${texts[0]}`));
    });
  });
}
