// Tasks that are done again: because a person wants it, or because two of them changed one file without knowing.
import { describe, expect, it } from "vitest";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import type { Conflict } from "../../src/protocol/work.ts";
import type { RunShape } from "../support/cast.ts";
import type { Hands } from "../support/hands.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const chain = planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["b"] }, d: {} });

/** a and b are finished, c and d run. */
function underWay(strategy: "rest-for-one" | "one-for-one" = "rest-for-one", shape: RunShape = {}): RunByHand {
  const run = new RunByHand({ plan: chain, ...shape }, { policy: { strategy } });
  run.finish("t1#1");
  run.finish("t2#1");
  expect(run.statuses).toBe("finished finished running running");
  return run;
}

describe("a finished task that a person wants done again", () => {
  it("takes along what builds on it: results are dropped, workers stopped, money kept", () => {
    const run = underWay("rest-for-one", { options: { budget: { usd: 5 } } });
    const before = run.context.spend.usd;
    run.command({ type: "task.retry", task: "t1" });
    expect(run.statuses).toBe("running invalidated invalidated running");
    expect(run.workers.toSorted()).toEqual(["worker:t1#2", "worker:t4#1"]);
    expect(run.context.reports.map((report) => report !== null)).toEqual([false, false, false, false]);
    expect(run.all("task.invalidated").map(({ task, because }) => `${task}: ${because}`)).toEqual([
      "t1: a person wants it done again",
      "t2: it builds on t1, which is done again",
      "t3: it builds on t1, which is done again",
    ]);
    run.bury("too late");
    expect(run.context.spend.usd).toBeGreaterThan(before);
    expect(run.context.queue?.tasks[2]?.usd).toBeGreaterThan(0);
    run.finish("t1#2");
    run.finish("t2#2");
    run.finish("t3#2", "t4#1");
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete" });
    expect(run.output.tasks.map(({ attempts }) => attempts)).toEqual([2, 2, 2, 1]);
  });

  it("stops what ran after it over a task that was skipped, and starts it anew at once", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: { needs: ["a"] }, c: { after: ["b"] } }) });
    run.finish("t1#1");
    run.command({ type: "task.skip", task: "t2" });
    expect(run.workers).toEqual(["worker:t3#1"]);
    run.command({ type: "task.retry", task: "t1" });
    expect(run.statuses).toBe("running skipped running");
    expect(run.workers.toSorted()).toEqual(["worker:t1#2", "worker:t3#2"]);
    expect(run.all("task.invalidated").map(({ task }) => task)).toEqual(["t1", "t3"]);
  });

  it("leaves finished ones alone where the strategy is one-for-one", () => {
    const run = underWay("one-for-one");
    run.command({ type: "task.retry", task: "t1" });
    expect(run.statuses).toBe("running finished running running");
    expect(run.all("task.invalidated").map(({ task }) => task)).toEqual(["t1"]);
    run.finish("t1#2");
    expect(run.statuses).toBe("finished finished running running");
  });

  it("stops what runs on it directly also then: that has no result to keep", () => {
    const run = underWay("one-for-one");
    run.command({ type: "task.retry", task: "t2" });
    expect(run.statuses).toBe("finished running invalidated running");
    expect(run.workers.toSorted()).toEqual(["worker:t2#2", "worker:t4#1"]);
    run.finish("t2#2");
    expect(run.statuses).toBe("finished finished running running");
  });

  it("has its attempts anew: what was done again did not fail", () => {
    const run = underWay();
    run.command({ type: "task.retry", task: "t1" });
    run.hands.fail("t1#2", "WorkspaceFailed");
    expect(run.statuses).toBe("retrying invalidated invalidated running");
  });

  it("is done again also while everything waits, and whatever its dependants do", () => {
    const run = underWay();
    run.finish("t4#1");
    run.hands.fail("t3#1", "WorkspaceFailed");
    expect(run.phase).toBe("retrying");
    run.command({ type: "task.retry", task: "t2" });
    expect(run.statuses).toBe("finished running invalidated finished");
    expect(run.hands.doing("sleepUntil")).toEqual([]);
    run.finish("t2#2");
    expect(run.workers).toEqual(["worker:t3#2"]);
  });

  it("closes the questions of what it invalidates, and ends its mending", () => {
    const asking = underWay("rest-for-one", { options: { asks: "wait" } });
    asking.hands.answer("t3#1", "GAVE UP: no");
    asking.hands.wake();
    asking.hands.answer("t3#2", "GAVE UP: no");
    expect(asking.context.asks).toHaveLength(1);
    asking.command({ type: "task.retry", task: "t1" });
    expect(asking.context.asks).toEqual([]);
    const mending = underWay();
    mending.hands.fail("t3#1", "PromptTooLong");
    mending.hands.wake();
    mending.hands.fail("t3#2", "PromptTooLong");
    mending.command({ type: "task.retry", task: "t2" });
    expect(mending.statuses).toBe("finished running invalidated running");
    expect(mending.context.mending).toEqual([]);
    expect(mending.hands.doing("modelTurn").toSorted()).toEqual(["t2#2/turn/1.0", "t4#1/turn/1.0"]);
  });

  it.each<[string, string, (run: RunByHand) => void]>([
    ["t3", "t3 is running: only a finished, failed or skipped task can be done again", () => undefined],
    ["t9", "there is no t9", () => undefined],
    ["t1", "no tasks are being done now", (run) => run.finish("t3#1", "t4#1")],
  ])("is refused with a reason: %s, %s", (task, reason, prepare) => {
    const run = underWay();
    prepare(run);
    const before = run.statuses;
    run.command({ type: "task.retry", task });
    expect(run.letters).toEqual([`person: task.retry (${reason})`]);
    expect(run.statuses).toBe(before);
  });

  it("is refused while the answer is about to be written again", () => {
    const run = underWay();
    run.finish("t3#1", "t4#1");
    run.hands.answer("synthesis", { stop: "refusal" });
    expect(run.phase).toBe("retrying");
    run.command({ type: "task.retry", task: "t1" });
    expect(run.letters).toEqual(["person: task.retry (the answer is being written already)"]);
    run.hands.wake();
    run.hands.answer("synthesis", "done");
    expect(run.output.outcome).toBe("complete");
  });
});

describe("a task that failed and is tried again", () => {
  it("is told with all that comes back with it", () => {
    const run = new RunByHand({ plan: chain });
    run.command({ type: "task.skip", task: "t1" });
    expect(run.statuses).toBe("skipped skipped skipped running");
    run.command({ type: "task.retry", task: "t1" });
    expect(run.statuses).toBe("running waiting waiting running");
    expect(run.all("task.revived").map(({ task }) => task)).toEqual(["t1", "t2", "t3"]);
  });

  it("comes after the task that took it along", () => {
    const run = new RunByHand({ plan: chain });
    run.command({ type: "task.skip", task: "t1" });
    run.command({ type: "task.retry", task: "t2" });
    expect(run.letters).toEqual(["person: task.retry (t2 needs a task that failed or was skipped: retry that one first)"]);
  });
});

describe("too many restarts", () => {
  it("suspend the run; the resume begins to count anew, and nothing of what was to change is lost", () => {
    const many = planOf(Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`n${at}`, {}])));
    const run = new RunByHand(
      { plan: many, options: { concurrency: 6 } },
      { policy: { restarts: { intensity: 3, periodMs: 600_000 } } },
    );
    for (let task = 1; task <= 4; task++) run.hands.answer(`t${task}#1`, "GAVE UP: no idea");
    expect(run.activity).toBe("suspended");
    expect(run.context.suspension?.code).toBe("RestartIntensity");
    run.command({ type: "run.resume" });
    expect(run.activity).toBe("running");
    for (let task = 5; task <= 6; task++) run.hands.answer(`t${task}#1`, "GAVE UP: no idea");
    expect(run.activity).toBe("running");
    for (let task = 1; task <= 6; task++) run.hands.wake();
    expect(
      run
        .all("task.started")
        .filter(({ attempt }) => attempt === 2)
        .map(({ changes }) => changes.join()),
    ).toEqual(Array(6).fill("told what failed before"));
  });

  it("suspend the run also where one of its own conversations fails", () => {
    const run = new RunByHand({ mode: "orchestrate" }, { policy: { restarts: { intensity: 0, periodMs: 60_000 } } });
    run.hands.answer("plan", { stop: "refusal" });
    expect([run.activity, run.phase]).toEqual(["suspended", "retrying"]);
    run.command({ type: "run.resume" });
    expect(run.hands.requests.at(-1)?.conversation).toBe("plan");
  });
});

describe("two tasks that changed one file", () => {
  const conflict: Conflict = { path: "a.txt", tasks: ["t1", "t2"], kept: "t2" };
  const ok = (...conflicts: readonly Conflict[]) => ({ ok: true as const, files: [], conflicts });
  const changing = (hands: Hands): void => {
    delete hands.atOnce.integrate;
    hands.atOnce.commitWork = ({ workspace }) => ({
      ok: true,
      changes: { ref: `changes of ${workspace}`, files: [{ path: "a.txt", kind: "modified" }] },
      ref: workspace,
      bytes: 3,
    });
  };
  const integrating = (shape: RunShape = {}, workers: readonly string[] = ["backend", "backend"]) => {
    const plan = planOf({ a: { worker: workers[0]! }, b: { worker: workers[1]! }, c: { needs: ["b"] } });
    const run = new RunByHand({ plan, ...shape, options: { hasWorkspace: true, ...shape.options } }, { prepare: changing });
    if (workers[0] === "backend") run.finish("t1#1");
    if (workers[1] === "backend") run.finish("t2#1");
    run.finish("t3#1");
    return run;
  };
  const collided = (...shape: Parameters<typeof integrating>) => {
    const run = integrating(...shape);
    run.hands.give("integrate", "integrate", ok(conflict));
    return run;
  };

  it("are put in order: the later one is done again on top of the earlier, with what builds on it", () => {
    const run = collided();
    expect(run.phase).toBe("dispatching");
    expect(run.statuses).toBe("finished running invalidated");
    expect(run.all("plan.amended")).toMatchObject([{ task: "t2", parts: [], why: expect.stringContaining("a.txt") }]);
    expect(run.context.plan?.tasks[1]?.dependencies).toEqual([{ task: "t1", kind: "soft" }]);
    expect(run.all("task.started").at(-1)).toMatchObject({ task: "t2", attempt: 2, changes: ["done again on top of t1"] });
    const brief = JSON.stringify(run.hands.requests.at(-1)?.messages);
    expect(brief).toContain("both changed a.txt");
    expect(brief).toContain("t1#1 is done");
    run.finish("t2#2");
    run.finish("t3#2");
    expect(run.hands.inputOf("integrate", "integrate/2").changes).toMatchObject([
      { task: "t1" },
      { task: "t2", ref: "changes of t2#2", after: ["t1"] },
      { task: "t3" },
    ]);
    run.hands.give("integrate", "integrate/2", ok());
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete", conflicts: [] });
    expect(run.all("conflict.found")).toEqual([]);
  });

  it("are put in order once: what collides then stands, and both are named", () => {
    const run = collided();
    run.finish("t2#2");
    run.finish("t3#2");
    run.hands.give("integrate", "integrate/2", ok({ path: "b.txt", tasks: ["t1", "t3"], kept: "t3" }));
    expect(run.phase).toBe("synthesizing");
    expect(run.all("conflict.found")).toMatchObject([{ path: "b.txt", tasks: ["t1", "t3"], kept: "t3" }]);
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "complete", conflicts: [{ path: "b.txt" }] });
  });

  it("are left as they are where a function made one of them, and without money", () => {
    const run = collided({}, ["sum", "backend"]);
    expect(run.phase).toBe("synthesizing");
    expect(run.all("conflict.found")).toHaveLength(1);
  });

  it("go to a person where one is there, who may keep the later version", () => {
    const run = collided({ options: { asks: "wait" } }, ["sum", "backend"]);
    expect(run.phase).toBe("resolving");
    expect(run.context.asks).toMatchObject([
      { id: "conflicts", kind: "conflict", text: expect.stringContaining("t1 (a) and t2 (b)") },
    ]);
    run.command({ type: "ask.answer", ask: "conflicts", decision: "approve" });
    expect(run.phase).toBe("synthesizing");
    expect(run.all("conflict.found")).toHaveLength(1);
  });

  it("go to a person, who may have the later one done again; asked once", () => {
    const run = collided({ options: { asks: "wait" } }, ["sum", "backend"]);
    run.command({ type: "ask.answer", ask: "conflicts", decision: "reject" });
    expect(run.statuses).toBe("finished running invalidated");
    run.finish("t2#2");
    run.finish("t3#2");
    run.hands.give("integrate", "integrate/2", ok({ path: "b.txt", tasks: ["t1", "t3"], kept: "t3" }));
    expect(run.phase).toBe("synthesizing");
  });

  it("may be cancelled while a person is asked", () => {
    const run = collided({ options: { asks: "wait" } }, ["sum", "backend"]);
    run.command({ type: "run.cancel" });
    expect(run.output).toMatchObject({ outcome: "cancelled" });
    expect(run.context.asks).toEqual([]);
  });

  it("stand as they are when the run's time is up before a person has answered", () => {
    const run = collided({ options: { asks: "wait", budget: { ms: 100_000 } } }, ["sum", "backend"]);
    expect(run.phase).toBe("resolving");
    run.hands.ring();
    expect(run.phase).toBe("synthesizing");
    expect(run.all("ask.closed")).toMatchObject([{ ask: "conflicts", decision: "approve", by: "policy" }]);
    expect(run.all("conflict.found")).toMatchObject([conflict]);
    run.hands.answer("synthesis", "what there is");
    expect(run.output).toMatchObject({ outcome: "partial", answer: "what there is", budgetReached: true, conflicts: [conflict] });
  });

  it("are put to nobody when the time of the tasks goes by while their files are folded", () => {
    const run = integrating({ options: { asks: "wait", budget: { ms: 100_000 } } }, ["sum", "backend"]);
    run.hands.ring();
    expect(run.phase).toBe("integrating");
    run.hands.give("integrate", "integrate", ok(conflict));
    expect(run.phase).toBe("synthesizing");
    expect(run.all("ask.opened")).toEqual([]);
    expect(run.all("conflict.found")).toMatchObject([conflict]);
  });

  it("are put to nobody when the money is spent, since nothing could be done again", () => {
    const plan = planOf({ a: { worker: "sum" }, b: { worker: "sum" }, c: {} });
    const options = { hasWorkspace: true, asks: "wait", budget: { usd: 0.000_1 } } as const;
    const run = new RunByHand({ plan, options }, { prepare: changing });
    expect(run.context.broke).toBe("usd");
    run.hands.give("integrate", "integrate", ok(conflict));
    expect(run.output).toMatchObject({ outcome: "partial", conflicts: [conflict] });
    expect(run.all("ask.opened")).toEqual([]);
    expect(run.all("conflict.found")).toMatchObject([conflict]);
  });

  it("fail the run where its row says so", () => {
    const plan = planOf({ a: {}, b: {} });
    const table = { ...DEFAULT_TABLE, ConflictingOutputs: { turn: [], attempt: [], then: "fail" } } as const;
    const run = new RunByHand({ plan, options: { hasWorkspace: true } }, { prepare: changing, policy: { table } });
    run.finish("t1#1", "t2#1");
    run.hands.give("integrate", "integrate", ok(conflict));
    run.hands.answer("synthesis", "done");
    expect(run.output).toMatchObject({ outcome: "partial", failure: { code: "ConflictingOutputs" }, conflicts: [conflict] });
  });

  it("of the direct way are put in order there", () => {
    const run = new RunByHand({ mode: "direct", options: { hasWorkspace: true } }, { prepare: changing });
    run.hands.fail("t1#1", "PromptTooLong");
    run.hands.wake();
    run.hands.fail("t1#2", "PromptTooLong");
    const part = (label: string) => ({ label, worker: "backend", task: `do ${label}` });
    run.hands.answer("mend:t1#1", { json: { rationale: "", tasks: [part("answer-a"), part("answer-b")] } });
    run.finish("t2#1", "t3#1");
    run.finish("t1#3");
    run.hands.give("integrate", "integrate", ok({ path: "a.txt", tasks: ["t2", "t3"], kept: "t3" }));
    expect([run.phase, run.statuses]).toEqual(["direct", "invalidated finished running"]);
    run.finish("t3#2");
    run.finish("t1#4");
    run.hands.give("integrate", "integrate/2", ok());
    expect(run.output).toMatchObject({ outcome: "complete", answer: "t1#4 is done" });
  });
});
