// Reads docs/reference/faults.md as data: its rows by number, and what each names as its proof.
import { readText } from "./source.ts";

/** A row of the catalogue: the section under a heading such as `### A1 Rate limit`. */
export interface FaultRow {
  /** Such as `A1`. */
  readonly id: string;
  readonly text: string;
  /** Tests that the row names: a file and a title in it. */
  readonly tests: readonly { readonly file: string; readonly title: string }[];
  /** Scripts that it names, such as `prove:network`. */
  readonly proofs: readonly string[];
}

/** All rows, in the order of the document. */
export function faultRows(text: string = readText("docs/reference/faults.md")): readonly FaultRow[] {
  return text.split(/^(?=##+ )/m).flatMap((section) => {
    const id = /^### ([APWC]\d+) /.exec(section)?.[1];
    if (id === undefined) return [];
    const tests = [...section.matchAll(/`(test\/[\w/.-]+\.test\.ts)` "([^"]+)"/g)].map(([, file = "", title = ""]) => ({
      file,
      title,
    }));
    const proofs = [...section.matchAll(/`npm run (prove:[\w-]+)`/g)].map(([, script = ""]) => script);
    return [{ id, text: section, tests, proofs }];
  });
}

/** The row of a number. Throws when there is none. */
export function faultRow(id: string): FaultRow {
  const found = faultRows().find((row) => row.id === id);
  if (!found) throw new Error(`docs/reference/faults.md has no row ${id}.`);
  return found;
}
