// From a request to the first task: routing, the direct way, planning and its repairs, the review.
import { describe, expect, it } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { PLAN_ASK } from "../../src/machines/commands.ts";
import { fails } from "../support/hands.ts";
import { diamond, planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const planned = (...labels: readonly string[]): { readonly json: Json } => ({
  json: { rationale: "r", tasks: labels.map((label) => ({ label, worker: "backend", task: `do ${label}` })) },
});

describe("routing", () => {
  it("sends an easy request to the worker that the router names; its output is the answer", () => {
    const run = new RunByHand();
    expect(run.phase).toBe("routing");
    run.hands.answer("route", { json: { mode: "direct", worker: "frontend", reason: "easy" } });
    expect(run.phase).toBe("direct");
    expect(run.all("route.decided")).toMatchObject([{ mode: "direct", worker: "frontend", reason: "easy" }]);
    expect(run.all("task.started")).toMatchObject([{ task: "t1", worker: "frontend" }]);
    run.finish("t1#1");
    expect(run.output).toMatchObject({ outcome: "complete", answer: "t1#1 is done", failure: null });
    expect(run.hands.requests.map(({ conversation }) => conversation)).toEqual(["route", "t1#1"]);
  });

  it("sends a larger request to the planner", () => {
    const run = new RunByHand();
    run.hands.answer("route", { json: { mode: "orchestrate", worker: null, reason: "two things" } });
    expect(run.phase).toBe("decomposing");
  });

  it.each([
    ["answers nonsense twice", (run: RunByHand) => ["either", "or"].forEach((text) => run.hands.answer("route", text))],
    ["refuses", (run: RunByHand) => run.hands.answer("route", { stop: "refusal" })],
    ["breaks", (run: RunByHand) => run.hands.answer("route", { fail: "HistoryBroken" })],
  ])("lets the planner decide when the router %s", (_how, fail) => {
    const run = new RunByHand();
    fail(run);
    expect(run.phase).toBe("decomposing");
    expect(run.context.route?.reason).toContain("no usable answer");
  });

  it("takes the first worker when the router names none that exists", () => {
    const run = new RunByHand();
    run.hands.answer("route", { json: { mode: "direct", worker: "nobody", reason: "easy" } });
    expect(run.all("task.started")).toMatchObject([{ worker: "backend" }]);
  });

  it("asks nobody when the mode is given", () => {
    expect(new RunByHand({ mode: "direct" }).phase).toBe("direct");
    expect(new RunByHand({ mode: "orchestrate" }).phase).toBe("decomposing");
    expect(new RunByHand({ plan: diamond }).phase).toBe("dispatching");
  });

  it("hands a direct request on as it is, however odd or long", () => {
    const request = `\u202e${"long ".repeat(20_000)}`;
    const run = new RunByHand({ mode: "direct", request });
    expect(run.context.plan?.tasks).toMatchObject([{ id: "t1", worker: "backend", task: request }]);
    expect(run.all("task.started")).toMatchObject([{ task: "t1" }]);
  });
});

describe("planning", () => {
  it("looks into a copy of the workspace first, where there is one", () => {
    const run = new RunByHand(
      { mode: "orchestrate", options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    expect(run.hands.doing()).toEqual(["plan/prepare/1"]);
    run.hands.give("prepareWorkspace", "plan/prepare/1", { ok: true, conflicts: [] });
    expect(run.hands.requests[0]?.parameters.tools.map(({ name }) => name)).toEqual(["read"]);
  });

  it("tries again when the copy can't be made, with keys of its own", () => {
    const run = new RunByHand(
      { mode: "orchestrate", options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    run.hands.give("prepareWorkspace", "plan/prepare/1", fails("WorkspaceFailed"));
    expect(run.phase).toBe("retrying");
    expect(run.all("phase.retrying")).toMatchObject([{ phase: "plan", failure: { code: "WorkspaceFailed" } }]);
    run.hands.wake();
    run.hands.breakOff("prepareWorkspace", "plan/prepare/2");
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "WorkspaceFailed", message: "it broke" } });
  });

  it("hears a person and a resume while the copy is made, when there is nobody to pass it on to", () => {
    const run = new RunByHand(
      { mode: "orchestrate", options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    run.command({ type: "run.tell", text: "be quick" });
    run.command({ type: "run.pause" });
    run.command({ type: "run.resume" });
    expect(run.error).toBeUndefined();
    run.hands.give("prepareWorkspace", "plan/prepare/1", { ok: true, conflicts: [] });
    expect(JSON.stringify(run.hands.requests[0]?.messages)).toContain("be quick");
  });

  it("hears a person between two tries", () => {
    const run = new RunByHand(
      { mode: "orchestrate", options: { hasWorkspace: true } },
      { prepare: (hands) => delete hands.atOnce.prepareWorkspace },
    );
    run.hands.give("prepareWorkspace", "plan/prepare/1", fails("WorkspaceFailed"));
    run.command({ type: "run.tell", text: "be quick" });
    expect(run.error).toBeUndefined();
    expect(run.phase).toBe("retrying");
  });

  it("carries out the plan of the model", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.hands.answer("plan", planned("a", "b"));
    expect(run.all("plan.accepted")[0]?.tasks.map(({ label }) => label)).toEqual(["a", "b"]);
    expect(run.workers).toEqual(["worker:t1#1", "worker:t2#1"]);
  });

  it("sends issues back twice, then fails", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.hands.answer("plan", planned());
    run.hands.answer("plan", "no JSON");
    expect(run.all("plan.repairing")).toHaveLength(2);
    run.hands.answer("plan", planned());
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "PlanInvalid" }, tasks: [] });
  });

  it("falls back to one worker where the policy says so, and tells", () => {
    const run = new RunByHand({ mode: "orchestrate" }, { policy: { planFallback: true, repairs: { plan: 0, answer: 0 } } });
    run.hands.answer("plan", planned());
    expect(run.phase).toBe("direct");
    expect(run.all("route.decided")).toMatchObject([
      { mode: "orchestrate" },
      { mode: "direct", worker: "backend", reason: "the plan stayed invalid" },
    ]);
    run.finish("t1#1");
    expect(run.output).toMatchObject({ outcome: "complete", answer: "t1#1 is done" });
  });

  it("counts the turns of the second try on from the first", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.hands.answer("plan", { stop: "max_tokens", text: "{" });
    expect(run.phase).toBe("retrying");
    run.hands.wake();
    expect(run.phase).toBe("decomposing");
    expect(run.hands.requests.map(({ turn, parameters }) => [turn, parameters.choice.maxTokens])).toEqual([
      [1, 1_000],
      [2, 2_000],
    ]);
    run.hands.answer("plan", planned("a"));
    expect(run.phase).toBe("dispatching");
  });

  it("suspends where only a person can help, and goes on in the same conversation", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.hands.fail("plan", "AuthFailed");
    expect(run.activity).toBe("suspended");
    expect(run.all("activity.changed")).toMatchObject([{ activity: "suspended", failure: { code: "AuthFailed" } }]);
    run.command({ type: "run.resume" });
    expect(run.activity).toBe("running");
    run.hands.answer("plan", planned("a"));
    expect(run.hands.requests.map(({ conversation, turn }) => [conversation, turn])).toEqual([
      ["plan", 1],
      ["plan", 1],
      ["t1#1", 1],
    ]);
  });

  it("takes a planner that breaks for a failure, not for the end of the program", () => {
    const run = new RunByHand({ mode: "orchestrate" });
    run.hands.breakOff("modelTurn", "plan/turn/1.0");
    expect(run.activity).toBe("suspended");
    run.command({ type: "run.resume" });
    run.hands.answer("plan", planned("a"));
    expect(run.phase).toBe("dispatching");
  });
});

describe("the review", () => {
  const reviewed = (asks: "wait" | "deny" = "wait") => new RunByHand({ plan: diamond, options: { review: true, asks } });
  const edited = (...labels: readonly string[]) => ({
    rationale: "",
    tasks: labels.map((label) => ({
      label,
      worker: "backend",
      task: `do ${label}`,
      input: null,
      files: [],
      constraints: [],
      output_format: "",
      depends_on: [],
      after: [],
      writes: [],
      acceptance: [],
      optional: false,
      tier: null,
    })),
  });

  it("starts nothing before the plan is approved", () => {
    const run = reviewed();
    expect(run.phase).toBe("reviewing");
    expect(run.workers).toEqual([]);
    expect(run.all("ask.opened")).toMatchObject([{ ask: { id: PLAN_ASK, kind: "plan" } }]);
    run.command({ type: "ask.answer", ask: PLAN_ASK, decision: "approve" });
    expect(run.phase).toBe("dispatching");
    expect(run.workers).toEqual(["worker:t1#1"]);
    expect(run.context.asks).toEqual([]);
  });

  it("ends when the plan is rejected, with the reason", () => {
    const run = reviewed();
    run.command({ type: "ask.answer", ask: PLAN_ASK, decision: "reject", text: "too dear" });
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "Rejected" } });
    expect(run.output.failure?.message).toContain("too dear");
  });

  it("takes a valid edit and asks again", () => {
    const run = reviewed();
    const before = run.context.asks[0]?.hash;
    run.command({ type: "plan.edit", plan: edited("only") });
    expect(run.phase).toBe("reviewing");
    expect(run.context.asks.map(({ hash }) => hash)).not.toEqual([before]);
    run.command({ type: "ask.answer", ask: PLAN_ASK, decision: "approve" });
    expect(run.all("plan.accepted")[0]?.tasks.map(({ label }) => label)).toEqual(["only"]);
  });

  it("keeps the plan when an edit is invalid, and says why", () => {
    const run = reviewed();
    run.command({ type: "plan.edit", plan: edited() });
    expect(run.letters[0]).toContain("plan.edit");
    expect(run.context.plan?.tasks).toHaveLength(4);
    expect(run.phase).toBe("reviewing");
  });

  it("takes no edit once the plan is carried out", () => {
    const run = new RunByHand({ plan: diamond });
    run.command({ type: "plan.edit", plan: edited("only") });
    expect(run.letters).toEqual(["person: plan.edit (no plan is under review)"]);
    expect(run.context.plan).toEqual(diamond);
  });

  it("ends at once where nobody is there", () => {
    expect(reviewed("deny").output).toMatchObject({ outcome: "failed", failure: { code: "Rejected" } });
  });

  it("ignores answers to other questions", () => {
    const run = reviewed();
    run.command({ type: "ask.answer", ask: "t1#1/1/x", decision: "approve" });
    expect(run.phase).toBe("reviewing");
    expect(run.letters[0]).toContain("no such question is open");
  });

  it("can be cancelled", () => {
    const run = reviewed();
    run.command({ type: "run.cancel" });
    expect(run.output.outcome).toBe("cancelled");
    expect(run.output.tasks.map(({ status }) => status)).toEqual(["skipped", "skipped", "skipped", "skipped"]);
  });
});

describe("a plan given by hand", () => {
  it("fails at once when it asks for a worker that nobody knows", () => {
    const run = new RunByHand({ plan: planOf({ a: { worker: "nobody" }, b: {} }) });
    expect(run.output).toMatchObject({ outcome: "failed", failure: { code: "PlanInvalid" } });
    expect(run.output.failure?.message).toContain("nobody");
    expect(run.all("task.started")).toEqual([]);
  });
});
