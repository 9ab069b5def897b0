// What long runs cost in memory: each piece of work in a process of its own, whose most memory the system tells.
import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { QUICK_ROUNDS, rowOf, summaryOf } from "./parts/measure.mjs";

const CHILD = fileURLToPath(new URL("parts/long-child.mjs", import.meta.url));
/** Most memory of a process at any moment, in MB. */
const MOST_MB = 300;

/** Rows of peak memory and time: a run of many tasks, a run of many events, and the log of events beside plain rxjs. */
export async function run({ quick = false } = {}) {
  const [tasks, events] = quick ? [200, 20_000] : [10_000, 1_000_000];
  const works = [
    { name: "nothing, all modules loaded", argv: ["nothing", 0] },
    { name: `ReplaySubject, ${events} events`, argv: ["ReplaySubject", events] },
    { name: `event log, ${events} events`, argv: ["event log", events], baseline: `ReplaySubject, ${events} events` },
    { name: `SQLite host, ${tasks} tasks`, argv: ["tasks", tasks], baseline: "nothing, all modules loaded", target: MOST_MB },
    { name: `SQLite host, ${events} events`, argv: ["events", events], baseline: "nothing, all modules loaded", target: MOST_MB },
  ];
  const alone = await peakOfNode();
  const rows = [{ name: "long, Node alone", ...peak(alone) }];
  const peaks = new Map();
  for (const { name, argv, baseline, target } of works) {
    // Memory differs little from one time to the next, and these take long.
    const found = [];
    for (let round = 0; round < (quick ? 1 : QUICK_ROUNDS); round++) found.push(await play(argv));
    const figures = summaryOf(found.map(({ peakMb }) => peakMb));
    peaks.set(name, figures.median);
    const against = baseline && { baseline, ratio: Math.round((figures.median / peaks.get(baseline)) * 100) / 100 };
    rows.push(rowOf(`long, ${name}`, figures, { unit: "MB at most", ...against, ...(!quick && target && { target }) }));
    if (argv[1] > 0) rows.push(rowOf(`long, ${name}, time`, summaryOf(found.map(({ us }) => us)), { unit: "us each" }));
  }
  return rows;
}

async function play(argv) {
  const { stdout } = await promisify(execFile)(process.execPath, [CHILD, ...argv.map(String)]);
  return JSON.parse(stdout);
}

async function peakOfNode() {
  const { stdout } = await promisify(execFile)(process.execPath, ["-p", "process.resourceUsage().maxRSS"]);
  return (Number(stdout) * 1_024) / 1e6;
}

function peak(mb) {
  return { value: Math.round(mb), unit: "MB at most" };
}
