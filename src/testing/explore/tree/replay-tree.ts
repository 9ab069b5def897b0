// Plays a witness again, on the real actors: to look at what it led to, to keep it as a test, to open its journal.
import { z } from "zod";
import { Command } from "../../../protocol/command.ts";
import { checkGiven, listOf } from "../../check/given.ts";
import type { Broken } from "../../simulate/invariant.ts";
import type { SimulatedRun } from "../../simulate/stage.ts";
import { checkedOptions, playerOf } from "./explore-host.ts";
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

const STEPS = listOf(
  z.union(
    [
      z.object({ deliver: z.string(), world: z.record(z.string(), z.looseObject({})).optional() }),
      z.object({ command: Command }),
      z.object({ crash: z.enum(["rest", "middle"]) }),
      z.object({ stop: z.literal(true) }),
    ],
    "give a step of a witness of exploreHost",
  ),
  "steps, such as those of a witness",
);

/**
 * Plays the steps of a witness with the options of its exploration. What can't be played any more is the broken promise
 * `sameWayAgain`. Throws QuatrainError for bad options, workers, plans,
 * models or policies, and for steps that are none.
 */
export async function replayTree(options: ExploreHostOptions, steps: readonly TreeStep[]): Promise<ReplayedTree> {
  checkGiven("replayTree: steps", STEPS, steps);
  const played = await playerOf(checkedOptions(options)).play(steps, { words: true, last: steps.length });
  const { end, life, pending, words } = played;
  const run = played.run(end ?? { kind: "stalled" });
  const isOver = end !== undefined || pending.length === 0;
  const broken = isOver ? [...played.broken, ...life.auditor.verdict(run)] : played.broken;
  return { broken: [...new Map(broken.map((one) => [one.invariant, one])).values()], script: scriptOf(words), run };
}
