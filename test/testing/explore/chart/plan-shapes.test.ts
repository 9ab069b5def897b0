// All shapes of small plans, each once.
import { describe, expect, it } from "vitest";
import { planShapes } from "quatrain/testing";
import { checkPlan } from "../../../../src/queue/check-plan.ts";
import { workers } from "../../../support/cast.ts";

describe("planShapes", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 6],
    [4, 31],
    [5, 302],
  ])("makes the shapes of %i tasks: %i (OEIS A003087)", (tasks, count) => {
    const plans = planShapes({ tasks, worker: "backend" });
    expect(plans).toHaveLength(count);
    const shapes = plans.map((plan) => JSON.stringify(plan.tasks.map(({ dependencies }) => dependencies)));
    expect(new Set(shapes).size).toBe(count);
    expect(plans[0]?.tasks.every(({ dependencies }) => dependencies.length === 0)).toBe(true);
    expect(plans.at(-1)?.tasks.map(({ dependencies }) => dependencies.length)).toEqual([...plans.keys()].slice(0, tasks));
  });

  it("makes plans that a run takes", () => {
    for (const { tasks } of planShapes({ tasks: 3, worker: "backend" })) {
      const draft = tasks.map(({ label, worker, task, dependencies }) => {
        const needs = dependencies.map((edge) => tasks.find(({ id }) => id === edge.task)?.label);
        return { label, worker, task, depends_on: needs };
      });
      expect(checkPlan({ rationale: "", tasks: draft }, { workers })).toMatchObject({ ok: true, plan: { tasks } });
    }
  });

  it.each([0, 7, 1.5])("refuses %d tasks", (tasks) => {
    expect(() => planShapes({ tasks, worker: "backend" })).toThrow(/planShapes: tasks is .*; give a whole number from 1 to 6/);
  });
});
