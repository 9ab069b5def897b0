// What Quatrain itself costs for each task, where the work costs nothing.
import { memoryHost } from "../dist/host/memory.js";
import { checkPlan } from "../dist/queue/check-plan.js";
import { run as queueAlone } from "./makespan-overhead.mjs";
import { floor } from "./parts/floor.mjs";
import { compare, QUICK_ROUNDS, rowOf, ROUNDS, workOf } from "./parts/measure.mjs";
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
  // The queue alone comes first: garbage of the other arms would be collected at its cost.
  const rows = queueAlone({ quick });
  for (const size of sizes) rows.push(...(await ofSize(size, rounds)));
  if (!quick) rows.push(...Object.keys(TARGETS).map((arm) => growthOf(arm, rows)));
  return rows;
}

async function ofSize(size, rounds) {
  const draft = windowDraft(size, WORKER);
  const limits = { tasks: size, depth: size, dependencies: 3 * size };
  const checked = checkPlan(draft, { workers, limits });
  if (!checked.ok) throw new Error(checked.issues[0].message);
  const { plan } = checked;
  const dependencies = dependenciesOf(plan);
  const [bare, full, filing] = [nullMachine(), fullMachine(), fullMachine({ changes: true })];
  const input = runInput(plan, { concurrency: CAP });
  const inWorkspace = runInput(plan, { concurrency: CAP, hasWorkspace: true });
  const arms = {
    floor: () => playFloor(dependencies),
    "null workers": () => play(bare, memoryHost(), { input }),
    "null workers, events heard": () => playHeard(bare, input),
    "full workers": () => play(full, memoryHost(), { input: inWorkspace }),
    // An attempt is given the changes of all it builds on, so here the work of a plan grows with its square.
    ...(size <= 100 && { "full workers, a file each": () => play(filing, memoryHost(), { input: inWorkspace }) }),
    "plan check": () => checkPlan(draft, { workers, limits }),
  };
  const perTask = Object.fromEntries(
    Object.entries(arms).map(([name, once]) => [name, async () => ((await workOf(once)) * 1_000) / size]),
  );
  const found = await compare(perTask, { rounds: size > 1_000 ? QUICK_ROUNDS : rounds, warmUp: size > 1_000 ? 1 : 2 });
  return Object.entries(found).map(([name, figures]) =>
    rowOf(`overhead, ${name}, ${size} tasks`, figures, {
      unit: "us a task",
      baseline: "floor",
      ratio: Math.round(figures.median / found.floor.median),
      ...(size === 1_000 && name in TARGETS && { target: TARGETS[name] }),
    }),
  );
}

async function playHeard(machine, input) {
  let heard = 0;
  const onEvent = () => (heard += 1);
  await play(machine, memoryHost(), { input, onEvent });
  if (heard < input.plan.tasks.length * 2) throw new Error(`Only ${heard} events were heard.`);
}

/** The baseline, with its proof: each task once, after its dependencies, never more than the cap. */
async function playFloor(dependencies) {
  const done = new Uint8Array(dependencies.length);
  let live = 0;
  await floor(dependencies, CAP, async (at) => {
    live += 1;
    if (live > CAP || done[at] || dependencies[at].some((to) => !done[to]))
      throw new Error(`The baseline broke a rule at task ${at}.`);
    await Promise.resolve();
    live -= 1;
    done[at] = 1;
  });
}

function growthOf(arm, rows) {
  const at = (size) => rows.find(({ name }) => name === `overhead, ${arm}, ${size} tasks`).value;
  return {
    name: `overhead, ${arm}, growth`,
    value: Math.round((at(10_000) / at(1_000)) * 100) / 100,
    unit: "x (10,000 / 1,000 tasks)",
    target: MOST_GROWTH,
  };
}
