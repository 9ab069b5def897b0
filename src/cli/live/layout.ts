// The live view as lines of a terminal of a given size. Pure.
//   L1  Never more lines than rows less one (the cursor's), never a line wider than the columns.
//   L2  What does not fit is counted: `… 7 more`.
import { unreachable } from "../../core/unreachable.ts";
import type { TaskStatus } from "../../queue/state.ts";
import { cellsOf, cutToCells, fitToCells } from "../words.ts";
import type { ViewModel, ViewRow } from "./view-model.ts";

/** How a line looks; told by symbols, too, so that it reads without colour. */
export type Tone = "strong" | "plain" | "faint" | "good" | "bad" | "busy" | "wait";

/** One line. */
export interface ViewLine {
  readonly text: string;
  readonly tone: Tone;
}

/** Size of the terminal in cells. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Lays a view out; `question` is shown last, where one is open. */
export function layout(model: ViewModel, size: Size, question: string | null = null): readonly ViewLine[] {
  const columns = Math.max(1, size.columns);
  const most = Math.max(1, size.rows - 1);
  const asked: readonly ViewLine[] = question === null ? [] : [{ text: question, tone: "strong" }];
  const head = headLines(model, columns).slice(0, Math.max(0, most - asked.length));
  const room = most - head.length - asked.length;
  const rows = rowLines(model.rows, columns);
  const shown = rows.length <= room ? rows : room <= 0 ? [] : rows.slice(0, room - 1);
  const left = rows.length - shown.length;
  const more: readonly ViewLine[] = left > 0 && room > 0 ? [{ text: `… ${left} more`, tone: "faint" }] : [];
  return [...head, ...shown, ...more, ...asked].map(({ text, tone }) => ({ text: cutToCells(text, columns), tone }));
}

function headLines(model: ViewModel, columns: number): readonly ViewLine[] {
  const path = `${model.path}   ${model.totals}`;
  const status: readonly ViewLine[] =
    cellsOf(path) <= columns
      ? [{ text: path, tone: "strong" }]
      : [
          { text: model.path, tone: "strong" },
          { text: model.totals, tone: "plain" },
        ];
  return [
    ...status,
    ...(model.queue === "" ? [] : [{ text: model.queue, tone: "plain" } as const]),
    ...(model.trouble === "" ? [] : [{ text: `! ${model.trouble}`, tone: "bad" } as const]),
    { text: model.request, tone: "faint" },
  ];
}

function rowLines(rows: readonly ViewRow[], columns: number): readonly ViewLine[] {
  const idCells = widest(rows, (row) => row.id, 4);
  const workerCells = widest(rows, (row) => row.worker, 14);
  return rows.map((row) => {
    const start = `${symbolOf(row.status)} ${idCells > 0 ? `${fitToCells(row.id, idCells)} ` : ""}${fitToCells(row.worker, workerCells)}  `;
    const end = row.effort === "" ? "" : `  ${row.effort}`;
    const middle = columns - cellsOf(start) - cellsOf(end);
    // On a narrow screen what a task does is worth more than what it cost.
    const text =
      middle >= 20 || end === ""
        ? `${start}${fitToCells(middleText(row, middle), Math.max(0, middle))}${end}`
        : `${start}${middleText(row, columns - cellsOf(start))}`;
    return { text: text.trimEnd(), tone: toneOf(row.status) };
  });
}

/** What it does, with its label before it where there is room for both. */
function middleText({ label, doing }: ViewRow, cells: number): string {
  const both = `${label}: ${doing}`;
  return label === "" || doing === "" || doing.startsWith(label) || cellsOf(both) > cells ? doing || label : both;
}

function widest(rows: readonly ViewRow[], text: (row: ViewRow) => string, most: number): number {
  return Math.min(most, Math.max(0, ...rows.map((row) => cellsOf(text(row)))));
}

function symbolOf(status: TaskStatus): string {
  switch (status) {
    case "running":
      return "●";
    case "asking":
      return "?";
    case "retrying":
    case "mending":
      return "↻";
    case "ready":
      return "○";
    case "waiting":
    case "invalidated":
      return "·";
    case "finished":
      return "✓";
    case "failed":
      return "✗";
    case "skipped":
      return "–";
    default:
      return unreachable(status);
  }
}

function toneOf(status: TaskStatus): Tone {
  switch (status) {
    case "running":
      return "busy";
    case "asking":
    case "retrying":
    case "mending":
      return "wait";
    case "ready":
      return "plain";
    case "waiting":
    case "invalidated":
    case "skipped":
      return "faint";
    case "finished":
      return "good";
    case "failed":
      return "bad";
    default:
      return unreachable(status);
  }
}
