// `quatrain resume`: takes a run up where it stopped; of an ended one it tells the result again, and applies it if wanted.
import { NEVER } from "rxjs";
import { QuatrainError } from "../../core/errors.ts";
import { commandRun, openRun } from "../../run/open-run.ts";
import { peekRun } from "../../run/peek.ts";
import { listRuns } from "../../run/records.ts";
import type { RunSummary } from "../../run/records.ts";
import type { Run } from "../../run/run.ts";
import type { Answer } from "../../run/options.ts";
import type { Ask } from "../../protocol/command.ts";
import { foundRun } from "../found-run.ts";
import { withInspector } from "../inspector.ts";
import { canRepaint, isInteractive } from "../io.ts";
import type { Io } from "../io.ts";
import { recordingOf } from "../recording.ts";
import { modelOptions, placeOf } from "../settings.ts";
import type { Place, SharedFlags } from "../settings.ts";
import { reporterKind, superviseRun } from "../supervise.ts";

/** Takes up the run with this id, or the newest open one. Throws QuatrainError "UnknownRun", "RunBusy" … */
export async function resumeCommandLine(id: string | undefined, flags: SharedFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const recorded = chosen(id, place);
  const kind = reporterKind(flags, canRepaint(io));
  const isPerson = kind !== "json" && isInteractive(io);
  const models = modelOptions(flags, io);
  const recording = recordingOf(flags, io);
  return withInspector(flags, { io, kind }, async (inspect) => {
    const options = {
      store: place.store,
      ...(typeof flags.workspace === "string" && place.workspace !== null ? { workspace: place.workspace } : {}),
      ...(models === undefined ? {} : { models }),
      // An ended run asks no model any more, so it needs no key.
      ...(recorded.state === "ended" ? { model: { turn: () => NEVER } } : {}),
      ...(isPerson ? {} : { asks: nobody }),
      ...inspect,
    };
    let run: Run;
    try {
      run = await openRun(recorded.id, options);
    } catch (error) {
      if (!(await goesOnElsewhere(recorded.id, place, error))) throw error;
      io.stdout.write(`${recorded.id} was paused; the process that works on it goes on.\n`);
      return 0;
    }
    const where = { ...place, workspace: recorded.workspace === null ? null : (place.workspace ?? recorded.workspace) };
    return superviseRun(run, {
      io,
      kind,
      place: where,
      apply: flags.apply === true,
      approvePlan: flags.yes === true,
      leavePlan: !isPerson,
      recording,
    });
  });
}

/** True where a paused run of another process was told to go on. */
async function goesOnElsewhere(id: string, { store }: Place, error: unknown): Promise<boolean> {
  if (!QuatrainError.is(error) || error.code !== "RunBusy") return false;
  const peeked = await peekRun(id, { store }).catch(() => undefined);
  const { snapshot } = peeked ?? {};
  const isPaused = snapshot?.status === "active" && snapshot.matches({ active: { activity: "paused" } });
  if (isPaused) commandRun(id, { type: "run.resume" }, { store });
  return isPaused;
}

function chosen(id: string | undefined, place: Place): RunSummary {
  if (id !== undefined) return foundRun(id, place);
  const { store, flags } = place;
  const found = listRuns({ store }).findLast(({ state }) => state === "open");
  if (found) return found;
  throw new QuatrainError("UnknownRun", `There is no open run in ${store}. See all with: quatrain runs${flags}`);
}

/** Without a person every question but the plan's is answered with no; the plan is left for one. */
function nobody(ask: Ask): Answer | Promise<Answer> {
  return ask.kind === "plan" ? new Promise<Answer>(() => {}) : { decision: "reject", text: "nobody is there to ask" };
}
