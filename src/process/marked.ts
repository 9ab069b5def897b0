// Finds and ends processes by a variable in their environment. A process that called setsid has left its group;
// the variable it inherited still tells whose it is. Works where /proc exists (Linux); elsewhere nothing is found.
import { readFile, readdir } from "node:fs/promises";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { runVariable } from "./environment.ts";

/** The ids of the living processes, other than this one, whose environment holds exactly `name=value`. */
export async function findMarked(name: string, value: string): Promise<readonly number[]> {
  const entries = await readdir("/proc").catch(() => []);
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
  const wanted = `${name}=${value}`;
  const marks = await Promise.all(pids.map(async (pid) => pid !== process.pid && (await hasEntry(pid, wanted))));
  return pids.filter((_, index) => marks[index]);
}

/** Kills (SIGKILL) every process marked with `name=value`, also those born meanwhile; resolves with how many. */
export async function killMarked(name: string, value: string): Promise<number> {
  const killed = new Set<number>();
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const pids = await findMarked(name, value);
    for (const pid of pids) if (sendSignal(pid, "SIGKILL")) killed.add(pid);
    if (pids.length === 0 || performance.now() > until) return killed.size;
    // What was killed takes a moment to die, on a busy machine a long one.
    await setTimeout(1);
  }
}

/** Ends every process that a run has left behind; call it when a run ends or is resumed. Resolves with how many. */
export function endProcessesOf(runId: string): Promise<number> {
  return killMarked(runVariable, runId);
}

/** Sends a signal to a process or, with a negative id, to a group. False when nobody was there to get it. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** A fork bomb can be faster than we are; after this time the caller gets its answer anyway. */
const PATIENCE_MS = 2_000;

async function hasEntry(pid: number, wanted: string): Promise<boolean> {
  const environment = await environmentOf(pid);
  // A process that is just being replaced by another program (exec) shows none for an instant.
  const settled = environment === "" ? await environmentOf(pid) : environment;
  return settled?.split("\0").includes(wanted) ?? false;
}

/** Undefined when it is gone, or somebody else's. */
const environmentOf = (pid: number): Promise<string | undefined> =>
  readFile(`/proc/${pid}/environ`, "latin1").catch(() => undefined);
