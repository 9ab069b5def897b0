// Proves what a journal is worth (`npm run prove:journal`):
//   a file, its write-ahead log or an export that is cut at any byte, or has any byte flipped, gives a prefix of what was
//   recorded or a HostError, and a run resumed from it ends as the undisturbed one;
//   of many processes that start one run at once one owns it, and an owner that was followed writes nothing more.
import { fork } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { createActor, sendParent, setup } from "xstate";
import { randomFrom } from "../dist/core/random.js";
import { systemClock } from "../dist/host/clocks.js";
import { effect } from "../dist/host/effect.js";
import { HostError } from "../dist/host/errors.js";
import { readRows, sqliteHost } from "../dist/host/sqlite.js";
import { exportRun, importRun } from "../dist/host/transfer.js";
import { prove } from "./harness.mjs";

const RUN = "proof";
const CHILDREN = 4;
const STEPS = 4;
const REFUSED = "refused";
const START = 1_800_000_000_000;
const LEASE_MS = 1_000_000;
/** How far ahead the clock of a follower is: less than a gap that would be told, so that taking over writes no row. */
const TAKEN_MS = 20_000;
/** A resume takes milliseconds: one that takes longer hangs. */
const MOST_MS = 10_000;

if (process.argv[2] === "starter") starter();
else {
  await prove({
    name: "journal",
    promise: "A damaged journal gives what is good of it or an error, never a wrong state; a run has one owner.",
    sizes: {
      stride: { full: 1, quick: 500 },
      resumes: { full: 500, quick: 20 },
      processes: { full: 20, quick: 5 },
      rounds: { full: 200, quick: 5 },
    },
    run: proveJournal,
  });
}

async function proveJournal({ stride, resumes, processes, rounds, seed, log }) {
  // Files that are damaged ten thousand times over need no disk.
  const folder = mkdtempSync(path.join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "quatrain-journal-"));
  const faults = [];
  try {
    const damage = await proveDamage({ folder, stride, resumes, random: randomFrom(seed), log, faults });
    const owners = await proveOwners({ folder, processes, rounds, log, faults });
    return { numbers: { ...damage, ...owners, "broken promises": faults.length }, faults };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Damage

async function proveDamage({ folder, stride, resumes, random, log, faults }) {
  const file = path.join(folder, "runs.db");
  const whole = await record(file);
  const rows = whole.rows.map((row) => JSON.stringify(row));
  const forms = [
    { name: "file", bytes: whole.file, check: checkFile(file, (bytes) => ({ file: bytes })) },
    { name: "write-ahead log", bytes: whole.log, check: checkFile(file, (bytes) => ({ file: whole.fileBefore, log: bytes })) },
    { name: "export", bytes: Buffer.from(whole.lines.join("\n")), check: checkExport },
  ];
  const context = { rows, lines: whole.lines, faults, found: new Map(), accepted: [] };
  let damages = 0;
  for (const form of forms) {
    const before = damages;
    for (const damaged of damagesOf(form, stride, random)) {
      damages++;
      form.check(damaged, context);
    }
    log(`${form.name}: ${form.bytes.length} bytes, damaged ${damages - before} times`);
  }
  log([...context.found].map(([what, count]) => `${count} ${what}`).join(", "));
  const sample = context.accepted.filter((_one, at) => at % Math.ceil(context.accepted.length / resumes) === 0);
  for (const { name, restore } of sample) {
    restore();
    const end = await resume(file);
    if (end !== whole.output && end !== REFUSED) faults.push(`${name}, resumed: ${end} instead of ${whole.output}`);
  }
  log(`${sample.length} damaged runs resumed`);
  return { "rows of a run": rows.length, "bytes cut at and flipped": damages };
}

/** Plays the run and keeps it in three forms; `fileBefore` goes with the log. */
async function record(file) {
  // Small pages: less to flip, and more of it is structure.
  const small = new DatabaseSync(file);
  small.exec("PRAGMA page_size = 512; CREATE TABLE small (n); DROP TABLE small;");
  const { host, output } = play(file);
  // A second connection keeps the log from being folded into the file at the end.
  small.exec("SELECT * FROM host_meta");
  const { kind } = await host.settled();
  if (kind !== "done") throw new Error(`The undisturbed run ended ${kind}.`);
  const fileBefore = readFileSync(file);
  const log = readFileSync(`${file}-wal`);
  small.close();
  const rows = readRows({ file, run: RUN });
  return {
    rows,
    lines: [...exportRun({ file, run: RUN })],
    output: output(),
    file: readFileSync(file),
    fileBefore,
    log,
  };
}

function* damagesOf({ name, bytes }, stride, random) {
  for (let at = 0; at < bytes.length; at += stride) {
    const value = bytes[at] ^ (1 + Math.floor(random() * 255));
    const flipped = () => {
      const copy = Buffer.from(bytes);
      copy[at] = value;
      return copy;
    };
    yield { name: `${name}, byte ${at} flipped to ${value}`, bytes: flipped };
  }
  for (let at = 0; at < bytes.length; at += stride)
    yield { name: `${name}, cut at byte ${at}`, bytes: () => bytes.subarray(0, at) };
}

/** Rows that are read must be a prefix; all else must be a HostError. */
function checkFile(file, formed) {
  return ({ name, bytes }, { rows, faults, found, accepted }) => {
    const restore = () => {
      const { file: content, log } = formed(bytes());
      rmSync(`${file}-shm`, { force: true });
      if (log) writeFileSync(`${file}-wal`, log);
      else rmSync(`${file}-wal`, { force: true });
      writeFileSync(file, content);
    };
    restore();
    try {
      const read = readRows({ file, run: RUN, salvage: true });
      const isPrefix = read.rows.every((row, at) => JSON.stringify(row) === rows[at]);
      if (!isPrefix) faults.push(`${name}: rows that were never written`);
      if (read.error && !HostError.is(read.error)) faults.push(`${name}: ${String(read.error)}`);
      note(found, read.error ? `refused as ${read.error.code}` : read.rows.length === rows.length ? "whole" : "cut short");
      if (!read.error) accepted.push({ name, restore });
    } catch (error) {
      if (!HostError.is(error)) faults.push(`${name}: ${String(error)}`);
      note(found, `refused as ${error.code}`);
    }
  };
}

function checkExport({ name, bytes }, { lines, faults, found }) {
  const text = bytes().toString();
  try {
    importRun({ file: ":memory:", lines: text.split("\n") });
    if (text !== lines.join("\n")) faults.push(`${name}: imported`);
  } catch (error) {
    if (!HostError.is(error) || !["StoreCorrupt", "VersionMismatch"].includes(error.code))
      faults.push(`${name}: ${String(error)}`);
    note(found, `refused as ${error.code}`);
  }
}

function note(found, what) {
  found.set(what, (found.get(what) ?? 0) + 1);
}

/** What a run does after damage: the output of its machine, or that it is refused. */
async function resume(file) {
  let host;
  const late = new Promise((resolve) => {
    setTimeout(resolve, MOST_MS, "a hang").unref();
  });
  try {
    // So late that the lease has run out.
    const played = play(file, START + 2 * LEASE_MS);
    ({ host } = played);
    const ended = host.settled().then((end) => (end.kind === "done" ? played.output() : refusal(end.error)));
    return await Promise.race([ended, late]);
  } catch (error) {
    return refusal(error);
  } finally {
    await host?.close();
  }
}

function refusal(error) {
  return HostError.is(error) ? REFUSED : String(error);
}

/** Plays the run of the proof, or what is left of it: children with steps, parts, a blob, a timer, commands, an orphan. */
function play(file, startAt = START) {
  const host = sqliteHost({ file, run: RUN, owner: "proof", leaseMs: LEASE_MS, clock: leapingClock(startAt) });
  const actor = createActor(proofMachine(), host.attach()).start();
  host.send({ type: "hello", text: "line\nbreak" }, { id: "hello" });
  host.send({ type: "drop" }, { id: "drop" });
  return { host, output: () => JSON.stringify(actor.getSnapshot().output) };
}

/** Time that leaps to whatever is waited for. */
function leapingClock(startAt) {
  let now = startAt;
  return {
    now: () => now,
    setTimeout(fn, ms) {
      return setImmediate(() => {
        now += ms;
        fn();
      });
    },
    clearTimeout(handle) {
      clearImmediate(handle);
    },
  };
}

function proofMachine() {
  const step = effect("step", { class: "idempotent" }, ({ key }, context) => {
    if (key === "2") context.part({ half: key });
    return key === "3" ? { big: "ä".repeat(1_500) } : { key };
  });
  const endless = effect("endless", { class: "idempotent" }, (_input, { signal }) =>
    signal.aborted ? "stopped" : once(signal, "abort").then(() => "stopped"),
  );
  const parts = setup({ actors: { step, endless } });
  const child = parts.createMachine({
    id: "child",
    context: { n: 0 },
    initial: "working",
    states: {
      working: {
        invoke: {
          id: "step",
          src: "step",
          input: ({ context }) => ({ key: String(context.n) }),
          onDone: [
            { guard: ({ context }) => context.n + 1 === STEPS, target: "done" },
            { target: "working", reenter: true, actions: [sendParent({ type: "stepped" }), "count"] },
          ],
        },
      },
      done: { type: "final" },
    },
  });
  const counted = child.provide({ actions: { count: parts.assign({ n: ({ context }) => context.n + 1 }) } });
  const root = setup({ actors: { child: counted, endless } });
  const region = (name) => ({
    initial: "on",
    states: { on: { invoke: { id: name, src: "child", onDone: "off" } }, off: { type: "final" } },
  });
  const add = (field) => root.assign({ [field]: ({ context }) => context[field] + 1 });
  return root.createMachine({
    id: "proof",
    context: { stepped: 0, orphans: 0, hellos: 0 },
    on: {
      stepped: { actions: add("stepped") },
      hello: { actions: add("hellos") },
      "effect.orphaned": { actions: add("orphans") },
    },
    type: "parallel",
    states: {
      ...Object.fromEntries(Array.from({ length: CHILDREN }, (_none, at) => [`t${at + 1}`, region(`worker:t${at + 1}#1`)])),
      endless: {
        initial: "on",
        states: {
          on: { invoke: { id: "endless", src: "endless", input: { key: "1" } }, on: { drop: "dropped" } },
          dropped: { after: { 1_000: "ended" } },
          ended: { always: { guard: ({ context }) => context.orphans === 1, target: "off" } },
          off: { type: "final" },
        },
      },
    },
    output: ({ context }) => context,
  });
}

// Owners

async function proveOwners({ folder, processes, rounds, log, faults }) {
  const children = Array.from({ length: processes }, () => fork(fileURLToPath(import.meta.url), ["starter"]));
  const counts = { owners: 0, refused: 0, fenced: 0 };
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    for (let round = 1; round <= rounds; round++) {
      const file = path.join(folder, `round-${round}.db`);
      await playRound({ file, round, children, counts, faults });
      for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name, { force: true });
      if (round % 50 === 0) log(`${round} rounds: ${counts.owners} owners, ${counts.refused} refused, ${counts.fenced} fenced`);
    }
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
  return {
    "starts of one run by many processes at once": rounds,
    owners: counts.owners,
    "owners that were followed and fenced": counts.fenced,
  };
}

async function playRound({ file, round, children, counts, faults }) {
  const answers = await Promise.all(children.map((child) => ask(child, { do: "start", file })));
  const owners = children.filter((_child, at) => answers[at] === "owner");
  const refused = answers.filter((answer) => answer === "LeaseHeld");
  counts.owners += owners.length;
  counts.refused += refused.length;
  const others = answers.filter((answer) => answer !== "owner" && answer !== "LeaseHeld");
  if (owners.length !== 1 || others.length > 0) faults.push(`round ${round}: ${owners.length} owners, ${others.join("; ")}`);
  const next = children.find((child) => !owners.includes(child));
  const taken = await ask(next, { do: "take", file });
  if (taken !== "owner") faults.push(`round ${round}: a lease that had run out was not given: ${taken}`);
  const stale = await ask(owners[0], { do: "finish" });
  if (stale === "LeaseLost") counts.fenced++;
  else faults.push(`round ${round}: an owner that was followed ended ${stale}`);
  const end = await ask(next, { do: "finish" });
  const last = readRows({ file, run: RUN }).at(-1);
  if (end !== "done" || last?.body !== next.pid) faults.push(`round ${round}: ${end}, result of ${JSON.stringify(last?.body)}`);
}

async function ask(child, message) {
  child.send(message);
  const [answer] = await once(child, "message");
  return answer;
}

/** One of the processes: starts the run, takes it over as if the lease had run out, or finishes what it has begun. */
function starter() {
  let host;
  let finish;
  const begin = async (file, skewMs) => {
    const clock = { ...systemClock(), now: () => Date.now() + skewMs };
    try {
      host = sqliteHost({ file, run: RUN, clock, leaseMs: TAKEN_MS / 2 });
    } catch (error) {
      return HostError.is(error) && error.code === "LeaseHeld" ? error.code : String(error);
    }
    const gate = new Promise((resolve) => {
      finish = resolve;
    });
    const work = effect("work", { class: "pure" }, () => gate.then(() => process.pid));
    const machine = setup({ actors: { work } }).createMachine({
      id: "race",
      initial: "on",
      states: { on: { invoke: { id: "work", src: "work", input: { key: "1" }, onDone: "off" } }, off: { type: "final" } },
    });
    createActor(machine, host.attach()).start();
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    return "owner";
  };
  const conclude = async () => {
    finish();
    const end = await host.settled();
    return end.kind === "error" ? (end.error.code ?? String(end.error)) : end.kind;
  };
  process.on("message", (message) => {
    const doing = message.do === "finish" ? conclude() : begin(message.file, message.do === "take" ? TAKEN_MS : 0);
    void doing.then((answer) => process.send(answer));
  });
  process.send("ready");
}
