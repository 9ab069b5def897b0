// A started child process, reduced to what `runProcess` needs. The only user of node:child_process.
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";

/** A program with its arguments (no shell involved), or a command line for `bash -c`. */
export type ProcessCommand = { readonly argv: readonly string[] } | { readonly shell: string };

/** Why a process could not be started. */
export interface ProcessFailure {
  /** The system's code, such as `ENOENT` or `EACCES`. */
  readonly code: string;
  /** What was tried and what to look at. */
  readonly message: string;
}

/** How the process itself ended: by an exit code or by a signal. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** A child that leads its own process group. */
export interface Child {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process itself has ended. */
  readonly exited: Promise<ProcessEnd>;
  /** Resolves when, besides, nobody holds its pipes any more. */
  readonly closed: Promise<void>;
}

/** Starts a command as the leader of a new process group, stdin empty; a failure is returned, never thrown. */
export async function startChild(
  command: ProcessCommand,
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<{ readonly child: Child } | { readonly failure: ProcessFailure }> {
  const [file = "", ...parameters] = "argv" in command ? command.argv : ["bash", "-c", command.shell];
  const { cwd, env } = options;
  try {
    const spawned = spawn(file, parameters, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const exited = new Promise<ProcessEnd>((resolve) => {
      spawned.once("exit", (exitCode, signal) => resolve({ exitCode, signal }));
    });
    const closed = new Promise<void>((resolve) => {
      spawned.once("close", () => resolve());
    });
    await startOf(spawned);
    return { child: { pid: spawned.pid ?? 0, stdout: spawned.stdout, stderr: spawned.stderr, exited, closed } };
  } catch (error) {
    return { failure: failureOf(error, file, options.cwd) };
  }
}

function startOf(spawned: ChildProcessByStdio<null, Readable, Readable>): Promise<void> {
  return new Promise((resolve, reject) => {
    spawned.once("spawn", () => resolve());
    // Stays attached: a later error (a signal that could not be sent) must not end our own process.
    spawned.on("error", reject);
  });
}

function failureOf(error: unknown, file: string, cwd: string): ProcessFailure {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
  const reason = error instanceof Error ? error.message : String(error);
  const advice = code === "ENOENT" ? `The program or the folder ${JSON.stringify(cwd)} does not exist.` : reason;
  return { code, message: `${JSON.stringify(file)} could not be started (${code}). ${advice}` };
}
