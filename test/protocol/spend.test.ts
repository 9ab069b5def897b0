import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addLostTurns, addTurn, NO_SPEND } from "../../src/protocol/spend.ts";
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

  it("counts lost turns as estimates, one for each time", () => {
    fc.assert(
      fc.property(turn, fc.nat(5), (one, times) => {
        const lost = addLostTurns(NO_SPEND, one, times);
        const estimate = { ...one, usage: { ...one.usage, estimated: true } };
        expect(lost).toEqual(sum(Array.from({ length: times }, () => estimate)));
        expect(lost.estimatedUsd).toBe(lost.usd);
      }),
    );
  });

  it("changes nothing it was given", () => {
    const frozen = Object.freeze({ ...NO_SPEND });
    const one = { usage: { ...usage, estimated: false }, usd: 1 };
    expect(addTurn(frozen, one)).not.toBe(frozen);
    expect(addLostTurns(frozen, one, 0)).toEqual(NO_SPEND);
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
