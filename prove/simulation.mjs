// Proves that no order of events, fault, command or budget loses a task, breaks a limit or hangs a run: seeded random
// runs of the real machines on the simulated host (`npm run prove:simulation -- --runs 1000`).
//   The mix: half the runs have 1 to 12 tasks, three tenths up to 30, a fifth up to 60; chains, stars, layers, meeting
//   points and random graphs; plans given or made by the simulated model; every failure code at turns and steps;
//   commands and cancellations at random moments; budgets that bind; every 20th run is played twice.
import { simulateRuns } from "../dist/testing/index.js";
import { workers } from "./parts/cast.mjs";
import { prove } from "./harness.mjs";

const MIX = [
  { share: 0.5, tasks: [1, 12] },
  { share: 0.3, tasks: [4, 30] },
  { share: 0.2, tasks: [10, 60] },
];
/** How slow workers are, in virtual ms. */
const LATENCY = {
  backend: { medianMs: 400 },
  frontend: { medianMs: 300, spread: 1.2 },
  typed: { medianMs: 60 },
  "*": { medianMs: 200 },
};

await prove({
  name: "simulation",
  promise: "Whatever fails, and whoever interferes: every run ends, and every task once.",
  sizes: { runs: { full: 10_000, quick: 150 } },
  async run({ runs, seed, log }) {
    const numbers = { runs: 0, tasks: 0, turns: 0, commands: 0, "kinds of failure": 0, "played twice": 0, violations: 0 };
    const faults = [];
    const kinds = new Set();
    for (const [at, { share, tasks }] of MIX.entries()) {
      const report = await simulateRuns({
        workers,
        tasks,
        runs: Math.round(runs * share),
        seed: (seed - 1) * 1_000_000 + at * 100_000 + 1,
        latency: LATENCY,
      });
      for (const code of Object.keys(report.coverage.failures)) kinds.add(code);
      for (const name of ["runs", "tasks", "turns", "commands"]) numbers[name] += report[name];
      numbers["played twice"] += report.repeated;
      for (const { seed: broken, invariant, message, script } of report.violations)
        faults.push(`seed ${broken}, ${tasks.join(" to ")} tasks: ${invariant}: ${message}\n${script}`);
      log(`${tasks.join(" to ")} tasks: ${JSON.stringify(report.outcomes)}`);
    }
    numbers["kinds of failure"] = kinds.size;
    numbers.violations = faults.length;
    return { numbers, faults };
  },
});
