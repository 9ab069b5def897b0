import { describe, expect, it } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { checkSplit, readBounds, splitBounds } from "../../src/queue/check-split.ts";
import { covers } from "../../src/queue/paths.ts";
import { draft, planOf, task, WORKERS } from "./drafts.ts";

const plan = planOf(
  draft([
    task("api", { files: ["src/"], writes: ["src/a.ts", "src/b.ts"], acceptance: ["npm test"] }),
    task("api-taken", { files: ["docs/x.md"] }),
    task("bare"),
  ]),
);
const issuesOf = (at: number, ...parts: readonly object[]) => {
  const whole = plan.tasks[at];
  if (!whole) throw new RangeError(`The plan has no task ${at}.`);
  const checked = checkSplit(draft(parts), splitBounds(plan, whole), WORKERS);
  return checked.ok ? [] : checked.issues.map(({ code, message }) => `${code}: ${message}`);
};

describe("the parts of a task", () => {
  it("fit when they stay inside what it was given", () => {
    const one = task("api-one", { files: ["src/x.ts", "docs/x.md"], writes: ["src/a.ts"], acceptance: ["npm test"] });
    expect(issuesOf(0, one, task("api-two", { writes: ["src/b.ts"] }))).toEqual([]);
  });

  it("have labels of their own, which begin with the task's", () => {
    expect(issuesOf(0, task("api-taken"), task("api-two"))).toEqual([
      'DuplicateLabel: Part "api-taken": the plan has a task of that label. Give it another one.',
    ]);
    expect(issuesOf(0, task("api"), task("other"))).toEqual([
      'BadLabel: Part "api": the label must begin with "api", as in "api-one".',
      'BadLabel: Part "other": the label must begin with "api", as in "api-one".',
    ]);
  });

  it("are told what they may write, read and check, also where that is nothing", () => {
    const greedy = task("bare-one", { files: ["lib/x.ts"], writes: ["src/a.ts"], acceptance: ["make"] });
    expect(issuesOf(2, greedy, task("bare-two"))).toEqual([
      'PathOutside: Part "bare-one": writes "src/a.ts", which the task may not. It may write nothing.',
      'PathOutside: Part "bare-one": files names "lib/x.ts", which the plan does not. It names "src/", "src/a.ts", "src/b.ts", "docs/x.md".',
      'BadInput: Part "bare-one": acceptance "make" is none of the task\'s: nothing.',
    ]);
  });
});

it("bounds that travelled as JSON are bounds again; anything else is none", () => {
  const bounds = plan.tasks.map((one) => splitBounds(plan, one));
  expect(bounds.map((one) => readBounds(JSON.parse(JSON.stringify(one)) as Json))).toEqual(bounds);
  for (const value of [
    null,
    3,
    "bounds",
    [],
    {},
    { label: "a", writes: [] },
    { label: "a", paths: [] },
    { writes: [], paths: [] },
  ])
    expect(readBounds(value)).toBeUndefined();
});

it.each([
  ["src/", "src/a.ts", true],
  ["src", "src/a.ts", true],
  ["src/a.ts", "src", false],
  ["src", "srcs/a.ts", false],
  ["src/*.ts", "src/*.ts", true],
  ["src/*.ts", "src/a?.ts", false],
  ["src/{a,b}.ts", "src/*.ts", false],
  ["src/*.ts", "src/a.ts", true],
  ["src/*.ts", "lib/a.ts", false],
  ["src", "src/*.ts", true],
  ["src/a", "src/*.ts", false],
])("what %s names holds what %s names: %s", (owner, path, expected) => {
  expect(covers(owner, path)).toBe(expected);
});
