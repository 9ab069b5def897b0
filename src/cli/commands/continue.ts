// `quatrain continue`: a new request on top of what an ended run came to.
import { continueRun } from "../../run/follow-up.ts";
import { foundRun } from "../found-run.ts";
import { withInspector } from "../inspector.ts";
import { canRepaint, isInteractive } from "../io.ts";
import type { Io } from "../io.ts";
import { recordingOf } from "../recording.ts";
import { placeOf, runOptions } from "../settings.ts";
import type { RunFlags } from "../settings.ts";
import { reporterKind, superviseRun } from "../supervise.ts";

/** What was typed. */
export interface FollowUp {
  readonly id: string;
  readonly request: string;
}

/** Follows a run up and watches the new one to its end. Throws QuatrainError "UnknownRun", "BadOption" … */
export async function continueCommand({ id, request }: FollowUp, flags: RunFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const recorded = foundRun(id, place);
  const kind = reporterKind(flags, canRepaint(io));
  const recording = recordingOf(flags, io);
  const isPerson = kind !== "json" && isInteractive(io);
  const { workspace: given, store: _store, mode: _mode, ...options } = runOptions(flags, place, io);
  const workspace = typeof flags.workspace === "string" ? given : undefined;
  return withInspector(flags, { io, kind }, async (inspect) => {
    const run = await continueRun(id, request, {
      ...options,
      store: place.store,
      ...(workspace === undefined ? {} : { workspace }),
      review: isPerson && flags.yes !== true,
      asks: isPerson ? "wait" : "deny",
      ...inspect,
    });
    const where = { ...place, workspace: recorded.workspace === null ? null : (place.workspace ?? recorded.workspace) };
    return superviseRun(run, { io, kind, place: where, apply: flags.apply === true, recording });
  });
}
