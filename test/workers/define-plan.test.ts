import { describe, expect, it } from "vitest";
import { z } from "zod";
import { definePlan } from "../../src/workers/define-plan.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import type { Worker } from "../../src/workers/define-worker.ts";

const schema = defineWorker({
  name: "schema",
  description: "d",
  input: z.object({ entity: z.string() }),
  output: z.object({ tables: z.array(z.string()) }),
  perform: ({ input }) => ({ tables: [input.entity] }),
});
const echo = defineWorker({ name: "echo", description: "d", input: z.string(), perform: ({ input }) => input });
const docs = defineWorker({ name: "docs", description: "d", instructions: "write" });
// Plans as plain JavaScript may give them.
const defineLoosely = definePlan as unknown as (workers: readonly Worker[], tasks: readonly object[]) => unknown;

describe("definePlan", () => {
  it("gives our ids, our defaults, and both kinds of dependency", () => {
    const { plan, workers } = definePlan(
      [schema, docs],
      [
        { label: "tables", worker: "schema", task: "make tables", input: { entity: "user" } },
        { label: "lint", worker: "docs", task: "look at style", optional: true, tier: "haiku" },
        {
          label: "guide",
          worker: "docs",
          task: "write the guide",
          outputFormat: "markdown",
          dependsOn: ["tables"],
          after: ["lint"],
          writes: ["./guide.md"],
        },
      ],
    );
    expect(workers.map(({ name }) => name)).toEqual(["schema", "docs"]);
    expect(plan.tasks.map(({ id }) => id)).toEqual(["t1", "t2", "t3"]);
    expect(plan.tasks[0]).toMatchObject({ input: { entity: "user" }, optional: false, tier: null, files: [], acceptance: [] });
    expect(plan.tasks[2]).toMatchObject({
      outputFormat: "markdown",
      writes: ["guide.md"],
      dependencies: [
        { task: "t1", kind: "hard" },
        { task: "t2", kind: "soft" },
      ],
    });
  });

  it.each(["hello", "5", "null", '{"a":1}', "[", " ", ""])("hands over the text %j as it is", (input) => {
    const { plan } = definePlan([echo], [{ label: "say", worker: "echo", task: "say it", input }]);
    expect(plan.tasks[0]?.input).toBe(input);
  });

  it("lists everything that is wrong at once", () => {
    expect(() =>
      defineLoosely(
        [schema, docs],
        [
          { label: "a", worker: "shcema", task: "t", input: { entity: "x" } },
          { label: "b", worker: "schema", task: "t" },
          { label: "c", worker: "docs", task: "t", dependsOn: ["d"] },
          { label: "d", worker: "docs", task: "t", dependsOn: ["c", "nowhere"] },
          { label: "e", worker: "docs", task: "", input: 1n, colour: "red" },
        ],
      ),
    ).toThrow(
      expect.objectContaining({
        code: "BadPlan",
        message: expect.stringMatching(/(?=[^]*schema)(?=[^]*cycle)(?=[^]*nowhere)(?=[^]*colour)(?=[^]*empty)(?=[^]*input)/i),
      }),
    );
  });

  it("refuses an empty plan", () => {
    expect(() => definePlan([docs], [])).toThrow(expect.objectContaining({ code: "BadPlan" }));
  });

  it("takes more and longer chains of tasks than a model may plan", () => {
    const tasks = Array.from({ length: 1_000 }, (_, at) => ({
      label: `task-${at}`,
      worker: "docs" as const,
      task: "go on",
      dependsOn: at === 0 ? [] : [`task-${at - 1}`],
    }));
    expect(definePlan([docs], tasks).plan.tasks).toHaveLength(1_000);
  });
});
