// Proves that the proofs see: mistakes are planted one by one in a copy of what was built, and every proof that stands
// for the broken promise must fail on it (`npm run prove:mutants`).
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { prove } from "./harness.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
/** How long a proof may take on a mutant; a hang counts as caught, and is told. */
const LONGEST_MS = 300_000;

const simulation = ["simulation.mjs", "--quick", "--runs", "200"];
/** Few budgets are so tight that what is not reserved shows. */
const manyRuns = ["simulation.mjs", "--quick", "--runs", "1000"];
const crash = ["crash.mjs", "--quick", "--cases", "4"];
const kill = ["kill.mjs", "--quick"];
const exploration = ["exploration.mjs", "--quick", "--tasks", "2"];
/** The tree of one task, and the corners; of charts next to nothing. */
const tree = ["exploration.mjs", "--quick", "--tasks", "1"];
/** Two processes, one run: the damage is not what these are about. */
const owners = ["journal.mjs", "--quick", "--stride", "100000", "--resumes", "1", "--processes", "2", "--rounds", "1"];

/** A planted mistake: a text of a built file, exactly once in it, and what stands there instead. Those most unlike first. */
const mutants = [
  {
    name: "skip the intent",
    file: "host/entry.js",
    text: `return this.durable && this.effect.class !== "pure";`,
    instead: "return false;",
    proofs: [crash, kill, tree],
  },
  {
    name: "reserve nothing",
    file: "machines/money.js",
    text: "setAccount(next, from, { ...accountOf(next, from), ...reserveOf(worst) })",
    instead: "next",
    proofs: [manyRuns, tree],
  },
  {
    name: "drop the fence",
    file: "host/sqlite-journal.js",
    text: "        lease.renew();\n",
    instead: "",
    proofs: [owners],
  },
  {
    name: "deliver before commit",
    file: "host/runtime.js",
    text: "        for (const row of this.#log.commit(parts))\n            this.#deliver(row);",
    instead: `        const at = this.#log.stamp();
        parts.forEach((part, index) => this.#deliver({ seq: this.#log.seq + 1 + index, at, ...part }));
        this.#log.commit(parts, at);`,
    proofs: [crash, tree],
  },
  {
    name: "key effects by a counter",
    file: "host/entry.js",
    text: "this.id = `${path}:${effect.input.key}`;",
    instead: "globalThis.started = (globalThis.started ?? 0) + 1;\n        this.id = `${path}:${globalThis.started}`;",
    proofs: [crash, tree],
  },
  {
    name: "drop the orphan row",
    file: "host/arrivals.js",
    text: `return arrival.entry.phase === "closed" ? undefined`,
    instead: `return arrival.entry.phase === "closed" || arrival.entry.stopped ? undefined`,
    proofs: [simulation, tree],
  },
  {
    name: "drop the stale-report guard",
    file: "machines/run-state.js",
    text: `return state?.status === "running" && state.attempts === named?.attempt ? named : undefined;`,
    instead: "return named;",
    proofs: [simulation, exploration],
  },
  {
    name: "perform during replay",
    file: "host/runtime.js",
    text: "        this.#log.follow(row);\n        this.#deliver(row);",
    instead: "        this.#log.follow(row);\n        this.#deliver(row);\n        this.#launch();",
    proofs: [crash, tree],
  },
];

await prove({
  name: "mutants",
  promise: "A mistake in a rule is seen.",
  sizes: { mutants: { full: mutants.length, quick: 3 } },
  async run({ mutants: count, log }) {
    const folder = mkdtempSync(path.join(tmpdir(), "quatrain-mutants-"));
    const faults = [];
    try {
      const planted = mutants.slice(0, count);
      for (const mutant of planted) {
        const place = copyInto(path.join(folder, mutant.name.replaceAll(" ", "-")));
        plant(mutant, place);
        const blind = [];
        for (const proof of mutant.proofs) {
          const { caught, witness } = await hunt(proof, place);
          log(`${mutant.name}: ${caught ? "caught" : "NOT caught"} by ${proof[0]}: ${witness}`);
          if (!caught) blind.push(proof.join(" "));
        }
        if (blind.length > 0) faults.push(`"${mutant.name}" in ${mutant.file} is not seen by ${blind.join(", nor by ")}`);
      }
      return { numbers: { planted: planted.length, caught: planted.length - faults.length }, faults };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
});

/** What was built, and the proofs beside it. */
function copyInto(place) {
  mkdirSync(place, { recursive: true });
  for (const part of ["dist", "prove", "package.json", "README.md"])
    cpSync(path.join(root, part), path.join(place, part), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(place, "node_modules"));
  return place;
}

/** Plants the mistake. */
function plant({ file, text, instead }, place) {
  const target = path.join(place, "dist", file);
  const before = readFileSync(target, "utf8");
  if (before.split(text).length !== 2) throw new Error(`dist/${file} does not hold this text exactly once: ${text}`);
  writeFileSync(
    target,
    before.replace(text, () => instead),
  );
}

/** Runs the proof on the mistake: caught when it fails as proofs do, with a broken promise in its words. */
async function hunt(proof, place) {
  const { code, output } = await runProof(place, proof);
  const witness = output.split("\n").find((line) => line.startsWith("BROKEN"));
  return { caught: code === 1 && witness !== undefined, witness: (witness ?? output.trim().slice(-300)).slice(0, 240) };
}

function runProof(place, [script, ...flags]) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [path.join(place, "prove", script), ...flags], { timeout: LONGEST_MS });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        output += String(data);
      });
    }
    child.on("close", (code) => resolve({ code, output }));
  });
}
