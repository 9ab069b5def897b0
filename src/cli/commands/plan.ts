// `quatrain plan`: decompose only. A run that ends where a person would review the plan.
import { orchestrate } from "../../run/orchestrate.ts";
import { canRepaint } from "../io.ts";
import type { Io } from "../io.ts";
import { recordingOf } from "../recording.ts";
import { placeOf, runOptions } from "../settings.ts";
import type { RunFlags } from "../settings.ts";
import { reporterKind, superviseRun } from "../supervise.ts";

/** Flags of `plan`. */
export interface PlanFlags extends RunFlags {
  /** Stop the run instead of cancelling it, so that `resume` carries the plan out. */
  readonly keep?: boolean;
}

/** Makes a plan and prints it. A run that gets no plan ends as it would with `run`. */
export async function planCommand(request: string, flags: PlanFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const kind = reporterKind(flags, canRepaint(io));
  const recording = recordingOf(flags, io);
  const run = orchestrate(request, { ...runOptions(flags, place, io), mode: "orchestrate", review: true, asks: "wait" });
  return superviseRun(run, { io, kind, place, apply: false, planOnly: flags.keep === true ? "keep" : "cancel", recording });
}
