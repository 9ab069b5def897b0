// The demo without its show: a fresh copy of the sample application, the models behind it, the run, and the final test.
//   D1  Nothing outside the demo's own folder is touched.
//   D2  Without a key the answers come from the stand-in server over HTTP; with `live` from the real models.
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { QuatrainError } from "../../core/errors.ts";
import { cleanEnvironment } from "../../process/environment.ts";
import { runProcess } from "../../process/run-process.ts";
import { openRun } from "../../run/open-run.ts";
import { orchestrate } from "../../run/orchestrate.ts";
import type { SharedOptions } from "../../run/options.ts";
import type { Run } from "../../run/run.ts";
import { standIn } from "../../testing/stand-in/stand-in.ts";
import type { StandIn } from "../../testing/stand-in/stand-in.ts";
import { demoBrain } from "./brain.ts";
import { readMaterial, REQUEST } from "./material.ts";
import type { Material } from "./material.ts";

/** How the demo is played. */
export interface StageOptions {
  /** No waits between tokens. @default false */
  readonly fast?: boolean;
  /** Spoils the scripted edit of this task, such as `t3`. @default none */
  readonly spoil?: string;
  /** Real models instead of scripted ones; needs a key. @default false */
  readonly live?: boolean;
  /** Folder to work in; made when missing, must be empty. @default a new temporary folder */
  readonly folder?: string;
  /** Takes up this run of an earlier demo in `folder`, instead of starting one. */
  readonly resume?: string;
  readonly inspect?: SharedOptions["inspect"];
}

/** How the application's tests ended. */
export interface TestResult {
  readonly passed: number;
  readonly failed: number;
  readonly output: string;
}

/** A demo that is being played. */
export interface Stage {
  readonly run: Run;
  readonly folder: string;
  /** The stand-in's record; null when live. */
  readonly server: StandIn | null;
  /** Carries the result into the demo's folder and runs the application's tests there. */
  finalTest(): Promise<TestResult>;
  /** Ends the stand-in; removes a temporary folder where `keep` is false. */
  close(keep: boolean): Promise<void>;
}

/** Scripted speed in ms: quick enough to watch, slow enough to follow. */
const PACE = { firstByteMs: 200, perTokenMs: 0.75 };
/** Longest run of the application's tests, in ms. */
const TEST_TIME_MS = 60_000;

/** Sets the stage and starts the run. Throws QuatrainError for a task that can't be spoiled. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const material = readMaterial();
  checkSpoil(material, options.spoil);
  const folder = options.folder ?? (await mkdtemp(path.join(tmpdir(), "quatrain-demo-")));
  if (options.resume === undefined) await cp(material.application, folder, { recursive: true });
  const server = options.live
    ? null
    : await standIn({ brain: demoBrain({ material, spoil: options.spoil ?? null }), ...(options.fast ? {} : { latency: PACE }) });
  const run = await startRun(options, folder, server);
  return {
    run,
    folder,
    server,
    finalTest: async () => {
      await run.apply();
      return testApplication(folder);
    },
    close: async (keep) => {
      await server?.close();
      if (!keep && options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs the tests of the application in a folder. */
export async function testApplication(folder: string): Promise<TestResult> {
  const { stdout } = await runProcess(
    { argv: [process.execPath, "--test", "--test-reporter=tap"] },
    {
      cwd: folder,
      env: cleanEnvironment({ home: tmpdir(), runId: "demo" }),
      timeoutMs: TEST_TIME_MS,
      signal: new AbortController().signal,
    },
  );
  const count = (name: string): number => Number(new RegExp(`^# ${name} (\\d+)$`, "m").exec(stdout.text)?.[1] ?? Number.NaN);
  return { passed: count("pass"), failed: count("fail"), output: stdout.text };
}

async function startRun(options: StageOptions, folder: string, server: StandIn | null): Promise<Run> {
  const { inspect } = options;
  const shared: SharedOptions = { ...(server ? { models: scriptedModels(server.url) } : {}), ...(inspect ? { inspect } : {}) };
  if (options.resume !== undefined) return openRun(options.resume, { ...shared, store: path.join(folder, ".quatrain") });
  return orchestrate(REQUEST, { ...shared, workspace: folder, permissions: { allow: ["bash"] } });
}

/** The default models at the stand-in's address, with the abilities of the real API. */
function scriptedModels(baseURL: string): NonNullable<SharedOptions["models"]> {
  const at = { baseURL, apiKey: "scripted", caching: true, outputFormat: true };
  return {
    orchestrator: { model: "claude-opus-5-5", ...at },
    worker: { model: "claude-sonnet-5-5", effort: "medium", ...at },
    router: { model: "claude-haiku-5-5", ...at },
  };
}

function checkSpoil({ breakable }: Material, spoil: string | undefined): void {
  if (spoil === undefined || breakable.includes(spoil)) return;
  throw new QuatrainError("BadOption", `--break ${spoil}: only ${breakable.join(", ")} has a spoiled edit.`);
}
