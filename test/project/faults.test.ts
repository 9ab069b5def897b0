// The fault catalogue, docs/reference/faults.md: every row is there, each test that it names exists, and plans that can't
// be carried out are told in the words that it quotes. What it says of API and network is held against test/run/faults.test.ts.
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { FAILURE_CODES } from "../../src/core/failure.ts";
import { checkPlan } from "../../src/queue/check-plan.ts";
import { BUILT_IN } from "../../src/workers/built-in.ts";
import { faultRow, faultRows } from "./support/fault-rows.ts";
import { readPackage } from "./support/package.ts";
import { projectRoot, readText } from "./support/source.ts";

const ROWS = { A: 15, P: 11, W: 10, C: 11 };
const expected = Object.entries(ROWS).flatMap(([kind, count]) => Array.from({ length: count }, (_, at) => `${kind}${at + 1}`));

/** Whether a test file has this title: a whole string of its own. */
const holds = (file: string, title: string): boolean =>
  existsSync(path.join(projectRoot, file)) && ['"', "`", "'"].some((mark) => readText(file).includes(`${mark}${title}${mark}`));

describe("the fault catalogue", () => {
  it("has every row, once", () => {
    expect(faultRows().map(({ id }) => id)).toEqual(expected);
  });

  it.each(expected)("%s names a test, and each that it names exists", (id) => {
    const { tests, proofs } = faultRow(id);
    expect(tests.length + proofs.length).toBeGreaterThan(0);
    const missing = tests.filter(({ file, title }) => !holds(file, title));
    expect(missing).toEqual([]);
    for (const script of proofs) {
      expect(Object.keys(readPackage().scripts)).toContain(script);
      expect(existsSync(path.join(projectRoot, "prove", `${script.replace("prove:", "")}.mjs`))).toBe(true);
    }
  });

  it("names only failure codes that exist", () => {
    const named = faultRows().flatMap(({ text }) =>
      [...text.matchAll(/^Failure: (.*)$/gm)].flatMap(([, line = ""]) =>
        [...line.matchAll(/`([A-Z][A-Za-z]+)`/g)].map(([, code]) => code),
      ),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((code) => !(FAILURE_CODES as readonly unknown[]).includes(code))).toEqual([]);
  });
});

const task = (label: string, more: object = {}): object => ({ label, worker: "backend", task: "Do it.", ...more });
const inARow = (count: number): object[] =>
  Array.from({ length: count }, (_, at) => task(`n${at}`, { depends_on: at === 0 ? [] : [`n${at - 1}`] }));
const plans: readonly (readonly [row: string, name: string, draft: unknown])[] = [
  ["P1", "no JSON", "I can't do that."],
  ["P2", "a circle", { tasks: [task("a", { depends_on: ["b"] }), task("b", { depends_on: ["a"] })] }],
  ["P3", "a label twice", { tasks: [task("api"), task("api")] }],
  ["P3", "labels that look alike", { tasks: [task("api"), task("\u0430pi")] }],
  ["P4", "an unknown dependency", { tasks: [task("test"), task("b", { depends_on: ["tset"] })] }],
  ["P5", "no tasks", { tasks: [] }],
  ["P6", "too many tasks", { tasks: Array.from({ length: 500 }, (_, at) => task(`n${at}`)) }],
  ["P6", "too many in a row", { tasks: inARow(13) }],
  ["P7", "an unknown worker", { tasks: [task("a", { worker: "dosc" })] }],
  ["P8", "an empty text", { tasks: [task("a", { task: " " })] }],
  ["P8", "a text of 1 MB", { tasks: [task("a", { task: "x".repeat(1_000_000) })] }],
  ["P8", "a direction character", { tasks: [task("a", { task: "a\u202eb" })] }],
  ["P9", "a dependency on what every object has", { tasks: [task("a", { depends_on: ["constructor"] })] }],
  ["P10", "a path outside", { tasks: [task("a", { files: ["../x"] })] }],
  ["P11", "two that write one file", { tasks: [task("a", { writes: ["x.ts"] }), task("b", { writes: ["./x.ts"] })] }],
];

describe("a plan with", () => {
  it.each(plans)("%s: %s is refused in the words of the catalogue", (row, _name, draft) => {
    const checked = checkPlan(draft, { workers: BUILT_IN });
    const issues = checked.ok ? [] : checked.issues;
    expect(issues).toHaveLength(1);
    for (const { code, message } of issues) expect(faultRow(row).text).toContain(`${code}: "${message}"`);
  });
});
