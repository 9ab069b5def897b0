// Random plans under random commands: what must hold after every single operation, whatever happened before.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failure, rootCause } from "../../src/core/failure.ts";
import { taskIdAt, taskIndex } from "../../src/core/ids.ts";
import { unreachable } from "../../src/core/unreachable.ts";
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
  mendTask,
  redoTask,
  retryTask,
  reviveTask,
  skipTask,
  startReady,
  wakeTask,
} from "../../src/queue/queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { withParts } from "../../src/queue/check-split.ts";
import { splitTask } from "../../src/queue/grow.ts";
import { topologicalOrder } from "../../src/queue/plan-index.ts";
import { planOf, randomPlan } from "./plans.ts";
import { expectSound, hardDependants } from "./soundness.ts";

const OPERATIONS = [
  "start",
  "finish",
  "retry",
  "wake",
  "ask",
  "again",
  "refuse",
  "fail",
  "skip",
  "revive",
  "redo",
  "mend",
  "charge",
] as const;
interface Step {
  readonly operation: (typeof OPERATIONS)[number];
  readonly pick: number;
  readonly ms: number;
}

const steps = fc.array(
  fc.record({
    operation: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("start", "finish") },
      { weight: 3, arbitrary: fc.constantFrom(...OPERATIONS) },
    ),
    pick: fc.nat(59),
    ms: fc.nat(10_000),
  }),
  { maxLength: 80 },
);
const options = fc.record({
  concurrency: fc.integer({ min: 1, max: 6 }),
  caps: fc.constantFrom({}, { api: 1 }, { docs: 2, api: 3 }),
});

describe("any queue, after any operation", () => {
  it("agrees with itself, survives JSON, is never changed in place, and gives the same again", () => {
    fc.assert(
      fc.property(randomPlan(20), options, steps, (plan, limits, script) => {
        let queue = frozen(createQueue(plan, limits));
        let clock = 0;
        expectSound(queue, plan, strategyOf(plan));
        for (const step of script) {
          clock += step.ms;
          const next = apply(queue, plan, { ...step, at: clock });
          expectSound(next, plan, strategyOf(plan));
          const twin: unknown = JSON.parse(JSON.stringify(next));
          expect(twin).toEqual(next);
          expect(apply(JSON.parse(JSON.stringify(queue)) as Queue, structuredClone(plan), { ...step, at: clock })).toEqual(next);
          for (const task of next.tasks) expect(explain(next, plan, task.id)).not.toMatch(/undefined|NaN|Infinity/);
          queue = frozen(next);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("can still be brought to its end: nothing is lost", () => {
    fc.assert(
      fc.property(randomPlan(), options, steps, (plan, limits, script) => {
        let queue = createQueue(plan, limits);
        for (const step of script) queue = apply(queue, plan, { ...step, at: 0 });
        for (let turns = 0; !isSettled(queue); turns++) {
          expect(turns).toBeLessThan(1000);
          for (const task of queue.tasks) {
            if (task.status === "mending") queue = askTask(queue, { task: task.id, failure: null, usd: 0 });
          }
          for (const task of queue.tasks) {
            if (task.status === "asking") queue = answerTask(queue, plan, { task: task.id, at: 1, again: true });
          }
          for (const id of dueTasks(queue, Number.POSITIVE_INFINITY)) queue = wakeTask(queue, id);
          queue = startReady(queue, plan, 1).queue;
          for (const at of queue.running) queue = finishTask(queue, plan, { task: taskIdAt(at), at: 2, result: RESULT, usd: 0 });
        }
        const lost = queue.tasks.filter((task) => task.status !== "finished");
        const roots = lost.filter((task) => task.failure?.code !== "DependencyFailed");
        const explained = new Set(roots.flatMap((root) => [root.id, ...hardDependants(plan, root.id)]));
        for (const task of lost) expect(explained).toContain(task.id);
      }),
      { numRuns: 100 },
    );
  });
});

describe("a queue whose tasks are cut into parts", () => {
  it("agrees with itself and with the grown plan", () => {
    fc.assert(
      fc.property(randomPlan(10), options, steps, (first, limits, script) => {
        let plan = first;
        let queue = frozen(createQueue(plan, limits));
        for (const step of script) {
          const mending = queue.tasks.find(({ status }) => status === "mending");
          const whole = mending && plan.tasks[taskIndex(mending.id)];
          if (whole && step.ms % 2 === 0 && plan.tasks.length < 30) {
            plan = withParts(
              plan,
              whole,
              planOf([{ worker: whole.worker }, { worker: whole.worker, hard: [0] }, { worker: whole.worker }]),
            );
            queue = splitTask(queue, plan, whole.id);
            expect(queue.tasks[taskIndex(whole.id)]?.status).toBe("waiting");
          } else queue = apply(queue, plan, { ...step, at: 0 });
          expectSound(frozen(queue), plan, strategyOf(plan));
          expect(queue.priorities).toHaveLength(plan.tasks.length);
        }
        expect(splitTask(queue, plan, taskIdAt(0))).toBe(queue);
      }),
      { numRuns: 150 },
    );
  });

  it("gives the parts what the task waited for, and the task its parts; what depends on it notices nothing", () => {
    const plan = planOf([{}, { hard: [0] }, { hard: [1], soft: [0] }]);
    const parts = planOf([{}, { soft: [0] }]);
    const grown = withParts(plan, plan.tasks[1]!, parts);
    expect(
      grown.tasks.map(({ id, dependencies }) => `${id}: ${dependencies.map(({ task, kind }) => `${task} ${kind}`).join(", ")}`),
    ).toEqual(["t1: ", "t2: t1 hard, t4 hard, t5 hard", "t3: t2 hard, t1 soft", "t4: t1 hard", "t5: t1 hard, t4 soft"]);
    expect(topologicalOrder(grown)).toEqual(["t1", "t4", "t5", "t2", "t3"]);
  });
});

describe("a loss", () => {
  it("takes exactly the tasks along that are reachable over hard edges, and names its root", () => {
    fc.assert(
      fc.property(randomPlan(), fc.nat(), fc.boolean(), (plan, pick, isFailure) => {
        const root = plan.tasks[pick % plan.tasks.length]!;
        const why = failure(isFailure ? "WorkerTimeout" : "Skipped", "the reason at the root");
        const start = createQueue(plan, { concurrency: 4 });
        const loss = { task: root.id, at: 7, failure: why, usd: 1 };
        const queue = isFailure ? failTask(start, plan, loss) : skipTask(start, plan, loss);
        const expected = hardDependants(plan, root.id);
        for (const task of queue.tasks) {
          if (task.id === root.id)
            expect(task).toMatchObject({ status: isFailure ? "failed" : "skipped", failure: why, settledAt: 7 });
          else if (expected.has(task.id)) {
            expect(task).toMatchObject({ status: "skipped", settledAt: 7, failure: { code: "DependencyFailed" } });
            expect(rootCause(task.failure!)).toBe(why);
            expect(task.failure!.message).toContain(`"${root.label}" (${root.id})`);
          } else expect(["waiting", "ready"]).toContain(task.status);
        }
        expect(reviveTask(queue, plan, root.id).tasks.map(({ status }) => status)).toEqual(
          start.tasks.map(({ status }) => status),
        );
      }),
      { numRuns: 200 },
    );
  });
});

/** A run keeps to one strategy. */
const strategyOf = ({ tasks }: Plan) => (tasks.length % 2 === 0 ? "one-for-one" : "rest-for-one");

const RESULT = { ref: "r", bytes: 1, summary: "s" };

function apply(queue: Queue, plan: Plan, step: Step & { readonly at: number }): Queue {
  const task = taskIdAt(step.pick % (plan.tasks.length + 1));
  const { at } = step;
  const usd = 0.25;
  switch (step.operation) {
    case "start":
      return startReady(queue, plan, at).queue;
    case "finish":
      return finishTask(queue, plan, { task: oneRunning(queue, step.pick) ?? task, at, result: RESULT, usd });
    case "retry":
      return retryTask(queue, {
        task: oneRunning(queue, step.pick) ?? task,
        wakeAt: at + step.ms,
        failure: failure("Overloaded", "busy"),
        usd,
      });
    case "wake":
      return wakeTask(queue, dueTasks(queue, at)[0] ?? task);
    case "ask":
      return askTask(queue, { task, failure: step.ms % 2 ? failure("ToolDenied", "may it?") : null, usd });
    case "again":
      return answerTask(queue, plan, { task, at, again: true });
    case "refuse":
      return answerTask(queue, plan, { task, at, again: false });
    case "fail":
      return failTask(queue, plan, { task, at, failure: failure("WorkerTimeout", "too slow"), usd });
    case "skip":
      return skipTask(queue, plan, { task, at, failure: failure("Skipped", "not wanted") });
    case "revive":
      return reviveTask(queue, plan, task);
    case "redo":
      return redoTask(queue, plan, { task, strategy: strategyOf(plan) }).queue;
    case "mend":
      return mendTask(queue, { task: oneRunning(queue, step.pick) ?? task, failure: failure("PromptTooLong", "too long"), usd });
    case "charge":
      return chargeTask(queue, { task, usd });
    default:
      return unreachable(step.operation);
  }
}

function oneRunning(queue: Queue, pick: number) {
  const at = queue.running[pick % Math.max(1, queue.running.length)];
  return at === undefined ? undefined : taskIdAt(at);
}

function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
}
