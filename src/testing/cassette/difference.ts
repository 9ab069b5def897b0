// Where two values differ, and how to show it: the place as a path, texts as the lines around the first change.
import { stableStringify } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import { isList, isRecord } from "../../run/cassette-clean.ts";

/** One place where two values differ; undefined where one of them has nothing. */
export interface Difference {
  /** Such as `request.messages[0].content[0].text`; "" for the whole. */
  readonly path: string;
  readonly before: Json | undefined;
  readonly now: Json | undefined;
}

/** The places where two values differ, in order, `most` at most. What is missing counts as null where the other is null. */
export function differences(before: Json | undefined, now: Json | undefined, most: number): readonly Difference[] {
  const found: Difference[] = [];
  collect({ path: "", before, now }, found, most);
  return found;
}

function collect({ path, before, now }: Difference, found: Difference[], most: number): void {
  if (before === now || found.length >= most) return;
  const pairs = pairsOf(before, now);
  if (pairs)
    for (const [step, one, other] of pairs)
      collect({ path: path === "" ? step.replace(/^\./, "") : path + step, before: one, now: other }, found, most);
  else if (stableStringify(before ?? null) !== stableStringify(now ?? null)) found.push({ path, before, now });
}

type Pair = readonly [step: string, before: Json | undefined, now: Json | undefined];

function pairsOf(before: Json | undefined, now: Json | undefined): readonly Pair[] | undefined {
  if (isList(before) && isList(now)) {
    const length = Math.max(before.length, now.length);
    return Array.from({ length }, (_, at) => [`[${at}]`, before[at], now[at]] as const);
  }
  if (!isRecord(before) || !isRecord(now)) return undefined;
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  return names.map((name) => [`.${name}`, own(before, name), own(now, name)] as const);
}

const own = (value: { readonly [key: string]: Json }, name: string): Json | undefined =>
  Object.hasOwn(value, name) ? value[name] : undefined;

/** Longest line of a diff, in characters; most changed lines of a side; unchanged lines around. */
const WIDTH = 120;
const MOST_LINES = 4;
const AROUND = 1;

/** A difference as a diff: the path, then the lines that changed with one around them, `-` before and `+` now. Never whole texts. */
export function diffText({ path, before, now }: Difference): string {
  const [was, is] = [linesOf(before), linesOf(now)];
  const start = sharedStart(was, is);
  const end = sharedStart(was.slice(start).toReversed(), is.slice(start).toReversed());
  const [gone, come] = [was.slice(start, was.length - end), is.slice(start, is.length - end)];
  const column = columnOf(gone[0] ?? "", come[0] ?? "");
  const lines = [
    ...was.slice(Math.max(0, start - AROUND), start).map((line) => `    ${around(line, 0)}`),
    ...changed("  - ", gone, column),
    ...changed("  + ", come, column),
    ...was.slice(was.length - end, was.length - end + AROUND).map((line) => `    ${around(line, 0)}`),
  ];
  return [`  ${path || "the whole"}:`, ...lines].join("\n");
}

function changed(sign: string, lines: readonly string[], column: number): readonly string[] {
  const shown = lines.slice(0, MOST_LINES).map((line, at) => sign + around(line, at === 0 ? column : 0));
  return lines.length > MOST_LINES ? [...shown, `${sign}… ${lines.length - MOST_LINES} more lines`] : shown;
}

/** A long line as what stands around a column. */
function around(line: string, column: number): string {
  if (line.length <= WIDTH) return line;
  const start = Math.max(0, Math.min(column - WIDTH / 3, line.length - WIDTH));
  const end = start + WIDTH;
  return `${start > 0 ? "…" : ""}${line.slice(start, end)}${end < line.length ? "…" : ""}`;
}

function linesOf(value: Json | undefined): readonly string[] {
  if (value === undefined) return [];
  return (typeof value === "string" ? value : JSON.stringify(value)).split("\n");
}

function sharedStart(a: readonly string[], b: readonly string[]): number {
  let count = 0;
  while (count < a.length && count < b.length && a[count] === b[count]) count++;
  return count;
}

function columnOf(a: string, b: string): number {
  let column = 0;
  while (column < a.length && column < b.length && a[column] === b[column]) column++;
  return column;
}
