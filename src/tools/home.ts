// The folder that serves a command as HOME and TMPDIR: private to it, gone with it. What a crash left goes with its run.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

/** Makes a home for a command of a run, and removes it when `act` has settled. */
export async function withHome<T>(runId: string, act: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(path.join(os.tmpdir(), prefixOf(runId)));
  try {
    return await act(home);
  } finally {
    await remove(home);
  }
}

/** Removes the homes of a run whose commands have all ended, those that a crash left included. Never rejects. */
export async function removeHomesOf(runId: string): Promise<void> {
  const folder = os.tmpdir();
  const names = await readdir(folder).catch(() => []);
  const prefix = prefixOf(runId);
  const homes = names.filter((name) => name.startsWith(prefix) && name.length === prefix.length + RANDOM);
  await Promise.all(homes.map((name) => remove(path.join(folder, name)).catch(() => {})));
}

const prefixOf = (runId: string): string => `quatrain-home-${runId}-`;

/** Letters that `mkdtemp` adds. */
const RANDOM = 6;

const remove = (home: string): Promise<void> => rm(home, { recursive: true, force: true, maxRetries: 3 });
