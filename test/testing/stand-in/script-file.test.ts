// Scripts as JSON, the echo, and faults at random.
import { describe, expect, it } from "vitest";
import { parseJson, type Json } from "../../../src/core/json.ts";
import { scriptedBrain, UnexpectedRequest } from "../../../src/testing/stand-in/brain.ts";
import type { BrainAnswer } from "../../../src/testing/stand-in/brain.ts";
import { echoBrain } from "../../../src/testing/stand-in/echo-brain.ts";
import { everyFault } from "../../../src/testing/stand-in/faults.ts";
import { randomFaults } from "../../../src/testing/stand-in/random-faults.ts";
import { scriptFromJson } from "../../../src/testing/stand-in/script-file.ts";
import { MessagesRequest } from "../../../src/testing/stand-in/wire.ts";
import { plain } from "./helpers.ts";

const context = { n: 1, turn: 0, random: () => 0.5 };

const request = (more: object = {}): MessagesRequest => MessagesRequest.parse({ ...plain, ...more });

const said = (text: string, more: object = {}): MessagesRequest =>
  request({ messages: [{ role: "user", content: text }], ...more });

/** Answers a request by a script that is written to JSON and read again. */
function answering(script: Json): (asked: MessagesRequest) => BrainAnswer | Promise<BrainAnswer> {
  const brain = scriptedBrain(scriptFromJson(JSON.parse(JSON.stringify(script))));
  return (asked) => brain(asked, context);
}

const issuesOf = (script: unknown): string => {
  try {
    scriptFromJson(script);
    return "no issue";
  } catch (error) {
    return String(error);
  }
};

describe("a script as JSON", () => {
  it("answers with text, thinking, JSON, tool calls, a stop reason, usage and a delay", () => {
    const answer = answering({
      rules: [
        {
          answer: {
            thinking: "hm",
            json: { ok: true },
            tools: [{ name: "read", input: { path: "a" }, id: "toolu_1" }, { name: "look" }],
            stop: "max_tokens",
            usage: { output_tokens: 7 },
            delayMs: 5,
          },
        },
      ],
    });
    expect(answer(request())).toEqual({
      content: [
        { thinking: "hm" },
        '{"ok":true}',
        { tool: "read", input: { path: "a" }, id: "toolu_1" },
        { tool: "look", input: {} },
      ],
      stop: "max_tokens",
      usage: { output_tokens: 7 },
      delayMs: 5,
    });
  });

  it.each<[string, Json, MessagesRequest, MessagesRequest]>([
    ["a text of the last message", { text: "Oslo" }, said("in Oslo?"), said("in Rome?")],
    ["a pattern", { text: "/^in \\w+\\?$/i" }, said("IN OSLO?"), said("well, in Oslo?")],
    ["a text of the system prompt", { system: "planner" }, said("x", { system: "You are a planner." }), said("planner")],
    ["the model", { model: "/opus|fable/" }, said("x", { model: "claude-opus-5-5" }), said("x")],
    ["a declared tool", { tool: "read" }, said("x", { tools: [{ name: "read" }] }), said("x", { tools: [{ name: "reader" }] })],
    [
      "the turn",
      { turn: 1 },
      request({ messages: [...plain.messages, { role: "assistant", content: "a" }, ...plain.messages] }),
      request(),
    ],
    ["JSON asked for", { json: true }, said("x", { output_config: { format: { type: "json_schema", schema: {} } } }), said("x")],
    [
      "JSON not asked for",
      { json: false },
      said("x"),
      said("x", { output_config: { format: { type: "json_schema", schema: {} } } }),
    ],
    ["all of several", { text: "a", model: "sonnet" }, said("a"), said("a", { model: "claude-opus-5-5" })],
  ])("tells requests apart by %s", (_name, when, fits, other) => {
    const answer = answering({ rules: [{ when, answer: "yes" }, { answer: "no" }] });
    expect([answer(fits), answer(other), answer(fits)]).toEqual([
      { content: ["yes"] },
      { content: ["no"] },
      { content: ["yes"] },
    ]);
  });

  it("uses a list up, one answer for each request, faults among them", () => {
    const answer = answering({
      rules: [
        { answer: ["one", { fault: "status 529" }, { text: "two", fault: { kind: "cut", at: { bytes: 9 }, how: "end" } }] },
      ],
    });
    expect([1, 2, 3].map(() => answer(request()))).toEqual([
      { content: ["one"] },
      { content: [], fault: { kind: "status", status: 529 } },
      { content: ["two"], fault: { kind: "cut", at: { bytes: 9 }, how: "end" } },
    ]);
    expect(() => answer(request())).toThrow(UnexpectedRequest);
  });

  it("can say every fault, by its name and in full", () => {
    for (const { name, fault } of everyFault()) {
      const answer = answering({ rules: [{ answer: [{ fault: name }, { fault: JSON.parse(JSON.stringify(fault)) as Json }] }] });
      expect([answer(request()), answer(request())]).toEqual([
        { content: [], fault },
        { content: [], fault },
      ]);
    }
  });

  it.each<[unknown, string]>([
    [null, "the script: "],
    [{ rules: [] }, "rules: is an empty list; give at least one rule"],
    [{ rules: [{ answer: [] }] }, "rule 1, answer: is an empty list"],
    [{ rules: [{ answer: "x", whne: {} }] }, 'rule 1: Unrecognized key: "whne"'],
    [{ rules: [{ answer: "x" }, { when: { text: "/a(/" }, answer: "x" }] }, "rule 2, when.text: /a(/ is no pattern: "],
    [
      { rules: [{ answer: ["x", { fault: "status 592" }] }] },
      'rule 1, answer 2, fault: "status 592" is no fault; did you mean "status 402"?',
    ],
    [{ rules: [{ answer: { fault: "flood" } }] }, '"flood" is no fault; known are: status 400; '],
    [{ rules: [{ answer: { fault: { kind: "cut", at: "now", how: "end" } } }] }, "rule 1, answer.fault.at: say where: "],
    [{ rules: [{ answer: { tools: [{ name: "a" }, {}] } }] }, "rule 1, tool 2, name: "],
    [{ rules: [{ answer: {} }] }, "rule 1, answer: says nothing; give text, json, tools, thinking, stop or fault"],
    [{ rules: [{ answer: { text: "a", json: 1 } }] }, "rule 1, answer: has both text and json"],
  ])("names what is wrong in %j", (script, issue) => {
    expect(issuesOf(script)).toContain(issue);
  });

  it("names every wrong place at once", () => {
    expect(issuesOf({ rules: [{ answer: {} }, { answer: 5 }], more: 1 })).toMatch(/The script has 3 wrong places:\n.*\n.*\n.*/);
  });
});

describe("a script with something behind it", () => {
  it("leaves what no rule expects to another brain", () => {
    const brain = scriptedBrain(scriptFromJson({ rules: [{ answer: ["first"] }] }), echoBrain());
    expect([brain(said("hello"), context), brain(said("hello"), context)]).toEqual([
      { content: ["first"] },
      { content: ["hello"] },
    ]);
  });
});

describe("the echo", () => {
  it("repeats the last message, and says so when there is none", () => {
    const echo = echoBrain();
    expect([echo(said("hello"), context), echo(said(" "), context)]).toEqual([
      { content: ["hello"] },
      { content: ["(nothing was said)"] },
    ]);
  });

  it("fits the schema that is asked for, and calls no tool", async () => {
    const schema = { type: "object", properties: { days: { type: "integer" } }, required: ["days"], additionalProperties: false };
    const asked = said("how long?", { tools: [{ name: "read" }], output_config: { format: { type: "json_schema", schema } } });
    const { content } = await echoBrain()(asked, context);
    expect(content.map((part) => parseJson(typeof part === "string" ? part : ""))).toEqual([
      { days: expect.any(Number) as number },
    ]);
  });
});

describe("faults at random", () => {
  const fates = (share: number, seed?: number) =>
    Array.from({ length: 400 }, (_, index) =>
      randomFaults({ share, ...(seed && { seed }) })(request(), { ...context, n: index + 1 }),
    );

  it("come in the share asked for, the same ones under the same seed", () => {
    const broken = fates(0.25, 3).filter((fault) => fault !== undefined);
    expect(broken.length).toBeGreaterThan(60);
    expect(broken.length).toBeLessThan(140);
    expect(fates(0.25, 3)).toEqual(fates(0.25, 3));
    expect(fates(0.25, 4)).not.toEqual(fates(0.25, 3));
    expect(fates(0).every((fault) => fault === undefined)).toBe(true);
  });

  it("are of many kinds, and none says that the request is wrong", () => {
    const all = fates(1).filter((fault) => fault !== undefined);
    expect(new Set(all.map(({ kind }) => kind)).size).toBeGreaterThan(8);
    const statuses = all.flatMap((fault) => (fault.kind === "status" ? [fault.status] : []));
    expect(statuses.filter((status) => [400, 401, 402, 403, 404, 413].includes(status))).toEqual([]);
    expect(statuses).toContain(529);
  });
});
