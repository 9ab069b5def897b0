// `quatrain show`: a run as it stands, or as it stood at any row of its journal; nobody is disturbed and nothing is performed.
import { messageOf, QuatrainError } from "../../core/errors.ts";
import { peekResult, peekRun } from "../../run/peek.ts";
import type { RunSummary } from "../../run/records.ts";
import type { Io } from "../io.ts";
import { exitCodeOf } from "../exit-code.ts";
import { foundRun } from "../found-run.ts";
import { inFlags } from "../messages.ts";
import { Printer } from "../printer.ts";
import { foldLedger } from "../../model/ledger-fold.ts";
import { costData, costLines } from "../cost-text.ts";
import { resultLine } from "../result-line.ts";
import { viewLines, viewOf } from "../run-state.ts";
import type { RunView } from "../run-state.ts";
import { countOf, forkCommandText, placeOf, resumeCommand } from "../settings.ts";
import type { Place, PlaceFlags } from "../settings.ts";
import { summaryLines } from "../summary.ts";
import { resultFolderOf } from "../supervise.ts";
import { safe } from "../words.ts";

/** Flags of `show`. */
export interface ShowFlags extends PlaceFlags {
  readonly json?: boolean;
  readonly at?: string;
  /** Where the money went instead of what was done. */
  readonly cost?: boolean;
}

/** Shows one run. Exit code 0, however the run ended. Throws QuatrainError "UnknownRun" and as `peekRun`. */
export async function showCommand(id: string, flags: ShowFlags, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const summary = foundRun(id, place);
  const printer = new Printer(io);
  const asJson = flags.json === true;
  const lines =
    flags.cost === true
      ? await moneyLines(summary, { place, asJson, at: flags.at })
      : summary.state === "ended" && flags.at === undefined
        ? await endedLines(summary, place, asJson)
        : await stateLines(summary, { place, asJson, at: flags.at });
  for (const line of lines) printer.line(line);
  await printer.close();
  return 0;
}

async function endedLines(summary: RunSummary, place: Place, asJson: boolean): Promise<readonly string[]> {
  let ended: Awaited<ReturnType<typeof peekResult>>;
  try {
    ended = await peekResult(summary.id, { store: place.store });
  } catch (error) {
    return listLines(summary, asJson, error);
  }
  const { result, peeked } = ended;
  // A run of another orchestrator, which would go on here.
  if (!result) return stateLines(summary, { place, asJson, at: undefined });
  const resultFolder = resultFolderOf(summary.id, place);
  const extras = { resultFolder, applied: null, notApplied: null, resume: null };
  if (asJson) return [JSON.stringify(resultLine(result, { ...extras, exitCode: exitCodeOf(result) }))];
  const { usd: budgetUsd } = peeked.context.options.budget;
  const { parent } = summary;
  return [
    safe(summary.request, 400),
    ...(parent ? [`${parent.as === "fork" ? "A fork" : "A follow-up"} of ${parent.run} at row ${parent.seq}.`] : []),
    ...summaryLines(result, { ...extras, applyLater: `${resumeCommand(summary.id, place)} --apply`, budgetUsd }),
  ];
}

/** The ledger: an ended run's in full, an open one's as far as it got. */
async function moneyLines(summary: RunSummary, { place, asJson, at }: StateOptions): Promise<readonly string[]> {
  const { events, context } = await peekRun(summary.id, { store: place.store, ...rowOf(at) });
  const ledger = foldLedger(events, { models: context.models });
  if (asJson) return [JSON.stringify({ type: "cost", runId: summary.id, state: summary.state, ...costData(ledger) })];
  return [`${summary.id}: ${summary.state} · ${safe(summary.request, 60)}`, "", ...costLines(ledger)];
}

interface StateOptions {
  readonly place: Place;
  readonly asJson: boolean;
  readonly at: string | undefined;
}

async function stateLines(summary: RunSummary, { place, asJson, at }: StateOptions): Promise<readonly string[]> {
  const { state, createdAt, workspace } = summary;
  const row = rowOf(at);
  let view: RunView;
  try {
    view = viewOf(await peekRun(summary.id, { store: place.store, ...row }));
  } catch (error) {
    return listLines(summary, asJson || at !== undefined, error);
  }
  const resume = state === "open" ? resumeCommand(summary.id, place) : null;
  if (asJson) return [JSON.stringify({ type: "run", state, createdAt, workspace, resume, ...view })];
  const goOn =
    at !== undefined
      ? `Go another way from here: ${forkCommandText(summary.id, place)} --at ${view.seq}`
      : state === "open"
        ? `Take it up (unless a process is working on it): ${resume}`
        : `Go on from it: ${forkCommandText(summary.id, place)}`;
  return [...viewLines(view), "", goOn];
}

/** Workers of one's own, another version: the list still knows the run. Throws what is asked for exactly. */
function listLines({ id, request, state }: RunSummary, isExact: boolean, error: unknown): readonly string[] {
  if (isExact || !QuatrainError.is(error)) throw error;
  return [safe(request, 400), `${id}: ${state}. More can't be shown here: ${inFlags(messageOf(error))}`];
}

const rowOf = (at: string | undefined): { readonly at?: number } =>
  at === undefined ? {} : { at: countOf("--at", at, 10_000_000) };
