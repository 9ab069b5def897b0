// The command: npm run bench -- [overhead] [makespan] [cold] [host] [long] [explore] [--quick] [--json]
// Prints a table of each bench and one JSON line for each figure; with --json the lines only. Ends with 1 where a figure
// that does not depend on the machine misses its target; the others depend on what runs beside, and are only marked.
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";

const BENCHES = {
  overhead: () => import("./overhead.mjs"),
  makespan: () => import("./makespan-all.mjs"),
  cold: () => import("./cold.mjs"),
  host: () => import("./host.mjs"),
  long: () => import("./long.mjs"),
  explore: () => import("./explore.mjs"),
};

const { values: options, positionals } = readArguments();
const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
if (unknown !== undefined) fail(`There is no bench "${unknown}". There are: ${Object.keys(BENCHES).join(", ")}.`);

for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
  const { run } = await BENCHES[name]();
  const before = loadavg()[0];
  const rows = (await run({ quick: options.quick })).map((row) => ({
    bench: name,
    ...row,
    ...(row.target !== undefined && { ok: row.value <= row.target }),
  }));
  const place = {
    node: process.version,
    cores: availableParallelism(),
    load: Math.round(Math.max(before, loadavg()[0]) * 10) / 10,
  };
  if (!options.json) printTable(rows, place);
  for (const row of rows) console.log(JSON.stringify({ ...row, ...place }));
  if (rows.some(({ exact, ok }) => exact && ok === false)) process.exitCode = 1;
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
    });
  } catch (error) {
    return fail(error.message);
  }
}

function fail(message) {
  console.error(`${message}\nusage: npm run bench -- [overhead] [makespan] [cold] [host] [long] [explore] [--quick] [--json]`);
  process.exit(2);
}

function printTable(rows, { node, cores, load }) {
  console.log(`\n${rows[0]?.bench ?? ""} (Node ${node}, ${cores} cores, load ${load}; medians)`);
  const lines = rows.map(({ name, value, unit, least, most, ratio, baseline, target, ok }) => [
    name,
    String(value),
    unit,
    least === undefined ? "" : `${least} to ${most}`,
    ratio === undefined ? "" : `${ratio} x ${baseline}`,
    target === undefined ? "" : `<= ${target} ${ok ? "ok" : "MISSED"}`,
  ]);
  const heads = ["figure", "median", "unit", "spread", "against", "target"];
  const widths = heads.map((head, at) => Math.max(head.length, ...lines.map((line) => line[at].length)));
  for (const line of [heads, ...lines])
    console.log(
      line
        .map((text, at) => (at === 1 ? text.padStart(widths[at]) : text.padEnd(widths[at])))
        .join("  ")
        .trimEnd(),
    );
}
