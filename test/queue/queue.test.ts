import { describe, expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import { taskId, taskIdAt } from "../../src/core/ids.ts";
import type { Plan } from "../../src/protocol/plan.ts";
import {
  answerTask,
  askTask,
  chargeTask,
  createQueue,
  dueTasks,
  explain,
  failTask,
  finishTask,
  isSettled,
  nextWakeAt,
  redoTask,
  retryTask,
  reviveTask,
  settledCount,
  skipTask,
  startReady,
  taskStateOf,
  wakeTask,
} from "../../src/queue/queue.ts";
import type { Queue, TaskStatus } from "../../src/queue/queue.ts";
import { planOf } from "./plans.ts";
import type { TaskShape } from "./plans.ts";
import { expectSound } from "./soundness.ts";

const RESULT = { ref: "artifact-1", bytes: 12, summary: "done" };
const t = taskIdAt;

/** A queue and its plan under one name, so that a test reads as what happens. */
class Bench {
  readonly plan: Plan;
  queue: Queue;
  constructor(shapes: readonly TaskShape[], options: Parameters<typeof createQueue>[1] = { concurrency: 8 }) {
    this.plan = planOf(shapes);
    this.queue = createQueue(this.plan, options);
  }
  start(at = 0): string[] {
    const { queue, started } = startReady(this.queue, this.plan, at);
    this.queue = queue;
    return started.map(({ task, attempt }) => `${task}#${attempt}`);
  }
  finish(position: number, at = 0): void {
    this.queue = finishTask(this.queue, this.plan, { task: t(position), at, result: RESULT, usd: 0.5 });
  }
  fail(position: number): void {
    this.queue = failTask(this.queue, this.plan, {
      task: t(position),
      at: 9,
      failure: failure("WorkerTimeout", "slow"),
      usd: 0.5,
    });
  }
  redo(position: number): readonly string[] {
    const { queue, reopened } = redoTask(this.queue, this.plan, { task: t(position) });
    this.queue = queue;
    return reopened;
  }
  revive(position: number): void {
    this.queue = reviveTask(this.queue, this.plan, t(position));
  }
  statuses(): TaskStatus[] {
    expectSound(this.queue, this.plan);
    return this.queue.tasks.map((task) => task.status);
  }
}

describe("starting", () => {
  it("takes the longest chain of work first, plan order on ties, as many as may run at once", () => {
    // c <- b <- d is the long chain; a and e stand alone.
    const bench = new Bench([{}, { hard: [2] }, {}, { hard: [1] }, {}], { concurrency: 2 });
    expect(bench.start()).toEqual(["t3#1", "t1#1"]);
    expect(bench.start()).toEqual([]);
    bench.finish(2);
    expect(bench.start()).toEqual(["t2#1"]);
  });

  it("does not let a worker at its cap hold up the others", () => {
    const workers = ["db", "db", "db", "ui", "ui"];
    const bench = new Bench(
      workers.map((worker) => ({ worker })),
      { concurrency: 4, caps: { db: 1 } },
    );
    expect(bench.start()).toEqual(["t1#1", "t4#1", "t5#1"]);
    expect(bench.start()).toEqual([]);
    bench.finish(0);
    expect(bench.start()).toEqual(["t2#1"]);
  });

  it.each(["__proto__", "constructor", "toString"])("counts a worker named %s like any other", (worker) => {
    const bench = new Bench([{ worker }, { worker }], {
      concurrency: 9,
      caps: JSON.parse(`{"${worker}":1}`) as Record<string, number>,
    });
    expect(bench.start()).toEqual(["t1#1"]);
    expect(Object.getPrototypeOf(bench.queue.runningBy)).toBe(Object.prototype);
    bench.finish(0);
    expect(bench.start()).toEqual(["t2#1"]);
    expect(bench.statuses()).toEqual(["finished", "running"]);
  });

  it.each([
    [0, 1],
    [-3, 1],
    [1.9, 1],
    [Number.NaN, 3],
    [Number.POSITIVE_INFINITY, 3],
  ])("reads a concurrency of %s as %s", (concurrency, running) => {
    expect(new Bench([{}, {}, {}], { concurrency }).start()).toHaveLength(running);
  });

  it("is settled at once with an empty plan", () => {
    const bench = new Bench([]);
    expect(isSettled(bench.queue)).toBe(true);
    expect(bench.start()).toEqual([]);
    expect(nextWakeAt(bench.queue)).toBeNull();
  });
});

describe("finishing", () => {
  it("opens what waited for nothing else and keeps the result, the bill and the moment", () => {
    const bench = new Bench([{}, {}, { hard: [0], soft: [1] }]);
    bench.start(5);
    bench.finish(0, 25);
    expect(bench.statuses()).toEqual(["finished", "running", "waiting"]);
    expect(taskStateOf(bench.queue, t(0))).toMatchObject({
      result: RESULT,
      usd: 0.5,
      startedAt: 5,
      settledAt: 25,
      failure: null,
    });
    bench.finish(1, 30);
    expect(bench.statuses()).toEqual(["finished", "finished", "ready"]);
    expect(settledCount(bench.queue)).toBe(2);
  });

  it("learns how long each worker takes and puts the slow path in front", () => {
    const shapes = ["fast", "slow", "fast", "fast", "slow"].map((worker) => ({ worker }));
    const bench = new Bench(shapes, { concurrency: 2 });
    expect(bench.queue.unit).toBe("hops");
    expect(bench.start(0)).toEqual(["t1#1", "t2#1"]);
    bench.finish(0, 10);
    bench.finish(1, 900);
    expect(bench.queue).toMatchObject({
      unit: "ms",
      learnt: { fast: { samples: 1, meanMs: 10 }, slow: { samples: 1, meanMs: 900 } },
    });
    expect(bench.queue.ready).toEqual([4, 2, 3]);
    expect(bench.start(900)).toEqual(["t5#1", "t3#1"]);
  });

  it("computes priorities anew only when a mean has moved by a quarter, and rarely", () => {
    const bench = new Bench(
      Array.from({ length: 1000 }, () => ({})),
      { concurrency: 1 },
    );
    let replans = 0;
    let growth = 1;
    for (let at = 0; at < 1000; at++) {
      const before = bench.queue.priorities;
      bench.start(0);
      bench.finish(at, growth);
      growth *= 1.5;
      if (bench.queue.priorities !== before) replans += 1;
    }
    expect(replans).toBe(9);
    const steady = new Bench([{}, {}, {}, {}], { concurrency: 1 });
    for (const [at, ms] of [100, 110, 95, 105].entries()) {
      const before = steady.queue.priorities;
      steady.start(0);
      steady.finish(at, ms);
      expect(steady.queue.priorities !== before).toBe(at === 0);
    }
  });

  it("trusts estimates over what it learns", () => {
    const bench = new Bench([{}, {}, {}], { concurrency: 1, estimates: { t3: 500, t1: 20 } });
    expect(bench.queue).toMatchObject({ unit: "ms", priorities: [20, 260, 500] });
    bench.start(0);
    bench.finish(2, 40);
    expect(bench.queue.priorities).toEqual([20, 40, 500]);
  });

  it("takes no second report, and none for a task that waits for its next attempt", () => {
    const bench = new Bench([{}]);
    bench.start();
    bench.queue = retryTask(bench.queue, { task: t(0), wakeAt: 50, failure: failure("Overloaded", "busy"), usd: 1 });
    const before = bench.queue;
    bench.finish(0);
    expect(bench.queue).toBe(before);
    bench.queue = chargeTask(bench.queue, { task: t(0), usd: 0.25 });
    expect(taskStateOf(bench.queue, t(0))).toMatchObject({ status: "retrying", usd: 1.25 });
  });
});

describe("trying again", () => {
  it("waits for the wake-up times in their order and counts attempts", () => {
    const bench = new Bench([{}, {}, {}]);
    bench.start();
    for (const [at, wakeAt] of [300, 100, 200].entries()) {
      bench.queue = retryTask(bench.queue, { task: t(at), wakeAt, failure: failure("Overloaded", "busy"), usd: 0 });
    }
    expect(nextWakeAt(bench.queue)).toBe(100);
    expect(dueTasks(bench.queue, 99)).toEqual([]);
    expect(dueTasks(bench.queue, 200)).toEqual(["t2", "t3"]);
    bench.queue = wakeTask(bench.queue, t(1));
    expect(nextWakeAt(bench.queue)).toBe(200);
    expect(bench.statuses()).toEqual(["retrying", "ready", "retrying"]);
    expect(taskStateOf(bench.queue, t(1))).toMatchObject({ wakeAt: null, failure: { code: "Overloaded" } });
    expect(bench.start()).toEqual(["t2#2"]);
  });

  it("gives the slot back while a person is asked, and follows the answer", () => {
    const bench = new Bench([{}, { hard: [0] }, {}], { concurrency: 1 });
    bench.start();
    bench.queue = askTask(bench.queue, { task: t(0), failure: failure("ToolDenied", "may it?"), usd: 1 });
    expect(bench.start()).toEqual(["t3#1"]);
    expect(isSettled(bench.queue)).toBe(false);
    const asked = bench.queue;
    bench.queue = answerTask(asked, bench.plan, { task: t(0), at: 3, again: true });
    expect(bench.statuses()).toEqual(["ready", "waiting", "running"]);
    bench.queue = answerTask(asked, bench.plan, { task: t(0), at: 3, again: false });
    expect(bench.statuses()).toEqual(["failed", "skipped", "running"]);
    expect(taskStateOf(bench.queue, t(0))?.failure?.code).toBe("ToolDenied");
    bench.queue = answerTask(askTask(asked, { task: t(2), failure: null, usd: 0 }), bench.plan, {
      task: t(2),
      at: 3,
      again: false,
    });
    expect(taskStateOf(bench.queue, t(2))?.failure?.code).toBe("Rejected");
  });
});

describe("losing a task", () => {
  it("skips what needs it, and only delays what can do without it", () => {
    // a <- b <- c hard; d waits for a softly; e needs d.
    const bench = new Bench([{}, { hard: [0] }, { hard: [1] }, { soft: [0] }, { hard: [3] }]);
    bench.start();
    bench.fail(0);
    expect(bench.statuses()).toEqual(["failed", "skipped", "skipped", "ready", "waiting"]);
    expect(taskStateOf(bench.queue, t(2))?.failure).toMatchObject({ code: "DependencyFailed", cause: { code: "WorkerTimeout" } });
    expect(taskStateOf(bench.queue, t(0))).toMatchObject({ usd: 0.5, settledAt: 9 });
  });

  it("keeps failures small however long the chain behind them is", () => {
    const bench = new Bench(Array.from({ length: 5000 }, (_, at) => (at === 0 ? {} : { hard: [at - 1] })));
    bench.fail(0);
    expect(bench.queue.counts).toMatchObject({ failed: 1, skipped: 4999 });
    expect(JSON.stringify(taskStateOf(bench.queue, t(4999))).length).toBeLessThan(600);
  });

  it("brings back exactly what was lost through it", () => {
    // c needs a and b; d needs c; e needs a and was skipped by a person.
    const bench = new Bench([{}, {}, { hard: [0, 1] }, { hard: [2] }, { hard: [0] }]);
    bench.queue = skipTask(bench.queue, bench.plan, { task: t(4), at: 1, failure: failure("Skipped", "not wanted") });
    bench.fail(0);
    bench.fail(1);
    bench.revive(2);
    expect(bench.statuses()).toEqual(["failed", "failed", "skipped", "skipped", "skipped"]);
    bench.revive(0);
    expect(bench.statuses()).toEqual(["ready", "failed", "skipped", "skipped", "skipped"]);
    bench.revive(1);
    expect(bench.statuses()).toEqual(["ready", "ready", "waiting", "waiting", "skipped"]);
    expect(taskStateOf(bench.queue, t(0))).toMatchObject({ failure: null, settledAt: null, usd: 0.5 });
    expect(bench.start()).toEqual(["t1#1", "t2#1"]);
  });

  it("gives what stays skipped the reason that still holds", () => {
    // a and b -> c -> d; all are skipped because of a; when a is revived, b is what they are skipped for.
    const bench = new Bench([{}, {}, { hard: [0, 1] }, { hard: [2] }]);
    bench.start();
    bench.fail(0);
    bench.fail(1);
    const reasons = () => bench.queue.tasks.map((task) => task.failure?.message ?? "");
    expect(
      reasons()
        .slice(2)
        .every((reason) => reason.includes("(t1)")),
    ).toBe(true);
    bench.revive(0);
    expect(bench.statuses()).toEqual(["ready", "failed", "skipped", "skipped"]);
    expect(
      reasons()
        .slice(2)
        .every((reason) => reason.includes("(t2)")),
    ).toBe(true);
  });

  it("counts attempts on after a revival", () => {
    const bench = new Bench([{}]);
    bench.start();
    bench.fail(0);
    bench.revive(0);
    expect(bench.start()).toEqual(["t1#2"]);
  });
});

describe("doing a task again", () => {
  it("invalidates what ran after it, stops what is running, and runs it all anew", () => {
    // a <- b <- c, a <- d softly; e stands apart.
    const bench = new Bench([{}, { hard: [0] }, { hard: [1] }, { soft: [0] }, {}]);
    bench.start();
    bench.finish(0);
    bench.start();
    bench.finish(1);
    bench.start();
    expect(bench.redo(0)).toEqual(["t1", "t2", "t4", "t3"]);
    expect(bench.statuses()).toEqual(["ready", "invalidated", "invalidated", "invalidated", "running"]);
    expect(bench.start()).toEqual(["t1#2"]);
    bench.finish(0);
    expect(bench.start()).toEqual(["t2#2", "t4#2"]);
    bench.finish(1);
    expect(bench.statuses()).toEqual(["finished", "finished", "ready", "running", "running"]);
  });

  it("leaves what waits for a stopped task waiting for it once, not twice", () => {
    const bench = new Bench([{}, { hard: [0] }, { hard: [1] }]);
    bench.start();
    bench.finish(0);
    bench.start();
    expect(bench.redo(0)).toEqual(["t1", "t2"]);
    expect(bench.statuses()).toEqual(["ready", "invalidated", "waiting"]);
    expect(taskStateOf(bench.queue, t(2))?.waitingFor).toBe(1);
  });

  it("skips invalidated tasks when the second try of what they need fails", () => {
    const bench = new Bench([{}, { hard: [0] }]);
    bench.start();
    bench.finish(0);
    bench.start();
    bench.redo(0);
    bench.start();
    bench.fail(0);
    expect(bench.statuses()).toEqual(["failed", "skipped"]);
    expect(isSettled(bench.queue)).toBe(true);
  });
});

describe("an operation that does not fit", () => {
  it("returns the very queue it was given", () => {
    const bench = new Bench([{}, { hard: [0] }]);
    bench.start();
    bench.finish(0);
    const { queue, plan } = bench;
    const why = failure("Internal", "no");
    for (const task of [t(0), t(2), taskId("t01"), taskId("__proto__"), taskId("")]) {
      const common = { task, at: 1, failure: why, usd: 1 };
      expect(finishTask(queue, plan, { ...common, result: RESULT })).toBe(queue);
      expect(retryTask(queue, { ...common, wakeAt: 2 })).toBe(queue);
      expect(wakeTask(queue, task)).toBe(queue);
      expect(askTask(queue, common)).toBe(queue);
      expect(answerTask(queue, plan, { ...common, again: true })).toBe(queue);
      expect(failTask(queue, plan, common)).toBe(queue);
      expect(skipTask(queue, plan, common)).toBe(queue);
      expect(reviveTask(queue, plan, task)).toBe(queue);
    }
    expect(redoTask(queue, plan, { task: t(1) })).toEqual({ queue, reopened: [] });
    const idle = new Bench([]);
    expect(startReady(idle.queue, idle.plan, 0).queue).toBe(idle.queue);
  });
});

describe("explaining", () => {
  it("says in one line why a task stands where it stands", () => {
    const bench = new Bench([{ worker: "db" }, { hard: [0] }, { worker: "db" }, { hard: [1] }], {
      concurrency: 2,
      caps: { db: 1 },
      estimates: { t1: 90_000, t2: 3000, t3: 1000, t4: 2000 },
    });
    const say = (position: number) => explain(bench.queue, bench.plan, t(position));
    expect(say(0)).toBe("first in line: 95 s of work hang on it");
    expect(say(3)).toBe('waits for "b"');
    bench.start();
    expect(say(0)).toBe("attempt 1 runs: 95 s of work hang on it");
    expect(say(2)).toBe('first in line: 1.0 s of work hang on it, but worker "db" is at its cap');
    bench.fail(0);
    expect(say(0)).toBe("failed after 1 attempt: slow");
    expect(say(1)).toBe('skipped: Not started: it needs the result of "a" (t1), which failed: slow');
    expect(say(9)).toBe("The plan has no task t10.");
    expect(explain(new Bench([{}, { hard: [0] }]).queue, bench.plan, t(0))).toBe(
      "first in line: a chain of 2 tasks hangs on it, itself included",
    );
  });

  it("says for each status what it waits for, and how often it was tried", () => {
    const bench = new Bench([{}, {}, {}, {}, { hard: [0, 1, 2, 3] }, { hard: [4] }], { concurrency: 2 });
    const say = (position: number) => explain(bench.queue, bench.plan, t(position));
    expect(say(3)).toBe("number 4 in line: a chain of 3 tasks hangs on it, itself included");
    expect(say(4)).toMatch(/^waits for (".+", ){2}".+" and 1 more$/);
    bench.start();
    const why = failure("WorkerTimeout", "slow");
    bench.queue = retryTask(bench.queue, { task: t(0), wakeAt: 9, failure: why, usd: 0 });
    expect(say(0)).toBe("attempt 1 failed, waits for its next one: slow");
    bench.queue = askTask(bench.queue, { task: t(1), failure: why, usd: 0 });
    expect(say(1)).toBe("waits for an answer: slow");
    bench.queue = wakeTask(bench.queue, t(0));
    bench.start();
    for (const position of [0, 2]) bench.finish(position);
    expect([say(0), say(2)]).toEqual(["finished after 2 attempts", "finished after 1 attempt"]);
    bench.queue = answerTask(bench.queue, bench.plan, { task: t(1), at: 10, again: true });
    bench.start();
    for (const position of [1, 3]) bench.finish(position);
    bench.start();
    expect(say(5)).toMatch(/^waits for "[^"]+"$/);
    bench.redo(0);
    expect(say(4)).toMatch(/^what it built on is being done again: waits for "[^"]+"$/);
  });
});

describe("losing many tasks at once", () => {
  it("keeps the order of those that are left", () => {
    const bench = new Bench(
      Array.from({ length: 40 }, () => ({})),
      { concurrency: 1 },
    );
    for (let position = 39; position >= 0; position -= 2) {
      bench.queue = skipTask(bench.queue, bench.plan, { task: t(position), at: 1, failure: failure("Cancelled", "no") });
    }
    expect(bench.queue.ready).toEqual(Array.from({ length: 20 }, (_, at) => at * 2));
    bench.statuses();
  });
});
