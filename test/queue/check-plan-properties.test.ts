import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { taskIdAt, taskIndex } from "../../src/core/ids.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import { dependencyClosure } from "../../src/queue/plan-index.ts";
import { check, draft, issuesOf, task } from "./drafts.ts";
import { randomPlan } from "./plans.ts";

const ENOUGH = { tasks: 100, depth: 100, dependencies: 10_000 };

/** The draft that a plan could have come from. */
function draftOf(
  plan: Plan,
  more: (at: number) => object = () => ({}),
): { label: string; depends_on: string[]; after: string[] }[] {
  return plan.tasks.map((from, at) => {
    const labels = (kind: string) =>
      from.dependencies.filter((edge) => edge.kind === kind).map((edge) => plan.tasks[taskIndex(edge.task)]!.label);
    return { ...task(from.label, more(at)), label: from.label, depends_on: labels("hard"), after: labels("soft") };
  });
}

describe("an acyclic draft", () => {
  it("is accepted with exactly its edges; one edge back makes a circle, named along true edges", () => {
    fc.assert(
      fc.property(randomPlan(), fc.nat(), fc.nat(), (plan, from, to) => {
        const tasks = draftOf(plan);
        const good = check(draft(tasks), ENOUGH);
        expect(good.ok && good.plan.tasks.map((one) => one.dependencies)).toEqual(plan.tasks.map((one) => one.dependencies));
        const later = taskIdAt(to % plan.tasks.length);
        const before = dependencyClosure(plan, later);
        if (before.length === 0) return;
        const earlier = tasks[taskIndex(before[from % before.length]!)]!;
        earlier.depends_on.push(tasks[taskIndex(later)]!.label);
        const cycles = issuesOf(draft(tasks), ENOUGH).filter((issue) => issue.code === "Cycle");
        expect(cycles.length).toBeGreaterThan(0);
        for (const { message } of cycles) {
          const path = /circle: (.*) \(each/.exec(message)![1]!.split(" -> ");
          expect(path.at(-1)).toBe(path[0]);
          expect(new Set(path).size).toBe(path.length - 1);
          for (const [step, label] of path.slice(0, -1).entries()) {
            const one = tasks.find((candidate) => candidate.label === label)!;
            expect([...one.depends_on, ...one.after]).toContain(path[step + 1]);
          }
          expect(path.join()).toContain(earlier.label);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("has a write conflict exactly where two tasks that overlap are in no order", () => {
    const writes = fc.constantFrom("src", "src/", "src/a", "SRC/a/b", "src/*.ts", "lib/x", "lib/x.y", ".");
    const covers = (one: string, two: string) => {
      const [a, b] = [one, two].map((path) =>
        `/${path.toLowerCase().replace(/\*.*$/, "")}/`.replaceAll("/./", "/").replaceAll(/\/+/g, "/"),
      );
      return b!.startsWith(a!) || a!.startsWith(b!);
    };
    fc.assert(
      fc.property(
        randomPlan(12),
        fc.array(fc.array(writes, { maxLength: 2 }), { minLength: 12, maxLength: 12 }),
        (plan, lists) => {
          const expected = new Set<string>();
          for (const [two, later] of plan.tasks.entries()) {
            for (const [one, earlier] of plan.tasks.slice(0, two).entries()) {
              const isOrdered =
                dependencyClosure(plan, later.id).includes(earlier.id) || dependencyClosure(plan, earlier.id).includes(later.id);
              const isShared = lists[one]!.some((a) => lists[two]!.some((b) => covers(a, b)));
              if (isShared && !isOrdered) expected.add(`"${earlier.label}" and "${later.label}"`);
            }
          }
          const issues = issuesOf(draft(draftOf(plan, (at) => ({ writes: lists[at] }))), ENOUGH);
          expect(issues.every((issue) => issue.code === "WriteConflict")).toBe(true);
          expect(new Set(issues.map(({ message }) => /Tasks (".*?" and ".*?") /.exec(message)![1]))).toEqual(expected);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("any value", () => {
  const word = fc.oneof(
    fc.constantFrom("a", "b", "__proto__", "api", "\u202e", "\ud800", "../x", "", " "),
    fc.string({ unit: "binary", maxLength: 8 }),
  );
  const wild = fc.oneof(
    word,
    fc.array(word, { maxLength: 3 }),
    fc.jsonValue({ maxDepth: 2 }),
    fc.anything({ maxDepth: 2, withBigInt: true, withNullPrototype: true }),
  );
  const fields = fc.constantFrom(
    "label",
    "worker",
    "task",
    "input",
    "files",
    "depends_on",
    "after",
    "writes",
    "acceptance",
    "optional",
    "tier",
    "__proto__",
    "x",
  );
  const anyTask = fc.oneof(
    fc.dictionary(fields, wild),
    wild,
    fc.record({ label: word, worker: word, task: word, depends_on: fc.array(word, { maxLength: 3 }) }),
  );
  const anyDraft = fc.oneof(fc.record({ tasks: fc.array(anyTask, { maxLength: 5 }) }), fc.anything());

  const expectAnswer = (value: unknown): void => {
    const result = check(value);
    if (result.ok) expect(JSON.parse(JSON.stringify(result.plan))).toEqual(result.plan);
    else {
      expect(result.issues.length).toBeGreaterThan(0);
      for (const { message, task: label } of result.issues)
        expect(message + (label ?? "")).not.toMatch(/[\p{Bidi_Control}\p{Cc}\p{Cs}]/u);
    }
  };

  it("gets an answer, and what is shown of it holds nothing invisible", () => {
    fc.assert(fc.property(anyDraft, expectAnswer), { numRuns: 1000 });
    fc.assert(
      fc.property(
        anyDraft.map((value) => draftText(value)),
        expectAnswer,
      ),
      { numRuns: 500 },
    );
  });

  it("gets an answer as a text, whole, cut off or changed in one place", () => {
    const text = JSON.stringify(draft([task("a", { files: ["x"], input: '{"n":1}' }), task("b", { depends_on: ["a"] })]));
    for (let at = 0; at < text.length; at++) {
      expectAnswer(text.slice(0, at));
      expectAnswer(text.slice(at));
      expectAnswer(`${text.slice(0, at)}${text.slice(at + 1)}`);
      expectAnswer(`${text.slice(0, at)}"${text.slice(at)}`);
    }
    fc.assert(fc.property(fc.string({ unit: "binary" }), expectAnswer));
  });

  it.each([
    ["nested deeply", "[".repeat(500_000)],
    ["nested deeply in tasks", `{"tasks":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["nested deeply in a task", `{"tasks":[{"label":${"[".repeat(50_000)}${"]".repeat(50_000)}}]}`],
    ["only braces", "{".repeat(500_000)],
    ["only quotes", '"'.repeat(500_000)],
    ["one huge label", { tasks: [task("x".repeat(1_000_000), { depends_on: ["y".repeat(100_000)] })] }],
    ["spaces", { tasks: [task(`a${" ".repeat(500_000)}b`, { files: [`${"a/".repeat(500)}b`] })] }],
    ["a path of slashes", { tasks: [task("a", { writes: ["/a".repeat(500_000), "a/".repeat(512)] })] }],
    [
      "a throwing getter",
      {
        get tasks(): unknown {
          throw new Error("no");
        },
      },
    ],
    [
      "a proxy",
      new Proxy(
        {},
        {
          get: () => {
            throw new Error("no");
          },
          ownKeys: () => {
            throw new Error("no");
          },
        },
      ),
    ],
  ])("gets an answer soon: %s", (_, value) => {
    expectFast(value, 250);
  });

  it("gets an answer soon with ten thousand edges, good or bad", () => {
    const edges = (name: (to: number) => string) =>
      Array.from({ length: 500 }, (_entry, at) =>
        task(`n${at}`, {
          depends_on: Array.from({ length: 20 }, (_edge, step) => name((at * 7 + step * 13) % 500)),
          writes: ["x", `f${at % 9}`],
        }),
      );
    expectFast(draft(edges((to) => `n${to}`)), 250);
    expectFast(draft(edges((to) => `m${to}`)), 250);
    expectFast(draft(edges(() => "n1")), 250);
  });

  /** The bounds leave room for a slow machine; a quadratic step would take seconds. */
  function expectFast(value: unknown, ms: number): void {
    const best = Math.min(
      ...[1, 2, 3].map(() => {
        const start = performance.now();
        expectAnswer(value);
        return performance.now() - start;
      }),
    );
    expect(best).toBeLessThan(ms);
  }
});

function draftText(value: unknown): unknown {
  try {
    return JSON.stringify(value);
  } catch {
    return value;
  }
}
