import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { taskId, taskIdAt, taskIndex } from "../../src/core/ids.ts";
import {
  criticalPath,
  dependantClosure,
  dependencyClosure,
  indexOf,
  levelsOf,
  topologicalOrder,
} from "../../src/queue/plan-index.ts";
import { planOf, randomPlan } from "./plans.ts";

// a <- b <- d, a <- c <- d (soft); e alone.
const diamond = planOf([{}, { hard: [0] }, { hard: [0] }, { hard: [1], soft: [2] }, {}]);

describe("the shape of a plan", () => {
  it("orders dependencies before dependants, whatever the order of the plan", () => {
    fc.assert(
      fc.property(randomPlan(), (plan) => {
        const order = topologicalOrder(plan);
        const place = new Map(order.map((id, at) => [id, at]));
        expect([...place.keys()].toSorted()).toEqual(plan.tasks.map((task) => task.id).toSorted());
        for (const task of plan.tasks) {
          for (const edge of task.dependencies) expect(place.get(edge.task)).toBeLessThan(place.get(task.id)!);
        }
      }),
    );
  });

  it("knows what a task builds on and what builds on it", () => {
    expect(dependencyClosure(diamond, taskIdAt(3))).toEqual(["t1", "t2", "t3"]);
    expect(dependencyClosure(diamond, taskIdAt(0))).toEqual([]);
    expect(dependantClosure(diamond, taskIdAt(0))).toEqual(["t2", "t3", "t4"]);
    expect(dependencyClosure(diamond, taskId("nothing"))).toEqual([]);
    expect(levelsOf(diamond)).toEqual([0, 1, 1, 2, 0]);
  });

  it("finds the longest path by hops and by time", () => {
    expect(criticalPath(diamond)).toEqual({ tasks: ["t1", "t2", "t4"], hops: 3 });
    expect(criticalPath(diamond, { t1: 10, t3: 500, t4: 7 })).toEqual({ tasks: ["t1", "t3", "t4"], hops: 3, ms: 517 });
    expect(criticalPath(diamond, { t5: 9000 })).toEqual({ tasks: ["t5"], hops: 1, ms: 9000 });
    expect(criticalPath(planOf([]))).toEqual({ tasks: [], hops: 0 });
  });

  it("has no path longer than the critical one", () => {
    fc.assert(
      fc.property(randomPlan(30), (plan) => {
        const { tasks, hops } = criticalPath(plan);
        expect(hops).toBe(Math.max(...levelsOf(plan)) + 1);
        for (const [step, id] of tasks.entries()) {
          const needs = plan.tasks[taskIndex(id)]!.dependencies.map((edge) => edge.task);
          if (step > 0) expect(needs).toContain(tasks[step - 1]);
        }
      }),
    );
  });

  it("is derived once a plan, and survives a plan that no check has seen", () => {
    expect(indexOf(diamond)).toBe(indexOf(diamond));
    const wild = planOf([{ hard: [1] }, { hard: [0, 77] }, {}]);
    expect(topologicalOrder(wild)).toEqual(["t3", "t1", "t2"]);
    expect(criticalPath(wild).tasks.length).toBeLessThanOrEqual(4);
  });
});
