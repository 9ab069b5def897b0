// What all proofs share: their flags, the report of what they found, and the comparison with the recorded figures.
//   --quick      the small version, for CI; compared with nothing
//   --record     keeps the figures of a full run and writes them into the README, with the time it took (told, not compared)
//   --seed N     another experiment than the recorded one
import process from "node:process";
import { parseArgs } from "node:util";
import { readFigures, recordFigures } from "./figures.mjs";

/**
 * Runs a proof and sets the exit code: 1 when a promise did not hold, or when a full run's figures differ from those in
 * the README. `sizes` are the proof's own numbers, each a flag: `{ runs: { full: 10_000, quick: 200 } }`. `run` gets
 * them with `seed` and `log`, and returns `{ numbers, faults }`: what was counted, the same on every machine, by its name
 * in plain words; and a line for each broken promise. `varies`: the numbers depend on how fast the machine is, so that a
 * full run is compared with nothing.
 */
export async function prove({ name, promise, sizes, varies = false, run }) {
  const { values } = parseArgs({ options: flags(sizes) });
  const isQuick = values.quick === true;
  const chosen = Object.fromEntries(
    Object.entries(sizes).map(([size, { full, quick }]) => [size, Number(values[size] ?? (isQuick ? quick : full))]),
  );
  const started = performance.now();
  const { numbers, faults } = await run({ ...chosen, seed: Number(values.seed ?? 1), log: (line) => console.log(line) });
  const seconds = Math.round((performance.now() - started) / 1000);
  for (const [what, value] of Object.entries(numbers)) console.log(`${String(value).padStart(10)}  ${what}`);
  for (const fault of faults.slice(0, 20)) console.log(`BROKEN: ${fault}`);
  if (faults.length > 20) console.log(`... and ${faults.length - 20} more`);
  console.log(`${promise} ${faults.length === 0 ? "Holds" : "DOES NOT HOLD"} (${seconds} s).`);
  if (faults.length > 0) process.exitCode = 1;
  else if (values.record === true) record({ name, promise, numbers, seconds });
  else if (!isQuick && !varies && isAsRecorded(values, sizes)) compare(name, numbers);
}

function flags(sizes) {
  const own = Object.keys(sizes).map((size) => [size, { type: "string" }]);
  return { ...Object.fromEntries(own), quick: { type: "boolean" }, record: { type: "boolean" }, seed: { type: "string" } };
}

const isAsRecorded = (values, sizes) =>
  values.seed === undefined && Object.keys(sizes).every((size) => values[size] === undefined);

function record({ name, promise, numbers, seconds }) {
  const command = `npm run prove:${name}`;
  const date = new Date().toISOString().slice(0, 10);
  recordFigures(name, { promise, command, numbers, seconds, node: process.versions.node, date });
  console.log("The README says so now.");
}

function compare(name, numbers) {
  const recorded = readFigures()[name]?.numbers;
  if (recorded && JSON.stringify(recorded) === JSON.stringify(numbers)) return;
  console.log(`The README says otherwise: ${JSON.stringify(recorded ?? null)}. Run it again with --record.`);
  process.exitCode = 1;
}
