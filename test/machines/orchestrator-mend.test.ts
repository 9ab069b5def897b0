// Tasks that no attempt of their worker can do as they stand: cut into parts, worded anew, given to another worker.
import { describe, expect, it } from "vitest";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import type { Policy } from "../../src/core/policy.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { planOf } from "../support/plans.ts";
import type { RunShape } from "../support/cast.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const plan = planOf({
  base: {},
  api: { needs: ["base"], files: ["a.md"], writes: ["src/a.ts", "src/b.ts"], acceptance: ["npm test"] },
  docs: { needs: ["api"] },
});

const part = (label: string, more: object = {}) => ({ label, worker: "backend", task: `do ${label}`, ...more });
const parts = (...tasks: readonly object[]): ScriptedAnswer => ({ json: { rationale: "smaller", tasks } as never });
const good = parts(part("api-a", { writes: ["src/a.ts"] }), part("api-b", { writes: ["src/b.ts"], depends_on: ["api-a"] }));

/** A run whose task t2 was too large twice: the orchestrator's model is asked. */
function tooLarge(shape: RunShape = {}, policy: Partial<Policy> = {}): RunByHand {
  const run = new RunByHand({ plan, ...shape }, { policy });
  run.finish("t1#1");
  run.hands.fail("t2#1", "PromptTooLong");
  run.hands.wake();
  run.hands.fail("t2#2", "PromptTooLong");
  return run;
}

/** A run whose task t1 was refused by two models. */
function refused(shape: RunShape = {}): RunByHand {
  const run = new RunByHand({ plan: planOf({ a: {} }), ...shape });
  run.hands.answer("t1#1", { stop: "refusal" });
  run.hands.wake();
  run.hands.answer("t1#2", { stop: "refusal" });
  return run;
}

describe("a task that is too large", () => {
  it("is cut by the orchestrator's model while it takes no slot", () => {
    const run = tooLarge();
    expect(run.statuses).toBe("finished mending waiting");
    expect(run.all("task.mending")).toMatchObject([
      { task: "t2", attempt: 2, step: "split", failure: { code: "PromptTooLong" } },
    ]);
    const { conversation, parameters, messages } = run.hands.requests.at(-1)!;
    expect([conversation, parameters.choice.model, parameters.tools]).toEqual(["mend:t2#1", "claude-opus-5-5", []]);
    expect(parameters.format?.name).toBe("split");
    expect(JSON.stringify(messages)).toContain("Attempt 2 failed (PromptTooLong)");
    expect(run.phase).toBe("dispatching");
  });

  it("grows the plan by its parts, and is done once more when they are done, with their outputs", () => {
    const run = tooLarge();
    run.hands.answer("mend:t2#1", good);
    expect(run.statuses).toBe("finished waiting waiting running waiting");
    expect(run.context.plan?.tasks.map(({ id, label, worker }) => `${id} ${label} ${worker}`)).toEqual([
      "t1 base backend",
      "t2 api backend",
      "t3 docs backend",
      "t4 api-a backend",
      "t5 api-b backend",
    ]);
    expect(run.context.plan?.tasks[3]?.dependencies).toEqual([{ task: "t1", kind: "hard" }]);
    run.finish("t4#1");
    run.finish("t5#1");
    expect(run.statuses).toBe("finished running waiting finished finished");
    const brief = JSON.stringify(run.hands.requests.at(-1)?.messages);
    expect(brief).toContain("t4#1 is done");
    expect(brief).toContain("t5#1 is done");
    expect(brief).toContain("was cut into parts");
    run.finish("t2#3");
    run.finish("t3#1");
    run.hands.answer("synthesis", "done");
    expect(run.output.outcome).toBe("complete");
    expect(run.output.tasks.map(({ status }) => status)).toEqual(Array(5).fill("finished"));
  });

  it("tells the amended plan with all its lines", () => {
    const run = tooLarge();
    run.hands.answer("mend:t2#1", good);
    const [amended] = run.all("plan.amended");
    expect(amended).toMatchObject({ task: "t2", parts: ["t4", "t5"], why: expect.stringContaining("PromptTooLong") });
    expect(amended?.tasks).toHaveLength(5);
    expect(amended?.tasks[1]?.dependencies).toEqual([
      { task: "t1", kind: "hard" },
      { task: "t4", kind: "hard" },
      { task: "t5", kind: "hard" },
    ]);
    expect(amended?.criticalPath).toEqual(["t1", "t4", "t5", "t2", "t3"]);
    expect(run.context.history["t2"]?.map(({ changes }) => changes.join())).toEqual([
      "context cut to 60 %",
      "cut into t4 (api-a), t5 (api-b), then put together",
    ]);
  });

  it("needs to change no file itself once its parts have", () => {
    const run = tooLarge({ options: { hasWorkspace: true } });
    run.hands.answer("mend:t2#1", good);
    run.finish("t4#1");
    run.finish("t5#1");
    const verified: boolean[] = [];
    run.hands.atOnce.verifyWork = ({ needsFiles }) => {
      verified.push(needsFiles);
      return { ok: true, evidence: [] };
    };
    run.finish("t2#3");
    expect(run.statuses).toBe("finished finished running finished finished");
    expect(verified).not.toContain(true);
  });

  it.each<[string, ScriptedAnswer, RegExp]>([
    ["write what the task may not", parts(part("api-a", { writes: ["src/c.ts"] }), part("api-b")), /src\/c\.ts/],
    ["read what the plan does not name", parts(part("api-a", { files: ["/etc/passwd"] }), part("api-b")), /passwd/],
    ["read another folder", parts(part("api-a", { files: ["lib/x.ts"] }), part("api-b")), /lib\/x\.ts/],
    ["go to another worker", parts(part("api-a", { worker: "frontend" }), part("api-b")), /frontend/],
    ["bring checks of their own", parts(part("api-a", { acceptance: ["rm -rf ."] }), part("api-b")), /rm -rf/],
    ["wait for each other", parts(part("api-a", { depends_on: ["api-b"] }), part("api-b", { depends_on: ["api-a"] })), /circle/],
    ["are only one", parts(part("api-a")), /2 to 4/],
    ["are five", parts(...["a", "b", "c", "d", "e"].map((name) => part(`api-${name}`))), /at most 4/],
    ["have labels that lie", parts(part("docs-a"), part("api-b")), /begin with/],
    ["have labels that are taken", parts(part("api"), part("api-b")), /begin with/],
  ])("does not take parts that %s: the issues go back", (_what, answer, issue) => {
    const run = tooLarge();
    run.hands.answer("mend:t2#1", answer);
    expect(run.statuses).toBe("finished mending waiting");
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages.at(-1))).toMatch(issue);
    run.hands.answer("mend:t2#1", good);
    expect(run.all("plan.amended")).toHaveLength(1);
  });

  it("fails by the row's last word when the parts never fit", () => {
    const run = tooLarge();
    for (let tries = 0; tries < 3; tries++) run.hands.answer("mend:t2#1", "no parts");
    expect(run.statuses).toBe("finished failed skipped");
    expect(run.all("task.failed")).toMatchObject([{ task: "t2", failure: { code: "PromptTooLong" } }]);
    expect(run.context.mending).toEqual([]);
  });

  it("fails by the row's last word when the model's conversation breaks", () => {
    const run = tooLarge();
    run.actor.send({ type: "xstate.error.actor.mend:t2#1", actorId: "mend:t2#1", error: { message: "it broke" } } as never);
    expect(run.statuses).toBe("finished failed skipped");
  });

  it("is not cut above the cap of tasks", () => {
    expect(tooLarge({ options: { maxTasks: 4 } }).statuses).toBe("finished failed skipped");
    expect(tooLarge({ options: { maxTasks: 5 } }).statuses).toBe("finished mending waiting");
  });

  it("is cut once, and its parts never", () => {
    const run = tooLarge();
    run.hands.answer("mend:t2#1", good);
    run.hands.fail("t4#1", "PromptTooLong");
    run.hands.wake();
    run.hands.fail("t4#2", "PromptTooLong");
    expect(run.statuses).toBe("finished skipped skipped failed skipped");
    const again = tooLarge();
    again.hands.answer("mend:t2#1", good);
    again.finish("t4#1");
    again.finish("t5#1");
    again.hands.fail("t2#3", "PromptTooLong");
    expect(again.statuses).toBe("finished failed skipped finished finished");
  });

  it("is not cut where a function does it, nor in a run that asks no orchestrator's model", () => {
    const byFunction = new RunByHand(
      { plan: planOf({ a: { worker: "sum" } }) },
      {
        prepare: (hands) =>
          (hands.atOnce.performWork = () => ({ ok: false, failure: { code: "WorkerLooping", message: "x", retryable: true } })),
      },
    );
    byFunction.hands.wake();
    expect(byFunction.output.outcome).toBe("failed");
    expect(byFunction.all("task.mending")).toEqual([]);
    const run = tooLarge({ options: { synthesis: false } });
    expect(run.all("task.mending")).toEqual([]);
  });
});

describe("a mending", () => {
  it("waits its time first, where the row says so", () => {
    const table = {
      ...DEFAULT_TABLE,
      PromptTooLong: { turn: [], attempt: [{ do: "split", waitMs: [500, 500] }], then: "fail" },
    } as const;
    const run = new RunByHand({ plan: planOf({ a: {} }) }, { policy: { table } });
    run.hands.fail("t1#1", "PromptTooLong");
    expect(run.hands.doing()).toEqual(["wake/mend:t1#1"]);
    run.command({ type: "run.tell", text: "nobody hears it" });
    run.hands.wake();
    expect(run.hands.doing()).toEqual(["mend:t1#1/turn/1.0"]);
    run.command({ type: "run.cancel" });
    run.bury();
    expect(run.output).toMatchObject({ outcome: "cancelled" });
  });

  it("is charged to its task and to the run", () => {
    const run = tooLarge({ options: { budget: { usd: 5 } } });
    const before = run.context.queue?.tasks[1]?.usd ?? 0;
    run.hands.answer("mend:t2#1", good);
    expect(run.context.queue?.tasks[1]?.usd).toBeGreaterThan(before);
    expect(run.context.queue?.tasks.reduce((sum, { usd }) => sum + usd, 0)).toBeCloseTo(run.context.spend.usd, 9);
    expect(run.context.accounts["mend:t2#1"]).toBeUndefined();
  });

  it("ends with its task when that is skipped, and its late bill still counts", () => {
    const run = tooLarge({ options: { budget: { usd: 5 } } });
    const before = run.context.spend.usd;
    run.command({ type: "task.skip", task: "t2" });
    expect(run.statuses).toBe("finished skipped skipped");
    expect(run.hands.doing("modelTurn")).toEqual([]);
    expect(run.phase).toBe("dispatching");
    run.bury("too late");
    expect(run.context.spend.usd).toBeGreaterThan(before);
    expect(run.context.queue?.tasks[1]?.usd).toBeGreaterThan(0);
    expect(run.context.accounts).not.toHaveProperty("mend:t2#1");
    expect(run.phase).toBe("synthesizing");
  });

  it("is held with the run, and goes on after the resume", () => {
    const run = tooLarge();
    run.hands.fail("mend:t2#1", "AuthFailed");
    expect(run.activity).toBe("suspended");
    expect(run.all("conversation.held")).toMatchObject([{ conversation: "mend:t2#1" }]);
    run.command({ type: "run.resume" });
    run.hands.answer("mend:t2#1", good);
    expect(run.statuses).toBe("finished waiting waiting running waiting");
  });

  it("without money for it ends the work, as any turn that can't be paid", () => {
    const run = tooLarge({ options: { budget: { usd: 0.018 } } });
    expect(run.all("budget.reached")).toHaveLength(1);
    expect(run.statuses).toBe("finished failed skipped");
    expect(run.all("task.failed")).toMatchObject([{ failure: { code: "BudgetExceeded", cause: { code: "PromptTooLong" } } }]);
  });

  it("may go on for several tasks at once; what comes of one that is over is a dead letter", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {} }) });
    for (const task of ["t1", "t2"]) run.hands.fail(`${task}#1`, "PromptTooLong");
    run.hands.wake();
    run.hands.wake();
    for (const task of ["t1", "t2"]) run.hands.fail(`${task}#2`, "PromptTooLong");
    expect(run.statuses).toBe("mending mending");
    run.hands.answer("mend:t2#1", parts(part("b-x"), part("b-y")));
    run.hands.answer("mend:t1#1", parts(part("a-x"), part("a-y")));
    expect(run.context.plan?.tasks.map(({ label }) => label)).toEqual(["a", "b", "b-x", "b-y", "a-x", "a-y"]);
    expect(run.statuses).toBe("waiting waiting running running running running");
    const late = { type: "xstate.done.actor.mend:t1#1", actorId: "mend:t1#1", output: { kind: "finished", text: "x", at: 1 } };
    run.actor.send(late as never);
    expect(run.letters).toContain("mend:t1#1: finished (the task is no longer mended)");
  });
});

describe("a task that is refused", () => {
  it("is tried in other words of the orchestrator's model, with the same files and tools", () => {
    const run = refused({ plan: planOf({ a: { files: ["a.md"], writes: ["a.ts"] } }) });
    expect(run.all("task.mending")).toMatchObject([{ step: "reword" }]);
    run.hands.answer("mend:t1#1", { json: { task: "make the harmless part", constraints: ["only reading"] } });
    expect(run.all("task.retrying").at(-1)?.changes).toEqual(["the task in other words"]);
    run.hands.wake();
    const brief = JSON.stringify(run.hands.requests.at(-1)?.messages);
    expect(brief).toContain("make the harmless part");
    expect(brief).toContain("only reading");
    expect(brief).not.toContain("do a");
    expect(run.context.plan?.tasks[0]).toMatchObject({ files: ["a.md"], writes: ["a.ts"], label: "a", worker: "backend" });
    run.finish("t1#3");
    run.hands.answer("synthesis", "done");
    expect(run.output.outcome).toBe("complete");
  });

  it.each(["no words", { json: { task: " ", constraints: [] } }, { json: { task: "x" } }] as const)(
    "goes to the row's last word when nothing comes of it: %j",
    (answer) => {
      const run = refused({ options: { asks: "wait" } });
      for (let tries = 0; tries < 3; tries++) run.hands.answer("mend:t1#1", answer);
      expect(run.statuses).toBe("asking");
      expect(run.context.asks[0]?.detail).toMatchObject({ code: "Refused" });
    },
  );

  it("is reworded once", () => {
    const run = refused();
    run.hands.answer("mend:t1#1", { json: { task: "again", constraints: [] } });
    run.hands.wake();
    run.hands.answer("t1#3", { stop: "refusal" });
    expect(run.output.tasks[0]).toMatchObject({ status: "failed", attempts: 3, failure: { code: "Refused" } });
    expect(run.output.tasks[0]?.history.map(({ attempt, code }) => `${attempt} ${code}`)).toEqual([
      "1 Refused",
      "2 Refused",
      "3 Refused",
    ]);
  });
});

describe("a task that is given to another worker", () => {
  const byFrontend = (code: "WorkspaceFailed", worker: string): Partial<Policy> => ({
    table: {
      ...DEFAULT_TABLE,
      [code]: { turn: [], attempt: [{ do: "renew", change: { worker, issues: true }, waitMs: [0, 0] }], then: "fail" },
    },
  });

  it("is done with that one's instructions, and counts for its cap", () => {
    const run = new RunByHand(
      { plan: planOf({ a: {}, b: { worker: "capped" } }) },
      { policy: byFrontend("WorkspaceFailed", "capped") },
    );
    run.hands.fail("t1#1", "WorkspaceFailed");
    expect(run.all("task.retrying")).toMatchObject([{ changes: ["worker backend -> capped", "told what failed before"] }]);
    run.hands.wake();
    expect(run.statuses).toBe("ready running");
    run.finish("t2#1");
    expect(run.all("task.started").at(-1)).toMatchObject({ task: "t1", attempt: 2, worker: "capped" });
    expect(run.context.queue).toMatchObject({ runningBy: { backend: 0, capped: 1 }, readyBy: { backend: 0, capped: 0 } });
    run.finish("t1#2");
    run.hands.answer("synthesis", "done");
    expect(run.output.tasks[0]).toMatchObject({ worker: "capped", status: "finished" });
  });

  it.each(["typed", "nobody"])("is not given to %s, who answers something else or is not there", (worker) => {
    const run = new RunByHand({ plan: planOf({ a: {} }) }, { policy: byFrontend("WorkspaceFailed", worker) });
    run.hands.fail("t1#1", "WorkspaceFailed");
    expect(run.output.tasks[0]).toMatchObject({ worker: "backend", status: "failed", attempts: 1 });
  });
});
