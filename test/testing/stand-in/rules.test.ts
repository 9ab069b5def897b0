// What the API refuses, the stand-in refuses too, naming the place.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scriptedBrain, type BrainAnswer } from "../../../src/testing/stand-in/brain.ts";
import { standIn, type StandIn } from "../../../src/testing/stand-in/stand-in.ts";
import { clientOf, complaintAbout, plain } from "./helpers.ts";

let server: StandIn;
beforeAll(async () => {
  server = await standIn({ brain: () => ({ content: ["ok"] }) });
});
afterAll(() => server.close());

const user = (...content: unknown[]) => ({ role: "user", content });
const assistant = (...content: unknown[]) => ({ role: "assistant", content });
const call = (id: string) => ({ type: "tool_use", id, name: "read", input: {} });
const result = (id: string) => ({ type: "tool_result", tool_use_id: id, content: "done" });
const text = (words: string) => ({ type: "text", text: words });
const history = (...messages: unknown[]) => ({ ...plain, messages });
const cached = (words: string, ttl?: string) => ({
  ...text(words),
  cache_control: { type: "ephemeral", ...(ttl ? { ttl } : {}) },
});
const formatted = (schema: object) => ({ ...plain, output_config: { format: { type: "json_schema", schema } } });
const closed = (properties: object, more: object = {}) => ({ type: "object", properties, additionalProperties: false, ...more });

const refused: Record<string, readonly [body: unknown, message: RegExp]> = {
  "a field of old": [{ ...plain, temperature: 1 }, /^400 invalid_request_error temperature: Extra inputs are not permitted$/],
  "no max_tokens": [{ ...plain, max_tokens: undefined }, /max_tokens: Field required/],
  "too large max_tokens": [{ ...plain, max_tokens: 128_001 }, /max_tokens: 128001 > 128000/],
  "negative max_tokens": [{ ...plain, max_tokens: -1 }, /max_tokens:/],
  "unknown effort": [{ ...plain, output_config: { effort: "huge" } }, /output_config\.effort: Input should be 'low', 'medium'/],
  "unknown role": [history({ role: "tool", content: "x" }), /messages\.0\.role: Input should be 'user', 'assistant', 'system'/],
  "unknown block": [history(user({ type: "sound" })), /messages\.0\.content\.0\.type: Input should be 'text'/],
  "a block without a type": [history(user({ text: "x" })), /messages\.0\.content\.0\.type: Field required/],
  "a wrong field deep inside": [
    history(user(text("a")), assistant(call("a")), user({ ...result("a"), content: [{ type: "text", text: 5 }] })),
    /messages\.2\.content\.0\.content\.0\.text: Input should be a valid string/,
  ],
  "a tool without a schema": [{ ...plain, tools: [{ name: "x" }] }, /tools\.0\.input_schema: Field required/],
  "an unknown kind of tool": [{ ...plain, tools: [{ type: "bash_1999", name: "bash" }] }, /tools\.0\.type: Input should be/],
  "no messages": [history(), /messages: at least one message/],
  "an assistant first": [history(assistant(text("x")), user(text("y"))), /messages\.0\.role: .*`user`/],
  prefill: [history(user(text("a")), assistant(text("The answer is"))), /does not support assistant message prefill/],
  "an empty message": [history(user(text("a")), assistant(), user(text("b"))), /messages\.1: all messages must have non-empty/],
  "empty text": [history(user(text(""))), /messages\.0\.content\.0\.text: text content blocks must be non-empty/],
  "blank text": [history(user(text(" \n"))), /must contain non-whitespace/],
  "empty text in a result": [
    history(user(text("a")), assistant(call("a")), user({ ...result("a"), content: [text("")] })),
    /messages\.2\.content\.0\.content\.0\.text: text content blocks must be non-empty/,
  ],
  "empty system text": [{ ...plain, system: [text("")] }, /system\.0\.text/],
  "a call without a result": [
    history(user(text("a")), assistant(call("a"), call("b")), user(result("a"), text("go on"))),
    /messages\.1: `tool_use` ids were found without `tool_result` blocks immediately after: b\./,
  ],
  "results after other content": [
    history(user(text("a")), assistant(call("a")), user(text("here:"), result("a"))),
    /messages\.1: `tool_use` ids were found without/,
  ],
  "results one message late": [
    history(user(text("a")), assistant(call("a")), user(text("wait")), user(result("a"))),
    /messages\.1: `tool_use` ids were found without/,
  ],
  "a result of no call": [
    history(user(text("a")), assistant(text("b")), user(result("ghost"))),
    /messages\.2\.content\.0\.tool_use_id: unexpected `tool_use_id`.*ghost/,
  ],
  "two results of one call": [
    history(user(text("a")), assistant(call("a")), user(result("a"), result("a"))),
    /messages\.2\.content\.1\.tool_use_id: each `tool_use` must have a single result/,
  ],
  "two calls with one id": [
    history(user(text("a")), assistant(call("a"), call("a")), user(result("a"))),
    /messages\.1: `tool_use` ids must be unique, found a again/,
  ],
  "an id that came before": [
    history(user(text("a")), assistant(call("a")), user(result("a")), assistant(call("a")), user(result("a"))),
    /messages\.3: `tool_use` ids must be unique/,
  ],
  "a strange id": [
    history(user(text("a")), assistant(call("a b")), user(result("a b"))),
    /messages\.1\.content\.0\.id: String should match/,
  ],
  "a result from the assistant": [
    history(user(text("a")), assistant(result("a")), user(text("b"))),
    /messages\.1\.content\.0: `tool_result`/,
  ],
  "a call from the user": [history(user(call("a"))), /messages\.0\.content\.0: `tool_use` blocks can only be in `assistant`/],
  "a system message first": [history({ role: "system", content: "x" }, user(text("a"))), /messages\.0\.role/],
  "a system message after an answer": [
    history(user(text("a")), assistant(text("b")), { role: "system", content: "x" }),
    /messages\.2\.role: a `system` message must come directly after a `user` message/,
  ],
  "a system message before a user's": [
    history(user(text("a")), { role: "system", content: "x" }, user(text("b"))),
    /messages\.1\.role: a `system` message must be the last/,
  ],
  "forced tool use": [
    { ...plain, tools: [{ name: "x", input_schema: { type: "object" } }], tool_choice: { type: "any" } },
    /tool_choice\.type: forced tool use/,
  ],
  "a choice without tools": [{ ...plain, tool_choice: { type: "auto" } }, /tool_choice: may only be specified while/],
  "two tools of one name": [
    { ...plain, tools: [1, 2].map(() => ({ name: "x", input_schema: { type: "object" } })) },
    /Tool names must be unique/,
  ],
  "thinking that can't be switched off": [
    { ...plain, model: "claude-opus-5-5", thinking: { type: "disabled" } },
    /thinking\.type: 'disabled'/,
  ],
  "five breakpoints": [
    history(user(...["a", "b", "c", "d", "e"].map((words) => cached(words)))),
    /A maximum of 4 blocks.*Found 5/,
  ],
  "four breakpoints and the automatic one": [
    { ...history(user(...["a", "b", "c", "d"].map((words) => cached(words)), text("e"))), cache_control: { type: "ephemeral" } },
    /A maximum of 4 blocks.*Found 5/,
  ],
  "an hour after five minutes": [history(user(cached("a"), cached("b", "1h"))), /messages\.0\.content\.1\.cache_control\.ttl/],
  "warming with a stream": [{ ...plain, max_tokens: 0, stream: true }, /max_tokens: 0 can't be used with `stream`/],
  "warming with a format": [
    { ...formatted(closed({})), max_tokens: 0 },
    /max_tokens: 0 can't be used with `output_config\.format`/,
  ],
  "an open object": [
    formatted({ type: "object", properties: {} }),
    /output_config\.format\.schema: .*'additionalProperties' must be/,
  ],
  "an open object inside": [
    formatted(closed({ a: { type: "array", items: { type: "object", properties: {} } } })),
    /schema\.properties\.a\.items: .*'additionalProperties'/,
  ],
  "a limit": [
    formatted(closed({ a: { type: "string", maxLength: 5 } })),
    /properties\.a: For 'string' type, property 'maxLength' is not/,
  ],
  "a pattern": [formatted(closed({ a: { type: "string", pattern: "^a" } })), /property 'pattern' is not supported/],
  "minItems of two": [
    formatted(closed({ a: { type: "array", items: { type: "null" }, minItems: 2 } })),
    /'minItems' values other than/,
  ],
  "an unknown format": [formatted(closed({ a: { type: "string", format: "colour" } })), /format: "colour" is not supported/],
  "a recursive schema": [
    formatted(closed({ a: { $ref: "#/$defs/node" } }, { $defs: { node: closed({ next: { $ref: "#/$defs/node" } }) } })),
    /recursive schemas are not supported/,
  ],
  "a schema that is its own root": [formatted(closed({ a: { $ref: "#" } })), /recursive schemas are not supported/],
  "a dead reference": [formatted(closed({ a: { $ref: "#/$defs/nobody" } })), /properties\.a\.\$ref/],
  "a part without a type": [formatted(closed({ a: {} })), /properties\.a: a schema must have a type/],
  "a required field that is none": [formatted(closed({}, { required: ["a"] })), /required: "a" is not among/],
  "a strict tool with an open schema": [
    { ...plain, tools: [{ name: "x", strict: true, input_schema: { type: "object" } }] },
    /tools\.0\.input_schema: .*additionalProperties/,
  ],
};

const accepted: Record<string, unknown> = {
  "a plain request": plain,
  "a tool round": history(
    user(text("a")),
    assistant(text("b"), call("a"), call("b")),
    user(result("b"), result("a"), text("and?")),
  ),
  "an empty result": history(user(text("a")), assistant(call("a")), user({ ...result("a"), content: "" })),
  "a result without content": history(user(text("a")), assistant(call("a")), user({ type: "tool_result", tool_use_id: "a" })),
  "users in a row": history(user(text("a")), user(text("b"))),
  "a system message last": history(user(text("a")), { role: "system", content: "x" }),
  "a system message before the answer": history(
    user(text("a")),
    { role: "system", content: "x" },
    assistant(text("b")),
    user(text("c")),
  ),
  "four breakpoints": history(user(...["a", "b", "c", "d"].map((words) => cached(words)))),
  "an hour before five minutes": history(user(cached("a", "1h"), cached("b"))),
  "a loose schema of a tool that is not strict": {
    ...plain,
    tools: [{ name: "x", input_schema: { type: "object", properties: { a: { pattern: "^a" } } } }],
  },
  "a schema in the subset": formatted(
    closed(
      {
        a: { type: ["string", "null"], description: "x" },
        b: { type: "array", items: { $ref: "#/$defs/one" }, minItems: 1 },
        c: { anyOf: [{ type: "integer" }, { const: "none" }, { enum: ["x", 1, null] }] },
        d: { $ref: "#/$defs/one" },
        e: { type: "string", format: "date-time" },
      },
      { required: ["a"], $defs: { one: closed({ f: { type: "boolean" } }) } },
    ),
  ),
};

describe("refused with a readable place", () => {
  it.each(Object.entries(refused))("%s", async (_name, [body, message]) => {
    const before = server.invalid.length;
    expect(await complaintAbout(server, body)).toMatch(message);
    expect(server.invalid.length).toBe(before + 1);
  });
});

describe("accepted", () => {
  it.each(Object.entries(accepted))("%s", async (_name, body) => {
    expect(await complaintAbout(server, body)).toBe("accepted");
  });
});

describe("count_tokens", () => {
  it("holds requests against the same rules, without max_tokens", async () => {
    const client = clientOf(server);
    await expect(client.messages.countTokens({ model: plain.model, messages: [] })).rejects.toMatchObject({ status: 400 });
    await client.messages.countTokens({ model: plain.model, messages: plain.messages });
  });
});

describe("rules", () => {
  it("can be switched off group by group", async () => {
    await using loose = await standIn({
      brain: () => ({ content: ["ok"] }),
      rules: { schema: false, history: false, parameters: false },
    });
    expect(await complaintAbout(loose, { ...plain, temperature: 1 })).toBe("accepted");
    expect(await complaintAbout(loose, history(assistant(text("x"))))).toBe("accepted");
    expect(await complaintAbout(loose, { ...plain, max_tokens: 999_999 })).toBe("accepted");
  });

  it("let a paused turn go on, and only that one", async () => {
    const answers: BrainAnswer[] = [{ content: ["half"], stop: "pause_turn" }, { content: ["whole"] }, { content: ["never"] }];
    await using one = await standIn({ brain: scriptedBrain([{ answer: answers }]) });
    const client = clientOf(one);
    const first = await client.messages.create(plain);
    const messages = [...plain.messages, { role: "assistant" as const, content: first.content }];
    expect(await client.messages.create({ ...plain, messages })).toMatchObject({ content: [{ text: "whole" }] });
    expect(await complaintAbout(one, history(user(text("hello")), assistant(text("whole"))))).toMatch(/prefill/);
  });
});
