// Proves that a crash at any moment changes nothing: runs of fixed seeds are stopped before every append to their
// journal, after it, and after every effect before its result is stored; taken up again each comes to the result that it
// would have come to, nothing recorded is done again, and what may not run twice does not (`npm run prove:crash`).
import { definePlan } from "../dist/index.js";
import { crashSweep } from "../dist/testing/index.js";
import { workers } from "./parts/cast.mjs";
import { prove } from "./harness.mjs";

/** Commands in the middle: whether they come before or after a result may differ, so only the end is compared. */
const commanded = ({ seed, commands }) => ({
  seed,
  mode: "orchestrate",
  plan: null,
  options: { asks: "wait", concurrency: 3 },
  commands,
  world: { turns: 0.1, steps: 0.1 },
});
const COMMANDS = [
  [{ afterMs: 900, event: { type: "run.cancel", reason: "enough" } }],
  [
    { afterMs: 500, event: { type: "run.pause" } },
    { afterMs: 2_500, event: { type: "run.resume" } },
  ],
  [
    { afterMs: 1_200, event: { type: "task.skip", task: "t1" } },
    { afterMs: 1_500, event: { type: "run.tell", text: "hurry" } },
  ],
];

/** Commands of the model in tasks one after the other: what may run only once. */
const daring = (seed) => ({
  seed,
  mode: "orchestrate",
  plan: definePlan(
    workers,
    ["one", "two", "three"].map((label, at, all) => ({
      label,
      worker: "backend",
      task: label,
      dependsOn: all.slice(at - 1, at),
    })),
  ).plan,
  options: { permissions: { allow: ["bash"], ask: [], deny: [] }, hasWorkspace: true },
  commands: [],
  world: { script: Object.fromEntries(["t1", "t2", "t3"].map((task) => [`modelTurn ${task}#1/turn/1.0`, { answer: MAKE }])) },
});
const MAKE = { calls: [{ tool: "bash", input: { command: "make" } }] };

await prove({
  name: "crash",
  promise: "Crash anywhere, same answer.",
  sizes: { cases: { full: 40, quick: 1 }, commanded: { full: 12, quick: 1 } },
  async run({ cases, commanded: interrupted, seed, log }) {
    const alone = await crashSweep({ workers, runs: cases, seed, tasks: [2, 8] });
    log(`without commands: ${summary(alone)}`);
    const given = Array.from({ length: interrupted }, (_, at) =>
      commanded({ seed: seed * 1_000 + at, commands: COMMANDS[at % COMMANDS.length] }),
    );
    const told = await crashSweep({ workers, cases: given, result: () => null });
    log(`with commands of people: ${summary(told)}`);
    const once = await crashSweep({ workers, cases: [daring(seed)] });
    log(`with commands of the model: ${summary(once)}`);
    const sum = (count) => count(alone) + count(told) + count(once);
    const faults = [...alone.violations, ...told.violations, ...once.violations].map(
      ({ seed: broken, stop, moment, invariant, message, script }) =>
        `seed ${broken}, stop ${stop} ${moment}: ${invariant}: ${message}\n${script}`,
    );
    const numbers = {
      runs: sum((report) => report.cases),
      stops: sum((report) => report.stops),
      "effects performed again and told so": sum((report) => report.performedAgain),
      "commands in doubt and not run again": sum((report) => report.inDoubt),
      violations: faults.length,
    };
    return { numbers, faults };
  },
});

function summary({ coverage: _visited, violations, ...counts }) {
  return JSON.stringify({ ...counts, violations: violations.length });
}
