// Finds and ends processes by a variable in their environment. A process that called setsid has left its group;
// the variable it inherited still tells whose it is. Works where /proc exists (Linux); elsewhere nothing is found.
import { readFile, readdir } from "node:fs/promises";
import process from "node:process";
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
  let killed = 0;
  for (let round = 0; round < maximumRounds; round += 1) {
    const pids = await findMarked(name, value);
    if (pids.length === 0) break;
    for (const pid of pids) if (sendSignal(pid, "SIGKILL")) killed += 1;
  }
  return killed;
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

/** A fork bomb can be faster than we are; after this many rounds the caller gets its answer anyway. */
const maximumRounds = 20;

async function hasEntry(pid: number, wanted: string): Promise<boolean> {
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return environment.split("\0").includes(wanted);
}
