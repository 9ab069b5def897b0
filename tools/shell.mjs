// What the check scripts share: running commands, temporary folders, copies of the tracked files, tables.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const projectRoot = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** Runs a command without a shell and without input; returns status, output (both streams) and seconds. Never throws for a status. */
export function run(command, parameters, { cwd = projectRoot, env = cleanEnvironment(), timeoutMs = 300_000 } = {}) {
  const start = performance.now();
  const outcome = spawnSync(command, parameters, {
    cwd,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    maxBuffer: 64 << 20,
    // On Windows npm is a script of the shell.
    shell: process.platform === "win32" && command === "npm",
  });
  const trouble = outcome.error ? `${outcome.error.message}\n` : "";
  return {
    status: outcome.status ?? 1,
    stdout: outcome.stdout ?? "",
    output: `${outcome.stdout ?? ""}${outcome.stderr ?? ""}${trouble}`,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Runs a command that has to succeed; throws with its last lines where it does not. `what` names it in the message. */
export function must(command, parameters, { what = `${command} ${parameters[0]}`, ...options } = {}) {
  const outcome = run(command, parameters, options);
  if (outcome.status === 0) return outcome;
  throw new Error(`${what} failed (exit ${outcome.status}):\n${outcome.output.trimEnd().split("\n").slice(-40).join("\n")}`);
}

/** Runs a tool of node_modules/.bin, or a script, on a supported Node. */
export function tool(parameters, options = {}) {
  const what = parameters.join(" ");
  return must(process.execPath, [path.join(projectRoot, "tools/node.mjs"), ...parameters], { what, ...options });
}

/** The environment without what a surrounding `npm run` put there: a nested npm must not inherit this project's settings. */
export function cleanEnvironment(extra = {}) {
  const own = Object.entries(process.env).filter(
    ([key]) => !/^npm_(config_(?!registry|cache|userconfig)|package_|lifecycle_)|^NODE_OPTIONS$/i.test(key),
  );
  return { ...Object.fromEntries(own), ...extra };
}

/** Calls with a new empty folder and removes it, also after an error. */
export async function inTemporaryFolder(name, use) {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), `quatrain-${name}-`)));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Copies what git tracks, or would track once it is added, into a folder: a clone that knows today's changes. */
export function copyTracked(folder) {
  const listed = must("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  for (const name of new Set(listed.stdout.split("\0"))) {
    const from = path.join(projectRoot, name);
    if (name === "" || !existsSync(from) || !statSync(from).isFile()) continue;
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    copyFileSync(from, path.join(folder, name));
  }
}

/** Prints rows of text as columns. */
export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length)));
  for (const row of rows)
    console.log(
      widths
        .map((width, column) => String(row[column] ?? "").padEnd(width))
        .join("  ")
        .trimEnd(),
    );
}

/** Says what comes next, runs it, says how long it took. */
export async function step(name, action) {
  const start = performance.now();
  const note = await action();
  console.log(`ok  ${name}${note ? `: ${note}` : ""} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}
