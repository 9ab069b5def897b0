// One attempt of one task: its copy, its work by a model, a function or a machine, its evidence, its report.
import { describe, expect, it } from "vitest";
import type { VerifyInput } from "../../src/actors/contract.ts";
import { failure } from "../../src/core/failure.ts";
import { AttemptByHand, attemptUnderParent } from "../support/attempt-by-hand.ts";
import { fails } from "../support/hands.ts";
import type { Hands } from "../support/hands.ts";

const check = (ok: boolean) => ({
  ok: true as const,
  evidence: [{ kind: "commands" as const, what: "npm test", ok, detail: ok ? "" : "1 failed" }],
});
const toVerify = { acceptance: ["npm test"], writes: ["a.txt"] };
const byHand =
  (...names: (keyof Hands["atOnce"])[]) =>
  (hands: Hands) =>
    names.forEach((name) => delete hands.atOnce[name]);

describe("a model worker", () => {
  it("prepares its copy, works, and commits", () => {
    const attempt = new AttemptByHand(
      "backend",
      { layers: [{ task: "t0" as never, ref: "x", after: [] }] },
      byHand("prepareWorkspace", "commitWork"),
    );
    expect(attempt.state).toBe("preparing");
    expect(attempt.hands.inputOf("prepareWorkspace", "t1#1/prepare")).toMatchObject({
      workspace: "t1#1",
      layers: [{ ref: "x" }],
    });
    attempt.hands.give("prepareWorkspace", "t1#1/prepare", { ok: true, conflicts: [] });
    expect(attempt.hands.requests[0]?.parameters.tools.map(({ name }) => name)).toEqual(["read", "write", "bash"]);
    attempt.hands.answer("t1#1", "It is there.\n\nMore about it.");
    expect(attempt.state).toBe("committing");
    expect(attempt.hands.inputOf("commitWork", "t1#1/commit").output).toBe("It is there.\n\nMore about it.");
    attempt.hands.give("commitWork", "t1#1/commit", { ok: true, changes: { ref: "c", files: [] }, ref: "o", bytes: 28 });
    expect(attempt.outcome).toMatchObject({
      kind: "finished",
      report: {
        worker: "backend",
        success: true,
        summary: "It is there.",
        output: { ref: "o", bytes: 28, value: "It is there.\n\nMore about it." },
      },
      spend: { turns: 1 },
    });
  });

  it("works in text where there is no workspace: no copy, no tools, no checks", () => {
    const attempt = new AttemptByHand("backend", { hasWorkspace: false, ...toVerify }, byHand("prepareWorkspace", "verifyWork"));
    expect(attempt.hands.requests[0]?.parameters.tools).toEqual([]);
    attempt.hands.answer("t1#1", "done");
    expect(attempt.outcome.kind).toBe("finished");
  });

  it("that gives up has failed", () => {
    const attempt = new AttemptByHand("backend");
    attempt.hands.answer("t1#1", "GAVE UP: the file is missing");
    expect(attempt.outcome).toMatchObject({
      kind: "failed",
      failure: { code: "WorkerGaveUp", message: "the file is missing" },
      spend: { turns: 1 },
    });
  });

  it("that fails has failed with what it spent", () => {
    const attempt = new AttemptByHand("backend");
    attempt.hands.answer("t1#1", { stop: "refusal" });
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "Refused" }, spend: { turns: 1 } });
  });

  it("repairs an output that does not have its shape, in the same conversation", () => {
    const attempt = new AttemptByHand("typed");
    attempt.hands.answer("t1#1", { json: { count: "three" } });
    expect(attempt.hands.doing()).toEqual(["t1#1/turn/2.0"]);
    attempt.hands.answer("t1#1", { json: { count: 3 } });
    expect(attempt.outcome).toMatchObject({ kind: "finished", report: { output: { value: { count: 3 } } } });
  });

  it("that can't give its shape has failed", () => {
    const attempt = new AttemptByHand("typed");
    attempt.hands.answer("t1#1", "three");
    attempt.hands.answer("t1#1", "four");
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerOutputInvalid" } });
  });

  it("keeps only the beginning of a long output in its report", () => {
    const attempt = new AttemptByHand("backend", {}, byHand("commitWork"));
    attempt.hands.answer("t1#1", "x".repeat(9_000));
    attempt.hands.give("commitWork", "t1#1/commit", { ok: true, changes: { ref: "c", files: [] }, ref: "o", bytes: 9_000 });
    if (attempt.outcome.kind !== "finished") throw new Error("It did not finish.");
    expect(JSON.stringify(attempt.outcome.report).length).toBeLessThan(5_500);
    expect(attempt.outcome.report.output).toMatchObject({ ref: "o", bytes: 9_000 });
  });
});

describe("evidence", () => {
  it("is looked for before success is believed", () => {
    const attempt = new AttemptByHand("backend", toVerify, byHand("verifyWork"));
    attempt.hands.answer("t1#1", "done");
    expect(attempt.state).toBe("verifying");
    expect(attempt.hands.inputOf("verifyWork", "t1#1/verify/0")).toMatchObject({ needsFiles: true, commands: ["npm test"] });
    attempt.hands.give("verifyWork", "t1#1/verify/0", check(true));
    expect(attempt.outcome).toMatchObject({ kind: "finished", report: { evidence: [{ what: "npm test", ok: true }] } });
  });

  it("that fails goes back once into the same conversation, whose turns count on", () => {
    const attempt = new AttemptByHand("backend", toVerify, byHand("verifyWork"));
    attempt.hands.answer("t1#1", "done");
    attempt.hands.give("verifyWork", "t1#1/verify/0", check(false));
    expect(attempt.hands.doing()).toEqual(["t1#1/turn/2.0"]);
    const [first, second] = attempt.hands.requests;
    expect(second?.messages.slice(0, 2)).toEqual([
      ...first!.messages,
      { role: "assistant", content: [{ type: "text", text: "done" }] },
    ]);
    expect(JSON.stringify(second?.messages.at(-1))).toContain("1 failed");
    expect(second?.parameters).toEqual(first?.parameters);
    attempt.hands.answer("t1#1", "really done");
    attempt.hands.give("verifyWork", "t1#1/verify/1", check(true));
    expect(attempt.outcome).toMatchObject({
      kind: "finished",
      report: { output: { value: "really done" } },
      spend: { turns: 2 },
    });
  });

  it("that fails again fails the attempt", () => {
    const attempt = new AttemptByHand("backend", toVerify, byHand("verifyWork"));
    for (const round of [0, 1]) {
      attempt.hands.answer("t1#1", "done");
      attempt.hands.give("verifyWork", `t1#1/verify/${round}`, check(false));
    }
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "VerifyFailed" }, spend: { turns: 2 } });
  });

  it("that can't be looked at because commands are not allowed is told, not run", () => {
    const inputs: VerifyInput[] = [];
    const attempt = new AttemptByHand(
      "backend",
      { ...toVerify, permissions: { allow: ["read"], ask: [], deny: ["bash"] } },
      (hands) => {
        hands.atOnce.verifyWork = (input) => {
          inputs.push(input);
          return { ok: true, evidence: [] };
        };
      },
    );
    attempt.hands.answer("t1#1", "done");
    expect(inputs).toMatchObject([{ commands: [], needsFiles: true }]);
    expect(attempt.outcome).toMatchObject({
      kind: "finished",
      report: { evidence: [{ what: "npm test", detail: "not run: running commands is not allowed" }] },
    });
  });

  it("of a function worker that fails is not sent back", () => {
    const attempt = new AttemptByHand("sum", toVerify, (hands) => {
      hands.atOnce.verifyWork = () => check(false);
    });
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "VerifyFailed" } });
  });
});

describe("a function worker", () => {
  it("costs no turn; its value is the output", () => {
    const attempt = new AttemptByHand("sum");
    expect(attempt.outcome).toMatchObject({
      kind: "finished",
      report: { output: { value: "3" }, summary: "3" },
      spend: { turns: 0 },
    });
    expect(attempt.hands.requests).toEqual([]);
  });

  it("that fails has failed", () => {
    const attempt = new AttemptByHand("sum", {}, (hands) => {
      hands.atOnce.performWork = () => fails("WorkerOutputInvalid", "no number");
    });
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerOutputInvalid", message: "no number" } });
  });
});

describe("a machine worker", () => {
  it("ends with what the machine outputs", () => {
    const attempt = new AttemptByHand("parrot", { hasWorkspace: false });
    expect(attempt.state).toBe("working.delegating");
    attempt.actor.send({ type: "worker.told", text: "stop", at: 2_000 });
    attempt.hands.settle();
    expect(attempt.outcome).toMatchObject({ kind: "finished", report: { output: { value: "stopped" } } });
  });

  it("fails with what the machine says", () => {
    const attempt = new AttemptByHand("parrot");
    attempt.actor.send({ type: "worker.told", text: "fail", at: 2_000 });
    expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerGaveUp", message: "told to fail" } });
  });
});

describe("the workspace", () => {
  it.each<[string, keyof Hands["atOnce"], string]>([
    ["its copy", "prepareWorkspace", "t1#1/prepare"],
    ["its checks", "verifyWork", "t1#1/verify/0"],
    ["its commit", "commitWork", "t1#1/commit"],
    ["its function", "performWork", "t1#1/perform"],
  ])("that fails at %s fails the attempt, and so does one that breaks", (_what, name, key) => {
    const worker = name === "performWork" ? "sum" : "backend";
    for (const breaks of [false, true]) {
      const attempt = new AttemptByHand(worker, toVerify, byHand(name));
      if (attempt.hands.doing("modelTurn").length > 0) attempt.hands.answer("t1#1", "done");
      if (breaks) attempt.hands.breakOff(name, key, "it broke");
      else attempt.hands.give(name, key, fails("WorkspaceFailed") as never);
      expect(attempt.outcome).toMatchObject({ kind: "failed", failure: { code: breaks ? "WorkerCrashed" : "WorkspaceFailed" } });
    }
  });
});

describe("what a person says", () => {
  it("before the conversation begins is heard by it", () => {
    const attempt = new AttemptByHand("backend", {}, byHand("prepareWorkspace"));
    attempt.actor.send({ type: "worker.told", text: "use tabs", at: 2_000 });
    attempt.hands.give("prepareWorkspace", "t1#1/prepare", { ok: true, conflicts: [] });
    expect(JSON.stringify(attempt.hands.requests[0]?.messages)).toContain("use tabs");
    expect(attempt.context.told).toEqual([]);
  });

  it("while the result is checked is heard when it is sent back, once", () => {
    const attempt = new AttemptByHand("backend", toVerify, byHand("verifyWork"));
    attempt.hands.answer("t1#1", "done");
    attempt.actor.send({ type: "worker.told", text: "use tabs", at: 2_000 });
    attempt.hands.give("verifyWork", "t1#1/verify/0", check(false));
    expect(JSON.stringify(attempt.hands.requests[1]?.messages).split("use tabs")).toHaveLength(2);
  });

  it("during the conversation reaches it", () => {
    const attempt = new AttemptByHand("backend");
    attempt.actor.send({ type: "worker.told", text: "use tabs", at: 2_000 });
    attempt.hands.answer("t1#1", "done");
    expect(attempt.state).toBe("working.conversing");
    expect(JSON.stringify(attempt.hands.requests[1]?.messages)).toContain("use tabs");
  });
});

describe("under a parent", () => {
  it("tells what it is doing, passes on what its conversation says, and ends with its outcome", () => {
    const { hands, heard } = attemptUnderParent("backend", toVerify);
    hands.answer("t1#1", "done");
    const states = heard.filter(({ type }) => type === "worker.progressed").map((event) => event["state"] as string);
    expect(states).toEqual(["preparing", "working", "verifying", "committing"]);
    expect(heard.map(({ type }) => type)).toEqual(expect.arrayContaining(["turn.started", "turn.completed"]));
    expect(heard.at(-1)).toMatchObject({ type: "xstate.done.actor.child", output: { kind: "finished" } });
  });

  it("passes answers, money and resumption down", () => {
    const { hands, heard, tell } = attemptUnderParent("backend", {
      allowanceUsd: "asked",
      permissions: { allow: ["read"], ask: ["bash"], deny: [] },
    });
    expect(heard.at(-1)).toMatchObject({ type: "budget.asked", worst: { outputTokens: 1_000 } });
    tell({ type: "budget.granted", at: 2_000 });
    hands.answer("t1#1", { fail: "AuthFailed" });
    expect(heard.at(-1)).toMatchObject({ type: "conversation.held", from: "t1#1" });
    tell({ type: "run.resumed", at: 2_100 });
    tell({ type: "budget.granted", at: 2_200 });
    hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" }, id: "x" }] });
    expect(heard.at(-1)).toMatchObject({ type: "ask.raised" });
    tell({ type: "ask.answered", ask: "t1#1/1/x", decision: "approve", text: null, at: 2_300 });
    expect(hands.doing()).toEqual(["t1#1/turn/1/call/0"]);
    hands.give("toolCall", "t1#1/turn/1/call/0", { content: "made", isError: false });
    tell({ type: "budget.refused", failure: failure("BudgetExceeded", "no"), at: 2_400 });
    expect(heard.at(-1)).toMatchObject({ output: { kind: "failed", failure: { code: "BudgetExceeded" } } });
  });

  it("passes on what a function says meanwhile", () => {
    const other = attemptUnderParent("backend", { hasWorkspace: false });
    other.tell({ type: "effect.part", id: "x", key: "t1#1/perform", value: "half way", at: 2_000 });
    other.tell({ type: "effect.part", id: "x", key: "t1#1/perform", value: { done: 2 }, at: 2_100 });
    expect(other.heard.filter((event) => event["state"] === "performing").map((event): unknown => event["note"])).toEqual([
      "half way",
      '{"done":2}',
    ]);
  });
});
