// What durability costs: commits of the SQLite host, bytes of its journal, rows replayed.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createActor, setup } from "xstate";
import { effect } from "../dist/host/effect.js";
import { memoryJournal } from "../dist/host/memory-journal.js";
import { memoryHost } from "../dist/host/memory.js";
import { readRows, sqliteHost } from "../dist/host/sqlite.js";
import { checkPlan } from "../dist/queue/check-plan.js";
import { compare, QUICK_ROUNDS, round, rowOf, ROUNDS } from "./parts/measure.mjs";
import { windowDraft } from "./parts/plans.mjs";
import { fullMachine, play, runInput, WORKER, workers } from "./parts/stage.mjs";

/** Runs are kept in a workspace, so they are measured on its disk, not in a temporary file system. */
const PLACE = fileURLToPath(new URL("../.quatrain", import.meta.url));
const GROUP = 16;
/** Most bytes a row at 1,000 tasks, for each byte a row at 100. */
const MOST_GROWTH = 1.1;

/** Rows of commits and effects a second, bytes a row, rows replayed a second. */
export async function run({ quick = false } = {}) {
  mkdirSync(PLACE, { recursive: true });
  const folder = mkdtempSync(join(PLACE, "bench-"));
  try {
    return [...(await commits(folder, quick)), ...(await bytes(quick)), ...(await replays(folder, quick))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function commits(folder, quick) {
  const count = quick ? 320 : 960;
  const file = join(folder, "commits.db");
  let runs = 0;
  const perSecond = (things, arm) => async () => {
    const begin = performance.now();
    await arm(`run-${(runs += 1)}`);
    return (things * 1000) / (performance.now() - begin);
  };
  // An effect of class idempotent is two commits: its intent before, its result after.
  const single = await compare(
    {
      "bare SQLite": perSecond(2 * count, () => bareInserts(join(folder, "bare.db"), 2 * count)),
      "one effect at a time": perSecond(2 * count, (id) => playEffects({ file, id, lanes: 1, count })),
      [`${GROUP} effects at a time`]: perSecond(2 * count, (id) => playEffects({ file, id, lanes: GROUP, count })),
    },
    { rounds: quick ? QUICK_ROUNDS : ROUNDS, warmUp: 1 },
  );
  return Object.entries(single).map(([name, figures]) =>
    rowOf(`host, durable rows, ${name}`, figures, {
      unit: "a second",
      baseline: "bare SQLite",
      ratio: round(figures.median / single["bare SQLite"].median),
    }),
  );
}

/** The baseline: one insert a transaction into one table, as durable as the host's. */
function bareInserts(file, count) {
  const database = new DatabaseSync(file);
  database.exec(
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, body TEXT)",
  );
  const insert = database.prepare("INSERT INTO t (body) VALUES (?)");
  for (let at = 0; at < count; at++) {
    database.exec("BEGIN IMMEDIATE");
    insert.run('{"value":1}');
    database.exec("COMMIT");
  }
  database.close();
}

/** A machine of `lanes` regions, each performing its share of `count` effects one after the other. */
async function playEffects({ file, id, lanes, count }) {
  const step = effect("step", { class: "idempotent" }, ({ key }) => ({ key }));
  const lane = (name) => ({
    initial: "working",
    states: {
      working: {
        invoke: {
          src: "step",
          id: name,
          input: ({ context }) => ({ key: `${name}/${context.done[name] ?? 0}` }),
          onDone: [
            { guard: ({ context }) => (context.done[name] ?? 0) + 1 >= count / lanes, target: "done" },
            { target: "working", reenter: true, actions: `count ${name}` },
          ],
        },
      },
      done: { type: "final" },
    },
  });
  const names = Array.from({ length: lanes }, (_, at) => `lane${at + 1}`);
  const base = setup({ actors: { step } });
  const actions = Object.fromEntries(
    names.map((name) => [
      `count ${name}`,
      base.assign({ done: ({ context }) => ({ ...context.done, [name]: (context.done[name] ?? 0) + 1 }) }),
    ]),
  );
  const machine = base.extend({ actions }).createMachine({
    id: "lanes",
    context: { done: {} },
    type: "parallel",
    states: Object.fromEntries(names.map((name) => [name, lane(name)])),
  });
  const host = sqliteHost({ file, run: id });
  const actor = createActor(machine, host.attach({ input: undefined }));
  actor.start();
  const end = await host.settled();
  if (end.kind !== "done") throw new Error(`The run ended ${end.kind}: ${String(end.error)}`);
}

async function bytes(quick) {
  const sizes = quick ? [20, 100] : [100, 1_000];
  const found = [];
  for (const size of sizes) {
    const journal = memoryJournal();
    await play(fullMachine(), memoryHost({ journal }), { input: inputOf(size) });
    // The head row holds the plan, and the synthesis is one turn about all tasks: neither is an event of a task.
    const rows = journal.lines.slice(1).filter((line) => !line.includes('"key":"synthesis/'));
    found.push(rows.reduce((sum, line) => sum + Buffer.byteLength(line), 0) / rows.length);
  }
  return [
    ...found.map((value, at) => ({ name: `host, journal, ${sizes[at]} tasks`, value: round(value), unit: "bytes a row" })),
    {
      name: `host, journal, growth`,
      value: round(found[1] / found[0]),
      unit: `x (${sizes[1]} / ${sizes[0]} tasks)`,
      target: MOST_GROWTH,
      exact: true,
    },
  ];
}

async function replays(folder, quick) {
  const size = quick ? 20 : 100;
  const file = join(folder, "replay.db");
  const input = inputOf(size);
  const machine = fullMachine();
  await play(machine, sqliteHost({ file, run: "whole" }), { input });
  const rows = readRows({ file, run: "whole" });
  const text = rows.map((row) => JSON.stringify(row));
  const perSecond = (arm) => async () => {
    const begin = performance.now();
    await arm();
    return (rows.length * 1000) / (performance.now() - begin);
  };
  const found = await compare(
    {
      "JSON.parse of the rows": perSecond(() => text.map((line) => JSON.parse(line))),
      "read and checked": perSecond(() => readRows({ file, run: "whole" })),
      "read and replayed": perSecond(() => play(machine, sqliteHost({ file, run: "whole" }), {})),
    },
    { rounds: quick ? QUICK_ROUNDS : ROUNDS },
  );
  return Object.entries(found).map(([name, figures]) =>
    rowOf(`host, ${rows.length} rows, ${name}`, figures, {
      unit: "rows a second",
      baseline: "JSON.parse of the rows",
      ratio: round(figures.median / found["JSON.parse of the rows"].median),
    }),
  );
}

function inputOf(size) {
  const checked = checkPlan(windowDraft(size, WORKER), { workers, limits: { tasks: size, depth: size, dependencies: 3 * size } });
  if (!checked.ok) throw new Error(checked.issues[0].message);
  return runInput(checked.plan, { hasWorkspace: true });
}
