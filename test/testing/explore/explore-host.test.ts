// exploreHost visits every path of the real tree: orders, outcomes, timers, commands, stops, crashes; what is wrong is
// found with a shortest way, which can be played again.
import { setup } from "xstate";
import { describe, expect, it } from "vitest";
import { effect, sleepUntil } from "quatrain/host";
import { createOrchestrator } from "quatrain/machines";
import { always, exploreHost, type ExploreHostOptions, replayTree, type TreeStep } from "quatrain/testing";
import { defineWorker, type DelegateInput } from "quatrain/workers";
import { planOf } from "../../support/plans.ts";

const func = defineWorker({ name: "func", description: "does it", perform: () => "done" });
const model = defineWorker({ name: "model", description: "does it", instructions: "work" });
const workers = [func, model];

const one = planOf({ a: { worker: "func" } });
const two = planOf({ a: { worker: "func" }, b: { worker: "func" } });
const chain = planOf({ a: { worker: "func" }, b: { worker: "func", needs: ["a"] } });

/** All is well unless a test says so. */
const calm: Pick<ExploreHostOptions, "outcomes" | "crashes"> = { outcomes: () => [{}], crashes: 0 };

describe("what is visited", () => {
  it("is every state of one task whose work may fail, attempt by attempt", async () => {
    const found = await exploreHost({ workers, plan: one, crashes: 0, options: { synthesis: false } });
    // Working, committing, over; waiting to be tried again; working again, committing, over; over without.
    expect(found).toMatchObject({ states: 8, transitions: 7, depth: 4, ends: { complete: 2, failed: 1 }, isExhausted: true });
    expect(found.violations).toEqual([]);
  });

  it("is every order of two tasks, and states that are the same are one", async () => {
    const found = await exploreHost({ workers, plan: two, options: { synthesis: false, concurrency: 2 }, ...calm });
    // Each task works, commits or is over, in all combinations.
    expect(found).toMatchObject({ states: 9, transitions: 12, depth: 4, ends: { complete: 1 } });
  });

  it("is fewer states where one waits for the other, or for room", async () => {
    const options = { synthesis: false, concurrency: 2 };
    expect(await exploreHost({ workers, plan: chain, options, ...calm })).toMatchObject({ states: 5, depth: 4 });
    expect(await exploreHost({ workers, plan: two, options: { ...options, concurrency: 1 }, ...calm })).toMatchObject({
      states: 5,
    });
  });

  it("is covered by name: machines, states, transitions, events, failures", async () => {
    const { coverage } = await exploreHost({ workers, plan: one, crashes: 0, options: { synthesis: false } });
    expect(coverage.machines["worker"]?.states).toMatchObject({ "worker.committing": expect.any(Number), "worker.failed": 2 });
    expect(coverage.machines["run"]?.states["run.active.phase.dispatching"]).toBeGreaterThan(1);
    expect(coverage.events).toMatchObject({ "task.started": 2, "task.finished": 2, "task.failed": 1, "run.finished": 3 });
    expect(coverage.failures["WorkerCrashed"]).toBeGreaterThan(0);
  });

  it("is the same each time", async () => {
    const options = { workers, plan: one, stops: 1, options: { synthesis: false } };
    expect(await exploreHost(options)).toEqual(await exploreHost(options));
  });
});

describe("interruptions", () => {
  it("come at every moment, before and after what follows has begun", async () => {
    const base = { workers, plan: one, options: { synthesis: false }, outcomes: calm.outcomes! };
    const found = await exploreHost({ ...base, crashes: 1 });
    expect(found).toMatchObject({ violations: [], isExhausted: true, ends: { complete: 2 } });
    const uncrashed = await exploreHost({ ...base, crashes: 0 });
    // The same states, before and after the crash.
    expect(found.states).toBe(uncrashed.states * 2);
  });

  it("may be more than one, and clean stops, too", async () => {
    const base = { workers, plan: one, options: { synthesis: false } };
    const count = async (more: Partial<ExploreHostOptions>) => {
      const { states, violations } = await exploreHost({ ...base, ...more });
      expect(violations).toEqual([]);
      return states;
    };
    const once = await count({ crashes: 1 });
    expect(await count({ crashes: 2 })).toBeGreaterThan(once);
    expect(await count({ crashes: 1, stops: 1 })).toBeGreaterThan(once);
  });

  it("lose turns of models, which are asked again", async () => {
    const plan = planOf({ a: { worker: "model" } });
    const { violations, coverage, isExhausted } = await exploreHost({ workers, plan });
    expect(violations).toEqual([]);
    expect(isExhausted).toBe(true);
    expect(coverage.failures["TurnLost"]).toBeGreaterThan(0);
  });
});

describe("what may run once", () => {
  const pay = effect("pay", { class: "once" }, () => "paid");
  const machine = setup({ types: { context: {} as DelegateInput, input: {} as DelegateInput }, actors: { pay } }).createMachine({
    id: "payer",
    context: ({ input }) => input,
    initial: "paying",
    states: {
      paying: { invoke: { id: "pay", src: "pay", input: { key: "pay" }, onDone: "paid", onError: "unknown" } },
      paid: { type: "final" },
      unknown: { type: "final" },
    },
    output: { ok: true, output: "done" },
  });
  const payer = defineWorker({ name: "payer", description: "pays", machine });

  it("is in doubt after a crash at rest, and not yet begun after one in the middle", async () => {
    const options = { workers: [payer], plan: planOf({ a: { worker: "payer" } }), options: { synthesis: false } };
    const found = await exploreHost(options);
    expect(found.violations).toEqual([]);
    const statesOf = async (...steps: readonly TreeStep[]) => {
      const { run, broken, script } = await replayTree(options, steps);
      expect(broken).toEqual([]);
      return [script, run.rows.filter(({ key }) => key === "pay").map(({ kind }) => kind)];
    };
    expect(await statesOf({ crash: "rest" })).toEqual(["crash → resume", ["intent", "error"]]);
    expect(await statesOf({ crash: "middle" })).toEqual(["crash before anything follows → resume", ["intent"]]);
    expect(found.coverage.machines["payer"]?.states).toMatchObject({ "payer.paid": expect.any(Number), "payer.unknown": 1 });
  });
});

describe("a late report", () => {
  it("comes when the next attempt runs, and is a dead letter", async () => {
    const { violations, coverage } = await exploreHost({
      workers,
      plan: one,
      options: { synthesis: false },
      crashes: 0,
      outcomes: ({ effect: name, key }) => {
        if (name === "lateReport") return [{}, { late: true }];
        return name === "performWork" && key === "t1#1/perform" ? [{}, { fail: "WorkerCrashed" }] : [{}];
      },
    });
    expect(violations).toEqual([]);
    expect(coverage.events["letter.dropped"]).toBe(1);
  });
});

describe("people", () => {
  it("send each command at most once, at any moment", async () => {
    const options = { workers, plan: one, options: { synthesis: false }, crashes: 0 };
    const alone = await exploreHost(options);
    const found = await exploreHost({ ...options, commands: [{ type: "run.cancel" }, { type: "task.skip", task: "t1" }] });
    expect(found.violations).toEqual([]);
    expect(found.states).toBeGreaterThan(alone.states * 2);
    expect(found.ends).toMatchObject({ cancelled: expect.any(Number) });
  });

  it("answer where nothing else goes on, in each way that they may", async () => {
    const { violations, ends } = await exploreHost({
      workers,
      plan: one,
      options: { synthesis: false, review: true, asks: "wait" },
      crashes: 0,
      outcomes: ({ effect: name }) => (name === "person" ? [{}, { decision: "reject" }] : [{}]),
    });
    expect(violations).toEqual([]);
    expect(ends).toEqual({ complete: 1, failed: 1 });
  });
});

/** A machine that asks for money in a step that may be its last, naps, and ends. */
function impatient() {
  const draft = effect("draft", { class: "idempotent" }, () => "a draft");
  const machine = setup({
    types: { context: {} as DelegateInput, input: {} as DelegateInput },
    actors: { draft, sleepUntil },
  }).createMachine({
    id: "impatient",
    context: ({ input }) => input,
    initial: "drafting",
    invoke: {
      id: "patience",
      src: "sleepUntil",
      input: ({ context }) => ({ key: `${context.id}/patience`, dueAt: context.at + 5_000 }),
      onDone: ".late",
    },
    states: {
      drafting: {
        invoke: { id: "draft", src: "draft", input: ({ context }) => ({ key: `${context.id}/draft` }), onDone: "done" },
      },
      done: { type: "final" },
      late: { type: "final" },
    },
    output: ({ context }) => ({ ok: true, output: context.id }),
  });
  return defineWorker({ name: "impatient", description: "waits so long", machine });
}

describe("time", () => {
  const plan = planOf({ a: { worker: "impatient" } });
  const base = { workers: [impatient()], plan, ...calm, options: { synthesis: false } };

  it("passes before a result comes, as far as effects may take", async () => {
    const both = await exploreHost(base);
    expect(both.coverage.machines["impatient"]?.states).toMatchObject({ "impatient.done": 1, "impatient.late": 1 });
    const quick = await exploreHost({ ...base, longestEffectMs: 4_999 });
    expect(quick.coverage.machines["impatient"]?.states).not.toHaveProperty("impatient.late");
    expect(quick.limits).toContain("A timer comes before results in flight only when it is due within 4999 ms.");
  });

  it("can run out for an attempt, where any timer may come first", async () => {
    const found = await exploreHost({ workers, plan: one, ...calm, options: { synthesis: false }, longestEffectMs: Infinity });
    expect(found.violations).toEqual([]);
    expect(found.coverage.failures["WorkerTimeout"]).toBeGreaterThan(0);
  });
});

describe("a broken promise", () => {
  const never = always("neverBothOver", ({ context }) =>
    context.queue?.counts.finished === 2 ? "both are finished" : undefined,
  );

  it("is told with a shortest way, in words and as data", async () => {
    const { violations, isExhausted, limits } = await exploreHost({
      workers,
      plan: two,
      options: { synthesis: false },
      ...calm,
      invariants: [never],
    });
    expect(violations).toHaveLength(1);
    const [witness] = violations;
    expect(witness?.invariant).toBe("neverBothOver");
    expect(witness?.steps).toHaveLength(4);
    expect(witness?.script).toBe("t1#1 works → t2#1 works → t1 finishes → t2 finishes");
    expect(isExhausted).toBe(false);
    expect(limits.join(" ")).toContain("not looked at");
  });

  it("can be played again, on the real actors, to look at", async () => {
    const options = { workers, plan: two, options: { synthesis: false }, ...calm, invariants: [never] };
    const [witness] = (await exploreHost(options)).violations;
    const replayed = await replayTree(options, JSON.parse(JSON.stringify(witness?.steps ?? [])) as readonly TreeStep[]);
    expect(replayed.broken).toEqual([{ invariant: "neverBothOver", message: "both are finished" }]);
    expect(replayed.script).toBe(witness?.script);
    expect(replayed.run.snapshot.context.queue?.counts.finished).toBe(2);
    expect(replayed.run.rows).toContainEqual(expect.objectContaining({ kind: "result", key: "t2#1/commit" }));
    expect(replayed.run.events.map(({ type }) => type)).toContain("task.finished");
  });

  it("is also a way that can't be played any more", async () => {
    const { broken } = await replayTree({ workers, plan: one }, [{ deliver: "worker:t9#1/perform:t9#1/perform" }]);
    expect(broken.map(({ invariant, message }) => `${invariant}: ${message}`)).toEqual([
      `sameWayAgain: played again, the way went otherwise: "worker:t9#1/perform:t9#1/perform" was not pending at step 1`,
    ]);
  });

  it("of a machine that remembers something outside is found after a crash", async () => {
    let times = 0;
    const work = effect("work", { class: "idempotent" }, () => "done");
    const machine = setup({
      types: { context: {} as DelegateInput, input: {} as DelegateInput },
      actors: { work },
    }).createMachine({
      id: "forgetful",
      context: ({ input }) => ({ ...input, at: ++times }),
      initial: "working",
      states: {
        working: { invoke: { id: "work", src: "work", input: { key: "work" }, onDone: "done" } },
        done: { type: "final" },
      },
      output: { ok: true, output: "done" },
    });
    const own = defineWorker({ name: "forgetful", description: "forgets", machine });
    const { violations } = await exploreHost({ workers: [own], plan: planOf({ a: { worker: "forgetful" } }), ignore: [] });
    expect(violations.map(({ invariant, script }) => [invariant, script])).toEqual([["sameAfterResume", "crash → resume"]]);
    expect(violations[0]?.message).toMatch(/"at":\d+.* became .*"at":\d+/);
  });

  it("of an effect that is another one each time is found", async () => {
    let times = 0;
    const moody = effect("moody", { class: "idempotent" }, () => ++times);
    const machine = setup({
      types: { context: {} as DelegateInput, input: {} as DelegateInput },
      actors: { moody },
    }).createMachine({
      id: "moody",
      context: ({ input }) => input,
      initial: "working",
      states: {
        working: { invoke: { id: "work", src: "moody", input: () => ({ key: `try/${++times}` }), onDone: "done" } },
        done: { type: "final" },
      },
      output: { ok: true, output: "done" },
    });
    const own = defineWorker({ name: "moody", description: "moody", machine });
    const found = await exploreHost({ workers: [own], plan: planOf({ a: { worker: "moody" } }), outcomes: () => [{}] });
    expect(found.violations.map(({ invariant }) => invariant)).toContain("sameWayAgain");
  });

  it("is also a run that stands still and nobody can help", async () => {
    const stuck = setup({ types: { context: {} as DelegateInput, input: {} as DelegateInput } }).createMachine({
      id: "stuck",
      context: ({ input }) => input,
      initial: "waiting",
      states: { waiting: { on: { never: "done" } }, done: { type: "final" } },
      output: { ok: true, output: "" },
    });
    const own = defineWorker({ name: "stuck", description: "stuck", machine: stuck });
    // Its time limit would help, an hour later: without a machine that waits for it nothing is left.
    const found = await exploreHost({
      workers: [own],
      plan: planOf({ a: { worker: "stuck" } }),
      ...calm,
      options: { synthesis: false },
      machine: (given) => createOrchestrator(given).provide({ actions: { wakeUp: () => undefined } }),
    });
    expect(found.violations.map(({ invariant }) => invariant)).toEqual(["everyWaitHasAWakeUp"]);
    expect(found.violations[0]?.script).toBe("a time limit is looked at");
  });
});

describe("limits", () => {
  it("are told when they were reached", async () => {
    const cut = await exploreHost({ workers, plan: two, limits: { states: 20 } });
    expect(cut).toMatchObject({ states: 20, isExhausted: false });
    expect(cut.limits[0]).toBe("Not exhausted: it ended at 20 states.");
    const shallow = await exploreHost({ workers, plan: two, limits: { depth: 3 } });
    expect(shallow).toMatchObject({ depth: 3, isExhausted: false });
    expect(shallow.limits[0]).toBe("Not exhausted: ways are cut after 3 steps.");
  });
});
