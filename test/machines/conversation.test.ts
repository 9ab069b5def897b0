// A model's turn loop: every way an answer can stop, tools, permissions, repairs, and what a person says meanwhile.
import { describe, expect, it } from "vitest";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { TalkByHand, counting } from "../support/talk-by-hand.ts";

const call = (tool: string, input = {}, id = `${tool}-1`): ScriptedAnswer => ({ calls: [{ tool, input, id }] });
const read = (path: string, id?: string) => call("read", { file_path: path }, id);
const bash = call("bash", { command: "make" });

describe("an answer", () => {
  it.each(["end_turn", "stop_sequence"] as const)("that stops with %s ends the conversation", (stop) => {
    const talk = new TalkByHand();
    talk.answer({ stop, text: "done" });
    expect(talk.outcome).toMatchObject({
      kind: "finished",
      text: "done",
      value: "done",
      turns: 1,
      toolCalls: 0,
      spend: { turns: 1 },
    });
  });

  it.each([
    ["max_tokens", "OutputTruncated"],
    ["refusal", "Refused"],
    ["model_context_window_exceeded", "ContextFull"],
  ] as const)("that stops with %s ends it as %s, with its cost", (stop, code) => {
    const talk = new TalkByHand();
    talk.answer({ stop, text: "half" });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code }, spend: { turns: 1 } });
    expect(talk.outcome.spend.usd).toBeGreaterThan(0);
  });

  it("that pauses is continued on its own history, ten times at most", () => {
    const talk = new TalkByHand();
    for (let pauses = 0; pauses < 10; pauses++) talk.answer({ stop: "pause_turn", text: `part ${pauses}` });
    expect(talk.hands.requests.at(-1)?.messages).toHaveLength(11);
    talk.answer({ stop: "pause_turn", text: "again" });
    expect(talk.state).toBe("waiting");
    talk.hands.wake();
    talk.answer({ stop: "pause_turn", text: "again" });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "MalformedAnswer" } });
  });

  it("that is empty is sent back like any other that does not fit", () => {
    const talk = new TalkByHand();
    talk.answer("  ");
    expect(talk.lastSaid).toContain("It is empty.");
    talk.answer("done");
    expect(talk.outcome.kind).toBe("finished");
  });

  it("that does not fit its format is sent back with the issues, once", () => {
    const talk = new TalkByHand(counting);
    talk.answer("three");
    expect(talk.lastSaid).toContain("is no whole number");
    expect(talk.hands.doing()).toEqual(["t1#1/turn/2.0"]);
    talk.answer("3");
    expect(talk.outcome).toMatchObject({ kind: "finished", text: "3", value: 3 });
  });

  it("that stays unfit ends it", () => {
    const talk = new TalkByHand(counting);
    talk.answer("three", "four");
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerOutputInvalid" } });
  });
});

describe("tool calls", () => {
  it("are done one after the other, and all results go back in one message", () => {
    const talk = new TalkByHand();
    talk.answer({
      calls: [
        { tool: "read", input: { file_path: "a" }, id: "1" },
        { tool: "write", input: { file_path: "b" }, id: "2" },
      ],
    });
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1/call/0"]);
    expect(talk.hands.inputOf("toolCall", "t1#1/turn/1/call/0")).toMatchObject({
      workspace: "t1#1",
      call: { id: "1", name: "read", input: { file_path: "a" } },
    });
    talk.result("text of a");
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1/call/1"]);
    talk.result("no room", true);
    expect(talk.hands.requests.at(-1)?.messages.at(-1)).toEqual({
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "1", content: "text of a", is_error: false },
        { type: "tool_result", tool_use_id: "2", content: "no room", is_error: true },
      ],
    });
    talk.answer("done");
    expect(talk.outcome).toMatchObject({ kind: "finished", turns: 2, toolCalls: 2 });
  });

  it("that break their tool again end the conversation; a result between does not help", () => {
    const talk = new TalkByHand();
    talk.answer(read("a"));
    talk.hands.breakOff("toolCall", "t1#1/turn/1/call/0", "the disk is gone");
    talk.answer(read("b"));
    talk.result("fine");
    talk.answer(read("c"));
    talk.hands.breakOff("toolCall", "t1#1/turn/3/call/0", "the disk is still gone");
    expect(talk.outcome).toMatchObject({
      kind: "failed",
      failure: { code: "ToolFailed", message: "The tool read broke: the disk is still gone" },
    });
  });

  it("that are poisoned end the conversation at once", () => {
    const talk = new TalkByHand();
    talk.answer(read("a"));
    talk.hands.breakOff("toolCall", "t1#1/turn/1/call/0", "three times", "Poisoned");
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "Poisoned", message: "three times" } });
  });

  it("that break are results, too", () => {
    const talk = new TalkByHand();
    talk.answer(read("a"));
    talk.hands.breakOff("toolCall", "t1#1/turn/1/call/0", "the disk is gone");
    expect(talk.lastSaid).toContain("the disk is gone");
    expect(talk.lastSaid).toContain('"is_error":true');
  });

  it("without output say so", () => {
    const talk = new TalkByHand();
    talk.answer(read("a"));
    talk.result("");
    expect(talk.lastSaid).toContain("(no output)");
  });

  it("of tools that do not exist are answered with those that do", () => {
    const talk = new TalkByHand();
    talk.answer(call("fly"));
    expect(talk.hands.doing()).toEqual(["t1#1/turn/2.0"]);
    expect(talk.lastSaid).toContain('There is no tool \\"fly\\". The tools are: read, write, bash.');
  });

  it("that repeat with the same result are hinted at, then end it", () => {
    const talk = new TalkByHand();
    for (let times = 1; times <= 5; times++) {
      talk.answer(read("a", `call-${times}`));
      talk.result("the same");
      if (times < 5) expect(talk.lastSaid.includes("time that this call gave this result")).toBe(times >= 3);
    }
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerLooping" } });
  });

  it("that repeat with other results are no loop", () => {
    const talk = new TalkByHand();
    for (let times = 1; times <= 8; times++) {
      talk.answer(read("a", `call-${times}`));
      talk.result(`result ${times}`);
    }
    talk.answer("done");
    expect(talk.outcome.kind).toBe("finished");
  });

  it("are limited in number", () => {
    const talk = new TalkByHand({ limits: { turns: 10, toolCalls: 1 } });
    talk.answer({
      calls: [
        { tool: "read", input: {}, id: "1" },
        { tool: "read", input: {}, id: "2" },
      ],
    });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "WorkerLooping" }, toolCalls: 0 });
  });

  it("do not go on for ever: turns are limited", () => {
    const talk = new TalkByHand({ limits: { turns: 3, toolCalls: 100 } });
    for (const path of ["a", "b"]) {
      talk.answer(read(path, path));
      talk.result(path);
    }
    talk.answer(read("c", "c"));
    expect(talk.outcome).toMatchObject({
      kind: "failed",
      failure: { code: "WorkerLooping", message: "There was no answer after 3 turns." },
    });
  });

  it("are counted on from the first turn that is given", () => {
    const talk = new TalkByHand({ firstTurn: 8, limits: { turns: 3, toolCalls: 100 } });
    talk.answer(read("a"));
    expect(talk.hands.doing()).toEqual(["t1#1/turn/8/call/0"]);
  });
});

describe("permissions", () => {
  it("of what is denied are told to the model, the second time they end it", () => {
    const talk = new TalkByHand();
    talk.answer(call("write", { file_path: "secret" }, "1"));
    expect(talk.hands.doing()).toEqual(["t1#1/turn/2.0"]);
    expect(talk.lastSaid).toContain("Not allowed: the rule");
    talk.answer(call("write", { file_path: "secret" }, "2"));
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "ToolDenied" } });
  });

  it("are asked once for each call, and given", () => {
    const talk = new TalkByHand();
    talk.answer(bash);
    expect(talk.state).toBe("asking");
    expect(talk.hands.doing()).toEqual([]);
    talk.tell({ type: "ask.answered", ask: "t1#1/1/bash-1", decision: "approve", text: null });
    expect(talk.hands.doing()).toEqual(["t1#1/turn/1/call/0"]);
    expect(talk.context.asking).toBeNull();
  });

  it("are refused with the words of a person, the second time they end it", () => {
    const talk = new TalkByHand();
    talk.answer(bash);
    talk.tell({ type: "ask.answered", ask: "t1#1/1/bash-1", decision: "reject", text: "never" });
    expect(talk.lastSaid).toContain("a person answered: never");
    talk.answer(bash);
    talk.tell({ type: "ask.answered", ask: "t1#1/2/bash-1", decision: "reject", text: null });
    expect(talk.outcome).toMatchObject({ kind: "failed", failure: { code: "ToolDenied" } });
  });

  it("do not come from answers to other questions", () => {
    const talk = new TalkByHand();
    talk.answer(bash);
    talk.tell({ type: "ask.answered", ask: "t1#1/1/other", decision: "approve", text: null });
    expect(talk.state).toBe("asking");
  });

  it("bind to the whole call", () => {
    const one = new TalkByHand();
    const other = new TalkByHand();
    one.answer(bash);
    other.answer(call("bash", { command: "make install" }));
    expect(one.context.asking?.hash).not.toBe(other.context.asking?.hash);
  });
});

describe("what a person says meanwhile", () => {
  it("goes along with the next results of tools", () => {
    const talk = new TalkByHand();
    talk.answer(read("a"));
    talk.tell({ type: "worker.told", text: "use tabs" });
    talk.result("text of a");
    expect(talk.lastSaid).toMatch(/tool_result.*use tabs/);
    expect(talk.context.told).toEqual([]);
  });

  it("keeps a conversation going that would have ended", () => {
    const talk = new TalkByHand();
    for (const text of ["use tabs", "no, spaces"]) talk.tell({ type: "worker.told", text });
    talk.answer("done");
    expect(talk.lastSaid).toMatch(/use tabs.*no, spaces/);
    talk.answer("done anew");
    expect(talk.outcome).toMatchObject({ kind: "finished", text: "done anew" });
  });

  it.each<[string, (talk: TalkByHand) => void]>([
    ["waiting", (talk) => talk.answer({ fail: "Overloaded" })],
    ["held", (talk) => talk.answer({ fail: "AuthFailed" })],
    ["asking", (talk) => talk.answer(bash)],
  ])("is kept while it is %s", (state, bring) => {
    const talk = new TalkByHand();
    bring(talk);
    expect(talk.state).toBe(state);
    talk.tell({ type: "worker.told", text: "use tabs" });
    expect(talk.context.told).toEqual(["use tabs"]);
  });
});
