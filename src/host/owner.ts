// Who a lease belongs to, and whether that process is still there.
//   O1  An owner that can't be judged from here (another machine, another container, a name of the caller's) counts as alive.
//   O2  A process id alone proves nothing: ids are given again. On Linux the start time of the process tells.
import { builtin } from "./sqlite-file.ts";

/** This process, as `place:pid:start`. */
export function ownerOfThisProcess(): string {
  return `${place()}:${process.pid}:${startOf(process.pid) ?? Math.round(performance.timeOrigin)}`;
}

/** Who holds a lease at a moment, as its row tells; null when it was given back, has run out, or its owner is dead. */
export function holderAt(lease: Readonly<Record<string, unknown>> | undefined, now: number): string | null {
  const owner = lease?.["owner"];
  return typeof owner === "string" && owner !== "" && Number(lease?.["until"]) > now && !isDead(owner) ? owner : null;
}

/** True for an owner `place:pid:start` of this place whose process is gone. */
export function isDead(owner: string): boolean {
  const [, where, pid, start] = /^(.+):(\d+):(\d+)$/.exec(owner) ?? [];
  if (where !== place()) return false;
  if (Number(pid) === process.pid) return owner !== ownerOfThisProcess();
  if (!isThere(Number(pid))) return true;
  const found = startOf(Number(pid));
  return found !== undefined && found !== start;
}

/** Where process ids mean the same: the host, and on Linux its boot and process namespace, as containers share host names. */
function place(): string {
  const host = builtin("node:os").hostname();
  const fs = builtin("node:fs");
  const boot = answerOf(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").slice(0, 8));
  const namespace = answerOf(() => /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0]);
  return boot === undefined || namespace === undefined ? host : `${host}/${boot}/${namespace}`;
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/**
 * When a process started, in ticks since the boot; "0" for one that is dead and not yet collected; undefined where
 * nothing tells.
 */
function startOf(pid: number): string | undefined {
  const text = answerOf(() => builtin("node:fs").readFileSync(`/proc/${pid}/stat`, "utf8"));
  // The name, field 2, stands in brackets and may hold anything; the state is field 3, the start field 22.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" || fields?.[0] === "X" ? "0" : fields?.[19];
}

function answerOf<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
