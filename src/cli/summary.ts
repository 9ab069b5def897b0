// The end of a run, for people: answer, tasks, conflicts, files, spend, and what to do next. Pure.
import { plainText } from "../core/text.ts";
import type { RunResult, TaskResultOf } from "../run/run.ts";
import type { Worker } from "../workers/define-worker.ts";
import { costSummary } from "./cost-text.ts";
import { failureText } from "./messages.ts";
import { countText, durationText, fitToCells, cellsOf, moneyText, plural, safe } from "./words.ts";

/** What the summary tells besides the result. */
export interface SummaryExtras {
  readonly resultFolder: string | null;
  readonly applied: readonly string[] | null;
  readonly notApplied: string | null;
  readonly resume: string | null;
  /** The command that applies the result later. */
  readonly applyLater: string;
  readonly budgetUsd: number | null;
}

type Task = TaskResultOf<readonly Worker[]>;

/** The summary as lines. */
export function summaryLines(result: RunResult, extras: SummaryExtras): readonly string[] {
  const parts = [
    headLines(result, extras),
    answerLines(result),
    costSummary(result.ledger),
    taskLines(result.tasks),
    conflictLines(result),
    fileLines(result, extras),
    nextLines(extras),
  ];
  return parts.filter((part) => part.length > 0).flatMap((part, at) => (at === 0 ? part : ["", ...part]));
}

/** `complete in 34 s · $0.12 of $2.00 · 45.2k tokens in 12 turns`. */
function headLines(
  { outcome, failure, spend, startedAt, endedAt, sleptMs, runId }: RunResult,
  { budgetUsd }: SummaryExtras,
): readonly string[] {
  const tokens = spend.inputTokens + spend.outputTokens + spend.cacheReadTokens + spend.cacheWriteTokens;
  const limit = budgetUsd === null ? "" : ` of ${moneyText(budgetUsd)}`;
  const unsure = [
    ...(spend.estimatedUsd > 0 ? [`${moneyText(spend.estimatedUsd)} of it estimated`] : []),
    ...(spend.unpricedTurns > 0 ? [`${plural(spend.unpricedTurns, "turn")} without a known price not counted`] : []),
  ];
  const money = `${moneyText(spend.usd)}${limit}${unsure.length > 0 ? ` (${unsure.join(", ")})` : ""}`;
  const head = `${runId}: ${outcome} after ${durationText(endedAt - startedAt - sleptMs)} · ${money} · ${countText(tokens)} tokens in ${plural(spend.turns, "turn")}`;
  return failure === null ? [head] : [head, failureText(failure, 600)];
}

function answerLines({ answer }: RunResult): readonly string[] {
  return answer === "" ? [] : plainText(answer).trimEnd().split("\n");
}

function taskLines(tasks: readonly Task[]): readonly string[] {
  const workerCells = Math.max(0, ...tasks.map(({ worker }) => cellsOf(safe(worker, 40))));
  return tasks.length === 0
    ? []
    : [
        "Tasks",
        ...tasks.flatMap((task) => [
          `  ${MARKS[task.status]} ${task.id} ${fitToCells(safe(task.worker, 40), workerCells)}  ${taskText(task)}`,
          ...historyLines(task),
        ]),
      ];
}

function taskText(task: Task): string {
  const label = safe(task.label, 60);
  const effort = `${durationText(task.durationMs)}, ${moneyText(task.usd)}${task.attempts > 1 ? `, ${plural(task.attempts, "attempt")}` : ""}`;
  if (task.status === "finished") return `${label} (${effort}): ${safe(task.summary)}`;
  const { failure, cause } = task;
  // What a lost task took with it says only so; its own line has the whole cause.
  const isFollowing = failure !== null && cause !== null && failure.code !== cause.code;
  const why = failure === null ? "" : `: ${isFollowing ? `${cause.code}: ${safe(failure.message, 90)}` : failureText(failure)}`;
  return `${label} ${task.status}${task.attempts > 0 ? ` (${effort})` : ""}${why}`;
}

/** `attempt 1 failed with VerifyFailed, then: told what failed before`, all attempts that failed in one line. */
function historyLines({ history, status }: Task): readonly string[] {
  // What ended it stands in the line above.
  const told = status === "finished" ? history : history.slice(0, -1);
  const attempts = told.map(({ attempt, code, changes }) => {
    const then = changes.length === 0 ? "" : `, then: ${safe(changes.join(", "), 200)}`;
    return `attempt ${attempt} failed with ${code}${then}`;
  });
  return attempts.length === 0 ? [] : [`      ${attempts.join("; ")}`];
}

function conflictLines({ conflicts }: RunResult): readonly string[] {
  if (conflicts.length === 0) return [];
  return [
    "Conflicts",
    ...conflicts.map(
      ({ path, tasks, kept }) => `  ${safe(path)}: changed by ${tasks.join(" and ")}; the version of ${kept} is kept`,
    ),
  ];
}

function fileLines({ files }: RunResult, { resultFolder }: SummaryExtras): readonly string[] {
  if (files.length === 0) return [];
  const place = resultFolder === null ? "" : ` (all files are in ${resultFolder})`;
  return [
    `${plural(files.length, "file")} changed${place}`,
    ...files.map(({ path, kind }) => `  ${LETTERS[kind]} ${safe(path)}`),
  ];
}

function nextLines({ applied, notApplied, resume, applyLater, resultFolder }: SummaryExtras): readonly string[] {
  if (resume !== null) return [`Take it up again: ${resume}`];
  if (applied !== null) return [`Applied: ${plural(applied.length, "file")} of your folder changed.`];
  if (notApplied !== null) return [`Not applied: ${notApplied}`];
  return resultFolder === null ? [] : [`Your folder is unchanged. Carry the result over: ${applyLater}`];
}

const MARKS = { finished: "✓", failed: "✗", skipped: "–", unfinished: "…" } as const;
const LETTERS = { added: "A", modified: "M", deleted: "D" } as const;
