// The level of the chart: the orchestrator's transitions, exhaustively, on every shape of a plan (see exploration.mjs).
import { DEFAULT_TABLE } from "../../dist/core/policy.js";
import { defineWorker } from "../../dist/index.js";
import { exploreRun, planShapes } from "../../dist/testing/index.js";

const worker = defineWorker({ name: "worker", description: "Does a task.", instructions: "Work." });
const CAPS = [1, 2, 3, 4];
/** Nobody has a task done more often than that. */
const enough = ({ context }) => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 3);
const skips = (tasks) => Array.from({ length: tasks }, (_, at) => ({ type: "task.skip", task: `t${at + 1}` }));
const retries = (tasks) => Array.from({ length: tasks }, (_, at) => ({ type: "task.retry", task: `t${at + 1}` }));

/** What may happen, on plans of how many tasks at most (fewer of them where the states are many), at how many at once. */
const SERIES = [
  { name: "attempts that fail, break and report late", less: 0, caps: CAPS, options: {} },
  { name: "losses that are final", less: 0, caps: CAPS, options: { outcomes: ["ToolDenied"], stale: false } },
  {
    name: "people who pause, resume, cancel and skip",
    less: 1,
    caps: [1, 2],
    options: ({ tasks }) => ({
      outcomes: ["WorkspaceFailed"],
      stale: false,
      commands: [{ type: "run.pause" }, { type: "run.resume" }, { type: "run.cancel" }, ...skips(tasks.length)],
    }),
  },
  {
    name: "people who want tasks done again",
    less: 2,
    caps: [2],
    options: ({ tasks }) => ({ outcomes: ["WorkspaceFailed"], stale: false, commands: retries(tasks.length), until: enough }),
  },
  {
    name: "tasks that are cut or worded anew",
    less: 2,
    caps: [2],
    options: { outcomes: ["PromptTooLong", "Refused"], stale: false },
    run: { maxTasks: 4 },
  },
  { name: "runs that are suspended", less: 2, caps: [2], options: { outcomes: ["AuthFailed"], until: enough } },
  {
    name: "questions and their answers",
    less: 2,
    caps: [2],
    options: { outcomes: ["Poisoned"], stale: false, until: enough },
    run: { asks: "wait", review: true },
  },
];

/** Explores every series on plans of up to `tasks` tasks. Numbers by name, and a line for each broken promise. */
export function exploreCharts({ tasks, log }) {
  const numbers = { "shapes of plans": 0, "explorations of the chart": 0, "states of the chart": 0, "transitions of it": 0 };
  const faults = [];
  const shapes = [1, 2, 3, 4].map((count) => planShapes({ tasks: count, worker: worker.name }));
  numbers["shapes of plans"] = shapes.slice(0, tasks).reduce((sum, plans) => sum + plans.length, 0);
  for (const series of SERIES) {
    const [begin, before] = [performance.now(), numbers["states of the chart"]];
    for (const plan of shapes.slice(0, Math.max(1, tasks - series.less)).flat()) {
      for (const concurrency of series.caps) exploreOne(series, { plan, concurrency, numbers, faults });
    }
    const [states, seconds] = [numbers["states of the chart"] - before, (performance.now() - begin) / 1000];
    log(`${series.name}: ${states.toLocaleString("en-US")} states in ${seconds.toFixed(1)} s`);
  }
  faults.push(...blindness(shapes[1] ?? []));
  return { numbers: { ...numbers, "broken promises": faults.length }, faults };
}

function exploreOne({ name, options, run }, { plan, concurrency, numbers, faults }) {
  const more = typeof options === "function" ? options(plan) : options;
  const shape = plan.tasks.map(({ id, dependencies }) => [id, ...dependencies.map(({ task }) => task)].join(" < ")).join("; ");
  const report = exploreRun({ workers: [worker], plan, options: { concurrency, ...run }, ...more });
  numbers["explorations of the chart"] += 1;
  numbers["states of the chart"] += report.states;
  numbers["transitions of it"] += report.transitions;
  const place = `${name}, ${concurrency} at once, ${shape}`;
  if (!report.isExhausted) faults.push(`${place}: not exhausted`);
  for (const { invariant, message, script } of report.violations)
    faults.push(`${place}: ${invariant}: ${message}\n  ${script === "" ? "at once" : script}`);
}

/** A policy that tries without limit has to be seen, or all the silence above says nothing. */
function blindness([plan]) {
  const again = { do: "renew", change: {}, waitMs: [0, 0] };
  const stubborn = { turn: [], attempt: Array.from({ length: 1_000 }, () => again), then: "fail" };
  const { violations } = exploreRun({
    workers: [worker],
    plan,
    policy: {
      table: { ...DEFAULT_TABLE, WorkspaceFailed: stubborn },
      attempts: 1_000,
      restarts: { intensity: 1_000_000, periodMs: 1 },
    },
  });
  const isSeen = violations.some(({ invariant, steps }) => invariant === "attemptsHold" && steps.length <= 8);
  return isSeen ? [] : ["a policy that tries without limit is not seen"];
}
