import { expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import { taskIdAt } from "../../src/core/ids.ts";
import { createQueue, retryTask, startReady } from "../../src/queue/queue.ts";
import { shiftStarts } from "../../src/queue/time.ts";
import { planOf } from "./plans.ts";

const plan = planOf([{}, {}, {}, { hard: [0] }]);
const started = startReady(createQueue(plan, { concurrency: 2 }), plan, 100).queue;
const starts = (queue: typeof started) => queue.tasks.map(({ startedAt }) => startedAt);

it("a gap moves the starts of what runs, to its end at most, and of nothing else", () => {
  expect(starts(started)).toEqual([100, 100, null, null]);
  expect(starts(shiftStarts(started, { ms: 50, at: 1_000 }))).toEqual([150, 150, null, null]);
  expect(starts(shiftStarts(started, { ms: 950, at: 1_000 }))).toEqual([1_000, 1_000, null, null]);
  expect(starts(shiftStarts(started, { ms: 50, at: 100 }))).toEqual([100, 100, null, null]);
  expect(starts(shiftStarts(started, { ms: 50, at: 90 }))).toEqual([100, 100, null, null]);
});

it("a gap moves only the tasks that are named, where they run", () => {
  expect(starts(shiftStarts(started, { ms: 50, at: 1_000 }, [1, 2, 3, 9]))).toEqual([100, 150, null, null]);
  const waiting = retryTask(started, { task: taskIdAt(0), wakeAt: 9_000, failure: failure("WorkerTimeout", "slow"), usd: 0 });
  expect(shiftStarts(waiting, { ms: 50, at: 1_000 }, [0]).tasks).toEqual(waiting.tasks);
});

it("no gap leaves the very queue", () => {
  expect(shiftStarts(started, { ms: 0, at: 1_000 })).toBe(started);
  expect(shiftStarts(started, { ms: -5, at: 1_000 })).toBe(started);
  expect(shiftStarts(started, { ms: 50, at: 1_000 }, [])).toBe(started);
  expect(shiftStarts(started, { ms: 1, at: 1_000 })).not.toBe(started);
});
