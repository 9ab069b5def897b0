// Decisions that runs rarely come to, looked at one by one.
import { createActor, createMachine } from "xstate";
import { describe, expect, it } from "vitest";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { failure } from "../../src/core/failure.ts";
import { taskId } from "../../src/core/ids.ts";
import { planDirectly, takePlan } from "../../src/machines/calls.ts";
import { answerAsk, isAnswerTo } from "../../src/machines/commands.ts";
import { createMachines } from "../../src/machines/create-orchestrator.ts";
import { relay, runOutput, stopAll, taskResult } from "../../src/machines/run-events.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { startRun } from "../../src/machines/run-state.ts";
import { canRenew, describeChange, isTooIntense, withIssue } from "../../src/machines/retry.ts";
import type { Step } from "../../src/machines/step.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import type { DelegateLogic } from "../../src/workers/define-worker.ts";
import { modelOf, runInput, workers } from "../support/cast.ts";
import type { RunShape } from "../support/cast.ts";
import { Hands } from "../support/hands.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const cards = workers.map(({ card }) => card);
const issue = (message: string) => ({ code: "BadInput", message, task: "a" }) as const;
const rules = {
  policy: DEFAULT_POLICY,
  cards,
  tools: {},
  checkPlan: () => ({ ok: false as const, issues: [issue("one."), issue("two.")] }),
  checkSplit: () => ({ ok: false as const, issues: [] }),
};
const contextOf = (shape: RunShape = {}, more: Partial<RunContext> = {}): RunContext => ({
  ...startRun(runInput(shape), rules),
  ...more,
});
const said = ({ then }: Step): readonly RunEvent[] =>
  then.flatMap((directive) => (directive.do === "emit" ? [directive.event] : []));

describe("the machines of a run", () => {
  const ports = new Hands().ports;
  it("need workers, each with a name of its own", () => {
    const [one, two] = workers;
    if (!one || !two) throw new Error("The cast is too small.");
    expect(() => createMachines({ workers: [], ports })).toThrow(expect.objectContaining({ code: "BadWorker" }));
    expect(() => createMachines({ workers: [one, two, { ...two, name: one.name }], ports })).toThrow(
      expect.objectContaining({ code: "BadWorker", message: `Two workers are named "${one.name}"; names must be unique.` }),
    );
    expect(createMachines({ workers: [one, two], ports }).orchestrator.id).toBe("run");
  });
});

it("workers that are machines are each their own", () => {
  const machineOf = (name: string) =>
    defineWorker({
      name,
      description: name,
      machine: createMachine({
        id: name,
        initial: "over",
        states: { over: { type: "final" } },
        output: { ok: true, output: `by ${name}` },
      }) as unknown as DelegateLogic,
    });
  const hands = new Hands();
  const plan = planOf({ a: { worker: "first" }, b: { worker: "second" } });
  const input = runInput({ plan, options: { synthesis: false } });
  const actor = createActor(
    createMachines({ workers: [machineOf("first"), machineOf("second")], ports: hands.ports }).orchestrator,
    { id: "run", input: { ...input, world: { ...input.world, workers: ["first", "second"] } } },
  ).start();
  hands.settle();
  expect(actor.getSnapshot().output?.tasks.map(({ output }) => output)).toEqual(["by first", "by second"]);
});

describe("a direct request", () => {
  const direct = (shape: RunShape, worker: string | null = null, more: Partial<RunContext> = {}) =>
    planDirectly(contextOf(shape, { route: { mode: "direct", worker, reason: "easy" }, ...more })).context;

  it("is one task of the worker that was chosen, with nothing that a model wrote", () => {
    const { plan, failure: why } = direct({ request: "say hi" }, "frontend");
    expect(why).toBeNull();
    expect(plan).toEqual({
      rationale: "easy",
      tasks: [
        {
          id: "t1",
          label: "answer",
          worker: "frontend",
          task: "say hi",
          input: null,
          outputFormat: "",
          files: [],
          constraints: [],
          dependencies: [],
          writes: [],
          acceptance: [],
          optional: false,
          tier: null,
        },
      ],
    });
  });

  it("keeps a plan that is there", () => {
    const plan = planOf({ a: {} });
    expect(direct({ plan }, "frontend").plan).toBe(plan);
  });

  it("fails where the worker wants an input, or nobody is there", () => {
    const inputSchema = { type: "object" };
    const wanting = cards.map((card) => ({ ...card, inputSchema }));
    const failed = direct({}, "frontend", { workers: wanting });
    expect(failed).toMatchObject({
      plan: null,
      request: "add login",
      failure: {
        code: "PlanInvalid",
        message: 'Worker "frontend" wants an input, which a direct request has not; give a plan.',
      },
    });
    expect(direct({}, null, { workers: [] }).failure).toMatchObject({ message: "There are no workers." });
  });
});

it("a plan that does not hold when it is taken is asked for again, with all that is wrong", () => {
  const run = new RunByHand({ mode: "orchestrate" });
  const text = JSON.stringify({ tasks: [] });
  const step = takePlan(run.context, { kind: "finished", text, at: 5_000 } as Parameters<typeof takePlan>[1], rules);
  expect(step.context.plan).toBeNull();
  expect(JSON.stringify([step.context.failure, step.then])).toContain("one. two.");
});

describe("what a conversation or a worker says", () => {
  it.each(["ask.raised", "budget.asked", "turn.completed", "turn.failed", "turn.started"])(
    "moves the time on, and %s is told by others",
    (type) => {
      const context = contextOf();
      const step = relay(context, { type, from: "t1#1", at: 9_000 } as { type: string });
      expect(step).toEqual({ context: { ...context, now: 9_000 }, then: [] });
    },
  );

  it("never moves the time back, and is nothing without a sender and a time", () => {
    const context = contextOf();
    expect(relay(context, { type: "turn.started", from: "t1#1", at: 5 } as { type: string }).context.now).toBe(context.now);
    for (const more of [{ from: "t1#1" }, { at: 9_000 }])
      expect(relay(context, { type: "turn.started", ...more })).toEqual({ context, then: [] });
  });

  it("is a worker's progress only where an attempt says it", () => {
    const progress = { type: "worker.progressed", state: "verifying", note: "soon", at: 9_000 };
    expect(said(relay(contextOf(), { ...progress, from: "t2#3" } as { type: string }))).toMatchObject([
      { type: "task.progressed", task: "t2", attempt: 3, state: "verifying", note: "soon", at: 9_000 },
    ]);
    expect(said(relay(contextOf(), { ...progress, from: "plan" } as { type: string }))).toEqual([]);
  });

  it("about a repair is told of the plan or of the one who repairs", () => {
    const repairing = { type: "answer.repairing", issues: ["no"], at: 9_000 };
    expect(said(relay(contextOf(), { ...repairing, from: "plan" } as { type: string }))).toMatchObject([
      { type: "plan.repairing", issues: ["no"] },
    ]);
    expect(said(relay(contextOf(), { ...repairing, from: "t1#1" } as { type: string }))).toMatchObject([
      { type: "answer.repairing", conversation: "t1#1", issues: ["no"] },
    ]);
  });
});

describe("the end of a run", () => {
  it("that never got anywhere is a failure without tasks", () => {
    expect(runOutput(contextOf())).toMatchObject({ outcome: "failed", answer: "", tasks: [], budgetReached: false });
  });

  it("tells of a task that never began that it is unfinished, has cost nothing and taken no time", () => {
    const context = contextOf({ plan: planOf({ a: { worker: "sum" } }) });
    expect(taskResult(context, taskId("t1"))).toMatchObject({
      attempts: 0,
      usd: 0,
      status: "unfinished",
      durationMs: 0,
      files: [],
    });
    expect(taskResult(context, taskId("t9"))).toMatchObject({ label: "", worker: "", attempts: 0, usd: 0, status: "unfinished" });
  });

  it("stops every worker and mending, by the names of their actors", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {}, c: { needs: ["a"] } }), options: { budget: { usd: 5 } } });
    run.hands.fail("t2#1", "PromptTooLong");
    run.hands.wake();
    run.hands.fail("t2#2", "PromptTooLong");
    expect(run.statuses).toBe("running mending waiting");
    const stopped = stopAll(run.context).then.filter((directive) => directive.do === "stop");
    expect(stopped).toEqual([
      { do: "stop", child: "worker:t1#1" },
      { do: "stop", child: "mend:t2#1" },
    ]);
  });
});

describe("an answer of a person", () => {
  const ask = { id: "t1#1/ask/1", kind: "permission", from: "t1#1", text: "May it?", hash: "h1", at: 1 } as const;
  const answer = { type: "ask.answer", ask: ask.id, decision: "approve", at: 2 } as const;

  it("is one to this very question when it names it, or no other", () => {
    expect(isAnswerTo(ask as never, answer)).toBe(true);
    expect(isAnswerTo(ask as never, { ...answer, hash: "h1" })).toBe(true);
    expect(isAnswerTo(ask as never, { ...answer, hash: "h2" })).toBe(false);
    expect(isAnswerTo(undefined, answer)).toBe(false);
  });

  it("is a dead letter when who asked is gone, or the question has changed", () => {
    const context = contextOf({ plan: planOf({ a: {} }) }, { asks: [ask as never] });
    const lettersOf = (more: object) =>
      said(answerAsk(context, { ...answer, ...more }, rules)).filter(({ type }) => type === "letter.dropped");
    expect(lettersOf({})).toMatchObject([{ from: ask.id, what: "ask.answer", reason: "who asked is gone" }]);
    expect(lettersOf({ hash: "h2" })).toMatchObject([{ from: ask.id, reason: "the question has changed since it was seen" }]);
    expect(lettersOf({ ask: "other" })).toMatchObject([{ from: "other", reason: "no such question is open" }]);
  });
});

describe("another worker for a task", () => {
  const to = (worker: string | undefined, more: Partial<(typeof cards)[number]> = {}) =>
    canRenew(
      contextOf(
        { plan: planOf({ a: {} }) },
        { workers: cards.map((card) => (card.name === worker ? { ...card, ...more } : card)) },
      ),
      taskId("t1"),
      { do: "renew", change: worker === undefined ? {} : { worker }, waitMs: [0, 0] },
    );

  it("takes what the first one took, and gives the same", () => {
    expect(to(undefined)).toBe(true);
    expect(to("frontend")).toBe(true);
    expect(to("nobody")).toBe(false);
    expect(to("frontend", { inputSchema: { type: "object" } })).toBe(false);
    expect(to("frontend", { outputSchema: { type: "object" } })).toBe(false);
    expect(to("backend", { inputSchema: { type: "object" } })).toBe(true);
  });
});

describe("what an attempt changes", () => {
  it("is put into words, one for each thing", () => {
    const before = modelOf("a", { effort: null, maxTokens: 10 });
    const after = modelOf("b", { effort: "low", maxTokens: 20 });
    expect(describeChange({ context: "trimmed", issues: true }, before, after)).toEqual([
      "model a -> b",
      "effort default -> low",
      "max tokens 10 -> 20",
      "context cut to 60 %",
      "told what failed before",
    ]);
    expect(describeChange({}, after, { ...after, effort: null })).toEqual(["effort low -> default"]);
    expect(describeChange({}, after, after)).toEqual([]);
    expect(withIssue(["first"], { task: taskId("t1"), attempt: 2 }, failure("WorkerGaveUp", "no idea"))).toEqual([
      "first",
      "Attempt 2 failed (WorkerGaveUp): no idea",
    ]);
  });

  it("is too much when the restarts of the period are used up; those at its edge are over", () => {
    const { intensity, periodMs } = DEFAULT_POLICY.restarts;
    const restarts = Array.from({ length: intensity }, (_, at) => 1_000 + at);
    expect(isTooIntense(contextOf({}, { restarts, now: 1_000 + intensity }), rules)).toBe(true);
    expect(isTooIntense(contextOf({}, { restarts, now: 1_000 + periodMs - 1 }), rules)).toBe(true);
    expect(isTooIntense(contextOf({}, { restarts, now: 1_000 + periodMs }), rules)).toBe(false);
    expect(isTooIntense(contextOf({}, { restarts: restarts.slice(1), now: 1_000 + intensity }), rules)).toBe(false);
  });
});

describe("a direct request whose worker failed", () => {
  it("waits for its next attempt in the phase for that, and goes back to the request", () => {
    const run = new RunByHand({ mode: "direct" });
    run.hands.answer("t1#1", { fail: "WorkspaceFailed", retryAfterMs: 60_000 });
    expect([run.phase, run.statuses]).toEqual(["retrying", "retrying"]);
    run.hands.wake();
    expect([run.phase, run.statuses]).toEqual(["direct", "running"]);
  });
});

it("a turn that failed before anything was billed costs nothing at all", () => {
  const run = new RunByHand({ plan: planOf({ a: {} }) });
  run.hands.fail("t1#1", "AuthFailed");
  const nothing = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0 };
  expect(run.all("turn.failed")).toMatchObject([{ ...nothing, usd: 0, billed: false, estimated: false }]);
});

describe("what a run tells of itself", () => {
  it("begins with its start, and names each turn with its conversation and model", () => {
    const run = new RunByHand({ plan: planOf({ a: {} }) });
    expect(run.events[0]).toMatchObject({ type: "run.started" });
    expect(run.all("turn.started")).toMatchObject([{ conversation: "t1#1", turn: 1, model: "claude-sonnet-5-5" }]);
  });

  it("is one question for the review of its plan", () => {
    const run = new RunByHand({ plan: planOf({ a: {} }), options: { review: true, asks: "wait" } });
    expect(run.context.asks.map(({ id }) => id)).toEqual(["plan"]);
  });
});

describe("the planner", () => {
  it("reads in a copy of its own, where there is a workspace; else it has no tools", () => {
    const run = new RunByHand(
      { mode: "orchestrate", options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    expect(run.hands.doing()).toEqual(["plan/prepare/1"]);
    expect(run.hands.inputOf("prepareWorkspace", "plan/prepare/1")).toMatchObject({ workspace: "plan", layers: [] });
    run.hands.give("prepareWorkspace", "plan/prepare/1", { ok: true, conflicts: [] });
    expect(run.hands.requests[0]?.parameters.tools.map(({ name }) => name)).toContain("read");
    expect(new RunByHand({ mode: "orchestrate" }).hands.requests[0]?.parameters.tools).toEqual([]);
  });
});

it("an attempt whose row does not say so is not told what failed before", () => {
  const run = new RunByHand({ plan: planOf({ a: {} }) });
  run.hands.fail("t1#1", "PromptTooLong");
  run.hands.wake();
  expect(run.statuses).toBe("running");
  expect(JSON.stringify(run.hands.requests.at(-1)?.messages)).not.toContain("Attempt 1 failed");
});
