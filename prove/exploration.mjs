// Proves that no order of events breaks a promise, by going through all of them: every reachable state of the
// orchestrator's chart on every shape of a plan (`npm run prove:exploration -- --tasks 3`).
//   The chart: all acyclic plans of up to 4 tasks up to isomorphism, 1 to 4 at once, 2 attempts that end well or badly or
//   report late; and, on smaller plans, people who interfere, losses, mendings, suspensions and questions.
//   The tree: the real actors on all such plans of up to 3 tasks, with a crash at any moment.
import { exploreCharts } from "./parts/explore-chart.mjs";
import { exploreTree } from "./parts/explore-tree.mjs";
import { prove } from "./harness.mjs";

await prove({
  name: "exploration",
  promise: "No order of events breaks a promise: every state was visited.",
  sizes: { tasks: { full: 4, quick: 3 }, tree: { full: 3, quick: 1 } },
  async run({ tasks, tree, log }) {
    const charts = exploreCharts({ tasks, log });
    const trees = await exploreTree({ tasks: tree, log });
    const faults = [...charts.faults, ...trees.faults];
    return { numbers: { ...charts.numbers, ...trees.numbers, "broken promises": faults.length }, faults };
  },
});
