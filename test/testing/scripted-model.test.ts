// The scripted model: who answers, what is recorded, and how loud it is about what nobody expected.
import { describe, expect, it } from "vitest";
import { definePlan, defineWorker, orchestrate } from "quatrain";
import { DEFAULT_POLICY } from "quatrain/machines";
import { scriptedModel } from "quatrain/testing";
import type { Script } from "quatrain/testing";
import { workerPrompt } from "../../src/prompts/worker.ts";
import type { TurnOutcome, TurnRequest } from "../../src/protocol/turn.ts";

/** A request as a run sends it; a worker's is known by its system prompt. */
function request(conversation: string, { worker, text = "Do it." }: { worker?: string; text?: string } = {}): TurnRequest {
  const brief = { task: "x", files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] };
  const card = { name: worker ?? "", instructions: "Work. Be quick.\n" };
  const system =
    worker === undefined ? ["You route."] : workerPrompt.system({ card, brief, hasWorkspace: false, outputSchema: null });
  return {
    conversation,
    turn: 1,
    parameters: {
      choice: { endpoint: "default", model: "m", effort: null, maxTokens: 1000, price: null },
      system,
      tools: [],
      format: null,
    },
    messages: [{ role: "user", content: [{ type: "text", text }] }],
  };
}

/** Asks once; the text that came, or what was thrown. */
function ask(model: ReturnType<typeof scriptedModel>, asked: TurnRequest): string {
  let outcome: TurnOutcome | undefined;
  try {
    model.turn(asked, {}).subscribe((event) => {
      if (event.kind === "outcome") ({ outcome } = event);
    });
  } catch (error) {
    return String(error);
  }
  const [block] = outcome?.kind === "answered" ? outcome.blocks : [];
  return block?.type === "text" ? block.text : "";
}

const write = defineWorker({ name: "write", description: "Writes.", instructions: "You write." });
const read = defineWorker({ name: "read", description: "Reads.", instructions: "You read." });

describe("who answers", () => {
  const scripts: Record<string, Script> = {
    "*": "anybody",
    write: "the writer",
    t1: "the task",
    "t1#2": "the second attempt",
    mend: "the mender",
    "mend:t2": "the mender of t2",
    plan: "the planner",
  };

  it.each([
    ["t1#2", "write", "the second attempt"],
    ["t1#1", "write", "the task"],
    ["t3#1", "write", "the writer"],
    ["t3#1", "read", "anybody"],
    ["mend:t1#1", undefined, "the mender"],
    ["mend:t2#1", undefined, "the mender of t2"],
    ["plan", undefined, "the planner"],
    ["route", undefined, "anybody"],
  ])("the most specific script: %s of %s", (conversation, worker, answer) => {
    expect(ask(scriptedModel(scripts), request(conversation, worker === undefined ? {} : { worker }))).toBe(answer);
  });

  it("a list is used up turn by turn, anew in each conversation", () => {
    const model = scriptedModel({ write: ["one", "two"] });
    const answers = ["t1#1", "t2#1", "t1#1", "t1#2"].map((conversation) =>
      ask(model, request(conversation, { worker: "write" })),
    );
    expect(answers).toEqual(["one", "one", "two", "one"]);
  });

  it("a function is told the request and how often its conversation has asked", () => {
    const model = scriptedModel({ t1: ({ turn }, asked) => `turn ${turn}, request ${asked}` });
    expect([ask(model, request("t1#1")), ask(model, request("t1#1"))]).toEqual(["turn 1, request 1", "turn 1, request 2"]);
  });

  it("workers are known by name in a whole run", async () => {
    const plan = definePlan(
      [write, read],
      [
        { label: "a", worker: "read", task: "read it" },
        { label: "b", worker: "write", task: "write it", dependsOn: ["a"] },
      ],
    );
    const model = scriptedModel({
      read: "It says 42.",
      write: [{ when: "It says 42.", answer: "Written: 42." }],
      synthesis: "42.",
    });
    expect(await orchestrate(plan, { workers: [write, read], model }).result).toMatchObject({
      outcome: "complete",
      answer: "42.",
    });
    expect(model.calls.map(({ role, task, attempt, turn, answer }) => ({ role, task, attempt, turn, answer }))).toEqual([
      { role: "read", task: "t1", attempt: 1, turn: 1, answer: "It says 42." },
      { role: "write", task: "t2", attempt: 1, turn: 1, answer: "Written: 42." },
      { role: "synthesis", task: null, attempt: null, turn: 1, answer: "42." },
    ]);
    expect(model.unused()).toEqual([]);
  });
});

describe("what was never asked for", () => {
  it("is named, in lists by its place", () => {
    const model = scriptedModel({ plan: ["first", "second"], t1: "done", t2: () => "made", "*": "any" });
    ask(model, request("plan"));
    ask(model, request("t2#1"));
    expect(model.unused()).toEqual(["plan[1]", "t1", "*"]);
  });

  it("counts an answer that was asked for and refused as unused", () => {
    const model = scriptedModel({ t1: { when: "tests pass", answer: "done" } });
    expect(ask(model, request("t1#1", { text: "no" }))).toMatch(/UnexpectedRequest/);
    expect(model.unused()).toEqual(["t1"]);
    expect(model.calls).toMatchObject([{ conversation: "t1#1", answer: null }]);
  });
});

describe("an unexpected request", () => {
  it("of a name that is near one says so", () => {
    const model = scriptedModel({ syntesis: "Done.", write: "x" });
    expect(ask(model, request("synthesis", { text: "Put it together." }))).toMatchInlineSnapshot(`
      "UnexpectedRequest: The script does not expect request 1 of conversation "synthesis".
      No script is named "synthesis", "*"; there are "syntesis", "write". Did you mean "syntesis"?
      The last message is the user's:
          Put it together."
    `);
    expect(model.unexpected).toHaveLength(1);
  });

  it("beyond a list says that it is used up", () => {
    const model = scriptedModel({ write: ["one"] });
    ask(model, request("t1#1", { worker: "write" }));
    expect(ask(model, request("t1#1", { worker: "write", text: "Your answer does not have the shape." }))).toMatchInlineSnapshot(`
      "UnexpectedRequest: The script does not expect request 2 of conversation "t1#1" (write).
      Script "write" has 1 answer for a conversation, and no more: add one, or find out why it is asked again.
      The last message is the user's:
          Your answer does not have the shape."
    `);
  });

  it("that is not as expected shows where both differ", () => {
    const model = scriptedModel({ t1: { when: "exit code 0\n12 tests passed", answer: "done" } });
    const text = "npm test\nexit code 1\n11 tests passed, 1 failed";
    expect(ask(model, request("t1#1", { worker: "write", text }))).toMatchInlineSnapshot(`
      "UnexpectedRequest: The script does not expect request 1 of conversation "t1#1" (write).
      Script "t1" expects "exit code 0\\n12 tests passed" here, and the last message does not have it.
        - exit code 0
        + exit code 1
        - 12 tests passed
        + 11 tests passed, 1 failed
      The last message is the user's:
          npm test
          exit code 1
          11 tests passed, 1 failed"
    `);
  });

  it.each([
    [/passed/, "passed", "failed"],
    [/passed/g, "1 passed, 2 passed", "failed"],
    [({ messages }: TurnRequest) => messages.length === 1, "anything", undefined],
    [() => false, undefined, "anything"],
  ])("is told from an expected one by %s", (when, good, bad) => {
    for (const text of [good, good])
      if (text !== undefined) expect(ask(scriptedModel({ t1: { when, answer: "ok" } }), request("t1#1", { text }))).toBe("ok");
    if (bad !== undefined)
      expect(ask(scriptedModel({ t1: { when, answer: "ok" } }), request("t1#1", { text: bad }))).toMatch(/expects .*here/);
  });

  it("of a function that gave no answer says so, and long messages are cut", () => {
    const model = scriptedModel({ t1: () => undefined });
    const text = Array.from({ length: 100 }, (_, at) => `line ${at} ${"x".repeat(500)}`).join("\n");
    const said = ask(model, request("t1#1", { text }));
    expect(said).toContain("is a function, and it gave no answer");
    expect(said).toMatch(/… 70 lines …/);
    expect(said.length).toBeLessThan(8_000);
  });

  it("stands in the result of its run, is not asked again, and costs no attempt", async () => {
    const model = scriptedModel({ t2: "never" });
    const run = orchestrate("Write.", { workers: [write], model, policy: { ...DEFAULT_POLICY, attempts: 5 } });
    const { outcome, failure, tasks } = await run.result;
    expect({ outcome, code: failure?.code }).toEqual({ outcome: "suspended", code: "Internal" });
    expect(failure?.message).toMatch(/does not expect request 1 of conversation "t1#1" \(write\)[^]*No script is named[^]*"t2"/);
    expect(model.requests).toHaveLength(1);
    expect(tasks).toMatchObject([{ attempts: 1, status: "unfinished" }]);
  });
});
