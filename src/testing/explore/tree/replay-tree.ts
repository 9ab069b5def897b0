// Plays a witness again, on the real actors: to look at what it led to, to keep it as a test, to open its journal.
import type { Broken } from "../../simulate/invariant.ts";
import type { SimulatedRun } from "../../simulate/stage.ts";
import { playerOf } from "./explore-host.ts";
import type { ExploreHostOptions } from "./options.ts";
import { scriptOf } from "./steps.ts";
import type { TreeStep } from "./steps.ts";

/** What a way came to. */
export interface ReplayedTree {
  /** What it broke; empty: all promises were kept. */
  readonly broken: readonly Broken[];
  /** The way in words. */
  readonly script: string;
  /** The run where the way ends: its snapshot, events and journal. Its end is `stalled` where it would go on. */
  readonly run: SimulatedRun;
}

/**
 * Plays the steps of a witness with the options of its exploration. What can't be played any more is the broken promise
 * `sameWayAgain`. Throws QuatrainError for bad workers, models or policies.
 */
export async function replayTree(options: ExploreHostOptions, steps: readonly TreeStep[]): Promise<ReplayedTree> {
  const played = await playerOf(options).play(steps, { words: true, last: steps.length });
  const { end, life, pending, words } = played;
  const run = played.run(end ?? { kind: "stalled" });
  const isOver = end !== undefined || pending.length === 0;
  const broken = isOver ? [...played.broken, ...life.auditor.verdict(run)] : played.broken;
  return { broken: [...new Map(broken.map((one) => [one.invariant, one])).values()], script: scriptOf(words), run };
}
