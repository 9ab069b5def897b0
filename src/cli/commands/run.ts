// `quatrain run`: a request becomes a run that is watched to its end.
import { orchestrate } from "../../run/orchestrate.ts";
import { canRepaint, isInteractive } from "../io.ts";
import type { Io } from "../io.ts";
import { recordingOf } from "../recording.ts";
import { placeOf, runOptions } from "../settings.ts";
import type { RunFlags } from "../settings.ts";
import { reporterKind, superviseRun } from "../supervise.ts";
import { openInspector } from "../inspector.ts";

/** Carries out a request. Throws QuatrainError for bad configuration. */
export async function runCommand(request: string, flags: RunFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const kind = reporterKind(flags, canRepaint(io));
  const isPerson = kind !== "json" && isInteractive(io);
  const options = runOptions(flags, place, io);
  const recording = recordingOf(flags, io);
  const inspector = flags.inspect === true ? await openInspector(io, kind) : null;
  try {
    const run = orchestrate(request, {
      ...options,
      review: isPerson && flags.yes !== true,
      asks: isPerson ? "wait" : "deny",
      ...(inspector ? { inspect: inspector.inspect } : {}),
    });
    if (!isPerson && kind !== "json" && flags.yes !== true) {
      io.stderr.write(
        "quatrain: no terminal to ask at: the plan is not reviewed, and what needs a person's leave is denied (--yes says the first on purpose).\n",
      );
    }
    return await superviseRun(run, { io, kind, place, apply: flags.apply === true, recording });
  } finally {
    await inspector?.close();
  }
}
