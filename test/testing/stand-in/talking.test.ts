// The official SDK talks to the stand-in and can't tell the difference.
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { lastText, scriptedBrain, systemText, type BrainAnswer } from "../../../src/testing/stand-in/brain.ts";
import { standIn } from "../../../src/testing/stand-in/stand-in.ts";
import { clientOf, plain, post, soon, TestClock } from "./helpers.ts";

const says = (...answers: BrainAnswer[]) => scriptedBrain([{ answer: answers }]);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);
const tool = {
  name: "read",
  input_schema: { type: "object" as const, properties: { path: { type: "string" } }, required: ["path"] },
};

describe("messages", () => {
  it("come as JSON, with every field of the SDK's type", async () => {
    await using server = await standIn({ brain: says({ content: ["hello there"] }) });
    const { data, response } = await clientOf(server).messages.create(plain).withResponse();
    expect(data).toMatchObject({
      type: "message",
      role: "assistant",
      model: plain.model,
      content: [{ type: "text", text: "hello there", citations: null }],
      stop_reason: "end_turn",
      usage: { input_tokens: 2, output_tokens: 3, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
    });
    expect(response.headers.get("request-id")).toBe(server.requests[0]?.requestId);
    expect(response.headers.get("anthropic-organization-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("come as events in the API's order, text and tool input in pieces", async () => {
    const path = "a/rather/long/path/of/a/file/that/takes/pieces.txt";
    const brain = says({ content: [{ thinking: "hm" }, "I will read. ".repeat(6), { tool: "read", input: { path } }] });
    await using server = await standIn({ brain });
    const stream = clientOf(server).messages.stream({
      ...plain,
      tools: [tool],
      thinking: { type: "adaptive", display: "summarized" },
    });
    const seen: string[] = [];
    stream.on("streamEvent", (event) => seen.push(event.type === "content_block_delta" ? event.delta.type : event.type));
    const message = await stream.finalMessage();
    expect(seen.filter((type, at) => type !== seen[at - 1])).toEqual([
      "message_start",
      "content_block_start",
      "thinking_delta",
      "signature_delta",
      "content_block_stop",
      "content_block_start",
      "text_delta",
      "content_block_stop",
      "content_block_start",
      "input_json_delta",
      "content_block_stop",
      "message_delta",
      "message_stop",
    ]);
    expect(seen.filter((type) => type === "text_delta").length).toBeGreaterThan(2);
    expect(seen.filter((type) => type === "input_json_delta").length).toBeGreaterThan(2);
    expect(message).toMatchObject({
      stop_reason: "tool_use",
      content: [{ thinking: "hm" }, {}, { name: "read", input: { path } }],
    });
  });

  it("are the same as JSON and as a stream", async () => {
    const content = ["naïve 🎼 text ".repeat(9), { tool: "read", input: { path: "ä🎼" } }];
    await using server = await standIn({ brain: () => ({ content, usage: { output_tokens: 77 } }) });
    const client = clientOf(server);
    const { id: _a, ...whole } = await client.messages.create({ ...plain, tools: [tool] });
    const { id: _b, ...streamed } = await client.messages.stream({ ...plain, tools: [tool] }).finalMessage();
    expect(streamed).toMatchObject(whole);
  });

  it("omit the text of thoughts unless asked to summarize them", async () => {
    await using server = await standIn({ brain: () => ({ content: [{ thinking: "secret" }, "ok"] }) });
    const { content, usage } = await clientOf(server).messages.create(plain);
    expect(content[0]).toEqual({ type: "thinking", thinking: "", signature: matching(/^.{40,}$/) });
    expect(usage.output_tokens_details).toEqual({ thinking_tokens: 2 });
  });

  it("hold no thoughts where thinking is switched off", async () => {
    await using server = await standIn({ brain: () => ({ content: [{ thinking: "secret" }, "ok"] }) });
    const { content } = await clientOf(server).messages.create({
      ...plain,
      model: "claude-sonnet-5",
      thinking: { type: "disabled" },
    });
    expect(content).toMatchObject([{ type: "text" }]);
  });

  it("tell what they used at the end of a stream, not at its start", async () => {
    await using server = await standIn({ brain: () => ({ content: ["a longer answer"] }) });
    const told: number[] = [];
    for await (const event of await clientOf(server).messages.create({ ...plain, stream: true })) {
      if (event.type === "message_start") told.push(event.message.usage.output_tokens);
      if (event.type === "message_delta") told.push(event.usage.output_tokens);
    }
    expect(told).toEqual([1, 4]);
  });

  it("are never cut inside a character", async () => {
    await using server = await standIn({ brain: () => ({ content: [`1${"🎼".repeat(60)}`] }) });
    const client = clientOf(server);
    const texts: string[] = [];
    for (const maxTokens of [1000, 4]) {
      const stream = client.messages.stream({ ...plain, max_tokens: maxTokens });
      stream.on("text", (delta) => texts.push(delta));
      await stream.finalMessage();
    }
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.filter((text) => /[\uD800-\uDFFF]/u.test(text))).toEqual([]);
  });

  it("go through a whole tool loop", async () => {
    const brain = scriptedBrain([
      { when: (request) => lastText(request) === "contents of a.txt", answer: { content: ["It says so."] } },
      {
        when: (request) => systemText(request) === "Be brief.",
        answer: [{ content: [{ tool: "read", input: { path: "a.txt" } }] }],
      },
    ]);
    await using server = await standIn({ brain });
    const client = clientOf(server);
    const base = { ...plain, system: "Be brief.", tools: [tool] };
    const first = await client.messages.create(base);
    const call = first.content.find((block) => block.type === "tool_use");
    const second = await client.messages.create({
      ...base,
      messages: [
        ...plain.messages,
        { role: "assistant", content: first.content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "contents of a.txt" }] },
      ],
    });
    expect(second.content).toMatchObject([{ text: "It says so." }]);
    expect(server.invalid).toEqual([]);
  });

  it("carry structured output that the SDK parses", async () => {
    await using server = await standIn({ brain: says({ content: ['{"answer":42}'] }) });
    const schema = {
      type: "object",
      properties: { answer: { type: "integer" } },
      required: ["answer"],
      additionalProperties: false,
    };
    const { content } = await clientOf(server).messages.create({
      ...plain,
      output_config: { format: { type: "json_schema", schema } },
    });
    expect(content[0]?.type === "text" && JSON.parse(content[0].text)).toEqual({ answer: 42 });
  });

  it("are cut at max_tokens, also in the middle of a tool's input", async () => {
    const content = ["1234".repeat(5), { tool: "read", input: { path: "x".repeat(200) } }];
    await using server = await standIn({ brain: () => ({ content }) });
    const client = clientOf(server);
    const cutText = await client.messages.create({ ...plain, max_tokens: 3 });
    expect(cutText).toMatchObject({
      stop_reason: "max_tokens",
      content: [{ text: "123412341234" }],
      usage: { output_tokens: 3 },
    });
    const cutTool = await client.messages.stream({ ...plain, max_tokens: 25 }).finalMessage();
    expect(cutTool).toMatchObject({ stop_reason: "max_tokens", content: [{}, { type: "tool_use", input: {} }] });
    expect(cutTool.content).toHaveLength(2);
  });

  it("with max_tokens 0 only fill the cache and don't ask the brain", async () => {
    await using server = await standIn({ brain: scriptedBrain([]) });
    const message = await clientOf(server).messages.create({ ...plain, max_tokens: 0 });
    expect(message).toMatchObject({ content: [], usage: { output_tokens: 0 } });
  });
});

describe("around the messages", () => {
  it("tokens are counted as the messages' own usage counts them", async () => {
    await using server = await standIn({ brain: () => ({ content: ["ok"] }) });
    const client = clientOf(server);
    const long = { model: plain.model, system: "a".repeat(400), tools: [tool], messages: plain.messages };
    const { input_tokens: counted } = await client.messages.countTokens(long);
    const { usage } = await client.messages.create({ ...long, max_tokens: 10 });
    expect(counted).toBe(usage.input_tokens);
    expect(counted).toBeGreaterThan(100);
  });

  it("models are listed page by page and found by id", async () => {
    await using server = await standIn({ brain: says(), models: ["house-model"] });
    const client = clientOf(server);
    const ids: string[] = [];
    for await (const { id } of client.models.list({ limit: 3 })) ids.push(id);
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toEqual(expect.arrayContaining(["claude-opus-5-5", "claude-haiku-5-5", "house-model"]));
    const { max_tokens: most, line } = await client.models.retrieve("claude-opus-5-5");
    expect([most, line]).toEqual([128_000, "opus"]);
    await expect(client.models.retrieve("claude-9")).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  it("keys are asked for and never kept", async () => {
    await using server = await standIn({ brain: () => ({ content: ["ok"] }), apiKeys: ["right-key"] });
    await expect(clientOf(server, { apiKey: "wrong-key" }).messages.create(plain)).rejects.toBeInstanceOf(
      Anthropic.AuthenticationError,
    );
    await clientOf(server, { apiKey: "right-key" }).messages.create(plain);
    const old = { "x-api-key": "right-key", "anthropic-version": "2023-06-01" };
    const response = await fetch(`${server.url}/v1/models`, { headers: old });
    expect(response.status).toBe(200);
    expect((await fetch(`${server.url}/v1/models`)).status).toBe(401);
    expect(JSON.stringify(server.requests)).not.toMatch(/right-key|wrong-key/);
    expect(server.requests.map(({ n, answered, status }) => [n, answered, status])).toEqual([
      [1, "error", 401],
      [2, "message", 200],
      [3, "other", 200],
      [4, "error", 401],
    ]);
  });

  it("unknown models and places are 404s of the API", async () => {
    await using server = await standIn({ brain: says() });
    await expect(clientOf(server).messages.create({ ...plain, model: "claude-9" })).rejects.toMatchObject({
      status: 404,
      type: "not_found_error",
      message: matching(/model: claude-9/),
    });
    expect(await (await post(server, {}, { path: "/v1/batches" })).json()).toMatchObject({ error: { type: "not_found_error" } });
  });

  it("rate limits are told in headers and enforced when asked for, until the minute is over", async () => {
    const clock = new TestClock();
    const limits = { requests: 2, inputTokens: 1000, outputTokens: 1000 };
    await using server = await standIn({ brain: () => ({ content: ["ok"] }), limits, clock });
    const client = clientOf(server);
    const { response } = await client.messages.create(plain).withResponse();
    expect(response.headers.get("anthropic-ratelimit-requests-remaining")).toBe("1");
    expect(response.headers.get("anthropic-ratelimit-input-tokens-limit")).toBe("1000");
    await client.messages.create(plain);
    clock.move(20_000);
    const error = await client.messages.create(plain).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Anthropic.RateLimitError);
    expect(error instanceof Anthropic.RateLimitError && error.headers.get("retry-after")).toBe("40");
    await client.messages.create({ ...plain, model: "claude-opus-5-5" });
    clock.move(40_000);
    await client.messages.create(plain);
  });

  it("rate limits count tokens in both directions", async () => {
    const brain = () => ({ content: ["12345678"] });
    await using narrowIn = await standIn({ brain, limits: { requests: 9, inputTokens: 3, outputTokens: 99 } });
    await using narrowOut = await standIn({ brain, limits: { requests: 9, inputTokens: 99, outputTokens: 2 } });
    for (const server of [narrowIn, narrowOut]) {
      const seen: number[] = [];
      for (let at = 0; at < 2; at++) seen.push((await post(server, plain)).status);
      expect(seen).toEqual([200, 429]);
    }
  });

  it("a request that no rule of the script expects fails loudly and is noted", async () => {
    await using server = await standIn({ brain: says({ content: ["once"] }) });
    const client = clientOf(server);
    await client.messages.create(plain);
    await expect(client.messages.create(plain)).rejects.toMatchObject({
      status: 400,
      message: matching(/No rule of the script expects request 2 .*\\"hello\\"/),
    });
    expect(server.unexpected).toMatchObject([{ n: 2 }]);
  });

  it("broken, missing and oversized bodies are refused", async () => {
    await using server = await standIn({ brain: says() });
    expect((await post(server, "{")).status).toBe(400);
    expect((await post(server, "")).status).toBe(400);
    expect((await post(server, `"${"x".repeat(33 * 1024 * 1024)}"`)).status).toBe(413);
    expect(server.requests.map(({ answered }) => answered)).toEqual(["error", "error", "error"]);
  });
});

describe("time", () => {
  it("passes on the server's own clock: first byte, then token by token", async () => {
    const clock = new TestClock();
    const brain = says({ content: ["some words"], delayMs: 500 });
    await using server = await standIn({ brain, clock, latency: { firstByteMs: 1000, perTokenMs: 10 } });
    const events: string[] = [];
    const stream = clientOf(server).messages.stream(plain);
    stream.on("streamEvent", ({ type }) => events.push(type));
    await clock.advance(1499);
    expect(clock.waiting).toBe(1);
    await clock.advance(1);
    await clock.advance(10_000);
    await stream.finalMessage();
    expect(events.at(-1)).toBe("message_stop");
  });

  it("close ends everything: stalled answers, waits, sockets; twice is fine", async () => {
    const clock = new TestClock();
    const server = await standIn({ brain: () => ({ content: ["x"], delayMs: 60_000 }), clock });
    const pending = clientOf(server)
      .messages.create(plain)
      .catch((thrown: unknown) => thrown);
    await soon(() => clock.waiting).toBe(1);
    await server.close();
    await server.close();
    expect(await pending).toBeInstanceOf(Anthropic.APIConnectionError);
    expect(clock.waiting).toBe(0);
    await soon(() => server.requests[0]?.answered).toBe("aborted");
    await expect(fetch(server.url)).rejects.toThrow();
  });

  it("a caller who hangs up ends the wait", async () => {
    const clock = new TestClock();
    await using server = await standIn({ brain: () => ({ content: ["x"], delayMs: 60_000 }), clock });
    const hangUp = new AbortController();
    const pending = post(server, plain, { signal: hangUp.signal }).catch(() => "gone");
    await soon(() => clock.waiting).toBe(1);
    hangUp.abort();
    expect(await pending).toBe("gone");
    await soon(() => [clock.waiting, server.requests[0]?.answered]).toEqual([0, "aborted"]);
  });
});
