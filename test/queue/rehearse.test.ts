import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { taskIdAt, taskIndex } from "../../src/core/ids.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import { criticalPath, indexOf } from "../../src/queue/plan-index.ts";
import { createQueue, finishTask, isSettled, startReady } from "../../src/queue/queue.ts";
import type { QueueOptions } from "../../src/queue/queue.ts";
import { rehearse } from "../../src/queue/rehearse.ts";
import { planOf, randomPlan } from "./plans.ts";

const RESULT = { ref: "", bytes: 0, summary: "" };

/** The moment at which a plan is done if tasks take as long as given. */
function makespan(plan: Plan, durations: readonly number[], options: QueueOptions): number {
  let queue = createQueue(plan, options);
  const ends = new Map<number, number>();
  let now = 0;
  while (!isSettled(queue)) {
    const next = startReady(queue, plan, now);
    queue = next.queue;
    for (const { task } of next.started) ends.set(taskIndex(task), now + durations[taskIndex(task)]!);
    now = Math.min(...ends.values());
    for (const [at, end] of ends) {
      if (end !== now) continue;
      ends.delete(at);
      queue = finishTask(queue, plan, { task: taskIdAt(at), at: now, result: RESULT, usd: 0 });
    }
  }
  return now;
}

const estimatesOf = (durations: readonly number[]): Record<string, number> =>
  Object.fromEntries(durations.map((ms, at) => [taskIdAt(at), ms]));

describe("a plan whose durations are all known", () => {
  it("is never played worse than by its critical path alone, and never better than the bounds allow", () => {
    const durations = fc.array(fc.nat(20), { minLength: 20, maxLength: 20 });
    const caps = fc.constantFrom({}, { api: 1 }, { docs: 2 });
    fc.assert(
      fc.property(randomPlan(20), durations, fc.integer({ min: 1, max: 5 }), caps, (plan, all, concurrency, some) => {
        const known = all.slice(0, plan.tasks.length);
        const lengths = [...known, 0];
        // The last task is alone and takes no time; without an estimate for it, the plan is not rehearsed.
        const longer = planOf([...plan.tasks.map(() => ({})), {}]).tasks.slice(-1);
        const wider: Plan = { rationale: "", tasks: [...plan.tasks, ...longer] };
        const rehearsed = makespan(wider, lengths, { concurrency, caps: some, estimates: estimatesOf(lengths) });
        const alone = makespan(wider, lengths, { concurrency, caps: some, estimates: estimatesOf(known) });
        expect(rehearsed).toBeGreaterThanOrEqual(criticalPath(plan, estimatesOf(known)).ms ?? 0);
        expect(rehearsed).toBeGreaterThanOrEqual(known.reduce((sum, ms) => sum + ms, 0) / concurrency);
        expect(rehearsed).toBeLessThanOrEqual(alone);
      }),
      { numRuns: 150 },
    );
  });

  it("sees that tasks compete for places, which the critical path does not", () => {
    // Longest first gives 6+3+3 and 5+4+1: 12 ms. It can be had in 11: 6+5 and 4+3+3+1.
    const durations = [4, 1, 3, 6, 3, 5];
    const plan = planOf(durations.map(() => ({})));
    expect(makespan(plan, durations, { concurrency: 2, estimates: estimatesOf(durations) })).toBe(11);
  });

  it("counts the places of a worker with a cap", () => {
    const durations = [4, 1, 3, 6, 3, 5];
    const plan = planOf(durations.map(() => ({})));
    expect(makespan(plan, durations, { concurrency: 6, caps: { api: 2 }, estimates: estimatesOf(durations) })).toBe(11);
  });

  it("keeps the critical path where no other order is shorter", () => {
    const plan = planOf([{}, { hard: [0] }, {}]);
    const first = [7, 3, 2];
    const rehearsal = { index: indexOf(plan), durations: [4, 3, 2], workers: ["api", "api", "api"], concurrency: 2, caps: {} };
    expect(rehearse(rehearsal, first)).toBe(first);
  });

  it("keeps its order whatever is learnt", () => {
    const plan = planOf([{}, {}, { hard: [0] }]);
    const queue = createQueue(plan, { concurrency: 1, estimates: { t1: 5, t2: 50, t3: 5 } });
    const started = startReady(queue, plan, 0);
    expect(started.started).toEqual([{ task: "t2", attempt: 1 }]);
    const after = finishTask(started.queue, plan, { task: taskIdAt(1), at: 9999, result: RESULT, usd: 0 });
    expect(after.priorities).toBe(queue.priorities);
    expect(after.learnt["api"]).toMatchObject({ samples: 1, meanMs: 9999 });
  });

  it("is rehearsed soon, and not at all when it is very large", () => {
    const shapes = (size: number) =>
      Array.from({ length: size }, (_, at) => (at < 20 ? {} : { hard: [at - 20, at - 1 - (at % 19)] }));
    for (const size of [500, 5000]) {
      const start = performance.now();
      createQueue(planOf(shapes(size)), {
        concurrency: 4,
        estimates: estimatesOf(Array.from({ length: size }, (_, at) => at % 13)),
      });
      expect(performance.now() - start).toBeLessThan(1000);
    }
  });
});
