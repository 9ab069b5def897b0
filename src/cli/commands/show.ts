// `quatrain show`: a run as its journal tells it, without working on it. An ended run is told in full. Of an open one only
// what the rows say by themselves: its machine is not started, because that would take the run from whoever works on it.
import { NEVER } from "rxjs";
import { QuatrainError } from "../../core/errors.ts";
import { isPlainObject } from "../../core/json.ts";
import { readRows } from "../../host/sqlite.ts";
import { journalFile } from "../../run/orchestrate.ts";
import { openRun } from "../../run/open-run.ts";
import { listRuns } from "../../run/records.ts";
import type { RunSummary } from "../../run/records.ts";
import type { Io } from "../io.ts";
import { exitCodeOf } from "../exit-code.ts";
import { Printer } from "../printer.ts";
import { resultLine } from "../result-line.ts";
import { placeOf, resumeCommand } from "../settings.ts";
import type { Place, PlaceFlags } from "../settings.ts";
import { summaryLines } from "../summary.ts";
import { resultFolderOf } from "../supervise.ts";
import { durationText, moneyText, plural, safe } from "../words.ts";

/** Shows one run. Exit code 0, however the run ended. Throws QuatrainError "UnknownRun". */
export async function showCommand(id: string, flags: PlaceFlags & { readonly json?: boolean }, io: Io): Promise<number> {
  const place = placeOf(flags, io);
  const summary = listRuns({ store: place.store }).find((run) => run.id === id);
  if (!summary)
    throw new QuatrainError(
      "UnknownRun",
      `There is no run "${id}" in ${place.store}. See those it has with: quatrain runs${place.flags}`,
    );
  const printer = new Printer(io);
  const lines =
    summary.state === "ended"
      ? await endedLines(summary, place, flags.json === true)
      : openLines(summary, place, { json: flags.json === true, now: io.now() });
  for (const line of lines) printer.line(line);
  await printer.close();
  return 0;
}

async function endedLines(summary: RunSummary, place: Place, json: boolean): Promise<readonly string[]> {
  const run = await openRun(summary.id, { store: place.store, model: { turn: () => NEVER } });
  const result = await run.result;
  const resultFolder = resultFolderOf(summary.id, place);
  const extras = { resultFolder, applied: null, notApplied: null, resume: null };
  if (json) return [JSON.stringify(resultLine(result, { ...extras, exitCode: exitCodeOf(result) }))];
  const { budgetUsd } = run.snapshot.context.options;
  return [
    safe(summary.request, 400),
    ...summaryLines(result, { ...extras, applyLater: `${resumeCommand(summary.id, place)} --apply`, budgetUsd }),
  ];
}

interface OpenView {
  readonly json: boolean;
  readonly now: number;
}

function openLines(summary: RunSummary, place: Place, { json, now }: OpenView): readonly string[] {
  const rows = readRows({ file: journalFile(place.store), run: summary.id });
  const lastAt = rows.at(-1)?.at ?? summary.createdAt;
  const turns = rows.flatMap(({ kind, body }) =>
    kind === "result" && isPlainObject(body) && isPlainObject(body["outcome"]) ? [body["outcome"]] : [],
  );
  const usd = turns.reduce((sum, turn) => sum + (typeof turn["usd"] === "number" ? turn["usd"] : 0), 0);
  const attempts = [...new Set(rows.flatMap(({ key }) => /^(t\d+#\d+)\//.exec(key ?? "")?.[1] ?? []))];
  const resume = resumeCommand(summary.id, place);
  if (json)
    return [JSON.stringify({ type: "run", ...summary, rows: rows.length, lastAt, turns: turns.length, usd, attempts, resume })];
  return [
    safe(summary.request, 400),
    `${summary.id}: ${summary.state} · begun ${durationText(now - summary.createdAt)} ago, last written ${durationText(now - lastAt)} ago`,
    `${plural(turns.length, "turn")} paid so far, ${moneyText(usd)} · attempts begun: ${attempts.join(", ") || "none"}`,
    ...(summary.workspace === null ? [] : [`Workspace: ${summary.workspace}`]),
    `Take it up (unless a process is working on it): ${resume}`,
  ];
}
