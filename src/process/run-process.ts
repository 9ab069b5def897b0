// Runs one child process to its end and reports it.
// Border: a command and limits in, one result out. A failing command is a result, never a throw.
//   P1  The child leads its own group; a timeout or an abort ends the whole group: SIGTERM, then SIGKILL.
//   P2  Whoever still holds the pipes after the child has ended can't keep the promise from settling.
//   P3  When the promise settles, nobody of the group is left, and no timer or listener of ours.
import { randomUUID } from "node:crypto";
import { startChild } from "./child.ts";
import type { Child, ProcessCommand, ProcessEnd, ProcessFailure } from "./child.ts";
import { killMarked, sendSignal } from "./marked.ts";
import { outputBuffer } from "./output.ts";
import type { CappedText } from "./output.ts";

/** Where, with what and how long a process runs. */
export interface ProcessOptions {
  /** Absolute path of the folder to run in. */
  readonly cwd: string;
  /** The whole environment of the child; see `cleanEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  /** Time after which the process group is ended. */
  readonly timeoutMs: number;
  /** Ends the process group when aborted. */
  readonly signal: AbortSignal;
  /** Bytes kept of stdout and of stderr each. @default 65_536 */
  readonly outputCap?: number;
  /** Time between SIGTERM and SIGKILL. @default 2_000 */
  readonly graceMs?: number;
  /** Time that others may hold the pipes after the child itself has ended. @default 250 */
  readonly drainMs?: number;
}

/** How a process ended. */
export interface ProcessResult extends ProcessEnd {
  /** Null when a signal ended the process or when it never started. */
  readonly exitCode: number | null;
  /** The signal that ended the process itself, if one did. */
  readonly signal: string | null;
  readonly stdout: CappedText;
  readonly stderr: CappedText;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  /** Milliseconds from the start to the end, by a monotonic clock. */
  readonly durationMs: number;
  /** Not null exactly when the process could not be started. */
  readonly failure: ProcessFailure | null;
}

/**
 * Runs a command and resolves when it has ended and everything it started in its group is gone; never rejects.
 * A process that left the group (setsid) is killed, too, when the command was stopped or when it holds the pipes.
 * stdin is empty. Background processes end with the command. With a signal aborted beforehand nothing is started.
 */
export async function runProcess(command: ProcessCommand, options: ProcessOptions): Promise<ProcessResult> {
  const startedAt = performance.now();
  const stdout = outputBuffer(options.outputCap);
  const stderr = outputBuffer(options.outputCap);
  const report = (rest: Partial<ProcessResult>): ProcessResult => ({
    exitCode: null,
    signal: null,
    stdout: stdout.finish(),
    stderr: stderr.finish(),
    timedOut: false,
    aborted: false,
    durationMs: performance.now() - startedAt,
    failure: null,
    ...rest,
  });

  if (options.signal.aborted) return report({ aborted: true });
  const marker = randomUUID();
  const start = await startChild(command, { cwd: options.cwd, env: { ...options.env, [processVariable]: marker } });
  if ("failure" in start) return report({ failure: start.failure });
  const { child } = start;
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));

  const stopper = stopOnLimit(child, options);
  const end = await Promise.race([child.exited, stopper.gaveUp]);
  stopper.release();
  const stopped = stopper.reason();
  await release(child, { marker, stopped: stopped !== null, drainMs: options.drainMs ?? 250 });
  return report({ ...end, timedOut: stopped === "timeout", aborted: stopped === "abort" });
}

/** Tells the processes of one `runProcess` from all others, also those that left its group. */
const processVariable = "QUATRAIN_PROCESS";

interface Stopper {
  /** Resolves when even SIGKILL had no effect in time (a process can hang inside the system). */
  readonly gaveUp: Promise<ProcessEnd>;
  reason(): "timeout" | "abort" | null;
  release(): void;
}

function stopOnLimit(child: Child, options: ProcessOptions): Stopper {
  const graceMs = options.graceMs ?? 2000;
  const timers: NodeJS.Timeout[] = [];
  let giveUp: (end: ProcessEnd) => void = () => {};
  const gaveUp = new Promise<ProcessEnd>((resolve) => {
    giveUp = resolve;
  });
  let reason: "timeout" | "abort" | null = null;

  const stop = (because: "timeout" | "abort"): void => {
    if (reason !== null) return;
    reason = because;
    sendSignal(-child.pid, "SIGTERM");
    timers.push(setTimeout(() => sendSignal(-child.pid, "SIGKILL"), graceMs));
    timers.push(setTimeout(() => giveUp({ exitCode: null, signal: null }), graceMs * 2));
  };
  const onAbort = (): void => stop("abort");

  timers.push(setTimeout(() => stop("timeout"), options.timeoutMs));
  options.signal.addEventListener("abort", onAbort, { once: true });
  // The signal may have fired while the child was starting.
  if (options.signal.aborted) onAbort();
  return {
    gaveUp,
    reason: () => reason,
    release() {
      for (const timer of timers) clearTimeout(timer);
      options.signal.removeEventListener("abort", onAbort);
    },
  };
}

interface Release {
  readonly marker: string;
  readonly stopped: boolean;
  readonly drainMs: number;
}

/** Keeps P2 and P3 once the child itself has ended. */
async function release(child: Child, { marker, stopped, drainMs }: Release): Promise<void> {
  if (stopped) await killMarked(processVariable, marker);
  const drained = await within(child.closed, drainMs);
  sendSignal(-child.pid, "SIGKILL");
  if (drained) return;
  await killMarked(processVariable, marker);
  if (await within(child.closed, drainMs)) return;
  child.stdout.destroy();
  child.stderr.destroy();
  await within(child.closed, drainMs);
}

function within(promise: Promise<void>, timeMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeMs);
    void promise.then(() => {
      clearTimeout(timer);
      resolve(true);
    });
  });
}
