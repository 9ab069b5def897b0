// `quatrain demo`: plays the worked example on the sample application, watched like any run, and ends with the
// application's own tests and the times that show what working side by side was worth.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { QuatrainError } from "../../core/errors.ts";
import { listRuns } from "../../run/records.ts";
import type { Run } from "../../run/run.ts";
import { criticalPath } from "../../queue/plan-index.ts";
import { canRepaint } from "../io.ts";
import type { Io } from "../io.ts";
import { EXIT } from "../exit-code.ts";
import { recordingOf } from "../recording.ts";
import type { RecordFlags } from "../recording.ts";
import { reporterKind, superviseRun } from "../supervise.ts";
import { durationText } from "../words.ts";
import { setStage, testApplication } from "./stage.ts";
import type { TestResult } from "./stage.ts";

/** Flags of `demo`, and the outside. */
export interface DemoOptions extends RecordFlags {
  readonly io: Io;
  readonly fast?: boolean;
  readonly break?: string;
  readonly live?: boolean;
  readonly keep?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

const INTRODUCTION = [
  'The job: "add user authentication", on a copy of the sample application.',
  "The models' answers are scripted and come over HTTP from a stand-in on this",
  "machine: no key, no cost, nothing leaves it. All else is real: machines, plan",
  "check, copies, edits, test runs, retries. Spend is simulated at list price.",
];

/** Plays the demo. Resolves to the exit code: 3 when the application's tests fail at the end. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { io } = options;
  const kind = reporterKind(options, canRepaint(io));
  const folder = options.keep === undefined ? undefined : path.resolve(io.directory, options.keep);
  const resume = folder === undefined ? undefined : openRunIn(folder);
  const say = (...lines: readonly string[]): void => {
    if (kind !== "json") for (const line of lines) io.stdout.write(`${line}\n`);
  };
  const recording = recordingOf(options, io);
  const searchPath = ownNodeFirst();
  const stage = await setStage({
    fast: options.fast ?? false,
    live: options.live ?? false,
    ...(options.break === undefined ? {} : { spoil: options.break }),
    ...(folder === undefined ? {} : { folder }),
    ...(resume === undefined ? {} : { resume }),
  });
  if (!options.live) say(...INTRODUCTION, "");
  const again = `quatrain demo --keep ${stage.folder}${options.fast ? " --fast" : ""}${options.live ? " --live" : ""}`;
  const place = { workspace: stage.folder, store: path.join(stage.folder, ".quatrain"), flags: "", again };
  const code = await superviseRun(stage.run, { io, kind, place, apply: true, recording });
  const { outcome } = await stage.run.result;
  const ended = outcome === "complete" || outcome === "partial";
  const tested = ended ? await testApplication(stage.folder) : null;
  const isKept = !ended || folder !== undefined;
  if (tested) say("", ...timeLines(stage.run), ...testLines(tested), isKept ? `The result is in ${stage.folder}.` : KEEP_HINT);
  await stage.close(isKept);
  searchPath.restore();
  return tested && tested.failed !== 0 ? EXIT.partial : code;
}

const KEEP_HINT = "The folder of the demo is gone now; --keep DIR keeps it.";

/** Commands of the demo's workers run `node`: the one that runs this, wherever it was started from. */
function ownNodeFirst(): { restore(): void } {
  const before = process.env["PATH"] ?? "";
  process.env["PATH"] = [path.dirname(process.execPath), before].join(path.delimiter);
  return {
    restore: () => {
      process.env["PATH"] = before;
    },
  };
}

/** The open run of an earlier demo in this folder; undefined for a new folder. Throws for a folder with other things in it. */
function openRunIn(folder: string): string | undefined {
  mkdirSync(folder, { recursive: true });
  const store = path.join(folder, ".quatrain");
  const open = existsSync(store) ? listRuns({ store }).find(({ state }) => state === "open") : undefined;
  if (open) return open.id;
  if (readdirSync(folder).length === 0) return undefined;
  throw new QuatrainError(
    "BadOption",
    `--keep ${folder}: the folder is not empty. Name a new one, or one with a demo that was stopped.`,
  );
}

/** One after the other, along the longest path, and as it was. */
function timeLines(run: Run): readonly string[] {
  const { plan, queue } = run.snapshot.context;
  const { tasks, startedAt, endedAt } = run.snapshot.output ?? { tasks: [], startedAt: 0, endedAt: 0 };
  if (!plan || !queue) return [];
  const durations = Object.fromEntries(tasks.map(({ id, durationMs }) => [id, durationMs]));
  const sum = tasks.reduce((total, { durationMs }) => total + durationMs, 0);
  const longest = criticalPath(plan, durations);
  const starts = queue.tasks.flatMap(({ startedAt: at }) => at ?? []);
  const ends = queue.tasks.flatMap(({ settledAt: at }) => at ?? []);
  const working = starts.length === 0 ? 0 : Math.max(...ends) - Math.min(...starts);
  return [
    `Tasks one after the other: ${durationText(sum)}. Along the longest path (${longest.tasks.join(" -> ")}): ${durationText(longest.ms ?? 0)}. As it was: ${durationText(working)}; the whole run: ${durationText(endedAt - startedAt)}.`,
  ];
}

function testLines({ passed, failed, output }: TestResult): readonly string[] {
  const names = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => `  ✗ ${name}`);
  return [`The application's own tests: ${passed} passed, ${failed} failed.`, ...(failed === 0 ? [] : names)];
}
