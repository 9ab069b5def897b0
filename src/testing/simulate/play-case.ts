// One case again: to look at a violation, to keep it as a test, to write it as a run file.
import { memoryJournal } from "../../host/memory-journal.ts";
import type { SimulatedCase } from "./case.ts";
import { FirstLife } from "./first-life.ts";
import { Stage } from "./stage.ts";
import type { SimulatedRun, StageOptions } from "./stage.ts";

/**
 * Plays the case of a violation with the options that it was found with. `stop`: the moment of a crash sweep at which the
 * run is killed and taken up again; what is returned is the run that was taken up. A run that ends before that moment is
 * not killed. Throws QuatrainError for bad workers, models or policies.
 */
export async function playCase(options: StageOptions, played: SimulatedCase, stop?: number): Promise<SimulatedRun> {
  const stage = new Stage(options);
  if (stop === undefined) return stage.play(played);
  const journal = memoryJournal();
  const { crash, performing } = new FirstLife(stop);
  const first = await stage.play(played, { journal, crash, performing });
  return first.end.kind === "crashed" ? stage.play(played, { journal }) : first;
}
