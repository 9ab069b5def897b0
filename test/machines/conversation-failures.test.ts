// What a conversation does when its model fails, its money runs out, or its run is held; and that its history only grows.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lostTurn } from "../../src/actors/lost-turn.ts";
import { FAILURES, FAILURE_CODES, failure } from "../../src/core/failure.ts";
import { DEFAULT_POLICY, DEFAULT_TABLE } from "../../src/core/policy.ts";
import { createConversation } from "../../src/machines/conversation.ts";
import { worstCase } from "../../src/machines/conversation-state.ts";
import type { WorstCase } from "../../src/protocol/budget.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { modelOf, talkInput } from "../support/cast.ts";
import { Hands } from "../support/hands.ts";
import { underParent } from "../support/parent.ts";
import { TalkByHand, counting, decodeCount } from "../support/talk-by-hand.ts";

describe("a failing turn", () => {
  it("is tried again after its wait, under another key and with the same request", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "Overloaded" });
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1.1/wait"]);
    const { dueAt } = talk.hands.inputOf("sleepUntil", "t1#1/turn/1.1/wait");
    expect(dueAt - talk.hands.now).toBeGreaterThanOrEqual(1_000);
    expect(dueAt - talk.hands.now).toBeLessThanOrEqual(4_000);
    talk.hands.wake();
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1.1"]);
    expect(talk.hands.requests[1]).toEqual(talk.hands.requests[0]);
    expect(talk.context.now).toBeGreaterThanOrEqual(dueAt);
    talk.answer("done");
    expect(talk.outcome).toMatchObject({ kind: "finished", turns: 1 });
  });

  it("of a kind that only a person can mend is tried once more, then held", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "NetworkFault", retryable: false });
    expect(talk.state).toBe("waiting");
    talk.hands.wake();
    talk.answer({ fail: "NetworkFault", retryable: false });
    expect(talk.state).toBe("held");
  });

  it("counts its time from the moment it was woken, also when that is late", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "Overloaded" });
    talk.hands.now = talk.context.wakeAt + 5_000;
    const wokenAt = talk.hands.now + 1;
    talk.hands.wake();
    expect(talk.context.now).toBe(wokenAt);
  });

  it("waits as long as the other side wants", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "RateLimited", retryAfterMs: 600_000 });
    expect(talk.context.wakeAt - talk.context.now).toBe(600_000);
  });

  it("is held when that is too long to sit out", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "RateLimited", retryAfterMs: 10_000_000 });
    expect(talk.state).toBe("held");
  });

  it("goes on when the timer breaks", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "Overloaded" });
    talk.hands.breakOff("sleepUntil", "t1#1/turn/1.1/wait");
    expect(talk.state).toBe("thinking");
  });

  it.each(FAILURE_CODES)("with %s follows its row to the end and never hangs", (code) => {
    const talk = new TalkByHand();
    const row = DEFAULT_TABLE[code];
    const tries = row.turn.filter((one) => one.do === "again").length;
    for (let tried = 0; tried < tries; tried++) {
      talk.answer({ fail: code });
      expect(talk.state).toBe("waiting");
      talk.hands.wake();
    }
    talk.answer({ fail: code });
    const mendable = FAILURES[code].level === "run" || (row.then === "suspend" && row.attempt.length === 0);
    expect(talk.state).toBe(mendable ? "held" : "failed");
    if (!mendable) expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code } });
  });

  it("that breaks is held as an internal failure, and goes on when the run is resumed", () => {
    const talk = new TalkByHand();
    talk.hands.breakOff("modelTurn", "t1#1/turn/1.0", "boom");
    expect(talk.state).toBe("held");
    expect(talk.context.failure).toMatchObject({ code: "Internal", message: "boom" });
    talk.tell({ type: "run.resumed" });
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1.1"]);
    talk.answer("done");
    expect(talk.outcome.kind).toBe("finished");
  });

  it("forgets its tries when a turn succeeds", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "Overloaded" });
    talk.hands.wake();
    talk.answer({ calls: [{ tool: "read", input: { file_path: "a" } }] });
    talk.result("a");
    talk.answer({ fail: "Overloaded" });
    expect(talk.state).toBe("waiting");
    expect(talk.hands.doing()).toEqual(["t1#1/turn/2.1/wait"]);
  });

  it("is booked with what it cost", () => {
    const talk = new TalkByHand();
    talk.hands.answer("t1#1", { fail: "Overloaded", usage: { outputTokens: 40 } });
    expect(talk.context.spend).toMatchObject({ turns: 1, outputTokens: 40, estimatedUsd: 0 });
  });
});

describe("a turn that was lost in a crash", () => {
  it("is booked once, at its worst, and asked again at once under a name of its own", () => {
    const talk = new TalkByHand();
    const worst = worstCase(talk.context);
    talk.hands.give("modelTurn", "t1#1/turn/1.0", lostTurn(3));
    expect(talk.context.spend).toMatchObject({
      turns: 1,
      usd: worst.usd,
      estimatedUsd: worst.usd,
      inputTokens: worst.inputTokens,
      outputTokens: worst.outputTokens,
    });
    expect(talk.context.wakeAt).toBe(talk.context.now);
    talk.hands.wake();
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1.0.1"]);
  });

  it("costs no try of what else may go wrong with it", () => {
    const talk = new TalkByHand();
    talk.answer({ fail: "Overloaded" });
    talk.hands.wake();
    talk.hands.give("modelTurn", "t1#1/turn/1.1", lostTurn(1));
    talk.hands.wake();
    talk.answer({ fail: "Overloaded" });
    expect(talk.state).toBe("waiting");
    talk.hands.wake();
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1.2"]);
  });

  it("is asked again ten times at most", () => {
    const talk = new TalkByHand();
    for (let times = 0; times < 10; times++) {
      talk.hands.give("modelTurn", `t1#1/turn/1.0${times === 0 ? "" : `.${times}`}`, lostTurn(1));
      talk.hands.wake();
    }
    talk.hands.give("modelTurn", "t1#1/turn/1.0.10", lostTurn(1));
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "TurnLost" }, spend: { turns: 11 } });
  });

  it("asks for its money anew", () => {
    const talk = new TalkByHand({ allowanceUsd: "asked" });
    talk.tell({ type: "budget.granted" });
    talk.hands.give("modelTurn", "t1#1/turn/1.0", lostTurn(1));
    talk.hands.wake();
    expect(talk.state).toBe("funding");
  });

  it("of a model without a price is counted as one", () => {
    const parameters = { ...talkInput().parameters, choice: modelOf("local", { price: null }) };
    const talk = new TalkByHand({ parameters });
    talk.hands.give("modelTurn", "t1#1/turn/1.0", lostTurn(1));
    expect(talk.context.spend).toMatchObject({ usd: 0, unpricedTurns: 1, outputTokens: 1_000 });
  });
});

describe("money", () => {
  it("of its own is used up turn by turn, then ends it", () => {
    const talk = new TalkByHand({ allowanceUsd: 0.0145 });
    const before = talk.context.moneyUsd;
    for (let turn = 0; turn < 20 && talk.actor.getSnapshot().status === "active"; turn++) {
      talk.answer({ calls: [{ tool: "read", input: { file_path: `f${turn}` }, id: `${turn}` }] });
      if (talk.hands.doing("toolCall").length > 0) talk.result(`${turn}`);
    }
    expect(before).toBe(0.0145);
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "BudgetExceeded" } });
    expect(talk.outcome.spend.usd).toBeLessThanOrEqual(0.0145);
    expect(talk.outcome.spend.turns).toBeGreaterThan(1);
  });

  it("that is too little for the first turn ends it before a call", () => {
    const talk = new TalkByHand({ allowanceUsd: 0.001 });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "BudgetExceeded" }, spend: { turns: 0 } });
    expect(talk.hands.requests).toEqual([]);
  });

  it("is asked for before each turn, granted or refused", () => {
    const talk = new TalkByHand({ allowanceUsd: "asked" });
    expect(talk.state).toBe("funding");
    talk.tell({ type: "budget.granted" });
    expect(talk.state).toBe("thinking");
    talk.answer({ calls: [{ tool: "read", input: { file_path: "a" } }] });
    talk.result("a");
    expect(talk.state).toBe("funding");
    talk.tell({ type: "budget.refused", failure: failure("WorkerBudget", "no more of it") });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerBudget", message: "no more of it" } });
  });

  it("of a turn that broke is asked for again", () => {
    const talk = new TalkByHand({ allowanceUsd: "asked" });
    talk.tell({ type: "budget.granted" });
    talk.hands.breakOff("modelTurn", "t1#1/turn/1.0");
    talk.tell({ type: "run.resumed" });
    expect(talk.state).toBe("funding");
  });

  it("of its own does not matter where there is no price", () => {
    const parameters = { ...talkInput().parameters, choice: modelOf("local", { price: null }) };
    expect(new TalkByHand({ allowanceUsd: 0.001, parameters }).state).toBe("thinking");
  });

  it("reserved covers what a turn costs, also where letters are many bytes", () => {
    const text = "数".repeat(4_000);
    const talk = new TalkByHand({ messages: [{ role: "user", content: [{ type: "text", text }] }] });
    // A token for each letter is what such text costs at worst.
    expect(worstCase(talk.context).usd).toBeGreaterThanOrEqual((4_000 * 1 + 1_000 * 10) / 1e6);
  });
});

describe("under a parent", () => {
  const start = (more = {}) => {
    const hands = new Hands();
    const machine = createConversation(hands.actors, { policy: DEFAULT_POLICY, decode: decodeCount });
    return { hands, ...underParent(machine, talkInput(more), hands) };
  };
  const types = (heard: readonly { type: string }[]) => heard.map(({ type }) => type);

  it("tells of every turn and call, and ends with its outcome", () => {
    const { hands, heard } = start();
    hands.answer("t1#1", { calls: [{ tool: "read", input: { file_path: "a" } }] });
    hands.give("toolCall", "t1#1/turn/1/call/0", { content: "a", isError: false });
    hands.answer("t1#1", "done");
    expect(types(heard)).toEqual([
      "turn.started",
      "turn.completed",
      "tool.started",
      "tool.finished",
      "turn.started",
      "turn.completed",
      "xstate.done.actor.child",
    ]);
    expect(heard.every((event) => !("from" in event) || event["from"] === "t1#1")).toBe(true);
    expect(heard[0]).toMatchObject({ turn: 1, model: "claude-sonnet-5-5" });
    expect(heard.at(-1)).toMatchObject({ output: { kind: "finished", text: "done" } });
  });

  it("tells of repairs, holds and questions", () => {
    const { hands, heard, tell } = start(counting);
    hands.answer("t1#1", "three");
    hands.answer("t1#1", { calls: [{ tool: "bash", input: { command: "make" } }] });
    tell({ type: "ask.answered", ask: "t1#1/2/call_2_0", decision: "reject", text: null, at: 2_000 });
    hands.answer("t1#1", { fail: "AuthFailed" });
    expect(types(heard)).toContain("answer.repairing");
    expect(heard.find(({ type }) => type === "ask.raised")).toMatchObject({ from: "t1#1", ask: { kind: "permission" } });
    expect(heard.find(({ type }) => type === "turn.failed")).toMatchObject({ wakeAt: null, failure: { code: "AuthFailed" } });
    expect(types(heard).at(-1)).toBe("conversation.held");
    tell({ type: "run.resumed", at: 3_000 });
    hands.answer("t1#1", "3");
    expect(heard.at(-1)).toMatchObject({ output: { kind: "finished", value: 3 } });
  });

  it("tells when it will try again", () => {
    const { hands, heard } = start();
    hands.answer("t1#1", { fail: "Overloaded" });
    const { dueAt } = hands.inputOf("sleepUntil", "t1#1/turn/1.1/wait");
    expect(heard.at(-2)).toMatchObject({ type: "turn.failed", wakeAt: dueAt });
  });

  it("tells which entry of the policy table it applies", () => {
    const { hands, heard, tell } = start(counting);
    const applied = () =>
      heard.flatMap((event) => (event.type === "policy.applied" ? [`${event["code"]} ${event["entry"]}`] : []));
    hands.answer("t1#1", { fail: "Overloaded" });
    hands.wake();
    hands.answer("t1#1", { fail: "AuthFailed" });
    expect(applied()).toEqual(["Overloaded turn[0] again", "AuthFailed then suspend"]);
    tell({ type: "run.resumed", at: 3_000 });
    hands.answer("t1#1", "three");
    hands.answer("t1#1", { calls: [{ tool: "write", input: { file_path: "secret" } }] });
    expect(applied().slice(2)).toEqual(["WorkerOutputInvalid turn[0] append", "ToolDenied turn[0] append"]);
    hands.answer("t1#1", { calls: [{ tool: "read", input: { file_path: "a" } }] });
    hands.breakOff("toolCall", "t1#1/turn/3/call/0", "gone");
    expect(applied().slice(4)).toEqual(["ToolFailed turn[0] append"]);
    hands.answer("t1#1", "3");
    expect(applied()).toHaveLength(5);
  });

  it("asks for money with what the turn takes at most", () => {
    const { heard } = start({ allowanceUsd: "asked" });
    expect(types(heard)).toEqual(["budget.asked"]);
    const { usd, outputTokens } = heard.at(0)!["worst"] as WorstCase;
    expect(usd).toBeGreaterThan(0.01);
    expect(outputTokens).toBe(1_000);
  });
});

describe("whatever happens, histories only grow", () => {
  const answer = fc.oneof<fc.Arbitrary<ScriptedAnswer>[]>(
    fc.constant({ calls: [{ tool: "read", input: { file_path: "a" } }] }),
    fc.constant({
      calls: [
        { tool: "write", input: { file_path: "secret" } },
        { tool: "fly", input: {} },
      ],
    }),
    fc.constant({ stop: "pause_turn", text: "wait" }),
    fc.constant("not a number"),
    fc.constantFrom("Overloaded", "NetworkFault", "AuthFailed", "StreamCut").map((fail) => ({ fail })),
  );

  it("and parameters never change", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ answer, told: fc.boolean(), result: fc.string() }), { maxLength: 12 }), (steps) => {
        const talk = new TalkByHand({ ...counting, repairs: 3 });
        for (const step of steps) {
          if (talk.actor.getSnapshot().status !== "active") break;
          if (step.told) talk.tell({ type: "worker.told", text: "go on" });
          if (talk.state === "held") talk.tell({ type: "run.resumed" });
          talk.answer(step.answer);
          while (talk.hands.doing("toolCall").length > 0) talk.result(step.result);
          if (talk.state === "waiting") talk.hands.wake();
        }
        const { requests } = talk.hands;
        for (const [at, request] of requests.slice(1).entries()) {
          const before = requests[at]!;
          expect(request.parameters).toEqual(before.parameters);
          expect(request.messages.slice(0, before.messages.length)).toEqual(before.messages);
        }
        for (const { messages } of requests) expectAnswered(messages);
      }),
      { numRuns: 200 },
    );
  });
});

/** Every call of an assistant message has exactly one result, in the message after it. */
function expectAnswered(messages: Hands["requests"][number]["messages"]): void {
  for (const [at, message] of messages.entries()) {
    const calls =
      message.role === "assistant" ? message.content.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])) : [];
    if (calls.length === 0) continue;
    const next = messages[at + 1];
    const results =
      next?.role === "user" ? next.content.flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : [])) : [];
    expect(results).toEqual(calls);
  }
}
