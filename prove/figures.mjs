// The figures of the proofs: what each last measured at full size, kept in figures.json and shown in the README. The
// README is written from the file by the proof that measured; a test fails where the two differ.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("./figures.json", import.meta.url);
const readme = new URL("../README.md", import.meta.url);
const BEGIN = "<!-- figures: written by the prove commands with --record -->";
const END = "<!-- /figures -->";

/** All recorded figures by proof: `{ promise, command, numbers, seconds, node, date }`. */
export function readFigures() {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Keeps what a proof measured and writes the README anew. */
export function recordFigures(name, figure) {
  const figures = Object.fromEntries(
    Object.entries({ ...readFigures(), [name]: figure }).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(file, `${JSON.stringify(figures, null, 2)}\n`);
  writeFileSync(readme, withFigures(readFileSync(readme, "utf8"), figures));
}

/** The README's text with the figures between its two marks. Throws where the marks are missing. */
export function withFigures(text, figures) {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`README.md lacks the marks "${BEGIN}" and "${END}".`);
  return `${text.slice(0, from)}${BEGIN}\n\n${lines(figures)
    .map((line) => `${line}\n`)
    .join("")}${Object.keys(figures).length > 0 ? "\n" : ""}${text.slice(to)}`;
}

function lines(figures) {
  return Object.values(figures).map(({ promise, command, numbers, seconds }) => {
    const shown = Object.entries(numbers).map(([what, value]) => `${value.toLocaleString("en-US")} ${what}`);
    return `- **${promise}** \`${command}\`: ${shown.join(", ")}${seconds === undefined ? "" : ` (${seconds} s)`}.`;
  });
}
