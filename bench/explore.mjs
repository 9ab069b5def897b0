// How fast the explorers are. The chart: states and transitions of independent tasks, beside xstate/graph on the same
// machine, events and keys; and the most memory that takes. And whole simulated runs a second.
import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { explore, exploreByXstate } from "./parts/explore-stage.mjs";
import { treeRows } from "./parts/explore-tree.mjs";
import { compare, QUICK_ROUNDS, round, rowOf, summaryOf, workOf } from "./parts/measure.mjs";
import { simulation } from "./parts/simulate.mjs";

const CHILD = fileURLToPath(new URL("parts/explore-child.mjs", import.meta.url));
/** Microseconds of work for a state: 5,000 states a second. */
const MOST_US = 200;
const MOST_MB = 600;

/** Rows of both levels, and of simulated runs. */
export async function run({ quick = false } = {}) {
  return [...(await chart(quick)), ...treeRows({ quick }), ...(await simulation({ quick }))];
}

async function chart(quick) {
  const [few, many] = quick ? [3, 4] : [5, 6];
  return [...(await beside(few, quick)), ...(await alone(many, quick))];
}

/** The same states by both; ours looks at all promises on its way. */
async function beside(tasks, quick) {
  const baseline = `explore, chart, ${tasks} tasks, xstate/graph`;
  const perState = (arm) => async () => {
    let states = 0;
    const ms = await workOf(() => {
      ({ states } = arm(tasks));
    });
    return (ms * 1_000) / states;
  };
  const { theirs, ours } = await compare(
    { theirs: perState(exploreByXstate), ours: perState(explore) },
    { rounds: QUICK_ROUNDS, warmUp: quick ? 0 : 1 },
  );
  return [
    rowOf(baseline, theirs, { unit: "us a state" }),
    rowOf(`explore, chart, ${tasks} tasks, exploreRun`, ours, {
      unit: "us a state",
      baseline,
      ratio: round(ours.median / theirs.median),
    }),
  ];
}

async function alone(tasks, quick) {
  const found = [];
  for (let turn = 0; turn < (quick ? 1 : QUICK_ROUNDS); turn++) found.push(await play(tasks));
  const of = (figure) => summaryOf(found.map(figure));
  const name = `explore, chart, ${tasks} tasks`;
  const [{ states, transitions }] = found;
  return [
    { name: `${name}, states`, value: states, unit: "states" },
    { name: `${name}, transitions`, value: transitions, unit: "transitions" },
    rowOf(
      `${name}, a state`,
      of(({ ms }) => (ms * 1_000) / states),
      { unit: "us a state", ...(!quick && { target: MOST_US }) },
    ),
    rowOf(
      `${name}, states a second`,
      of(({ ms }) => (states * 1_000) / ms),
      { unit: "a second" },
    ),
    rowOf(
      `${name}, transitions a second`,
      of(({ ms }) => (transitions * 1_000) / ms),
      { unit: "a second" },
    ),
    rowOf(
      `${name}, memory`,
      of(({ peakMb }) => peakMb),
      { unit: "MB at most", target: MOST_MB },
    ),
  ];
}

async function play(tasks) {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, String(tasks)]);
  return JSON.parse(stdout);
}
