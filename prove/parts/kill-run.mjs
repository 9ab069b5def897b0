// One run of the job as a real process that is killed (SIGKILL) at chosen moments and taken up again until it is done,
// and the look at what it left: journal, server log, files, processes.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { listRuns, readRows } from "../../dist/host/sqlite.js";
import { runVariable } from "../../dist/process/environment.js";
import { findMarked } from "../../dist/process/marked.js";
import { standIn } from "../../dist/testing/stand-in/stand-in.js";
import { FILES, jobBrain } from "./kill-job.mjs";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
/** A process that neither ends nor reaches its moment for so long hangs. */
const PATIENCE_MS = 60_000;

/**
 * Plays the job, killing its process at each of `moments` (see `kill-moments.mjs`) in turn; a process that ends before
 * its moment ends the run. Resolves to what was seen; the folder is gone then.
 */
export async function playKilled(moments) {
  const scene = await setScene();
  try {
    for (const moment of moments) {
      const ended = await playOnce(scene, moment);
      if (!ended.isKilled) return await outcomeOf(scene, ended);
    }
    return await outcomeOf(scene, await playOnce(scene, null));
  } finally {
    await scene.server.close();
    rmSync(scene.folder, { recursive: true, force: true });
  }
}

async function setScene() {
  const folder = mkdtempSync(path.join(tmpdir(), "quatrain-kill-"));
  const workspace = path.join(folder, "work");
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(path.dirname(path.join(workspace, name)), { recursive: true });
    writeFileSync(path.join(workspace, name), content);
  }
  const effects = path.join(folder, "effects.txt");
  const scene = {
    folder,
    workspace,
    effects,
    store: path.join(workspace, ".quatrain"),
    file: path.join(workspace, ".quatrain", "runs.db"),
    /** One entry for each kill: the moment, and what the journal and the server knew then. */
    kills: [],
    faults: [],
    processes: 0,
    listener: undefined,
  };
  scene.server = await standIn({
    brain: jobBrain(effects),
    latency: { firstByteMs: 5, perTokenMs: 0.25 },
    onMoment: (moment) => scene.listener?.(moment),
  });
  return scene;
}

/** Starts or resumes the run once. Resolves when the process is gone. */
async function playOnce(scene, moment) {
  const run = runIdOf(scene);
  const place = ["--json", "--apply", "--workspace", scene.workspace];
  const argv = run === undefined ? ["run", "carry out the job", "--allow-bash", ...place] : ["resume", run, ...place];
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: scene.folder,
    TMPDIR: scene.folder,
    ANTHROPIC_API_KEY: "test-key",
    ANTHROPIC_BASE_URL: scene.server.url,
  };
  scene.processes += 1;
  const child = spawn(process.execPath, [main, ...argv], { cwd: scene.folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const texts = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (texts.stdout += chunk));
  child.stderr.on("data", (chunk) => (texts.stderr += chunk));
  let isKilled = false;
  const kill = () => {
    isKilled ||= child.exitCode === null && child.kill("SIGKILL");
  };
  const watch = moment?.watch(scene, kill);
  scene.listener = watch?.heard;
  const patience = setTimeout(() => {
    scene.faults.push(`a process hung (${argv[0]}): ${texts.stdout.slice(-300)}`);
    kill();
  }, PATIENCE_MS);
  const [code] = await once(child, "close");
  clearTimeout(patience);
  watch?.close();
  scene.listener = undefined;
  // Killed and ended at once: what counts is whether it could end.
  isKilled &&= code === null;
  await settled(scene.server);
  if (isKilled) scene.kills.push({ moment: moment.name, ...known(scene) });
  return { code, isKilled, ...texts };
}

/** Waits until the server has noticed that its caller is gone. */
async function settled({ requests }) {
  while (requests.some(({ answered }) => answered === "pending")) await sleep(1);
}

function runIdOf({ file }) {
  return listRuns({ file }).at(-1)?.id;
}

/** What is known at a kill: the rows that are committed, and the answers that had left the server whole. */
function known(scene) {
  const run = runIdOf(scene);
  const rows = run === undefined ? [] : readRows({ file: scene.file, run });
  const taken = new Set(rows.flatMap((row) => requestIdOf(row) ?? []));
  const closed = new Set(rows.flatMap(({ kind, id }) => (["result", "error", "cancelled"].includes(kind) ? [id] : [])));
  const open = rows.filter(({ kind, id }) => kind === "intent" && isTurn(id) && !closed.has(id));
  const whole = scene.server.requests.filter(({ answered, requestId }) => answered === "message" && !taken.has(requestId));
  return { rows: rows.map(digestOf), open: open.map(({ id }) => id), whole: whole.map(({ requestId }) => requestId) };
}

/** Also of a turn that was lost at a crash and asked anew: `t1#1/turn/2.0.1`. */
const isTurn = (id) => /\/turn\/\d+\.\d+(\.\d+)?$/.test(id ?? "");

/** The request whose answer a row holds. */
function requestIdOf({ kind, id, body }) {
  return kind === "result" && isTurn(id) ? (body?.outcome?.requestId ?? undefined) : undefined;
}

const digestOf = (row) => `${row.seq} ${row.kind} ${row.id ?? ""} ${hashOf(JSON.stringify(row.body))}`;
const hashOf = (text) => createHash("sha256").update(text).digest("hex").slice(0, 16);

async function outcomeOf(scene, { code, stdout, stderr }) {
  const run = runIdOf(scene);
  const rows = run === undefined ? [] : readRows({ file: scene.file, run });
  const { requests, invalid, unexpected } = scene.server;
  const result = resultOf(stdout);
  const left = run === undefined ? [] : await findMarked(runVariable, run);
  return {
    kills: scene.kills,
    processes: scene.processes,
    faults: [
      ...scene.faults,
      ...(stderr === "" ? [] : [`stderr: ${stderr.slice(0, 300)}`]),
      ...(left.length === 0 ? [] : [`${left.length} processes were left`]),
    ],
    code,
    result,
    rows: rows.map(digestOf),
    recorded: rows.flatMap((row) => requestIdOf(row) ?? []),
    answered: rows.flatMap((row) => (row.body?.outcome?.kind === "answered" ? (requestIdOf(row) ?? []) : [])),
    requests: requests.map(({ n, requestId, body, usage, answered }) => ({
      n,
      requestId,
      body: hashOf(JSON.stringify(body ?? null)),
      isPaid: usage !== null,
      answered,
      isToldOfDoubt: JSON.stringify(body ?? null).includes("it is unknown whether it ran"),
    })),
    invalid: [...invalid, ...unexpected].map(({ n, reason }) => `request ${n}: ${reason}`),
    files: filesOf(scene.workspace),
    effects: existsSync(scene.effects) ? readFileSync(scene.effects, "utf8").split("\n").length - 1 : 0,
  };
}

/** The last line of `--json`. */
function resultOf(stdout) {
  const last = stdout.trimEnd().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(last);
  } catch {
    return { unreadable: last.slice(0, 300) };
  }
}

/** Every file of the workspace with its content, the run's own state left out. */
function filesOf(workspace) {
  const names = readdirSync(workspace, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(workspace, path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith(".quatrain"));
  return Object.fromEntries(names.toSorted().map((name) => [name, readFileSync(path.join(workspace, name), "utf8")]));
}
