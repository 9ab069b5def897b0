import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redactor } from "../../src/inspect/redact.ts";

const HIDDEN = "[hidden]";
const secret = "s3cr3t-value-of-mine";
const redact = redactor({ secrets: [secret, "short", `${secret}-and-more`, 'with "quotes"\nand lines'] });

describe("redaction by the name of a field", () => {
  it.each([
    "apiKey",
    "api_key",
    "api-key",
    "x-api-key",
    "API_KEY",
    "anthropicApiKey",
    "authorization",
    "Authorization",
    "authToken",
    "accessToken",
    "refreshToken",
    "sessionToken",
    "token",
    "access_token",
    "clientSecret",
    "secret",
    "client_secret",
    "password",
    "userPassword",
    "passwd",
    "cookie",
    "set-cookie",
    "privateKey",
    "private_key",
    "passphrase",
    "GITHUB_TOKEN",
  ])("hides %s", (name) => {
    expect(redact({ [name]: "v", deep: [{ [name]: { nested: 1 } }] })).toEqual({ [name]: HIDDEN, deep: [{ [name]: HIDDEN }] });
  });

  it.each([
    "inputTokens",
    "outputTokens",
    "maxTokens",
    "max_tokens",
    "cacheReadTokens",
    "tokens",
    "key",
    "keys",
    "keyboard",
    "secretary",
    "cookies",
    "author",
    "tokenize",
    "hash",
  ])("shows %s", (name) => {
    expect(redact({ [name]: 5 })).toEqual({ [name]: 5 });
  });

  it("says nothing about a secret that is not there", () => {
    expect(redact({ apiKey: null, token: undefined })).toEqual({ apiKey: null, token: undefined });
  });
});

describe("redaction by shape", () => {
  it.each([
    ["an Anthropic key", ["sk", "ant", "api03", "abcdefghijklmnop_qrst"].join("-")],
    ["a GitHub token", `ghp_${"a1".repeat(15)}`],
    ["a Slack token", "xoxb-1234567890-abc"],
    ["an AWS key", `AKIA${"ABCD".repeat(4)}`],
    ["a bearer", "Bearer abc.def-ghi_jkl="],
  ])("hides %s inside any text", (_what, text) => {
    expect(redact(`before ${text} after`)).toBe(`before ${HIDDEN} after`);
    expect(redact([{ note: `(${text})` }])).toEqual([{ note: `(${HIDDEN})` }]);
  });

  it.each(["task-abcdefghijklmnopqrstuv", "a bearer of bad news", "disk-0123456789abcdefghij"])("shows %j", (text) => {
    expect(redact(text)).toBe(text);
  });
});

describe("redaction by value", () => {
  it("hides known secrets in values, names and texts, whole", () => {
    expect(redact({ a: `x${secret}x`, [secret]: 1 })).toEqual({ a: `x${HIDDEN}x`, [HIDDEN]: 1 });
    expect(redact(`${secret}-and-more`)).toBe(HIDDEN);
    expect(redact("short")).toBe("short");
  });

  it("hides a secret that stands escaped inside JSON text", () => {
    expect(redact(JSON.stringify({ a: 'with "quotes"\nand lines' }))).toBe(`{"a":"${HIDDEN}"}`);
  });

  it("knows the environment's secrets by default", () => {
    process.env["QUATRAIN_TEST_TOKEN"] = "only-for-this-test";
    process.env["quatrain_test_password"] = "lower-case-too";
    try {
      expect(redactor()(["only-for-this-test", "lower-case-too"])).toEqual([HIDDEN, HIDDEN]);
    } finally {
      Reflect.deleteProperty(process.env, "QUATRAIN_TEST_TOKEN");
      Reflect.deleteProperty(process.env, "quatrain_test_password");
    }
  });

  it("leaves no trace of a secret anywhere, wherever it is", () => {
    const text = fc.oneof(
      fc.string(),
      fc.constant(secret),
      fc.string().map((before) => before + secret),
    );
    const value = fc.object({ key: text, values: [text, fc.integer(), fc.array(text)], maxDepth: 4 });
    fc.assert(
      fc.property(value, (one) => {
        expect(JSON.stringify(redact(one))).not.toContain(secret);
      }),
    );
  });
});

describe("what can't be shown", () => {
  it("becomes a short mark", () => {
    const loop: Record<string, unknown> = { a: 1 };
    loop["self"] = { back: loop };
    const shared = { b: 1 };
    const values = { loop, twice: [shared, shared], map: new Map(), at: new Date(0), fn: () => 1, big: 5n, symbol: Symbol("s") };
    expect(redact(values)).toEqual({
      loop: { a: 1, self: { back: "[cycle]" } },
      twice: [shared, shared],
      map: "[Map]",
      at: "1970-01-01T00:00:00.000Z",
      fn: "[function]",
      big: "5",
      symbol: "Symbol(s)",
    });
    expect(redact(new Error(`no ${secret}`))).toEqual({ name: "Error", message: `no ${HIDDEN}` });
    expect(redact(Object.create({ constructor: undefined }))).toBe("[object]");
  });

  it("is cut with its length when long, after the secrets are gone", () => {
    expect(redactor({ secrets: [secret], maxText: 10 })(`1234${secret}${"x".repeat(90)}`)).toBe("1234[hidde… (102 characters)");
    expect(redact("x".repeat(2_000))).toBe("x".repeat(2_000));
  });

  it("is cut at a depth", () => {
    const deep = Array.from({ length: 40 }).reduce<unknown>((inner) => ({ inner }), "end");
    expect(JSON.stringify(redact(deep))).toContain("[deeper]");
  });

  it("never throws into the run", () => {
    const nasty = {
      get trap() {
        throw new Error(`trap ${secret}`);
      },
    };
    expect(redact(nasty)).toBe(`[unreadable: trap ${HIDDEN}]`);
    const liar = {
      toJSON() {
        throw new Error("no");
      },
    };
    expect(redact([liar])).toBe("[unreadable: no]");
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
        (one) => {
          expect(() => JSON.stringify(redact(one))).not.toThrow();
        },
      ),
    );
  });
});
