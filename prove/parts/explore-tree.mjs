// The tree's part of the exploration: the real actors over every order of events, every outcome and every crash point, of
// all plans up to three tasks; and the corners where planted mistakes show.
import process from "node:process";
import { exploreHost, workMayFail } from "../../dist/testing/index.js";
import { defineWorker } from "../../dist/workers/index.js";

const workers = [
  defineWorker({ name: "function", description: "does it by code", perform: () => "done" }),
  defineWorker({ name: "model", description: "does it by model", instructions: "work" }),
];

/** All shapes of plans up to three tasks, up to isomorphism: for each task those that it needs. */
const SHAPES = {
  1: [[[]]],
  2: [
    [[], []],
    [[], [1]],
  ],
  3: [
    [[], [], []],
    [[], [1], []],
    [[], [1], [1]],
    [[], [], [1, 2]],
    [[], [1], [2]],
    [[], [1], [1, 2]],
  ],
};

/** A plan of one worker from its shape. */
export const planOf = (worker, shape) => ({
  rationale: "a shape",
  tasks: shape.map((needs, at) => ({
    id: `t${at + 1}`,
    label: `task ${at + 1}`,
    worker,
    task: `do ${at + 1}`,
    input: null,
    files: [],
    constraints: [],
    outputFormat: "a line",
    dependencies: needs.map((task) => ({ task: `t${task}`, kind: "hard" })),
    writes: [],
    acceptance: [],
    optional: false,
    tier: null,
  })),
});

/** What an exploration is called in a log. */
const nameOf = (worker, shape, cap) =>
  `${worker} ${shape.map((needs, at) => `t${at + 1}${needs.length > 0 ? `<${needs.map((one) => `t${one}`).join("")}` : ""}`).join(" ")}, ${cap} at once`;

/** The explorations of all shapes with up to so many tasks, each with every cap that makes a difference. */
function* shapes(worker, most) {
  for (let count = 1; count <= most; count++) {
    for (const shape of SHAPES[count]) {
      for (let cap = 1; cap <= count; cap++)
        yield { name: nameOf(worker, shape, cap), plan: planOf(worker, shape), options: { concurrency: cap } };
    }
  }
}

/** Late reports may come wherever an attempt is over and another one runs. */
const lateToo = (question) => (question.effect === "lateReport" ? [{}, { late: true }] : workMayFail(question));

const alwaysWell = () => [{}];

/** Where mistakes show that an ordinary run never meets. */
const CORNERS = [
  {
    name: "a person skips and cancels",
    plan: planOf("function", [[]]),
    options: { synthesis: false },
    commands: [{ type: "task.skip", task: "t1" }, { type: "run.cancel" }],
  },
  {
    name: "reports come late",
    plan: planOf("function", [[], []]),
    options: { synthesis: false, concurrency: 2 },
    crashes: 0,
    outcomes: lateToo,
  },
  {
    name: "money for one turn at a time",
    plan: planOf("model", [[], []]),
    options: { synthesis: false, concurrency: 2 },
    // The worst case of a turn is 17,000 tokens.
    budget: { tokens: 25_000 },
    outcomes: alwaysWell,
  },
];

/**
 * Explores the tree: function workers up to `tasks` tasks, model workers up to two, and the corners; work may fail, two
 * attempts, one crash at any moment. Returns what was counted by its name in plain words, a line for each fault, and the
 * seconds of work of this process.
 */
export async function exploreTree({ tasks, models = Math.min(tasks, 2), log }) {
  const before = process.cpuUsage();
  const sum = { explorations: 0, states: 0, transitions: 0 };
  const faults = [];
  for (const { name, ...options } of [...CORNERS, ...shapes("function", tasks), ...shapes("model", models)]) {
    const { states, transitions, isExhausted, violations } = await exploreHost({ workers, crashes: 1, ...options });
    sum.explorations++;
    sum.states += states;
    sum.transitions += transitions;
    log(`tree, ${name}: ${states} states, ${transitions} ways on${isExhausted ? "" : ", NOT EXHAUSTED"}`);
    for (const { invariant, message, script } of violations) faults.push(`tree, ${name}: ${invariant}: ${message}\n  ${script}`);
    if (!isExhausted && violations.length === 0) faults.push(`tree, ${name}: not exhausted`);
  }
  const { user, system } = process.cpuUsage(before);
  const numbers = {
    "explorations of the tree": sum.explorations,
    "states of the tree": sum.states,
    "ways on from them": sum.transitions,
  };
  return { numbers, faults, seconds: (user + system) / 1e6 };
}
