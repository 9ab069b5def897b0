// Two hosts on one SQLite file: an owner that slept past its lease wakes up when another has taken over. It must write
// nothing more. Run by mutants.mjs; exits with 1 when the fence does not hold.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { createActor, setup } from "xstate";
import { effect, readRows, sqliteHost } from "../dist/host/index.js";

const LEASE_MS = 60_000;
const turn = () =>
  new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
const folder = mkdtempSync(path.join(tmpdir(), "quatrain-fence-"));
const file = path.join(folder, "runs.db");
try {
  const asleep = start("asleep:1:1", 0);
  await turn();
  const awake = start("awake:2:2", LEASE_MS + 1);
  await turn();
  asleep.finish("the sleeper");
  const lost = await ended(asleep);
  awake.finish("the owner");
  const done = await ended(awake);
  const results = readRows({ file, run: "r-1" }).flatMap(({ kind, body }) => (kind === "result" ? [JSON.stringify(body)] : []));
  const holds = lost.error?.code === "LeaseLost" && done.kind === "done" && results.join() === '"the owner"';
  const seen = `the sleeper ended as ${lost.error?.code ?? lost.kind}, the owner as ${done.error?.code ?? done.kind}; results: ${results.join(", ")}`;
  console.log(holds ? `The fence holds: ${seen}.` : `BROKEN: an owner without its lease has written: ${seen}`);
  process.exitCode = holds ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Starts or resumes the run as an owner whose clock is ahead. Its one effect waits for `finish`; taking over writes no row. */
function start(owner, aheadMs) {
  let finish;
  const work = effect(
    "work",
    { class: "pure" },
    () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  );
  const machine = setup({ actors: { work } }).createMachine({
    id: "run",
    initial: "working",
    states: {
      working: { invoke: { id: "work", src: "work", input: { key: "1" }, onDone: "done" } },
      done: { type: "final" },
    },
  });
  const clock = { now: () => 1_000_000 + aheadMs, setTimeout: () => 0, clearTimeout: () => undefined };
  const host = sqliteHost({ file, run: "r-1", owner, clock, leaseMs: LEASE_MS });
  createActor(machine, host.attach()).start();
  return { host, finish: (value) => finish(value) };
}

/** How a host ended; `nothing` when it has not after a second. */
function ended({ host }) {
  return Promise.race([
    host.settled(),
    new Promise((resolve) => {
      setTimeout(() => resolve({ kind: "nothing" }), 1_000);
    }),
  ]);
}
