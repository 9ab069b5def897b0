// The matchers of quatrain/testing/vitest: each holds, and each fails with words that say what is wrong.
import { createActor, createMachine } from "xstate";
import { describe, it } from "vitest";
import { definePlan, defineWorker, orchestrate, prepareRun } from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import { atEnd, crashSweep, invariants, scriptedModel, simulatedHost, simulatedPorts, simulateRuns } from "quatrain/testing";
import type { Script, SimulatedRun } from "quatrain/testing";
import { expect, matchers } from "quatrain/testing/vitest";
import type { RunEvent } from "../../../src/protocol/run-event.ts";

const write = defineWorker({ name: "write", description: "Writes.", instructions: "You write." });
const workers = [write];
const chain = definePlan(workers, [
  { label: "one", worker: "write", task: "one" },
  { label: "two", worker: "write", task: "two", dependsOn: ["one"] },
]);
const single = definePlan(workers, [{ label: "one", worker: "write", task: "one" }]);
const good = { t1: "one", t2: "two", synthesis: "both" };

const started = (scripts: Readonly<Record<string, Script>>, more: object = {}) =>
  orchestrate(chain, { workers, model: scriptedModel(scripts), ...more });

/** What a matcher says when it does not hold. */
async function said(expectation: () => unknown): Promise<string> {
  try {
    await expectation();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "it held";
}

/** The orchestrator on a simulated host, as far as it gets. */
async function simulated(scripts: Readonly<Record<string, Script>>) {
  const model = scriptedModel(scripts);
  const host = simulatedHost();
  const { input } = prepareRun(chain, { model, workers }, host.clock);
  const actor = createActor(createOrchestrator({ workers, ports: simulatedPorts({ model }) }), host.attach({ input }));
  actor.start();
  await host.run();
  return actor;
}

/** One run that `simulateRuns` played. */
async function played(): Promise<SimulatedRun> {
  let last: SimulatedRun | undefined;
  await simulateRuns({
    workers,
    plan: chain.plan,
    runs: 1,
    faults: { turns: 0, steps: 0 },
    commands: 0,
    onRun: (run) => (last = run),
  });
  if (!last) throw new Error("no run was played");
  return last;
}

describe("toSettle", () => {
  it("takes a run, its result, a promise of it, an actor and a simulated run", async () => {
    const run = started(good);
    await expect(run).toSettle();
    await expect(run.result).toSettle({ outcome: "complete" });
    await expect(await run.result).toSettle({ outcome: "complete" });
    await expect(await simulated(good)).toSettle({ outcome: "complete" });
    await expect(await played()).toSettle();
    await expect(run).not.toSettle({ outcome: "failed" });
  });

  it("tells which outcome it was, and why", async () => {
    const run = started({ ...good, t2: { fail: "Refused" }, mend: { fail: "Refused" } }, { policy: { attempts: 1 } });
    expect(await said(() => expect(run).toSettle({ outcome: "complete" }))).toMatchInlineSnapshot(`
      "Expected the run to settle as complete, and it settled as partial.
        Refused: scripted Refused
        t1 (write) finished
        t2 (write) failed: Refused: scripted Refused"
    `);
    expect(await said(() => expect(run).not.toSettle())).toMatch(/^Expected the run not to settle, and it settled as partial/);
  });

  it("tells what a run waits for that does not settle", async () => {
    const run = started(good, { review: true, asks: "wait" });
    await new Promise<void>((resolve) => {
      run.events.subscribe(({ type }) => {
        if (type === "ask.opened") resolve();
      });
    });
    const message = await said(() => expect(run).toSettle({ withinMs: 1 }));
    expect(message.replace(/\(plan, .*/, "(…)")).toMatchInlineSnapshot(`
      "Expected the run to settle, and it did not.
        it had 1 ms of real time
        it stands in active.phase.reviewing and active.activity.running
        a person is asked (…)
        t1 (write) is ready
        t2 (write) is waiting: for t1"
    `);
    expect(message).toMatch(/a person is asked \(plan, ask "/);
    await run.stop();
    await expect(run).toSettle({ outcome: "suspended" });
    await expect(run).not.toSettle();
  });

  it("tells of a suspended run what its script did not expect", async () => {
    const actor = await simulated({ t1: "one" });
    expect(await said(() => expect(actor).toSettle())).toMatchInlineSnapshot(`
      "Expected the run to settle, and it did not.
        it stands in active.phase.dispatching and active.activity.suspended
        suspended by Internal: The script does not expect request 1 of conversation "t2#1" (write).
        No script is named "t2#1", "t2", "write", "*"; there are "t1".
        The last message is the user's:
            This is your brief. Do the task.

            <part-1rxhrbq1ass2b1zg5inigs name="task" origin="orchestrator" kind="instruction">
            two
            </part-1rxhrbq1ass2b1zg5inigs>

            <part-1rxhrbq1ass2b1zg5inigs name="result of one" origin="worker write" kind="data">
            one
            </part-1rxhrbq1ass2b1zg5inigs>
        t2 (write) is running: attempt 1"
    `);
  });

  it("tells of a promise that does not settle, and of what is no run", async () => {
    expect(await said(() => expect(new Promise(() => {})).toSettle({ withinMs: 1 }))).toMatch(
      /the promise did not settle within 1 ms/,
    );
    expect(await said(() => expect({ a: 1 }).toSettle())).toBe(
      "This expectation is about a run: give it a run, its result, a simulated run or the orchestrator's actor, not an object with a.",
    );
  });
});

describe("toRespectDependencies", () => {
  const at = 0;
  const line = (id: string, ...needs: readonly string[]) => ({
    id,
    label: id,
    worker: "write",
    dependencies: needs.map((need) => ({
      task: need.replace("?", ""),
      kind: need.endsWith("?") ? ("soft" as const) : ("hard" as const),
    })),
    optional: false,
  });
  const accepted: RunEvent = {
    type: "plan.accepted",
    at,
    rationale: "",
    criticalPath: [],
    tasks: [line("t1"), line("t2", "t1"), line("t3", "t1?")],
  };
  const begin = (task: string, attempt = 1): RunEvent => ({
    type: "task.started",
    at,
    task,
    attempt,
    worker: "write",
    model: null,
    changes: [],
  });
  const why = { code: "Refused", message: "no", retryable: false } as const;
  const finish = (task: string): RunEvent => ({
    type: "task.finished",
    at,
    task,
    attempt: 1,
    summary: "",
    files: [],
    usd: 0,
    durationMs: 0,
    outputBytes: 0,
  });
  const lose = (task: string): RunEvent => ({ type: "task.failed", at, task, attempt: 1, failure: why });
  const redo = (task: string): RunEvent => ({ type: "task.invalidated", at, task, because: "it conflicts" });

  it("takes a run, a simulated run and events", async () => {
    await expect(started(good)).toRespectDependencies();
    await expect(await played()).toRespectDependencies();
    await expect([accepted, begin("t1"), finish("t1"), begin("t2"), begin("t3")]).toRespectDependencies();
    await expect([accepted, begin("t1"), lose("t1"), begin("t3")]).toRespectDependencies();
  });

  it("tells who started too early", async () => {
    const events = [
      accepted,
      begin("t1"),
      begin("t2"),
      begin("t3"),
      lose("t1"),
      begin("t2", 2),
      finish("t1"),
      redo("t1"),
      begin("t2", 3),
    ];
    expect(await said(() => expect(events).toRespectDependencies())).toMatchInlineSnapshot(`
      "Expected every task to start after the tasks it needs.
        t2 started (attempt 1) while t1, which it needs, was running
        t3 started (attempt 1) while t1, which it comes after, was running
        t2 started (attempt 2) while t1, which it needs, was failed
        t2 started (attempt 3) while t1, which it needs, was waiting"
    `);
  });

  it("is not content with nothing, or with half a run", async () => {
    expect(await said(() => expect([accepted]).toRespectDependencies())).toMatch(/no task was started: nothing was shown/);
    const actor = await simulated({ t1: "one" });
    expect(await said(() => expect(actor).toRespectDependencies())).toMatch(/judged by events, and there are none/);
    const run = started({ t1: "one" });
    expect(await said(() => expect(run).toRespectDependencies())).toMatch(/it has not come to its end/);
  });
});

describe("toCostAtMost", () => {
  it("holds up to the limit, in money and tokens", async () => {
    const { result } = started(good);
    const { spend } = await result;
    expect(spend.usd).toBeGreaterThan(0);
    await expect(result).toCostAtMost(spend.usd);
    await expect(result).not.toCostAtMost(spend.usd * 0.99);
    await expect(result).not.toCostAtMost({ tokens: 10 });
    await expect(result).toCostAtMost({ usd: 1, tokens: 10_000 });
  });

  it("tells where the money went", async () => {
    expect(await said(() => expect(started(good)).toCostAtMost({ usd: 0.001, tokens: 1 }))).toMatchInlineSnapshot(`
      "Expected the run to cost less.
        it cost $0.0050, and $0.0010 were allowed
        it took 611 tokens, and 1 were allowed
        $0.0027 synthesis, 1 turn of claude-opus-5-5
        $0.0012 t2#1 (write), 1 turn of claude-sonnet-5-5
        $0.0011 t1#1 (write), 1 turn of claude-sonnet-5-5"
    `);
  });

  it("refuses to judge money without prices, and runs that have not ended", async () => {
    const model = { model: "homegrown", price: null };
    const unpriced = started(good, { models: { orchestrator: model, worker: model, router: model } });
    expect(await said(() => expect(unpriced).toCostAtMost(1))).toMatch(/and 3 of its turns have no price/);
    await expect(unpriced).toCostAtMost({ tokens: 100_000 });
    expect(await said(async () => expect(await simulated({ t1: "one" })).toCostAtMost(1))).toMatch(
      /it has not ended[^]*suspended by Internal/,
    );
  });
});

describe("toHaveNoViolations", () => {
  it("holds of clean reports of simulations and sweeps", async () => {
    expect(await simulateRuns({ workers, plan: single.plan, runs: 2 })).toHaveNoViolations();
    expect(await crashSweep({ workers, plan: single.plan, runs: 1 })).toHaveNoViolations();
  });

  it("shows the scripts of what was found", async () => {
    const never = atEnd("neverTwo", ({ output }) => (output && output.tasks.length > 1 ? "there are two tasks" : undefined));
    const report = await simulateRuns({
      workers,
      plan: chain.plan,
      runs: 1,
      shrinkTries: 10,
      faults: { turns: 0, steps: 0 },
      commands: 0,
      invariants: [...Object.values(invariants), never],
    });
    const message = await said(() => expect(report).toHaveNoViolations());
    expect(message).toMatch(
      /^Expected no violations, and there (is 1|are \d+)\.\n\n {2}neverTwo: there are two tasks\n {4}seed \d+/,
    );
    expect(message).toMatch(/\n {6}0\.0s t1 starts, attempt 1\n/);
    expect(report).not.toHaveNoViolations();
  });

  it("is not content with nothing", async () => {
    expect(await said(() => expect({ violations: [], states: 0 }).toHaveNoViolations())).toBe(
      "Expected no violations, and nothing was looked at: 0 states.",
    );
    expect(await said(() => expect(simulateRuns({ workers, runs: 1 })).toHaveNoViolations())).toMatch(/Await it first/);
  });
});

describe("toBeClean", () => {
  it("holds of a clean machine, and lists the issues of another", async () => {
    const machine = createMachine({ id: "m", initial: "a", states: { a: { after: { 100: "b" } }, b: { type: "final" } } });
    expect(await said(() => expect(machine).toBeClean())).toMatch(
      /^1 thing is to be mended:\n {2}m\.a: It has a transition after 100 ms/,
    );
    expect(machine).toBeClean({ off: { delayed: "never persisted" } });
    expect(machine).not.toBeClean();
  });
});

it("the matchers are also there to be given to another expect", () => {
  expect(Object.keys(matchers)).toEqual(["toSettle", "toRespectDependencies", "toCostAtMost", "toHaveNoViolations", "toBeClean"]);
});
