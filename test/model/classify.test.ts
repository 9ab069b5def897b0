import { describe, expect, it } from "vitest";
import { FAILURES, type FailureCode } from "../../src/core/failure.ts";
import { classify, endedEarly, endpointMissing, keyMissing, malformed, type Scene } from "../../src/model/classify.ts";
import { exhaustedMs, retryAfterMs } from "../../src/model/headers.ts";
import { OversizeError } from "../../src/model/wire.ts";
import { KEY, NOW } from "./helpers.ts";

const scene: Scene = { host: "api.anthropic.com", model: "claude-sonnet-5-5", endpoint: "default", secret: KEY, now: NOW };

interface Shape {
  readonly status?: number;
  readonly type?: string;
  readonly errorCode?: string;
  readonly apiMessage?: string | null;
  readonly headers?: Headers;
}
const apiError = (shape: Shape): Error =>
  Object.assign(new Error(`${shape.status ?? ""} ${shape.apiMessage ?? ""}`), { name: "APIError", ...shape });
const caused = (code: string, name = "APIConnectionError"): Error =>
  Object.assign(
    new Error("Connection error.", { cause: new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }) }),
    { name },
  );
const codeOf = (thrown: unknown): FailureCode => classify(thrown, scene).code;
const invalid = (apiMessage: string): Error => apiError({ status: 400, type: "invalid_request_error", apiMessage });

describe("answers with an error", () => {
  const cases: readonly [string, Error, FailureCode][] = [
    ["credit", invalid("Your credit balance is too low to access the API."), "BillingBlocked"],
    ["binding", invalid("messages.3.content.0: thinking block is bound to a different conversation"), "ThinkingBindingBroken"],
    ["too long", invalid("prompt is too long: 1000001 tokens > 1000000 maximum"), "PromptTooLong"],
    [
      "too long with room",
      invalid("input length and `max_tokens` exceed context limit: 990000 + 16000 > 1000000"),
      "PromptTooLong",
    ],
    [
      "pairing",
      invalid("messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1"),
      "HistoryBroken",
    ],
    ["any other 400", invalid("max_tokens: must be at least 1"), "RequestInvalid"],
    ["422", apiError({ status: 422 }), "RequestInvalid"],
    [
      "spend limit as 429",
      apiError({ status: 429, type: "rate_limit_error", errorCode: "contract_spend_limit_reached" }),
      "BillingBlocked",
    ],
    ["account on hold", apiError({ status: 403, type: "permission_error", errorCode: "organization_on_hold" }), "BillingBlocked"],
    ["unknown error code", apiError({ status: 429, type: "rate_limit_error", errorCode: "ramp_limit_exceeded" }), "RateLimited"],
    ["overloaded as 500", apiError({ status: 500, type: "overloaded_error" }), "Overloaded"],
    ["stream: overloaded", apiError({ type: "overloaded_error" }), "Overloaded"],
    ["stream: api_error", apiError({ type: "api_error" }), "ServerFault"],
    ["stream: rate limit", apiError({ type: "rate_limit_error" }), "RateLimited"],
    ["stream: unknown type", apiError({ type: "strange_error" }), "ServerFault"],
    ["stream: invalid request", apiError({ type: "invalid_request_error", apiMessage: "prompt is too long" }), "PromptTooLong"],
    ["stream: not explained", apiError({}), "ServerFault"],
    ["522 of a proxy", apiError({ status: 522 }), "ServerFault"],
    ["413 of a proxy", apiError({ status: 413 }), "RequestTooLarge"],
  ];
  it.each(cases)("%s", (_name, thrown, code) => {
    expect(codeOf(thrown)).toBe(code);
  });

  it("never decides by wording where there is a type or a status", () => {
    const liar = "credit balance is too low, prompt is too long, tool_use, overloaded";
    expect(codeOf(apiError({ status: 500, type: "api_error", apiMessage: liar }))).toBe("ServerFault");
    expect(codeOf(apiError({ status: 401, type: "authentication_error", apiMessage: liar }))).toBe("AuthFailed");
    expect(codeOf(new Error(liar))).toBe("StreamCut");
  });

  it("quotes little, as plain text", () => {
    const html = `502 <html><head><style>p{color:red}</style><script>steal()</script></head><body><h1>Bad&nbsp;gateway</h1>${"x".repeat(9_999)}`;
    const page = Object.assign(new Error(html), { name: "APIError", status: 502 });
    const { message, code } = classify(page, scene);
    expect(code).toBe("ServerFault");
    expect(message).toMatch(/^api\.anthropic\.com failed with 502\. It said: Bad/);
    expect(message).not.toMatch(/[<>]|steal|color/);
    expect(message.length).toBeLessThan(230);
    expect(classify(invalid(`\u001b[31mred\u202e ${KEY}`), scene).message).toBe(
      "api.anthropic.com refused the request. It said: red (key)",
    );
  });

  it("says what to do", () => {
    expect(classify(apiError({ status: 401 }), scene).message).toContain("ANTHROPIC_API_KEY");
    expect(classify(apiError({ status: 401 }), { ...scene, endpoint: "local" }).message).toContain(
      'apiKey of the endpoint "local"',
    );
    expect(classify(apiError({ status: 404, type: "not_found_error" }), scene).message).toMatch(
      /"claude-sonnet-5-5".*option models/,
    );
    expect(classify(apiError({ status: 404 }), scene).message).toContain("Check the baseURL");
    expect(keyMissing().message).toContain("ANTHROPIC_API_KEY");
    expect(endpointMissing("x").message).toContain('"x"');
  });

  it("carries how long to wait, only where waiting helps", () => {
    const headers = new Headers({ "retry-after": "12" });
    expect(classify(apiError({ status: 429, headers }), scene).retryAfterMs).toBe(12_000);
    expect(classify(apiError({ status: 529, headers }), scene).retryAfterMs).toBe(12_000);
    expect(classify(apiError({ status: 400, headers }), scene)).not.toHaveProperty("retryAfterMs");
    expect(classify(apiError({ status: 429, headers: new Headers({ "retry-after": "soon" }) }), scene)).not.toHaveProperty(
      "retryAfterMs",
    );
    const reset = new Headers({
      "anthropic-ratelimit-tokens-remaining": "0",
      "anthropic-ratelimit-tokens-reset": new Date(NOW + 9_000).toISOString(),
    });
    expect(classify(apiError({ status: 429, headers: reset }), scene).retryAfterMs).toBe(9_000);
  });
});

describe("no answer", () => {
  const cases: readonly [string, unknown, FailureCode][] = [
    ["unknown host", caused("ENOTFOUND"), "NetworkFault"],
    ["refused", caused("ECONNREFUSED"), "NetworkFault"],
    ["reset", caused("ECONNRESET"), "NetworkFault"],
    ["reset in mid-body", caused("UND_ERR_SOCKET", "TypeError"), "NetworkFault"],
    ["bad certificate", caused("DEPTH_ZERO_SELF_SIGNED_CERT"), "NetworkFault"],
    ["headers too late", caused("UND_ERR_HEADERS_TIMEOUT"), "StreamStalled"],
    ["body too late", caused("UND_ERR_BODY_TIMEOUT", "TypeError"), "StreamStalled"],
    ["corrupt gzip", caused("Z_DATA_ERROR", "TypeError"), "MalformedAnswer"],
    ["broken JSON", new SyntaxError("Unexpected token"), "MalformedAnswer"],
    ["SDK timeout", Object.assign(new Error("Request timed out."), { name: "APIConnectionTimeoutError" }), "StreamStalled"],
    ["SDK missing", Object.assign(new Error("x"), { code: "ERR_MODULE_NOT_FOUND" }), "Internal"],
    ["too large", new OversizeError(10), "MalformedAnswer"],
    ["a new code", caused("E_NEW"), "NetworkFault"],
    ["a text", "terminated", "StreamCut"],
    ["nothing", undefined, "StreamCut"],
    [
      "several tries at once",
      new TypeError("x", { cause: new AggregateError([Object.assign(new Error("a"), { code: "ECONNREFUSED" })], "all failed") }),
      "NetworkFault",
    ],
  ];
  // Only a person can mend these: they are tried once more, not again and again.
  const lasting = new Set(["unknown host", "refused", "bad certificate", "several tries at once"]);
  it.each(cases)("%s", (name, thrown, code) => {
    const failure = classify(thrown, scene);
    expect(failure.code).toBe(code);
    expect(failure.retryable).toBe(FAILURES[code].retryable && !lasting.has(name));
  });

  it("survives causes that go round", () => {
    const loop = new Error("a");
    loop.cause = loop;
    expect(codeOf(loop)).toBe("StreamCut");
  });

  it("names the host", () => {
    for (const code of ["ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "CERT_HAS_EXPIRED"]) {
      expect(classify(caused(code), scene).message).toMatch(new RegExp(`api\\.anthropic\\.com.*${code}`));
    }
    const redirected = Object.assign(
      new Error("x", { cause: new TypeError("fetch failed", { cause: new Error("unexpected redirect") }) }),
      { name: "APIConnectionError" },
    );
    expect(classify(redirected, scene).message).toContain("it redirects elsewhere");
  });

  it("tells a cut stream from what never was one", () => {
    const facts = { status: 200, contentType: "text/event-stream; charset=utf-8", bytes: 300 };
    expect(endedEarly(true, facts, scene).code).toBe("StreamCut");
    expect(endedEarly(false, facts, scene).code).toBe("StreamCut");
    expect(endedEarly(false, { ...facts, bytes: 0 }, scene).code).toBe("MalformedAnswer");
    expect(endedEarly(false, { ...facts, contentType: "text/html", bytes: 52 }, scene).message).toContain(
      "is not an API message (text/html, 52 bytes)",
    );
    expect(endedEarly(false, { status: 204, contentType: null, bytes: 0 }, scene).message).toContain(
      "(204, no content type, 0 bytes)",
    );
    expect(malformed("x".repeat(999)).message.length).toBeLessThan(230);
  });
});

describe("headers", () => {
  const wait = (headers: Record<string, string>): number | undefined => retryAfterMs(new Headers(headers), NOW);

  it("reads seconds, milliseconds and dates; garbage is nothing", () => {
    expect(wait({ "retry-after": "1.5" })).toBe(1_500);
    expect(wait({ "retry-after-ms": "20", "retry-after": "9" })).toBe(20);
    expect(wait({ "retry-after": new Date(NOW + 3_000).toUTCString() })).toBe(3_000);
    expect(wait({ "retry-after": new Date(NOW - 3_000).toUTCString() })).toBe(0);
    const garbage = ["soon", "-5", "", "NaN", "Infinity", "1e999"];
    expect(garbage.filter((text) => wait({ "retry-after": text }) !== undefined)).toEqual([]);
    expect(wait({})).toBeUndefined();
  });

  it("measures dates by the server's clock where it tells the time", () => {
    const theirs = NOW - 86_400_000;
    expect(wait({ "retry-after": new Date(theirs + 7_000).toUTCString(), date: new Date(theirs).toUTCString() })).toBe(7_000);
  });

  it("takes the longest of the exhausted limits", () => {
    const at = (ms: number): string => new Date(NOW + ms).toISOString();
    const headers = new Headers({
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": at(1_000),
      "anthropic-ratelimit-output-tokens-remaining": "0",
      "anthropic-ratelimit-output-tokens-reset": at(5_000),
      "anthropic-ratelimit-tokens-remaining": "12",
      "anthropic-ratelimit-tokens-reset": at(50_000),
      "anthropic-ratelimit-input-tokens-remaining": "0",
      "anthropic-ratelimit-input-tokens-reset": "whenever",
    });
    expect(exhaustedMs(headers, NOW)).toBe(5_000);
    expect(exhaustedMs(new Headers(), NOW)).toBeUndefined();
  });
});
