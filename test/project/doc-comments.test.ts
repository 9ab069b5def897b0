// Everything that users can import is documented where it is declared.
import { describe, expect, it } from "vitest";
import { undocumentedExports } from "./support/exports.ts";
import { doorSources } from "./support/package.ts";
import { parseSource, readSources } from "./support/source.ts";

const source = readSources(["src"]);

describe("the public face", () => {
  it.each(doorSources())("%s exports only what has a doc comment", (door) => {
    expect(undocumentedExports(source, door).join("\n")).toBe("");
  });
});

describe("the rule", () => {
  const check = (files: Readonly<Record<string, string>>) =>
    undocumentedExports(
      Object.entries(files).map(([path, text]) => parseSource(path, text)),
      "src/index.ts",
    );

  it.each([
    ["a bare constant", { "src/index.ts": "export const a = 1;" }, ["src/index.ts: a"]],
    ["a line comment", { "src/index.ts": "// not a doc comment\nexport const a = 1;" }, ["src/index.ts: a"]],
    ["a comment of one word", { "src/index.ts": "/** A. */\nexport const a = 1;" }, ["src/index.ts: a"]],
    [
      "a comment that belongs to its neighbour",
      { "src/index.ts": "/** The b of c. */\nconst b = 1;\nexport const a = b;" },
      ["src/index.ts: a"],
    ],
    [
      "a renamed re-export",
      { "src/index.ts": `export { b as a } from "./b.ts";`, "src/b.ts": "export const b = 1;" },
      ["src/b.ts: b"],
    ],
    ["a star", { "src/index.ts": `export * from "./b.ts";`, "src/b.ts": "export type B = 1;" }, ["src/b.ts: B"]],
    [
      "a name behind a star",
      { "src/index.ts": `export { c } from "./b.ts";`, "src/b.ts": `export * from "./c.ts";`, "src/c.ts": "export class c {}" },
      ["src/c.ts: c"],
    ],
    ["a namespace", { "src/index.ts": `export * as b from "./b.ts";`, "src/b.ts": "export interface B {}" }, ["src/b.ts: B"]],
    [
      "an import handed on",
      { "src/index.ts": `import { b } from "./b.ts"; export { b };`, "src/b.ts": "export function b() {}" },
      ["src/b.ts: b"],
    ],
    ["a local list", { "src/index.ts": "const a = 1;\nexport { a };" }, ["src/index.ts: a"]],
    [
      "a name that is not there",
      { "src/index.ts": `export { b } from "./b.ts";`, "src/b.ts": "" },
      ["src/index.ts: src/b.ts has no export b"],
    ],
    [
      "a file that is not there",
      { "src/index.ts": `export { b } from "./b.ts";` },
      ["src/index.ts: exports from src/b.ts, which does not exist"],
    ],
  ])("finds %s", (_name, files, offenders) => {
    expect(check(files)).toEqual(offenders);
  });

  it("is content with documented declarations, overloads, and other packages", () => {
    expect(
      check({
        "src/index.ts": `export { a, type B, c } from "./b.ts";\nexport { createActor } from "xstate";`,
        "src/b.ts": `/** The first letter. */\nexport const a = 1;\n/** The second letter. */\nexport interface B {}\n/** The third letter. */\nexport function c(x: string): void;\nexport function c(x: unknown): void {}`,
      }),
    ).toEqual([]);
  });
});
