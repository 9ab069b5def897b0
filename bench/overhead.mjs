// What Quatrain itself costs for each task, where the work costs nothing.
import { memoryHost } from "../dist/host/memory.js";
import { checkPlan } from "../dist/queue/check-plan.js";
import { run as queueAlone } from "./makespan-overhead.mjs";
import { floor } from "./parts/floor.mjs";
import { compare, QUICK_ROUNDS, rowOf, ROUNDS } from "./parts/measure.mjs";
import { dependenciesOf, windowDraft } from "./parts/plans.mjs";
import { fullMachine, nullMachine, play, runInput, WORKER, workers } from "./parts/stage.mjs";

const CAP = 16;
const SIZES = [10, 100, 1_000, 10_000];
/** Most microseconds a task at 1,000 tasks, and most growth from 1,000 to 10,000. */
const TARGETS = { "null workers": 60, "full workers": 250 };
const MOST_GROWTH = 1.5;

/** Rows of microseconds a task by arm and size, the growth of each arm, and what is spent on checking and announcing. */
export async function run({ quick = false } = {}) {
  const sizes = quick ? SIZES.slice(0, 3) : SIZES;
  const rounds = quick ? QUICK_ROUNDS : ROUNDS;
  const rows = [];
  for (const size of sizes) rows.push(...(await ofSize(size, rounds)));
  if (!quick) rows.push(...Object.keys(TARGETS).map((arm) => growthOf(arm, rows)));
  return [...rows, ...queueAlone({ quick })];
}

async function ofSize(size, rounds) {
  const draft = windowDraft(size, WORKER);
  const limits = { tasks: size, depth: size, dependencies: 3 * size };
  const checked = checkPlan(draft, { workers, limits });
  if (!checked.ok) throw new Error(checked.issues[0].message);
  const { plan } = checked;
  const dependencies = dependenciesOf(plan);
  const [bare, full, filing] = [nullMachine(), fullMachine(), fullMachine({ changes: true })];
  const usPerTask = (ms) => (ms * 1000) / size;
  // Small plans are played often enough for the clock to see them.
  const times = Math.max(1, Math.round(1_000 / size));
  const arms = {
    floor: () => timed(times, () => playFloor(dependencies)),
    "null workers": () => timed(times, () => play(bare, memoryHost(), { input: runInput(plan, { concurrency: CAP }) })),
    "null workers, events heard": () => timed(times, () => playHeard(bare, plan)),
    "full workers": () => timed(Math.ceil(times / 10), () => play(full, memoryHost(), { input: runInput(plan, { concurrency: CAP, hasWorkspace: true }) })),
    ...(size <= 100 && { "full workers, a file each": () => timed(Math.ceil(times / 10), () => play(filing, memoryHost(), { input: runInput(plan, { concurrency: CAP, hasWorkspace: true }) })) }),
    "plan check": () => timed(times, () => checkPlan(draft, { workers, limits })),
  };
  const perTask = Object.fromEntries(Object.entries(arms).map(([name, arm]) => [name, async () => usPerTask(await arm())]));
  const found = await compare(perTask, { rounds, warmUp: size > 1_000 ? 1 : 2 });
  return Object.entries(found).map(([name, figures]) =>
    rowOf(`overhead, ${name}, ${size} tasks`, figures, {
      unit: "us a task",
      baseline: "floor",
      ratio: Math.round(figures.median / found.floor.median),
      ...(size === 1_000 && name in TARGETS && { target: TARGETS[name] }),
    }),
  );
}

/** Milliseconds of one of `times` plays: those that this thread was at work, so that what runs beside is not counted. */
async function timed(times, once) {
  const begin = process.threadCpuUsage();
  for (let time = 0; time < times; time++) await once();
  const { user, system } = process.threadCpuUsage(begin);
  return (user + system) / 1000 / times;
}

async function playHeard(machine, plan) {
  let heard = 0;
  const onEvent = () => (heard += 1);
  await play(machine, memoryHost(), { input: runInput(plan, { concurrency: CAP }), onEvent });
  if (heard < plan.tasks.length * 2) throw new Error(`Only ${heard} events were heard of ${plan.tasks.length} tasks.`);
}

/** The baseline, with its proof: each task once, after its dependencies, never more than the cap. */
async function playFloor(dependencies) {
  const done = new Uint8Array(dependencies.length);
  let live = 0;
  await floor(dependencies, CAP, async (at) => {
    live += 1;
    if (live > CAP || done[at] || dependencies[at].some((to) => !done[to])) throw new Error(`The baseline broke a rule at task ${at}.`);
    await undefined;
    live -= 1;
    done[at] = 1;
  });
}

function growthOf(arm, rows) {
  const at = (size) => rows.find(({ name }) => name === `overhead, ${arm}, ${size} tasks`).value;
  return { name: `overhead, ${arm}, growth`, value: Math.round((at(10_000) / at(1_000)) * 100) / 100, unit: "x (10,000 / 1,000 tasks)", target: MOST_GROWTH };
}
