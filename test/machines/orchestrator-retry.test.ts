// What follows when an attempt fails: the next one and what it changes, questions to a person, suspension.
import { describe, expect, it } from "vitest";
import type { FailureCode } from "../../src/core/failure.ts";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import { diamond, planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const one = planOf({ a: {} });
const two = planOf({ a: {}, b: {} });

/** Drives the open conversation of an attempt to fail with a code, whatever tries it has itself. */
function wear(run: RunByHand, conversation: string, code: FailureCode): void {
  for (let tries = 0; tries < 40 && run.workers.includes(`worker:${conversation}`); tries++) {
    run.hands.fail(conversation, code);
    if (run.hands.doing("sleepUntil").some((key) => key.startsWith(`${conversation}/turn`))) run.hands.wake();
  }
}

describe("the next attempt", () => {
  it("waits for its time in a phase of its own when nothing else can move", () => {
    const run = new RunByHand({ plan: two });
    run.hands.fail("t1#1", "WorkspaceFailed");
    expect(run.phase).toBe("dispatching");
    run.finish("t2#1");
    expect(run.phase).toBe("retrying");
    expect(run.hands.doing()).toEqual(["wake/t1#1"]);
    run.hands.wake();
    expect(run.phase).toBe("dispatching");
    expect(run.workers).toEqual(["worker:t1#2"]);
  });

  it("tells which entry of its row it is, and the last word in the end", () => {
    const run = new RunByHand({ plan: one });
    run.hands.fail("t1#1", "WorkspaceFailed");
    run.hands.wake();
    run.hands.fail("t1#2", "WorkspaceFailed");
    expect(run.all("policy.applied").map(({ to, code, entry }) => `${to} ${code} ${entry}`)).toEqual([
      "t1#1 WorkspaceFailed attempt[0] renew",
      "t1#2 WorkspaceFailed then fail",
    ]);
  });

  it("comes also when its timer breaks", () => {
    const run = new RunByHand({ plan: one });
    run.hands.fail("t1#1", "WorkspaceFailed");
    run.hands.breakOff("sleepUntil", "wake/t1#1");
    expect(run.workers).toEqual(["worker:t1#2"]);
  });

  it("waits within the bounds of the policy, the same for the same seed", () => {
    const waitOf = (seed: number) => {
      const run = new RunByHand({ plan: one, seed });
      wear(run, "t1#1", "NetworkFault");
      return run.all("task.retrying").reduce((sum, { wakeAt, at }) => sum + wakeAt - at, 0);
    };
    const waits = [1, 2, 3, 4, 5].map(waitOf);
    expect(waits).toEqual([1, 2, 3, 4, 5].map(waitOf));
    expect(new Set(waits).size).toBeGreaterThan(3);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(5_000);
  });

  it("does not come at the same moment as that of another task which failed at once with it", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {}, c: {} }) });
    for (const task of ["t1", "t2", "t3"]) run.hands.answer(`${task}#1`, { stop: "max_tokens" });
    const waits = run.all("task.retrying").map(({ wakeAt, at }) => wakeAt - at);
    expect(new Set(waits).size).toBe(3);
    const talks = new RunByHand({ plan: planOf({ a: {}, b: {}, c: {} }) });
    for (const task of ["t1", "t2", "t3"]) talks.hands.fail(`${task}#1`, "Overloaded");
    const due = talks.all("turn.failed").map(({ wakeAt, at }) => (wakeAt ?? 0) - at);
    expect(new Set(due).size).toBe(3);
  });

  it("waits as long as the other side wants", () => {
    const run = new RunByHand({ plan: one });
    run.hands.answer("t1#1", { fail: "WorkspaceFailed", retryAfterMs: 60_000 });
    const [retrying] = run.all("task.retrying");
    expect(retrying!.wakeAt - retrying!.at).toBe(60_000);
  });

  it.each<[string, (run: RunByHand) => void, RegExp, object]>([
    [
      "the room for output",
      (run) => run.hands.answer("t1#1", { stop: "max_tokens" }),
      /max tokens 1000 -> 2000/,
      { maxTokens: 2_000 },
    ],
    [
      "the model",
      (run) => run.hands.answer("t1#1", { stop: "refusal" }),
      /model claude-sonnet-5-5 -> claude-sonnet-5/,
      { model: "claude-sonnet-5" },
    ],
    ["the effort", (run) => wear(run, "t1#1", "StreamStalled"), /effort medium -> low/, { effort: "low" }],
    ["what it is told", (run) => run.hands.answer("t1#1", "GAVE UP: no idea"), /told what failed before/, {}],
    ["how much it is given", (run) => run.hands.fail("t1#1", "PromptTooLong"), /context cut to 60 %/, {}],
  ])("changes %s", (_what, fail, said, choice) => {
    const run = new RunByHand({ plan: one });
    fail(run);
    expect(run.all("task.retrying")[0]?.changes.join()).toMatch(said);
    run.hands.wake();
    expect(run.all("task.started")[1]?.changes.join()).toMatch(said);
    expect(run.hands.requests.at(-1)?.parameters.choice).toMatchObject(choice);
  });

  it("is told what failed before", () => {
    const run = new RunByHand({ plan: one });
    run.hands.answer("t1#1", "GAVE UP: the file is missing");
    run.hands.wake();
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("Attempt 1 failed (WorkerGaveUp): the file is missing");
  });

  it("is given less when it is trimmed", () => {
    const plan = planOf({ a: {}, b: { needs: ["a"], files: ["f1", "f2", "f3", "f4", "f5"] } });
    const run = new RunByHand({ plan });
    run.hands.answer("t1#1", "x".repeat(3_000));
    run.hands.fail("t2#1", "ContextFull");
    run.hands.wake();
    const brief = JSON.stringify(run.hands.requests.at(-1)?.messages);
    expect(brief).toContain("f3");
    expect(brief).not.toContain("f4");
  });

  it("is done by the orchestrator's model when two others failed", () => {
    const run = new RunByHand({ plan: one }, { policy: { attempts: 3 } });
    for (const attempt of [1, 2]) {
      run.hands.answer(`t1#${attempt}`, "GAVE UP: no idea");
      run.hands.wake();
    }
    expect(run.hands.requests.at(-1)?.parameters.choice.model).toBe("claude-opus-5-5");
  });

  it("does not come when the attempts are used up", () => {
    const run = new RunByHand({ plan: one });
    wear(run, "t1#1", "NetworkFault");
    run.hands.wake();
    wear(run, "t1#2", "NetworkFault");
    expect(run.output).toMatchObject({
      outcome: "failed",
      failure: { code: "NetworkFault" },
      tasks: [{ attempts: 2, status: "failed" }],
    });
  });
});

describe("a wake-up", () => {
  it("of an earlier attempt does not shorten the wait of a later one", () => {
    const table = {
      ...DEFAULT_TABLE,
      WorkspaceFailed: { ...DEFAULT_TABLE.WorkspaceFailed, attempt: Array(5).fill(DEFAULT_TABLE.WorkspaceFailed.attempt[0]) },
    };
    const run = new RunByHand({ plan: two }, { policy: { attempts: 5, table } });
    run.hands.answer("t1#1", { fail: "WorkspaceFailed", retryAfterMs: 50_000 });
    run.command({ type: "task.skip", task: "t1" });
    run.command({ type: "task.retry", task: "t1" });
    run.hands.answer("t1#2", { fail: "WorkspaceFailed", retryAfterMs: 90_000 });
    expect(run.statuses).toBe("retrying running");
    expect(run.hands.doing("sleepUntil")).toEqual(["wake/t1#2"]);
    run.actor.send({ type: "xstate.done.actor.wake:t1#1", actorId: "wake:t1#1", output: { value: null, at: 99_000 } } as never);
    expect(run.statuses).toBe("retrying running");
    run.hands.give("sleepUntil", "wake/t1#2", null);
    expect(run.statuses).toBe("running running");
  });
});

describe("a question what to do about a task", () => {
  const stuck = (asks: "wait" | "deny" = "wait") => {
    const run = new RunByHand({ plan: diamond, options: { asks } });
    run.hands.answer("t1#1", "GAVE UP: no idea");
    run.hands.wake();
    run.hands.answer("t1#2", "GAVE UP: none at all");
    return run;
  };

  it("waits for a person while other work goes on", () => {
    const run = stuck();
    expect(run.statuses).toBe("asking waiting waiting waiting");
    expect(run.context.asks).toMatchObject([{ kind: "escalation", detail: { task: "t1", code: "WorkerGaveUp" } }]);
    expect(run.workers).toEqual([]);
  });

  it("gives the task one more attempt when the answer is yes", () => {
    const run = stuck();
    run.command({ type: "ask.answer", ask: "t1#2/escalation", decision: "approve" });
    expect(run.workers).toEqual(["worker:t1#3"]);
    run.finish("t1#3");
    expect(run.statuses).toBe("finished running running waiting");
  });

  it("fails the task and what needs it when the answer is no", () => {
    const run = stuck();
    run.command({ type: "ask.answer", ask: "t1#2/escalation", decision: "reject" });
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "WorkerGaveUp", message: "none at all" } });
    expect(run.all("task.skipped")).toHaveLength(3);
  });

  it("is a no where nobody is there", () => {
    expect(stuck("deny").output.tasks[0]).toMatchObject({ status: "failed", attempts: 2 });
  });

  it("whether a call may run goes with the attempt that asked", () => {
    const run = new RunByHand({ plan: one, options: { asks: "wait", hasWorkspace: true } });
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    expect(run.context.asks).toHaveLength(1);
    run.actor.send({ type: "xstate.error.actor.worker:t1#1", actorId: "worker:t1#1", error: { message: "it broke" } } as never);
    expect(run.context.asks).toEqual([]);
    expect(run.all("ask.closed")).toMatchObject([{ decision: "reject", by: "policy" }]);
    expect(run.statuses).toBe("retrying");
  });

  it("goes with a task that is skipped", () => {
    const run = stuck();
    run.command({ type: "task.skip", task: "t1" });
    expect(run.context.asks).toEqual([]);
    expect(run.all("ask.closed")).toMatchObject([{ ask: "t1#2/escalation", by: "policy" }]);
  });
});

describe("a suspension", () => {
  it("keeps the conversations that it holds, starts nothing, and goes on where it was", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {}, c: { needs: ["b"] } }) });
    run.hands.fail("t1#1", "AuthFailed");
    expect(run.activity).toBe("suspended");
    run.finish("t2#1");
    expect(run.statuses).toBe("running finished ready");
    run.command({ type: "run.resume" });
    expect(run.statuses).toBe("running finished running");
    run.finish("t1#1", "t3#1");
    run.hands.answer("synthesis", "done");
    expect(run.output.tasks.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
  });

  it("comes also while the run is paused, and one resume ends both", () => {
    const run = new RunByHand({ plan: one });
    run.command({ type: "run.pause" });
    run.hands.fail("t1#1", "StoreFull");
    expect(run.activity).toBe("suspended");
    run.command({ type: "run.resume" });
    expect(run.activity).toBe("running");
    expect(run.hands.doing("modelTurn")).toEqual(["t1#1/turn/1.1"]);
  });

  it("comes when a worker fails with what no attempt can mend, and tells that the attempt is over", () => {
    const run = new RunByHand({ plan: planOf({ a: { worker: "parrot" } }) });
    const failed = {
      kind: "failed",
      failure: { code: "StoreFull", message: "full", retryable: false },
      spend: run.context.spend,
      at: 2_000,
    };
    run.actor.send({ type: "xstate.done.actor.worker:t1#1", actorId: "worker:t1#1", output: failed } as never);
    expect(run.activity).toBe("suspended");
    expect(run.statuses).toBe("ready");
    expect(run.all("task.retrying")).toMatchObject([{ task: "t1", attempt: 1, failure: { code: "StoreFull" } }]);
    run.command({ type: "run.resume" });
    expect(run.workers).toEqual(["worker:t1#2"]);
    // That one was not the task's fault: it has all its attempts.
    const crash = { type: "xstate.error.actor.worker:t1#2", actorId: "worker:t1#2", error: { message: "it broke" } };
    run.actor.send(crash as never);
    expect(run.statuses).toBe("retrying");
  });

  it("comes when too many attempts fail in a period, before more is paid", () => {
    const many = planOf(Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`n${at}`, {}])));
    const run = new RunByHand(
      { plan: many, options: { concurrency: 6 } },
      { policy: { restarts: { intensity: 3, periodMs: 60_000 } } },
    );
    for (let task = 1; task <= 4; task++) run.hands.answer(`t${task}#1`, "GAVE UP: no idea");
    expect(run.activity).toBe("suspended");
    expect(run.all("activity.changed")).toMatchObject([
      { failure: { code: "RestartIntensity", cause: { code: "WorkerGaveUp" } } },
    ]);
  });

  it("does not come when the failures are far enough apart", () => {
    const many = planOf(Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`n${at}`, {}])));
    const run = new RunByHand(
      { plan: many, options: { concurrency: 6 } },
      { policy: { restarts: { intensity: 3, periodMs: 60_000 } } },
    );
    for (let task = 1; task <= 6; task++) {
      run.hands.answer(`t${task}#1`, "GAVE UP: no idea");
      run.hands.now += 30_000;
    }
    expect(run.activity).toBe("running");
  });
});
