// A report of coverage to read in a terminal: plain text, no line longer than 80 characters.
import type { CoverageReport, Share } from "./coverage-of.ts";

const WIDTH = 80;

/** The report as text. `onlyMissing`: just what was not visited, by name; "" when nothing is missing. */
export function coverageTable(report: CoverageReport, { onlyMissing = false }: { readonly onlyMissing?: boolean } = {}): string {
  const { machines, codes, rows, excepted, stale } = report;
  const kinds = [
    ...machines.map(({ id, states }) => ({ what: `${id}: states`, share: states })),
    ...machines.map(({ id, transitions }) => ({ what: `${id}: transitions`, share: transitions })),
    { what: "failure codes", share: codes },
    { what: "policy rows", share: rows },
  ];
  const missing = kinds.flatMap(({ what, share }) => listed(`not visited, ${what}`, share.missing));
  const lines = onlyMissing
    ? missing
    : [
        ...kinds.map(({ what, share }) => lineOf(what, share)),
        ...missing,
        ...listed(
          "excepted",
          Object.entries(excepted).flatMap(([name, why]) => [name, `  ${why}`]),
        ),
        ...listed("exceptions that are none", stale),
      ];
  return lines.join("\n");
}

/** `run: transitions     98 / 101   97.0 %`; rounded down, so that 100 % means all. */
function lineOf(what: string, { visited, total, share }: Share): string {
  const percent = (Math.floor(share * 1_000) / 10).toFixed(1);
  const numbers = `${String(visited).padStart(6)} / ${String(total).padEnd(5)}${percent.padStart(6)} %`;
  return `${cut(what, WIDTH - numbers.length).padEnd(40)}${numbers}`;
}

const listed = (title: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`${cut(title, WIDTH - 1)}:`, ...names.flatMap((name) => wrapped(name))];

/** A name in lines of its own: broken at spaces where it is too long for one. */
function wrapped(name: string): readonly string[] {
  const indent = name.startsWith("  ") ? "    " : "  ";
  const lines: string[] = [];
  let line = indent;
  for (const word of name.trim().split(" ").flatMap(pieces)) {
    const isFull = line.trim() !== "" && line.length + 1 + word.length > WIDTH;
    if (isFull) lines.push(line);
    line = isFull ? `${indent}  ${word}` : line.trim() === "" ? `${line}${word}` : `${line} ${word}`;
  }
  return [...lines, line];
}

/** A word of no more characters than a line holds. */
const pieces = (word: string): readonly string[] => word.match(/.{1,70}/gu) ?? [""];

const cut = (text: string, most: number): string => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
