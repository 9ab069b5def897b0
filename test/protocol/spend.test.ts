import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { estimateOf, tokensOf, tokensSpent, addTurn, NO_SPEND } from "../../src/protocol/spend.ts";
import type { SpendTotals, TurnSpend } from "../../src/protocol/spend.ts";
import { textOf } from "../../src/protocol/turn.ts";

const tokens = fc.nat(1_000_000);
// Money in halves, quarters …, so that sums are exact and every order of adding gives the same.
const money = fc.nat(1_000).map((units) => units / 1_024);
const turn: fc.Arbitrary<TurnSpend> = fc.record({
  usage: fc.record({
    inputTokens: tokens,
    outputTokens: tokens,
    cacheReadTokens: tokens,
    cacheWrite5mTokens: tokens,
    cacheWrite1hTokens: tokens,
    estimated: fc.boolean(),
  }),
  usd: fc.option(money),
});
const sum = (turns: readonly TurnSpend[]): SpendTotals => turns.reduce(addTurn, NO_SPEND);

describe("spend", () => {
  it("is the sum of its turns, in any order", () => {
    fc.assert(
      fc.property(fc.array(turn), (turns) => {
        const totals = sum(turns);
        expect(totals).toEqual(sum(turns.toReversed()));
        expect(totals.turns).toBe(turns.length);
        expect(totals.usd).toBe(turns.reduce((all, { usd }) => all + (usd ?? 0), 0));
        expect(totals.unpricedTurns).toBe(turns.filter(({ usd }) => usd === null).length);
        expect(totals.cacheWriteTokens).toBe(
          turns.reduce((all, { usage }) => all + usage.cacheWrite5mTokens + usage.cacheWrite1hTokens, 0),
        );
        expect(totals.estimatedUsd).toBe(turns.reduce((all, { usage, usd }) => all + (usage.estimated ? (usd ?? 0) : 0), 0));
        expect(totals.estimatedUsd).toBeLessThanOrEqual(totals.usd);
      }),
    );
  });

  it("books a turn of which nobody knows at its worst, as an estimate", () => {
    const worst = { usd: 0.5, inputTokens: 30, outputTokens: 20 };
    expect(addTurn(NO_SPEND, estimateOf(worst, true))).toEqual({ ...NO_SPEND, ...worst, turns: 1, estimatedUsd: 0.5 });
    expect(addTurn(NO_SPEND, estimateOf({ ...worst, usd: 0 }, false))).toMatchObject({
      usd: 0,
      unpricedTurns: 1,
      outputTokens: 20,
    });
  });

  it("counts every token once, however it is billed", () => {
    fc.assert(
      fc.property(fc.array(turn), (turns) => {
        expect(tokensSpent(sum(turns))).toBe(turns.reduce((all, one) => all + tokensOf(one.usage), 0));
      }),
    );
  });

  it("changes nothing it was given", () => {
    const frozen = Object.freeze({ ...NO_SPEND });
    const one = { usage: { ...usage, estimated: false }, usd: 1 };
    expect(addTurn(frozen, one)).not.toBe(frozen);
    expect(NO_SPEND).toEqual({ ...frozen });
  });
});

const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 1, cacheWrite5mTokens: 1, cacheWrite1hTokens: 1 };

describe("textOf", () => {
  it("joins the texts of an answer and nothing else", () => {
    const blocks = [
      { type: "text", text: "a" },
      { type: "tool_use", id: "1", name: "read", input: {} },
      { type: "opaque", raw: { type: "thinking" } },
      { type: "text", text: "b" },
    ] as const;
    expect(textOf(blocks)).toBe("ab");
    expect(textOf([])).toBe("");
  });
});
