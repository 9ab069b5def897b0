// A job to stop: the real command in a process of its own, models behind the stand-in server, commands that leave
// processes behind, and a search for everything a stopped process must not leave.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { standIn } from "../../dist/testing/stand-in/stand-in.js";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const CODES = { SIGINT: 130, SIGTERM: 143 };
/** Longer than any promise here, so that a process that never ends is a fault and not a hang. */
const PATIENCE_MS = 30_000;

/** The plan: `a` works with commands, `b` comes after it, `c` goes beside them. */
const PLAN = {
  rationale: "three steps",
  tasks: [
    task("a", { worker: "backend", writes: ["a.txt"] }),
    task("b", { worker: "docs", writes: ["b.md"], depends_on: ["a"] }),
    task("c", { worker: "docs", writes: ["c.md"] }),
  ],
};
/** Leaves a process that has gone out of its group, as servers do, and takes a moment. */
const COMMAND = "setsid sleep 300 >/dev/null 2>&1 & sleep 0.03; echo done > scratch.txt";
/** What the answer of a command says that was ended by a signal. */
const HIT = /\[ended by SIG[A-Z]+\]/;
/** What a model is told of a command that was cut off. */
const IN_DOUBT = "it is unknown whether it ran";
/** Hears no request to end. */
const STUBBORN = "trap '' TERM INT; setsid sleep 300 >/dev/null 2>&1 & sleep 300";

/** Plays the job undisturbed: what it says, the files it makes, and how many turns it asks for. */
export async function playWhole() {
  const place = await openPlace();
  try {
    const run = await play(place, ["run", "Do the job.", "--allow-bash", "--apply"]);
    return { ...outcomeOf(place, run), turns: place.server.requests.length, events: run.events.length };
  } finally {
    await place.close();
  }
}

/**
 * Begins the job and stops it at a point: `{ signal, afterEvents, delayMs }`, `isTwice` for a second signal 30 ms later,
 * `isHanging` for a stop once a turn and a command hang. Looks for what is left, takes it up again, and compares with
 * what `playWhole` gave. Resolves to `{ isLate, seconds, faults }`: `isLate` when it had ended before the signal.
 */
export async function playStopped(point, whole) {
  const place = await openPlace();
  try {
    place.isHanging = point.isHanging ?? false;
    const run = await play(place, ["run", "Do the job.", "--allow-bash"], point);
    place.isHanging = false;
    const { seconds } = run;
    if (run.code === 0 && run.result?.outcome === "complete") return { isLate: true, seconds, faults: [] };
    const faults = [...endingFaults(run, point), ...leftFaults(place, run)];
    if (run.runId !== null) faults.push(...(await resumeFaults({ place, run, point, whole })));
    const how = `${point.signal}${point.isTwice ? " twice" : ""}`;
    const where = point.isHanging ? `${how} while a turn hangs` : `${how} after event ${point.afterEvents}`;
    return { isLate: false, seconds, faults: faults.map((fault) => `${where}: ${fault}`) };
  } finally {
    await place.close();
  }
}

async function resumeFaults({ place, run, point, whole }) {
  const resumed = await play(place, ["resume", run.runId, "--apply"]);
  const outcome = outcomeOf(place, resumed);
  const isSame = ["code", "answer", "files"].every((part) => JSON.stringify(outcome[part]) === JSON.stringify(whole[part]));
  // What is cut off is asked again; what was given time to end is not.
  const again = point.isTwice || point.isHanging ? 0 : place.server.requests.length - whole.turns - repeatsOf(run);
  return [
    ...(isSame ? [] : [`taken up again it ended otherwise: ${JSON.stringify(outcome)}`]),
    ...(again === 0 ? [] : [`${again} turns were paid twice`]),
    ...leftFaults(place, resumed).map((fault) => `taken up again: ${fault}`),
  ];
}

/** Turns that ask once more for a command that the signal itself has hit, before it had left our group. */
function repeatsOf({ events }) {
  return events.filter(({ type, summary }) => type === "tool.finished" && HIT.test(summary)).length;
}

/** Folders and models for one job. */
async function openPlace() {
  const folder = mkdtempSync(path.join(tmpdir(), "quatrain-stop-"));
  const place = { workspace: path.join(folder, "work"), temporary: path.join(folder, "tmp"), isHanging: false };
  mkdirSync(place.workspace);
  mkdirSync(place.temporary);
  writeFileSync(path.join(place.workspace, "a.txt"), "one\n");
  const server = await standIn({ brain: (request, context) => answer(request, context, place), latency: { firstByteMs: 15 } });
  const close = async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return Object.assign(place, { server, store: path.join(place.workspace, ".quatrain"), close });
}

/**
 * Plays one command line to its end. `signal`, `afterEvents`, `delayMs`: what it is sent, when; `isTwice`: again 30 ms
 * later; `isHanging`: only once a command and a turn hang. Resolves to what it said and how it ended.
 */
function play({ workspace, temporary, server }, argv, point = {}) {
  const { signal, afterEvents = 0, delayMs = 0, isTwice = false, isHanging = false } = point;
  const keys = { ANTHROPIC_API_KEY: "test", ANTHROPIC_BASE_URL: server.url };
  const env = { PATH: process.env.PATH, HOME: temporary, TMPDIR: temporary, ...keys };
  // A group of its own, as terminals make it.
  const child = spawn(process.execPath, [MAIN, ...argv, "--json"], {
    cwd: workspace,
    env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const events = [];
  let text = "";
  let said = "";
  let signalledAt = 0;
  const timers = [setTimeout(() => kill(child.pid, "SIGKILL"), PATIENCE_MS)];
  const send = () => {
    signalledAt = performance.now();
    // A terminal tells the whole group; others who end processes tell the one they know.
    kill(signal === "SIGINT" ? -child.pid : child.pid, signal);
  };
  const isThere = () => (isHanging ? hangs(events) : events.length >= afterEvents);
  const look = () => {
    if (signal === undefined || timers.length > 1 || !isThere()) return;
    timers.push(setTimeout(send, delayMs), ...(isTwice ? [setTimeout(send, delayMs + 30)] : []));
  };
  child.stdout.on("data", (chunk) => {
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop();
    for (const line of lines) {
      events.push(JSON.parse(line));
      look();
    }
  });
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (code, by) => {
      for (const timer of timers) clearTimeout(timer);
      const result = events.at(-1)?.type === "result" ? events.pop() : null;
      const runId = events.find(({ type }) => type === "run.started")?.runId ?? result?.runId ?? null;
      const seconds = signalledAt === 0 ? 0 : (performance.now() - signalledAt) / 1_000;
      resolve({ pid: child.pid, code, by, result, runId, events, said, seconds });
    });
  });
}

/** A command and the other task's turn are both under way. */
function hangs(events) {
  const began = (type, who) => events.some((event) => event.type === type && event.conversation === who);
  return began("tool.started", "t1#1") && events.some(({ tool }) => tool === "bash") && began("turn.started", "t3#1");
}

function endingFaults({ code, by, result, seconds, said }, { signal, isTwice }) {
  const most = isTwice ? 1 : 12;
  return [
    // A signal that comes when all is done and Node has let go of its handlers ends it as shells count it, too.
    ...((code ?? CODES[by]) === CODES[signal] ? [] : [`ended with ${code ?? by}, not ${CODES[signal]}: ${said}`]),
    ...(seconds < most ? [] : [`took ${seconds.toFixed(1)} s, not less than ${most}`]),
    ...(result?.outcome === "suspended" ? [] : [`said it is ${result?.outcome ?? "nothing"}`]),
    ...(/^quatrain resume \S+/.test(result?.resume ?? "") ? [] : ["named no command to take it up again"]),
    ...(said === "" ? [] : [`wrote to stderr: ${said}`]),
  ];
}

/** What is left of a process that has ended: processes, leases, files. */
function leftFaults({ store, temporary }, { pid, runId }) {
  const alive = [...processesOf(`QUATRAIN_RUN=${runId}`), ...(isAlive(-pid) ? [`group ${pid}`] : [])];
  const names = existsSync(store) ? readdirSync(store, { recursive: true, encoding: "utf8" }) : [];
  const files = [
    ...names.filter((name) => /(^|\/)\.partial-|-wal$|-shm$|-journal$|\.tmp$/.test(name)),
    ...readdirSync(temporary).map((name) => `tmp/${name}`),
  ];
  return [
    ...alive.map((who) => `process ${who} is left`),
    ...files.map((name) => `file ${name} is left`),
    ...leases(path.join(store, "runs.db")).map((owner) => `the lease is held by ${owner}`),
  ];
}

function processesOf(mark) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, "latin1").split("\0").includes(mark);
      } catch {
        return false;
      }
    });
}

function leases(file) {
  if (!existsSync(file)) return [];
  const database = new DatabaseSync(file);
  try {
    return database
      .prepare("SELECT owner FROM host_leases WHERE owner <> ''")
      .all()
      .map(({ owner }) => String(owner));
  } finally {
    database.close();
  }
}

function outcomeOf({ workspace }, { code, result }) {
  const names = readdirSync(workspace)
    .filter((name) => name !== ".quatrain")
    .toSorted();
  return {
    code,
    answer: result?.answer ?? null,
    files: names.map((name) => `${name}: ${readFileSync(path.join(workspace, name), "utf8")}`),
  };
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}

/** The models: each answer follows from the request alone, so that a run and its resume are told the same. */
function answer(request, { turn }, { isHanging }) {
  const format = JSON.stringify(request.output_config?.format ?? null);
  if (format.includes("rationale")) return { content: [JSON.stringify(PLAN)] };
  if (format.includes("reason")) return { content: [JSON.stringify({ mode: "orchestrate", worker: null, reason: "three" })] };
  const text = JSON.stringify(request.messages[0]);
  const label = /step (\w) of the job/.exec(text)?.[1];
  if (label === undefined || request.model.includes("opus")) return { content: ["All is done."] };
  if (label === "c" && isHanging) return { content: ["late"], delayMs: PATIENCE_MS };
  const steps = {
    a: [
      call("read", { file_path: "a.txt" }),
      call("bash", { command: isHanging ? STUBBORN : COMMAND }),
      call("write", { file_path: "a.txt", content: "made by a\n" }),
      call("bash", { command: "rm -f scratch.txt" }),
    ],
    b: [call("write", { file_path: "b.md", content: "made by b\n" })],
    c: [
      call("write", { file_path: "c.md", content: "made by c\n" }),
      call("bash", { command: COMMAND.replace("scratch", "c-scratch") }),
      call("bash", { command: "rm -f c-scratch.txt" }),
    ],
  }[label];
  return steps[turn - hitsIn(request)] ?? { content: [`Did ${label}.`] };
}

/** Commands that a signal ended, or that may not have run: like any model, these ask for them once more. */
function hitsIn({ messages }) {
  const text = JSON.stringify(messages);
  return text.split(HIT).length + text.split(IN_DOUBT).length - 2;
}

function call(tool, input) {
  return { content: [{ tool, input }] };
}

function task(label, more) {
  const lists = { files: [], constraints: [], depends_on: [], after: [], acceptance: [] };
  const job = `step ${label} of the job`;
  return { label, task: job, input: null, output_format: "text", optional: false, tier: null, ...lists, ...more };
}
