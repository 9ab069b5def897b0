// What people ask of a run while it goes on: pause, skip, retry, tell, cancel, answers.
import { describe, expect, it } from "vitest";
import { diamond, planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const one = planOf({ a: {} });
const two = planOf({ a: {}, b: {} });

describe("a pause", () => {
  it("closes the host's gate and opens it again", () => {
    const run = new RunByHand({ plan: diamond });
    run.command({ type: "run.pause" });
    expect(run.activity).toBe("paused");
    expect(run.actor.getSnapshot().hasTag("hold")).toBe(true);
    run.command({ type: "run.resume" });
    expect(run.actor.getSnapshot().hasTag("hold")).toBe(false);
    expect(run.all("activity.changed").map(({ activity }) => activity)).toEqual(["paused", "running"]);
  });

  it("lets what runs come to its end", () => {
    const run = new RunByHand({ plan: diamond });
    run.command({ type: "run.pause" });
    run.finish("t1#1");
    expect(run.statuses).toBe("finished running running waiting");
  });
});

describe("skipping a task", () => {
  it("ends its worker, skips what needs it and lets the rest go on", () => {
    const run = new RunByHand({ plan: diamond });
    run.finish("t1#1");
    run.command({ type: "task.skip", task: "t2", reason: "not needed" });
    expect(run.workers).toEqual(["worker:t3#1"]);
    expect(run.statuses).toBe("finished skipped running skipped");
    expect(run.all("task.skipped").map(({ task, failure }) => [task, failure.code])).toEqual([
      ["t2", "Skipped"],
      ["t4", "DependencyFailed"],
    ]);
    expect(run.all("task.skipped")[0]?.failure.message).toContain("not needed");
  });

  it("waits for the bill of the turn it stopped, and puts it on the task", () => {
    const run = new RunByHand({ plan: two });
    run.finish("t2#1");
    run.command({ type: "task.skip", task: "t1" });
    expect(run.phase).toBe("dispatching");
    run.bury("too late");
    expect(run.phase).toBe("synthesizing");
    expect(run.context.queue?.tasks[0]?.usd).toBeGreaterThan(0);
    expect(run.context.accounts).not.toHaveProperty("t1#1");
    expect(run.letters).toEqual(["t1#1: modelTurn (its actor was stopped; its cost is booked)"]);
  });

  it("books what the attempt had spent before", () => {
    const run = new RunByHand({ plan: two });
    run.hands.answer("t1#1", { calls: [{ tool: "read", input: { file_path: "a" } }] });
    const before = run.context.spend.usd;
    run.command({ type: "task.skip", task: "t1" });
    run.bury();
    expect(run.context.queue?.tasks[0]?.usd).toBeCloseTo(before, 12);
  });

  it("costs nothing when the turn never began", () => {
    const run = new RunByHand({ plan: two });
    run.command({ type: "task.skip", task: "t1" });
    run.bury();
    expect(run.context.spend.usd).toBe(0);
    expect(run.context.accounts).not.toHaveProperty("t1#1");
    expect(run.letters).toEqual([]);
  });

  it("closes the questions of its worker", () => {
    const run = new RunByHand({ plan: two, options: { asks: "wait", hasWorkspace: true } });
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    expect(run.context.asks).toHaveLength(1);
    run.command({ type: "task.skip", task: "t1" });
    expect(run.context.asks).toEqual([]);
    expect(run.all("ask.closed")).toMatchObject([{ by: "policy" }]);
  });

  it("is a letter when the task is settled or unknown", () => {
    const run = new RunByHand({ plan: two });
    run.finish("t1#1");
    for (const task of ["t1", "t9"]) run.command({ type: "task.skip", task });
    expect(run.letters).toEqual(["person: task.skip (t1 is settled or unknown)", "person: task.skip (t9 is settled or unknown)"]);
  });

  it("before there is a plan is a letter", () => {
    const run = new RunByHand();
    run.command({ type: "task.skip", task: "t1" });
    run.command({ type: "task.retry", task: "t1" });
    expect(run.letters).toHaveLength(2);
  });
});

describe("retrying a task", () => {
  it("gives a lost task and what it took along another chance", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: { needs: ["a"] }, c: {} }) });
    run.command({ type: "task.skip", task: "t1" });
    run.bury();
    run.command({ type: "task.retry", task: "t1" });
    expect(run.statuses).toBe("running waiting running");
    expect(run.workers).toContain("worker:t1#2");
    run.finish("t1#2", "t2#1", "t3#1");
    run.hands.answer("synthesis", "done");
    expect(run.output.outcome).toBe("complete");
  });

  it("comes too late when the tasks are over: the answer does not wait for it", () => {
    const run = new RunByHand({ plan: two });
    run.hands.fail("t1#1", "Rejected");
    run.finish("t2#1");
    expect(run.phase).toBe("synthesizing");
    run.command({ type: "task.retry", task: "t1" });
    expect(run.letters).toHaveLength(1);
    run.hands.answer("synthesis", "done");
    expect(run.output.tasks.map(({ status }) => status)).toEqual(["failed", "finished"]);
  });

  it("comes too late when the run is being cancelled", () => {
    const run = new RunByHand({ plan: two });
    run.command({ type: "run.cancel" });
    run.command({ type: "task.retry", task: "t1" });
    run.bury();
    expect(run.output.tasks.map(({ status }) => status)).toEqual(["skipped", "skipped"]);
  });
});

describe("telling", () => {
  it("reaches all that work now, and all that start later", () => {
    const run = new RunByHand({ plan: diamond });
    run.command({ type: "run.tell", text: "use tabs" });
    run.hands.answer("t1#1", "done so far");
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("use tabs");
    run.finish("t1#1");
    for (const request of run.hands.requests.slice(-2)) expect(JSON.stringify(request.messages)).toContain("use tabs");
  });

  it("reaches one worker only, where one is named", () => {
    const run = new RunByHand({ plan: two });
    run.command({ type: "run.tell", text: "use tabs", task: "t2" });
    run.hands.answer("t1#1", "done");
    run.hands.answer("t2#1", "done");
    expect(run.hands.requests.map(({ conversation }) => conversation)).toEqual(["t1#1", "t2#1", "t2#1"]);
  });

  it("reaches a worker whose copy is still being made", () => {
    const run = new RunByHand(
      { plan: one, options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    run.command({ type: "run.tell", text: "use tabs" });
    run.hands.give("prepareWorkspace", "t1#1/prepare", { ok: true, conflicts: [] });
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("use tabs");
  });

  it("is a letter when the one named does not work", () => {
    const run = new RunByHand({ plan: diamond });
    run.command({ type: "run.tell", text: "use tabs", task: "t2" });
    expect(run.letters).toEqual(["person: run.tell (t2 is not running)"]);
  });
});

describe("permission asked by a worker", () => {
  const asking = (asks: "wait" | "deny") => {
    const run = new RunByHand({ plan: one, options: { asks, hasWorkspace: true } });
    run.hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    return run;
  };
  const [id] = asking("wait").context.asks.map((ask) => ask.id);

  it("is given by a person", () => {
    const run = asking("wait");
    expect(run.all("ask.opened")).toMatchObject([{ ask: { from: "t1#1", text: "May t1#1 run bash(make)?" } }]);
    run.command({ type: "ask.answer", ask: id!, decision: "approve" });
    expect(run.hands.doing()).toEqual(["t1#1/turn/1/call/0"]);
    expect(run.context.asks).toEqual([]);
  });

  it("is refused by a person, who says why", () => {
    const run = asking("wait");
    run.command({ type: "ask.answer", ask: id!, decision: "reject", text: "never make" });
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("never make");
  });

  it("is refused at once where nobody is there", () => {
    const run = asking("deny");
    expect(run.all("ask.closed")).toMatchObject([{ decision: "reject", by: "policy" }]);
    expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).toContain("nobody is there");
  });

  it("is answered once", () => {
    const run = asking("wait");
    for (let times = 0; times < 2; times++) run.command({ type: "ask.answer", ask: id!, decision: "approve" });
    expect(run.letters).toHaveLength(1);
  });
});

describe("cancelling", () => {
  it.each<[string, () => RunByHand]>([
    ["while it routes", () => new RunByHand()],
    ["while it plans", () => new RunByHand({ mode: "orchestrate" })],
    [
      "while the planner's copy is made",
      () =>
        new RunByHand(
          { mode: "orchestrate", options: { hasWorkspace: true } },
          { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
        ),
    ],
    ["while tasks run", () => new RunByHand({ plan: two })],
    [
      "while a task waits",
      () => {
        const run = new RunByHand({ plan: one });
        run.hands.fail("t1#1", "WorkspaceFailed");
        return run;
      },
    ],
    [
      "while it is paused",
      () => {
        const run = new RunByHand({ plan: diamond });
        run.command({ type: "run.pause" });
        return run;
      },
    ],
    [
      "while it is suspended",
      () => {
        const run = new RunByHand({ plan: two });
        run.hands.fail("t1#1", "AuthFailed");
        return run;
      },
    ],
    [
      "while it synthesizes",
      () => {
        const run = new RunByHand({ plan: one });
        run.finish("t1#1");
        return run;
      },
    ],
  ])("%s leaves nothing behind", (_when, start) => {
    const run = start();
    run.command({ type: "run.cancel", reason: "enough" });
    run.bury("too late");
    expect(run.output).toMatchObject({
      outcome: "cancelled",
      failure: { code: "Cancelled", message: "The run was cancelled: enough" },
    });
    expect(run.context.accounts).toEqual({});
    expect(run.context.asks).toEqual([]);
    expect(run.hands.doing()).toEqual([]);
    expect(run.output.tasks.every(({ status }) => status !== "unfinished")).toBe(true);
  });

  it("waits for the bills of the turns that it stopped", () => {
    const run = new RunByHand({ plan: two });
    run.command({ type: "run.cancel" });
    expect(run.phase).toBe("stopping");
    run.bury("too late");
    expect(run.output.spend.turns).toBe(2);
    expect(run.output.tasks.every(({ usd }) => usd > 0)).toBe(true);
  });

  it("twice is once", () => {
    const run = new RunByHand({ plan: two });
    run.command({ type: "run.cancel", reason: "first" });
    run.command({ type: "run.cancel", reason: "second" });
    run.bury();
    expect(run.output.outcome).toBe("cancelled");
    expect(run.all("task.skipped")).toHaveLength(2);
    expect(run.all("run.finished")).toHaveLength(1);
  });
});
