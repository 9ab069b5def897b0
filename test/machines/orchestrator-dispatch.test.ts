// The heart of a run: which task starts when, what a brief holds, how losses spread, and how the whole ends.
import { describe, expect, it } from "vitest";
import type { Conflict, Report } from "../../src/protocol/work.ts";
import { fails } from "../support/hands.ts";
import type { Hands } from "../support/hands.ts";
import { diamond, planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const started = (run: RunByHand) => run.all("task.started").map(({ task, attempt }) => `${task}#${attempt}`);
const lineOf = (...labels: readonly string[]) =>
  planOf(Object.fromEntries(labels.map((label, at) => [label, { needs: labels.slice(Math.max(0, at - 1), at) }])));

/** Attempts of these tasks change a file. */
const changing =
  (...attempts: readonly string[]) =>
  (hands: Hands) => {
    hands.atOnce.commitWork = ({ workspace }) => {
      const files = attempts.includes(workspace) ? [{ path: "a.txt", kind: "added" as const }] : [];
      return { ok: true, changes: { ref: `changes of ${workspace}`, files }, ref: "output", bytes: 10 };
    };
  };

describe("dispatching", () => {
  it("starts a task the moment its last dependency is finished, and not before", () => {
    const run = new RunByHand({ plan: diamond });
    expect(started(run)).toEqual(["t1#1"]);
    run.finish("t1#1");
    expect(started(run)).toEqual(["t1#1", "t2#1", "t3#1"]);
    run.finish("t3#1");
    expect(run.statuses).toBe("finished running finished waiting");
    run.finish("t2#1");
    expect(started(run).at(-1)).toBe("t4#1");
    run.finish("t4#1");
    expect(run.phase).toBe("synthesizing");
    run.hands.answer("synthesis", "all is done");
    expect(run.output).toMatchObject({ outcome: "complete", answer: "all is done", failure: null });
    expect(run.output.tasks.map(({ status, output }) => [status, output])).toEqual(
      ["t1", "t2", "t3", "t4"].map((task) => ["finished", `${task}#1 is done`]),
    );
  });

  it("runs no more tasks than the run allows, nor than a worker's cap", () => {
    const plan = planOf({ a: { worker: "capped" }, b: { worker: "capped" }, c: {}, d: {}, e: {} });
    const run = new RunByHand({ plan, options: { concurrency: 3 } });
    expect(run.statuses).toBe("running ready running running ready");
    run.finish("t3#1");
    expect(run.statuses).toBe("running ready finished running running");
    run.finish("t1#1");
    expect(run.statuses).toBe("finished running finished running running");
  });

  it("starts first what most work hangs on", () => {
    const plan = planOf({ alone: {}, base: {}, middle: { needs: ["base"] }, top: { needs: ["middle"] } });
    const run = new RunByHand({ plan, options: { concurrency: 1 } });
    expect(started(run)).toEqual(["t2#1"]);
  });

  it("takes the worker's actor away in the transition that settles its task", () => {
    const run = new RunByHand({ plan: diamond });
    run.finish("t1#1");
    expect(run.workers).toEqual(["worker:t2#1", "worker:t3#1"]);
  });

  it("hands a worker its direct dependencies' outputs and nothing else", () => {
    const run = new RunByHand({ plan: lineOf("a", "b", "c") });
    run.finish("t1#1");
    run.finish("t2#1");
    const brief = JSON.stringify(run.hands.requests.at(-1)?.messages);
    expect(brief).toContain("t2#1 is done");
    expect(brief).not.toContain("t1#1 is done");
  });

  it("lays the changes of all tasks that it builds on under an attempt's copy, in order", () => {
    const run = new RunByHand(
      { plan: lineOf("a", "b", "c"), options: { hasWorkspace: true } },
      { prepare: changing("t1#1", "t2#1") },
    );
    run.finish("t1#1");
    delete run.hands.atOnce.prepareWorkspace;
    run.finish("t2#1");
    expect(run.hands.inputOf("prepareWorkspace", "t3#1/prepare").layers).toMatchObject([
      { task: "t1", ref: "changes of t1#1" },
      { task: "t2", ref: "changes of t2#1" },
    ]);
  });

  it("uses the model of a task's tier, and the worker's own otherwise", () => {
    const run = new RunByHand({ plan: planOf({ a: { tier: "opus" }, b: { tier: "haiku" }, c: {}, d: { worker: "sum" } }) });
    expect(run.all("task.started").map(({ model }) => model)).toEqual([
      "claude-opus-5-5",
      "claude-haiku-5-5",
      "claude-sonnet-5-5",
      null,
    ]);
  });
});

describe("losses", () => {
  it("take along what needs them, with the root cause, and leave the rest alone", () => {
    const plan = planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["b"] }, d: {}, e: { after: ["a"] } });
    const run = new RunByHand({ plan });
    run.hands.fail("t1#1", "Rejected");
    expect(run.statuses).toBe("failed skipped skipped running running");
    expect(run.all("task.failed")).toMatchObject([{ task: "t1", attempt: 1, failure: { code: "Rejected" } }]);
    expect(run.all("task.skipped").map(({ task }) => task)).toEqual(["t2", "t3"]);
    run.finish("t4#1", "t5#1");
    run.hands.answer("synthesis", "most is done");
    expect(run.output).toMatchObject({ outcome: "partial", answer: "most is done", failure: { code: "Rejected" } });
    expect(run.output.tasks[2]).toMatchObject({ failure: { code: "DependencyFailed" }, cause: { code: "Rejected" } });
  });

  it("of optional tasks leave the run complete", () => {
    const run = new RunByHand({ plan: planOf({ a: { optional: true }, b: {} }) });
    run.hands.fail("t1#1", "WorkspaceFailed");
    run.hands.wake();
    run.hands.fail("t1#2", "WorkspaceFailed");
    run.finish("t2#1");
    run.hands.answer("synthesis", "done");
    expect(run.statuses).toBe("skipped finished");
    expect(run.output.outcome).toBe("complete");
  });

  it("skip an optional task whose last word would be a question", () => {
    const run = new RunByHand({ plan: planOf({ a: { optional: true }, b: {} }), options: { asks: "wait" } });
    run.hands.answer("t1#1", "GAVE UP: no idea");
    run.hands.wake();
    run.hands.answer("t1#2", "GAVE UP: none at all");
    expect(run.statuses).toBe("skipped running");
  });

  it("of everything fail the run without a synthesis", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: { needs: ["a"] } }) });
    run.hands.fail("t1#1", "Cancelled");
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "Cancelled" } });
    expect(run.output.answer).toContain("a: failed");
    expect(run.hands.requests).toHaveLength(1);
  });

  it("name the failure also where it has a cause of its own", () => {
    const run = new RunByHand({ plan: planOf({ a: {} }) });
    const cause = { code: "Refused" as const, message: "deep down", retryable: true };
    const outcome = {
      kind: "failed",
      failure: { code: "Rejected", message: "no", retryable: false, cause },
      spend: run.context.spend,
      at: 2_000,
    };
    run.actor.send({ type: "xstate.done.actor.worker:t1#1", actorId: "worker:t1#1", output: outcome } as never);
    run.bury();
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "Rejected" } });
  });
});

describe("the end of a run", () => {
  const conflict: Conflict = { path: "a.txt", tasks: ["t1", "t2"], kept: "t2" };

  it("folds the changes of finished tasks in topological order and names conflicts", () => {
    const run = new RunByHand(
      { plan: planOf({ b: { needs: ["a"] }, a: {} }), options: { hasWorkspace: true } },
      {
        prepare: (hands) => {
          changing("t1#1", "t2#1")(hands);
          delete hands.atOnce.integrate;
        },
      },
    );
    run.finish("t2#1");
    run.finish("t1#1");
    expect(run.phase).toBe("integrating");
    expect(run.hands.inputOf("integrate", "integrate").changes).toEqual([
      { task: "t2", ref: "changes of t2#1", after: [] },
      { task: "t1", ref: "changes of t1#1", after: ["t2"] },
    ]);
    run.hands.give("integrate", "integrate", { ok: true, files: [{ path: "a.txt", kind: "added" }], conflicts: [conflict] });
    expect(run.all("conflict.found")).toMatchObject([conflict]);
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("a.txt");
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete", files: [{ path: "a.txt" }], conflicts: [conflict] });
  });

  it.each([
    ["fails", (hands: Hands, key: string) => hands.give("integrate", key, fails("WorkspaceFailed"))],
    ["breaks", (hands: Hands, key: string) => hands.breakOff("integrate", key)],
  ])("tells what was done when the integration %s twice", (_how, end) => {
    const run = new RunByHand(
      { plan: planOf({ a: {} }), options: { hasWorkspace: true } },
      {
        prepare: (hands) => {
          changing("t1#1")(hands);
          delete hands.atOnce.integrate;
        },
      },
    );
    run.finish("t1#1");
    end(run.hands, "integrate");
    expect(run.all("phase.retrying")).toMatchObject([{ phase: "integrate", failure: { code: "WorkspaceFailed" } }]);
    expect(run.phase).toBe("retrying");
    run.hands.wake();
    end(run.hands, "integrate/2");
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "partial", answer: "done", failure: { code: "WorkspaceFailed" } });
  });

  it.each(["WorkspaceFailed", "StoreFull"] as const)(
    "waits for nothing after %s of the integration when its time is up",
    (code) => {
      const run = new RunByHand(
        { plan: planOf({ a: {} }), options: { hasWorkspace: true, budget: { ms: 100_000 } } },
        {
          prepare: (hands) => {
            changing("t1#1")(hands);
            delete hands.atOnce.integrate;
          },
        },
      );
      run.finish("t1#1");
      run.hands.ring();
      run.hands.ring();
      expect(run.phase).toBe("integrating");
      run.hands.give("integrate", "integrate", fails(code));
      expect(run.output).toMatchObject({ outcome: "partial", budgetReached: true, failure: { code } });
      expect([...run.all("phase.retrying"), ...run.all("activity.changed")]).toEqual([]);
    },
  );

  it("makes do without a synthesis that fails", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {} }) });
    run.finish("t1#1", "t2#1");
    run.hands.answer("synthesis", { stop: "refusal" });
    run.hands.wake();
    expect(run.hands.requests.at(-1)).toMatchObject({
      conversation: "synthesis",
      turn: 2,
      parameters: { choice: { model: "claude-opus-5" } },
    });
    run.hands.answer("synthesis", { stop: "refusal" });
    expect(run.output).toMatchObject({ outcome: "partial", failure: { code: "Refused" } });
    expect(run.output.answer).toContain("t1#1 is done");
    expect(run.output.answer).toContain("t2#1 is done");
  });

  it("suspends a synthesis that can't be paid, and writes it after the resume", () => {
    const run = new RunByHand({ plan: planOf({ a: {} }) });
    run.finish("t1#1");
    run.hands.fail("synthesis", "BillingBlocked");
    expect(run.activity).toBe("suspended");
    run.command({ type: "run.resume" });
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete", answer: "done" });
  });
});

describe("letters", () => {
  const report: Report = {
    worker: "backend",
    success: true,
    output: { ref: "x", bytes: 1, value: "late" },
    summary: "late",
    changes: { ref: "y", files: [] },
    evidence: [],
  };
  const late = (run: RunByHand, id: string) =>
    run.actor.send({
      type: `xstate.done.actor.${id}`,
      actorId: id,
      output: { kind: "finished", report, spend: run.context.spend, at: 5_000 },
    } as never);

  it("of an attempt that is over change nothing", () => {
    const run = new RunByHand({ plan: diamond });
    run.hands.fail("t1#1", "WorkspaceFailed");
    late(run, "worker:t1#1");
    expect(run.statuses).toBe("retrying waiting waiting waiting");
    run.hands.wake();
    late(run, "worker:t1#1");
    expect(run.statuses).toBe("running waiting waiting waiting");
    expect(run.letters).toEqual(Array(2).fill("worker:t1#1: finished (the attempt is over)"));
  });

  it("of attempts that never were change nothing", () => {
    const run = new RunByHand({ plan: diamond });
    for (const id of ["worker:t9#1", "worker:t1#7", "worker:", "worker:x"]) late(run, id);
    expect(run.statuses).toBe("running waiting waiting waiting");
    expect(run.letters).toHaveLength(4);
  });

  it("are counted, and the last hundred kept", () => {
    const run = new RunByHand({ plan: diamond });
    for (let count = 0; count < 130; count++) run.command({ type: "task.retry", task: "t1" });
    expect(run.context.letters.count).toBe(130);
    expect(run.context.letters.last).toHaveLength(100);
  });

  it("about turns of strangers hold up nothing", () => {
    const run = new RunByHand({ plan: planOf({ a: {} }) });
    run.actor.send({
      type: "turn.started",
      from: "t7#1",
      turn: 1,
      model: "m",
      worst: { usd: 1, inputTokens: 1, outputTokens: 1 },
      at: 1_500,
    });
    run.finish("t1#1");
    run.hands.answer("synthesis", "done");
    expect(run.output.outcome).toBe("complete");
  });
});
