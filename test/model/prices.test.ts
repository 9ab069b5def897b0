import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PRICES } from "../../src/model/price-table.ts";
import { canonicalModel, costOf, limitsOf, priceOf, promptTokensOf, sizeOf, worstCaseUsd } from "../../src/model/prices.ts";
import type { Price, Usage } from "../../src/protocol/spend.ts";
import { NOW, READ_TOOL, turnRequest } from "./helpers.ts";

const flat = (usd: number): Price => ({
  inputUsd: usd,
  outputUsd: usd,
  cacheReadUsd: usd,
  cacheWrite5mUsd: usd,
  cacheWrite1hUsd: usd,
});
const usage = (part: Partial<Usage>): Usage => ({
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  estimated: false,
  ...part,
});

describe("the table", () => {
  it("changes prices on their day", () => {
    const readOn = (day: string) => priceOf("claude-sonnet-5-5", new Date(day))?.cacheReadUsd;
    expect([readOn("2026-10-06T23:59:59Z"), readOn("2026-10-07T00:00:00Z"), readOn("2030-01-01")]).toEqual([0.2, 0.1, 0.1]);
  });

  it("gives the first known price to a clock that is behind", () => {
    expect(priceOf("claude-opus-5-5", new Date("2020-01-01"))).toMatchObject({ inputUsd: 4, outputUsd: 20 });
  });

  it("knows no price of an unknown model", () => {
    const unknown = ["qwen", "claude-opus-9", "gpt-claude-opus-5-5", "claude-opus-5-5-tuned", "", "__proto__"];
    expect(unknown.filter((model) => priceOf(model, NOW) !== null)).toEqual([]);
  });

  it("has sane rows: dated, positive, reads cheaper than input, writes dearer, output dearest", () => {
    for (const { model, from, price, contextTokens, maxOutputTokens, source } of PRICES) {
      expect(from).toMatch(/^\d{4}-\d\d-\d\d$/);
      expect(canonicalModel(model)).toBe(model);
      expect(source).not.toBe("");
      expect(maxOutputTokens).toBeLessThan(contextTokens);
      for (const tier of [price, ...(price.above ? [price.above.price] : [])]) {
        const { cacheReadUsd, inputUsd, cacheWrite5mUsd, cacheWrite1hUsd, outputUsd } = tier;
        const ladder = [0, cacheReadUsd, inputUsd, cacheWrite5mUsd, cacheWrite1hUsd, outputUsd];
        expect({ model, ladder: ladder.toSorted((a, b) => a - b) }).toEqual({ model, ladder });
      }
    }
  });

  it.each([
    ["us.anthropic.claude-opus-5-5-v1:0", "claude-opus-5-5"],
    ["anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"],
    ["global.anthropic.claude-haiku-5-5", "claude-haiku-5-5"],
    ["claude-sonnet-4-5@20250929", "claude-sonnet-4-5"],
    ["claude-haiku-4-5-20251001", "claude-haiku-4-5"],
    ["anthropic/claude-opus-5.5", "claude-opus-5-5"],
    ["claude-sonnet-5[1m]", "claude-sonnet-5"],
    ["claude-opus-5", "claude-opus-5"],
    ["my-claude-opus-5-5", "my-claude-opus-5-5"],
    ["claude-opus-5-5-tuned", "claude-opus-5-5-tuned"],
  ])("%s is %s", (spelled, plain) => {
    expect(canonicalModel(spelled)).toBe(plain);
  });

  it("lets own rows win, also for models of one's own", () => {
    const row = {
      model: "claude-opus-5-5",
      from: "2026-01-01",
      price: flat(1),
      contextTokens: 10,
      maxOutputTokens: 5,
      source: "contract",
    };
    const own = [row, { ...row, model: "qwen", price: flat(0) }];
    expect(priceOf("us.anthropic.claude-opus-5-5", NOW, own)).toEqual(flat(1));
    expect(priceOf("qwen", NOW, own)).toEqual(flat(0));
    expect(limitsOf("qwen", own)).toEqual({ contextTokens: 10, maxOutputTokens: 5 });
    expect(priceOf("claude-haiku-4-5", NOW, own)?.inputUsd).toBe(1);
  });
});

describe("cost", () => {
  it("adds each class at its price", () => {
    const price = { inputUsd: 2, outputUsd: 10, cacheReadUsd: 0.1, cacheWrite5mUsd: 2.5, cacheWrite1hUsd: 4 };
    const turn = usage({
      inputTokens: 1e6,
      outputTokens: 1e5,
      cacheReadTokens: 1e7,
      cacheWrite5mTokens: 2e5,
      cacheWrite1hTokens: 1e5,
    });
    expect(costOf(turn, price)).toBeCloseTo(2 + 1 + 1 + 0.5 + 0.4, 10);
  });

  it("moves the whole turn to the tier of its prompt, cache included", () => {
    const haiku = priceOf("claude-haiku-5-5", NOW)!;
    expect(costOf(usage({ inputTokens: 100_000 }), haiku)).toBeCloseTo(0.01, 10);
    expect(costOf(usage({ inputTokens: 1, cacheReadTokens: 100_000 }), haiku)).toBeCloseTo(0.5e-6 + 0.005, 10);
    expect(costOf(usage({ outputTokens: 1e6 }), haiku)).toBeCloseTo(0.5, 10);
  });
});

describe("the worst case", () => {
  const priceArb = fc.record({
    inputUsd: fc.double({ min: 0, max: 100, noNaN: true }),
    outputUsd: fc.double({ min: 0, max: 100, noNaN: true }),
    cacheReadUsd: fc.double({ min: 0, max: 100, noNaN: true }),
    cacheWrite5mUsd: fc.double({ min: 0, max: 100, noNaN: true }),
    cacheWrite1hUsd: fc.constant(0),
  });
  const tiered = fc
    .tuple(priceArb, priceArb, fc.integer({ min: 0, max: 200_000 }))
    .map(([low, high, promptTokens]): Price => ({ ...low, above: { promptTokens, price: high } }));
  const tokens = fc.integer({ min: 0, max: 100_000 });

  it("is never below what the turn can cost, for any split of any smaller prompt", () => {
    fc.assert(
      fc.property(
        fc.oneof(priceArb, tiered),
        fc.tuple(tokens, tokens, tokens, tokens, tokens),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (price, [a, b, c, out, unused], share) => {
          const turn = usage({ inputTokens: a, cacheReadTokens: b, cacheWrite5mTokens: c, outputTokens: out });
          const prompt = promptTokensOf(turn) + unused;
          const knownPromptTokens = Math.floor(prompt * share);
          const choice = { ...turnRequest().parameters.choice, price, maxTokens: out };
          const worst = worstCaseUsd(choice, { knownPromptTokens, newCharacters: (prompt - knownPromptTokens) * 2 });
          expect(worst).toBeGreaterThanOrEqual(costOf(turn, price) * (1 - 1e-12));
        },
      ),
    );
  });

  it("holds where long prompts are cheaper: the turn may turn out short", () => {
    const price = { ...flat(10), above: { promptTokens: 100, price: flat(1) } };
    const worst = worstCaseUsd(
      { ...turnRequest().parameters.choice, price, maxTokens: 50 },
      { knownPromptTokens: 90, newCharacters: 60 },
    );
    expect(worst).toBeCloseTo(costOf(usage({ inputTokens: 100, outputTokens: 50 }), price), 12);
  });

  it("is null without a price", () => {
    expect(
      worstCaseUsd({ ...turnRequest().parameters.choice, price: null }, { knownPromptTokens: 1, newCharacters: 1 }),
    ).toBeNull();
  });

  it("counts text by UTF-8 bytes, everywhere it can stand", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const text = String.fromCharCode(...units);
        const size = sizeOf({ messages: [{ role: "user", content: [{ type: "text", text }] }] });
        expect(size).toBeGreaterThanOrEqual(new TextEncoder().encode(text).length);
      }),
    );
    const { parameters } = turnRequest({ tools: [READ_TOOL], format: { name: "f", schema: { type: "object" } } });
    const alone = sizeOf({ parameters: { ...parameters, tools: [], format: null } });
    expect(sizeOf({ parameters })).toBeGreaterThan(alone + 100);
    const history = [
      {
        role: "assistant" as const,
        content: [
          { type: "opaque" as const, raw: { thinking: "hmm" } },
          { type: "tool_use" as const, id: "a", name: "read", input: { path: "x" } },
        ],
      },
      { role: "user" as const, content: [{ type: "tool_result" as const, tool_use_id: "a", content: "hello", is_error: false }] },
    ];
    expect(sizeOf({ messages: history })).toBe('{"thinking":"hmm"}'.length + 'read{"path":"x"}'.length + 5);
  });
});
