// `quatrain resume`: takes a run up where it stopped; of an ended one it tells the result again, and applies it if wanted.
import { NEVER } from "rxjs";
import { QuatrainError } from "../../core/errors.ts";
import { openRun } from "../../run/open-run.ts";
import { listRuns } from "../../run/records.ts";
import type { RunSummary } from "../../run/records.ts";
import type { Answer } from "../../run/options.ts";
import type { Ask } from "../../protocol/command.ts";
import { openInspector } from "../inspector.ts";
import { canRepaint, isInteractive } from "../io.ts";
import type { Io } from "../io.ts";
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
  const inspector = flags.inspect === true ? await openInspector(io, kind) : null;
  try {
    const run = await openRun(recorded.id, {
      store: place.store,
      ...(typeof flags.workspace === "string" && place.workspace !== null ? { workspace: place.workspace } : {}),
      ...(models === undefined ? {} : { models }),
      // An ended run asks no model any more, so it needs no key.
      ...(recorded.state === "ended" ? { model: { turn: () => NEVER } } : {}),
      ...(isPerson ? {} : { asks: nobody }),
      ...(inspector ? { inspect: inspector.inspect } : {}),
    });
    const where = { ...place, workspace: recorded.workspace === null ? null : (place.workspace ?? recorded.workspace) };
    return await superviseRun(run, {
      io,
      kind,
      place: where,
      apply: flags.apply === true,
      approvePlan: flags.yes === true,
      leavePlan: !isPerson,
    });
  } finally {
    await inspector?.close();
  }
}

function chosen(id: string | undefined, { store, flags }: Place): RunSummary {
  const runs = listRuns({ store });
  const found = id === undefined ? runs.findLast(({ state }) => state === "open") : runs.find((run) => run.id === id);
  if (found) return found;
  if (id === undefined)
    throw new QuatrainError("UnknownRun", `There is no open run in ${store}. See all with: quatrain runs${flags}`);
  const recent = runs.slice(-5).map((run) => run.id);
  const known =
    recent.length > 0
      ? `Recent runs: ${recent.join(", ")}.`
      : "It holds no runs; name another place with --workspace or --state-dir.";
  throw new QuatrainError("UnknownRun", `There is no run "${id}" in ${store}. ${known}`);
}

/** Without a person every question but the plan's is answered with no; the plan is left for one. */
function nobody(ask: Ask): Answer | Promise<Answer> {
  return ask.kind === "plan" ? new Promise<Answer>(() => {}) : { decision: "reject", text: "nobody is there to ask" };
}
