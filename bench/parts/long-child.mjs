// One long piece of work in a process of its own, so that its memory can be told: node long-child.mjs <what> <count>
// Prints one JSON line: `{ peakMb, us }`: the most memory of the process, and microseconds of the clock for each task or
// event.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ReplaySubject } from "rxjs";
import { EventLog } from "../../dist/run/event-log.js";
import { orchestrate } from "../../dist/run/orchestrate.js";
import { scriptedModel } from "../../dist/testing/scripted-model.js";
import { definePlan } from "../../dist/workers/define-plan.js";
import { defineWorker } from "../../dist/workers/define-worker.js";

/** On the project's disk, not in a temporary file system, which may be memory. */
const PLACE = fileURLToPath(new URL("../../.quatrain", import.meta.url));
/** Notes that a worker tells before it lets others have their turn. */
const AT_ONCE = 1_000;

const works = {
  nothing: () => {},
  "event log": (count) => fill(count, logOf()),
  ReplaySubject: (count) => fill(count, subjectOf()),
  tasks: (count) => inStore((store) => runTasks(count, store)),
  events: (count) => inStore((store) => runEvents(count, store)),
};

const [what, count] = [process.argv[2], Number(process.argv[3])];
const begin = performance.now();
await works[what](count);
const us = ((performance.now() - begin) * 1_000) / Math.max(1, count);
// The system counts in 1,024 bytes.
console.log(JSON.stringify({ peakMb: (process.resourceUsage().maxRSS * 1_024) / 1e6, us }));

/** Events of a usual size and variety, to one watcher. */
function fill(events, { add, watched }) {
  for (let at = 0; at < events; at++)
    add(
      {
        type: "turn.completed",
        at: 1_700_000_000_000 + at * 37,
        conversation: `t${at % 900}#1`,
        turn: at % 40,
        model: "claude-sonnet-5-5",
        stop: "tool_use",
        usd: (at % 997) / 1e5,
        inputTokens: 1_000 + (at % 333),
        outputTokens: at % 777,
        cacheReadTokens: at % 12_345,
      },
      at,
    );
  if (watched() !== events) throw new Error(`The watcher was told ${watched()} of ${events} events.`);
}

function logOf() {
  const log = new EventLog();
  let seen = 0;
  log.stream.subscribe(() => (seen += 1));
  return { add: (event, row) => log.add(event, row), watched: () => seen };
}

/** The baseline: numbers events as the log does and keeps them all as they are. */
function subjectOf() {
  const subject = new ReplaySubject();
  let seen = 0;
  subject.subscribe(() => (seen += 1));
  return { add: (event, row) => subject.next({ seq: `${row}.0`, ...event }), watched: () => seen };
}

/** A run of tasks by a function that has nothing to do; each needs one or two before it. */
async function runTasks(tasks, store) {
  const worker = defineWorker({ name: "nothing", description: "does nothing", perform: () => "done" });
  const plan = definePlan(
    [worker],
    Array.from({ length: tasks }, (_, at) => ({
      label: `task-${at + 1}`,
      worker: "nothing",
      task: "Do nothing.",
      dependsOn: at < 16 ? [] : [`task-${at - 15}`, ...(at % 3 === 0 ? [`task-${at - 7}`] : [])],
    })),
  );
  await play(orchestrate(plan, { store, model: scriptedModel({ "*": "done" }), maxTasks: tasks, concurrency: 16 }), tasks * 2);
}

/** A run of one task that tells a note for each event. */
async function runEvents(events, store) {
  const worker = defineWorker({
    name: "teller",
    description: "tells",
    perform: async (_brief, { log }) => {
      for (let at = 0; at < events; at++) {
        log(`read file ${at} of the workspace`);
        if (at % AT_ONCE === AT_ONCE - 1) await setImmediate();
      }
      return "done";
    },
  });
  const plan = definePlan([worker], [{ label: "tell", worker: "teller", task: "Tell." }]);
  await play(orchestrate(plan, { store, model: scriptedModel({ "*": "done" }) }), events);
}

async function play(run, least) {
  let events = 0;
  run.events.subscribe(() => (events += 1));
  const { outcome, failure } = await run.result;
  if (outcome !== "complete" || events < least) throw new Error(`${outcome} after ${events} events: ${failure?.message}`);
}

async function inStore(act) {
  mkdirSync(PLACE, { recursive: true });
  const folder = mkdtempSync(join(PLACE, "bench-"));
  try {
    await act(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
