// What the client sends where, with an injected fetch: addresses, keys, features, prices, lessons for the governor.
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { anthropicModel, type AnthropicOptions } from "../../src/model/anthropic.ts";
import type { LaneSignal } from "../../src/model/lane.ts";
import { costOf, priceOf } from "../../src/model/prices.ts";
import {
  eventsOf,
  fixedFetch,
  KEY,
  messageEnd,
  messageStart,
  NOW,
  outcomeOf,
  plainAnswer,
  sse,
  textBlock,
  toolBlock,
  turnRequest,
} from "./helpers.ts";

const base = { now: () => NOW, environment: {} } satisfies AnthropicOptions;
const headersOf = (init: RequestInit | undefined): Headers => new Headers(init?.headers);
const choice = turnRequest().parameters.choice;
const localChoice = { ...choice, endpoint: "local", model: "qwen", effort: null, price: null };

describe("keys and addresses", () => {
  it("sends nothing without a key and says which variable to set", async () => {
    const { fetch, calls } = fixedFetch(sse(plainAnswer()));
    for (const environment of [{}, { ANTHROPIC_API_KEY: " ", ANTHROPIC_PROFILE: "somebody", ANTHROPIC_CONFIG_DIR: "/nowhere" }]) {
      const outcome = await outcomeOf(anthropicModel({ ...base, environment, fetch }));
      expect(outcome).toMatchObject({
        failure: { code: "AuthFailed", message: expect.stringContaining("ANTHROPIC_API_KEY") as string },
      });
    }
    expect(calls).toEqual([]);
  });

  it("takes key and address from the environment, options first", async () => {
    const cases = [
      { options: {}, environment: { ANTHROPIC_API_KEY: "k1" }, url: "https://api.anthropic.com/v1/messages", bearer: "k1" },
      {
        options: {},
        environment: { ANTHROPIC_AUTH_TOKEN: "t1", ANTHROPIC_BASE_URL: "http://gate/" },
        url: "http://gate/v1/messages",
        bearer: "t1",
      },
      {
        options: { apiKey: "own" },
        environment: { ANTHROPIC_API_KEY: "k1", ANTHROPIC_AUTH_TOKEN: "t1" },
        url: "https://api.anthropic.com/v1/messages",
        bearer: "own",
      },
      {
        options: { baseURL: "http://own" },
        environment: { ANTHROPIC_API_KEY: "k1", ANTHROPIC_BASE_URL: "http://gate" },
        url: "http://own/v1/messages",
        bearer: "k1",
      },
    ];
    for (const { options, environment, url, bearer } of cases) {
      const { fetch, calls } = fixedFetch(sse(plainAnswer()));
      await outcomeOf(anthropicModel({ ...base, environment, endpoints: { default: options }, fetch }));
      expect(calls.map((call) => call.url)).toEqual([url]);
      expect(headersOf(calls[0]?.init).get("authorization")).toBe(`Bearer ${bearer}`);
      expect(calls[0]?.init.redirect).toBe("error");
    }
  });

  it("never gives the key or headers of the environment to a named endpoint", async () => {
    const { fetch, calls } = fixedFetch(sse(plainAnswer()));
    const environment = { ANTHROPIC_API_KEY: KEY, ANTHROPIC_AUTH_TOKEN: KEY };
    const port = anthropicModel({ ...base, environment, endpoints: { local: { baseURL: "http://local:8080" } }, fetch });
    await outcomeOf(port, turnRequest({ choice: localChoice }));
    expect(calls[0]?.url).toBe("http://local:8080/v1/messages");
    const sent = [...headersOf(calls[0]?.init)];
    expect(JSON.stringify(sent)).not.toContain(KEY);
    expect(Object.fromEntries(sent)).toMatchObject({ authorization: "Bearer none", "x-api-key": "none" });
  });

  it("keeps the custom headers of the environment at home", async () => {
    const { fetch, calls } = fixedFetch(sse(plainAnswer()));
    const endpoints = { default: { apiKey: KEY }, local: { baseURL: "http://local:8080", apiKey: "local-key" } };
    const port = anthropicModel({ ...base, endpoints, fetch });
    process.env["ANTHROPIC_CUSTOM_HEADERS"] = "X-Gate: gate-secret\nauthorization: Bearer leaked";
    try {
      await outcomeOf(port, turnRequest({ choice: localChoice }));
    } finally {
      delete process.env["ANTHROPIC_CUSTOM_HEADERS"];
    }
    const headers = headersOf(calls[0]?.init);
    expect([headers.get("x-gate"), headers.get("authorization")]).toEqual([null, "Bearer local-key"]);
  });

  it("gives a named endpoint its own key in both usual headers", async () => {
    const { fetch, calls } = fixedFetch(sse(plainAnswer()));
    const endpoints = { local: { baseURL: "http://local:8080", apiKey: "local-key" } };
    await outcomeOf(anthropicModel({ ...base, endpoints, fetch }), turnRequest({ choice: localChoice }));
    const headers = headersOf(calls[0]?.init);
    expect([headers.get("authorization"), headers.get("x-api-key")]).toEqual(["Bearer local-key", "local-key"]);
  });

  it("refuses an endpoint it was not given", async () => {
    const { fetch, calls } = fixedFetch("");
    for (const endpoint of ["local", "toString", "__proto__"]) {
      const outcome = await outcomeOf(anthropicModel({ ...base, fetch }), turnRequest({ choice: { ...localChoice, endpoint } }));
      expect(outcome).toMatchObject({
        failure: { code: "RequestInvalid", message: expect.stringContaining(endpoint) as string },
      });
    }
    expect(calls).toEqual([]);
  });

  it("shows the key in no message, even when the server says it", async () => {
    const body = JSON.stringify({ type: "error", error: { type: "invalid_request_error", message: `bad ${KEY} here` } });
    const { fetch } = fixedFetch(body, { status: 400, headers: { "content-type": "application/json" } });
    const outcome = await outcomeOf(anthropicModel({ ...base, endpoints: { default: { apiKey: KEY } }, fetch }));
    expect(JSON.stringify(outcome)).toContain("bad (key) here");
    expect(JSON.stringify(outcome)).not.toContain(KEY);
  });
});

describe("bodies", () => {
  const port = (fetch: AnthropicOptions["fetch"], more: AnthropicOptions = {}) =>
    anthropicModel({ ...base, endpoints: { default: { apiKey: KEY } }, ...(fetch ? { fetch } : {}), ...more });

  it("stops reading a body that is too large", async () => {
    let pulled = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(1_000).fill(32));
      },
    });
    const fetch = () => Promise.resolve(new Response(endless, { headers: { "content-type": "text/event-stream" } }));
    const outcome = await outcomeOf(port(fetch, { maxBodyBytes: 20_000 }));
    expect(outcome).toMatchObject({
      failure: { code: "MalformedAnswer", message: expect.stringContaining("20000 bytes") as string },
    });
    expect(pulled).toBeLessThan(40);
  });

  it("reads events however they are cut: CRLF, one byte at a time, unknown events and pings between", async () => {
    const events = [{ type: "ping" }, ...plainAnswer("vier Zeilen – 四行")].flatMap((event) => [
      event,
      { type: "future_event", x: 1 },
    ]);
    const bytes = new TextEncoder().encode(`\ufeff${sse(events).replaceAll("\n", "\r\n")}`);
    const fetch = () => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
          controller.close();
        },
      });
      return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    };
    expect(await outcomeOf(port(fetch))).toMatchObject({
      kind: "answered",
      blocks: [{ type: "text", text: "vier Zeilen – 四行" }],
    });
  });

  it("caps the decoded size of a compressed body", async () => {
    const bomb = gzipSync(Buffer.alloc(4_000_000, 32));
    const fetch = () => {
      const body = new Response(bomb).body?.pipeThrough(new DecompressionStream("gzip")) ?? null;
      return Promise.resolve(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    };
    expect(await outcomeOf(port(fetch, { maxBodyBytes: 100_000 }))).toMatchObject({ failure: { code: "MalformedAnswer" } });
  });

  it("joins deltas of a frame", async () => {
    const pieces = Array.from({ length: 50 }, (_, index) => `${index} `);
    const { fetch } = fixedFetch(sse([messageStart(), ...textBlock(0, ...pieces), ...messageEnd("end_turn")]));
    const deltas = (await eventsOf(port(fetch))).flatMap((event) => (event.kind === "delta" ? [event.delta.text] : []));
    expect(deltas.join("")).toBe(pieces.join(""));
    expect(deltas.length).toBeLessThan(10);
  });

  it("takes an answer that is cut at any byte for cut, never for whole", async () => {
    const body = sse([
      messageStart(),
      ...textBlock(0, "Four lines."),
      ...toolBlock(1, "a", '{"path":"x"}'),
      ...messageEnd("tool_use"),
    ]);
    const cuts = Array.from({ length: body.length }, (_, at) => at).filter((at) => at % 11 === 0 || at > body.length - 60);
    const kinds = await Promise.all(cuts.map(async (at) => (await outcomeOf(port(fixedFetch(body.slice(0, at)).fetch))).kind));
    expect(new Set(kinds)).toEqual(new Set(["failed"]));
    expect((await outcomeOf(port(fixedFetch(body).fetch))).kind).toBe("answered");
  });

  it("never throws, whatever the request holds", async () => {
    const { fetch } = fixedFetch("");
    const broken = turnRequest({}, { messages: null as unknown as [] });
    expect(await outcomeOf(port(fetch), broken)).toMatchObject({ kind: "failed", failure: { code: "Internal" } });
  });
});

describe("money", () => {
  const answerBy = (model: string) =>
    fixedFetch(sse([messageStart(undefined, model), ...textBlock(0, "x"), ...messageEnd("end_turn")]));
  const usdBy = async (model: string, request = turnRequest()) => {
    const { fetch } = answerBy(model);
    const endpoints = { default: { apiKey: KEY }, local: { baseURL: "http://local" } };
    return outcomeOf(anthropicModel({ ...base, endpoints, fetch }), request);
  };

  it("prices an answer by the model that gave it", async () => {
    const asked = await usdBy("claude-sonnet-5-5");
    const other = await usdBy("claude-opus-5-5");
    const usage = {
      inputTokens: 100,
      outputTokens: 25,
      cacheReadTokens: 40,
      cacheWrite5mTokens: 30,
      cacheWrite1hTokens: 0,
      estimated: false,
    };
    expect(asked).toMatchObject({ usage, usd: costOf(usage, priceOf("claude-sonnet-5-5", NOW)!) });
    expect(other).toMatchObject({ model: "claude-opus-5-5", usd: costOf(usage, priceOf("claude-opus-5-5", NOW)!) });
  });

  it("keeps to the price of the choice where the model's name is unknown or the endpoint is somebody else's", async () => {
    const own = { inputUsd: 7, outputUsd: 7, cacheReadUsd: 7, cacheWrite5mUsd: 7, cacheWrite1hUsd: 7 };
    const request = turnRequest({ choice: { ...choice, price: own } });
    expect((await usdBy("claude-future-9", request)).usd).toBeCloseTo((195 * 7) / 1e6, 12);
    const local = turnRequest({ choice: { ...localChoice, price: own } });
    expect((await usdBy("claude-opus-5-5", local)).usd).toBeCloseTo((195 * 7) / 1e6, 12);
    expect((await usdBy("qwen", turnRequest({ choice: localChoice }))).usd).toBeNull();
  });
});

describe("lessons for the governor", () => {
  it("reports each call to its lane, with headers", async () => {
    const lessons: [string, LaneSignal][] = [];
    const governor = { learned: (lane: string, signal: LaneSignal) => lessons.push([lane, signal]) };
    const headers = { "anthropic-ratelimit-requests-remaining": "0" };
    const ok = fixedFetch(sse(plainAnswer()), { headers });
    const limited = fixedFetch("", { status: 429, headers: { "retry-after": "7" } });
    const refused = fixedFetch("", { status: 401 });
    for (const { fetch } of [ok, limited, refused]) {
      await outcomeOf(anthropicModel({ ...base, endpoints: { default: { apiKey: KEY } }, fetch, governor }));
    }
    expect(lessons.map(([lane, { kind, retryAfterMs }]) => [lane, kind, retryAfterMs])).toEqual([
      ["default/claude-sonnet-5-5", "ok", undefined],
      ["default/claude-sonnet-5-5", "limited", 7_000],
    ]);
    expect(lessons[0]?.[1].headers?.get("anthropic-ratelimit-requests-remaining")).toBe("0");
  });
});
