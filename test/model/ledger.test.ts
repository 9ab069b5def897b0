import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { failure } from "../../src/core/failure.ts";
import { foldLedger, LedgerBook } from "../../src/model/ledger-fold.ts";
import { totalsBy } from "../../src/model/ledger.ts";
import type { Ledger } from "../../src/model/ledger.ts";
import { resolveModels } from "../../src/model/models.ts";
import { costOf, priceOf } from "../../src/model/prices.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import type { Usage } from "../../src/protocol/spend.ts";

const NOW = Date.UTC(2026, 10, 22);
const OPUS = "claude-opus-5-5";
const SONNET = "claude-sonnet-5-5";
const HAIKU = "claude-haiku-5-5";
const models = resolveModels({}, NOW);
const why = failure("Overloaded", "x");

const usageOf = (some: Partial<Usage> = {}): Usage => ({
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  estimated: false,
  ...some,
});
const usdOf = (model: string, usage: Usage): number | null => {
  const price = priceOf(model, NOW);
  return price && costOf(usage, price);
};

/** A turn that was sent and answered, at the list price of its model. */
function turn(conversation: string, model: string, some: Partial<Usage>, stop = "end_turn"): readonly RunEvent[] {
  const usage = usageOf(some);
  return [
    { type: "turn.started", at: NOW, conversation, turn: 1, model },
    { type: "turn.completed", at: NOW, conversation, turn: 1, model, stop, usd: usdOf(model, usage), ...usage },
  ];
}
const lost = (conversation: string, model: string, some: Partial<Usage>, usd?: number): RunEvent => {
  const usage = usageOf({ estimated: true, ...some });
  const why_ = "crash" as const;
  return { type: "turn.lost", at: NOW, conversation, turn: 1, model, why: why_, usd: usd ?? usdOf(model, usage), ...usage };
};
const started = (task: string, attempt = 1): RunEvent => ({
  type: "task.started",
  at: NOW,
  task,
  attempt,
  worker: "docs",
  model: SONNET,
  changes: [],
});
const finished = (task: string, attempt = 1, outputBytes = 0): RunEvent => ({
  type: "task.finished",
  at: NOW,
  task,
  attempt,
  summary: "",
  files: [],
  usd: 0,
  durationMs: 0,
  outputBytes,
});
const progressed = (task: string, state: string): RunEvent => ({
  type: "task.progressed",
  at: NOW,
  task,
  attempt: 1,
  state,
  note: "",
});
const route = (mode: "direct" | "orchestrate"): RunEvent => ({ type: "route.decided", at: NOW, mode, worker: null, reason: "" });
const fold = (...events: readonly (RunEvent | readonly RunEvent[])[]): Ledger => foldLedger(events.flat(), { models });
const outcomes = ({ lines }: Ledger): readonly string[] =>
  lines.map(({ conversation, attempt, purpose, outcome }) => `${conversation}/${attempt} ${purpose} ${outcome}`);

/** One million tokens in and one hundred thousand out. */
const MILLION = { inputTokens: 1_000_000, outputTokens: 100_000 };

describe("what the money bought elsewhere", () => {
  it("is the same tokens in the same classes at the orchestrator's price", () => {
    const ledger = fold(
      turn("plan", OPUS, MILLION),
      started("t1"),
      turn("t1#1", SONNET, { ...MILLION, cacheReadTokens: 1_000_000 }),
    );
    // Opus: 4 + 2. Sonnet: 2 + 1 + 0.1 of cache; the same on Opus 4 + 2 + 0.2.
    expect(ledger.total.usd).toBeCloseTo(6 + 3.1, 9);
    expect(ledger.twinUsd).toBeCloseTo(6 + 6.2, 9);
    expect(ledger.tiers?.savedUsd).toBeCloseTo(3.1, 9);
    expect(ledger.tiers?.byModel).toEqual({ [OPUS]: 0, [SONNET]: expect.closeTo(3.1, 9) });
  });

  it("is dearer where a model costs more than the orchestrator's, and says so", () => {
    const { tiers } = foldLedger(turn("t1#1", OPUS, MILLION), { models: resolveModels({ orchestrator: "sonnet" }, NOW) });
    expect(tiers?.savedUsd).toBeCloseTo(-3, 9);
  });

  it("takes the price of long prompts for what is a long prompt", () => {
    const long = { inputTokens: 200_000, cacheReadTokens: 50_000 };
    const ledger = foldLedger(turn("t1#1", SONNET, long), { models: resolveModels({ orchestrator: "haiku" }, NOW) });
    expect(ledger.twinUsd).toBeCloseTo((200_000 * 0.5 + 50_000 * 0.05) / 1e6, 9);
  });

  it("saves by reads of the cache, and loses where writes are never read", () => {
    const written = fold(turn("t1#1", SONNET, { cacheWrite5mTokens: 1_000_000 }));
    expect(written.caching.savedUsd).toBeCloseTo(2 - 2.5, 9);
    const read = fold(
      turn("t1#1", SONNET, { cacheWrite5mTokens: 1_000_000 }),
      turn("t1#1", SONNET, { cacheReadTokens: 1_000_000 }),
    );
    expect(read.caching.savedUsd).toBeCloseTo(4 - 2.6, 9);
    expect(fold(turn("t1#1", SONNET, { cacheWrite1hTokens: 1_000_000 })).caching.savedUsd).toBeCloseTo(2 - 4, 9);
  });

  it("counts unpriced turns apart, and has no twin without the orchestrator's price", () => {
    const own = { models: resolveModels({ worker: { model: "home-made", baseURL: "http://127.0.0.1:1" } }, NOW) };
    const mixed = foldLedger([...turn("plan", OPUS, MILLION), ...turn("t1#1", "home-made", MILLION)], own);
    expect(mixed.total).toMatchObject({ turns: 2, unpricedTurns: 1, usd: 6, twinUsd: 6, inputTokens: 2_000_000 });
    expect(mixed.prices).toMatchObject({ "home-made": null });
    const unknown = { models: resolveModels({ orchestrator: { model: "home-made", baseURL: "http://127.0.0.1:1" } }, NOW) };
    const blind = foldLedger(turn("t1#1", SONNET, { cacheReadTokens: 1_000_000 }), unknown);
    expect(blind).toMatchObject({ twinUsd: null, tiers: null, together: null });
    expect(blind.caching.savedUsd).toBeCloseTo(1.9, 9);
  });

  it("claims nothing for a bill without tokens", () => {
    const ledger = fold(started("t1"), lost("t1#1", SONNET, {}, 0.25));
    expect(ledger.total).toMatchObject({ usd: 0.25, estimatedUsd: 0.25, incomparableUsd: 0.25, lostUsd: 0.25, lostTurns: 1 });
    expect(ledger).toMatchObject({ twinUsd: 0.25, tiers: { savedUsd: 0 }, caching: { savedUsd: 0 } });
  });

  it("carries what a worst case was booked above its list price on both sides", () => {
    const worst = lost("t1#1", SONNET, { inputTokens: 1_000_000 }, 2.5);
    expect(fold(worst)).toMatchObject({ twinUsd: 4.5, caching: { savedUsd: 0 } });
    const same = foldLedger([worst], { models: resolveModels({ orchestrator: "sonnet" }, NOW) });
    expect(same).toMatchObject({ twinUsd: 2.5, tiers: { savedUsd: 0 } });
  });

  it("tells two prices of one model apart by what was booked", () => {
    const own = { model: SONNET, baseURL: "http://127.0.0.1:1", prices: { input: 20, output: 100 } };
    const usage = usageOf({ cacheReadTokens: 1_000_000 });
    const terms = { models: resolveModels({ tiers: { haiku: own } }, NOW) };
    const body = { at: NOW, conversation: "t1#1", turn: 1, model: SONNET, stop: "end_turn" };
    // Reads of that endpoint cost as much as plain input.
    expect(foldLedger([{ type: "turn.completed", ...body, usd: 20, ...usage }], terms).caching.savedUsd).toBe(0);
    expect(foldLedger([{ type: "turn.completed", ...body, usd: 0.1, ...usage }], terms).caching.savedUsd).toBeCloseTo(1.9, 9);
  });

  it("stays with the model that was asked, and with the known price where another sum was booked", () => {
    const [asked] = turn("t1#1", SONNET, {});
    const ledger = fold(asked ?? [], {
      type: "turn.completed",
      at: NOW,
      conversation: "t1#1",
      turn: 1,
      model: "sonnet-by-another-name",
      stop: "end_turn",
      usd: 1,
      ...usageOf({ cacheReadTokens: 1_000_000 }),
    });
    expect(ledger.lines.map(({ model }) => model)).toEqual([SONNET]);
    expect(ledger.total.usd).toBe(1);
    expect(ledger.caching.savedUsd).toBeCloseTo(1.9, 9);
  });

  it("adds up, whatever the turns were", () => {
    const count = fc.nat(300_000);
    const anyTurn = fc.record({
      conversation: fc.constantFrom("route", "plan", "t1#1", "t1#2", "t2#1", "synthesis"),
      model: fc.constantFrom(OPUS, SONNET, HAIKU, "unknown"),
      lost: fc.boolean(),
      usage: fc.record({
        inputTokens: count,
        outputTokens: count,
        cacheReadTokens: count,
        cacheWrite5mTokens: count,
        cacheWrite1hTokens: count,
        estimated: fc.boolean(),
      }),
    });
    fc.assert(
      fc.property(fc.array(anyTurn, { maxLength: 30 }), (turns) => {
        const ledger = fold(
          ...turns.map(({ conversation, model, usage, lost: isLost }) =>
            isLost ? lost(conversation, model, usage) : turn(conversation, model, usage),
          ),
        );
        const { total, costs, tiers, caching, together } = ledger;
        const booked = turns.reduce((sum, { model, usage }) => sum + (usdOf(model, usage) ?? 0), 0);
        expect(total.usd).toBeCloseTo(booked, 9);
        expect(total.turns).toBe(turns.length);
        expect(total.unpricedTurns).toBe(turns.filter(({ model }) => model === "unknown").length);
        expect(total.twinUsd).toBeGreaterThanOrEqual(0);
        expect(costs.usedUsd + costs.failedUsd + costs.repairsUsd + costs.lostUsd).toBeCloseTo(total.usd, 9);
        const byModel = Object.values(tiers?.byModel ?? {}).reduce((sum, usd) => sum + usd, 0);
        expect(total.usd + byModel).toBeCloseTo(ledger.twinUsd ?? Number.NaN, 9);
        const parts = total.usd + (tiers?.savedUsd ?? 0) + caching.savedUsd + (together?.overlapUsd ?? 0);
        expect(parts).toBeCloseTo(together?.plainTwinUsd ?? Number.NaN, 9);
        for (const by of ["model", "worker", "task", "conversation", "purpose"] as const) {
          const groups = totalsBy(ledger.lines, by);
          expect(groups.reduce((sum, { usd }) => sum + usd, 0)).toBeCloseTo(total.usd, 9);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe("what the money went into", () => {
  const work = turn("t1#1", SONNET, MILLION);

  it("is work of attempts that were accepted, or of attempts that were not", () => {
    const retried = fold(
      started("t1"),
      work,
      { type: "task.retrying", at: NOW, task: "t1", attempt: 1, failure: why, changes: [], wakeAt: NOW },
      started("t1", 2),
      turn("t1#2", SONNET, MILLION),
      finished("t1", 2),
    );
    expect(outcomes(retried)).toEqual(["t1#1/1 work failed", "t1#2/2 work accepted"]);
    expect(retried.costs).toMatchObject({ usedUsd: 3, failedUsd: 3 });
    expect(retried).toMatchObject({ acceptedTasks: 1, perAcceptedTaskUsd: 6 });
  });

  it("is lost to an attempt that a later one replaces, or that was stopped", () => {
    const redone = fold(started("t1"), work, finished("t1"), started("t1", 2));
    expect(outcomes(redone)).toEqual(["t1#1/1 work replaced"]);
    expect(redone).toMatchObject({ acceptedTasks: 0, perAcceptedTaskUsd: null });
    const skipped = fold(started("t1"), work, { type: "task.skipped", at: NOW, task: "t1", failure: failure("Skipped", "x") });
    expect(outcomes(skipped)).toEqual(["t1#1/1 work stopped"]);
    const gaveUp = fold(started("t1"), work, {
      type: "task.skipped",
      at: NOW,
      task: "t1",
      failure: failure("WorkerGaveUp", "x"),
    });
    expect(outcomes(gaveUp)).toEqual(["t1#1/1 work failed"]);
    expect(redone.costs.failedUsd + skipped.costs.failedUsd + gaveUp.costs.failedUsd).toBeCloseTo(9, 9);
  });

  it("is repair from the moment an answer or a checked result was sent back", () => {
    const answer = fold(
      started("t1"),
      work,
      { type: "answer.repairing", at: NOW, conversation: "t1#1", issues: ["x"] },
      work,
      work,
      finished("t1"),
    );
    expect(outcomes(answer)).toEqual(["t1#1/1 work accepted", "t1#1/1 repair accepted"]);
    expect(answer.costs).toEqual({ usedUsd: 3, failedUsd: 0, repairsUsd: 6, lostUsd: 0 });
    const plan = fold(
      turn("plan", OPUS, MILLION),
      { type: "plan.repairing", at: NOW, issues: ["x"] },
      turn("plan", OPUS, MILLION),
    );
    expect(plan.costs).toMatchObject({ usedUsd: 6, repairsUsd: 6 });
    const checked = fold(
      started("t1"),
      progressed("t1", "working"),
      work,
      progressed("t1", "verifying"),
      progressed("t1", "working"),
      work,
      finished("t1"),
    );
    expect(checked.costs).toMatchObject({ usedUsd: 3, repairsUsd: 3 });
  });

  it("is lost with paid turns that nobody could use, also when their bill comes late", () => {
    const ledger = fold(
      started("t1"),
      { type: "turn.started", at: NOW, conversation: "t1#1", turn: 1, model: SONNET },
      {
        type: "turn.failed",
        at: NOW,
        conversation: "t1#1",
        turn: 1,
        failure: why,
        usd: 3,
        wakeAt: null,
        model: SONNET,
        billed: true,
        ...usageOf({ ...MILLION, estimated: true }),
      },
      {
        type: "turn.failed",
        at: NOW,
        conversation: "t1#1",
        turn: 1,
        failure: why,
        usd: 0,
        wakeAt: null,
        model: SONNET,
        billed: false,
        ...usageOf(),
      },
      work,
      finished("t1"),
      lost("t1#1", SONNET, MILLION),
    );
    expect(ledger.total).toMatchObject({ turns: 3, lostTurns: 2, usd: 9, estimatedUsd: 6 });
    expect(ledger.costs).toEqual({ usedUsd: 3, failedUsd: 0, repairsUsd: 0, lostUsd: 6 });
    expect(outcomes(ledger)).toEqual(["t1#1/1 work accepted"]);
  });

  it("is told of each try of routing, planning and answering", () => {
    const ledger = fold(
      turn("route", HAIKU, MILLION),
      route("orchestrate"),
      turn("plan", OPUS, MILLION),
      { type: "phase.retrying", at: NOW, phase: "plan", failure: why, wakeAt: NOW },
      turn("plan", OPUS, MILLION),
      { type: "plan.accepted", at: NOW, rationale: "", tasks: [], criticalPath: [] },
      turn("synthesis", OPUS, MILLION),
      turn("mend:t1#1", OPUS, MILLION),
      { type: "run.finished", at: NOW, outcome: "complete", answer: "", failure: null, spend: NOTHING },
    );
    expect(outcomes(ledger)).toEqual([
      "route/1 route accepted",
      "plan/1 plan failed",
      "plan/2 plan accepted",
      "synthesis/1 synthesis accepted",
      "mend:t1#1/1 mend accepted",
    ]);
    const cut = fold(turn("synthesis", OPUS, MILLION, "max_tokens"), {
      type: "run.finished",
      at: NOW,
      outcome: "partial",
      answer: "",
      failure: why,
      spend: NOTHING,
    });
    expect(outcomes(cut)).toEqual(["synthesis/1 synthesis failed"]);
  });
});

const NOTHING = {
  usd: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  turns: 0,
  estimatedUsd: 0,
  unpricedTurns: 0,
};

describe("what was not read", () => {
  const line = (id: string, ...needs: readonly string[]) => ({
    id,
    label: id,
    worker: "docs",
    dependencies: needs.map((task) => ({ task, kind: "hard" as const })),
    optional: false,
  });
  const plan: RunEvent = {
    type: "plan.accepted",
    at: NOW,
    rationale: "",
    tasks: [line("t1"), line("t2"), line("t3", "t1")],
    criticalPath: [],
  };
  const work = (task: string): readonly RunEvent[] => turn(task, SONNET, { inputTokens: 1 });

  it("is the outputs finished before an attempt began that it does not depend on, once, at its input price", () => {
    const events = [
      plan,
      started("t1"),
      work("t1#1"),
      started("t2"),
      finished("t1", 1, 4_000_000),
      work("t2#1"),
      finished("t2", 1, 400_000),
    ];
    const ledger = fold(...events, started("t3"), work("t3#1"), work("t3#1"));
    // t1 and t2 began before anything had finished; t3 is given t1 and not t2.
    expect(ledger.filteredContext.tokens).toBe(100_000);
    expect(ledger.filteredContext.savedUsd).toBeCloseTo(0.2, 9);
  });

  it("is nothing for an attempt that never took a turn", () => {
    expect(fold(plan, started("t1"), finished("t1", 1, 4_000), started("t2")).filteredContext.tokens).toBe(0);
  });

  it("is never guessed for the bypass: what route, plan and answer cost is told, and why there is no more", () => {
    const planned = fold(
      turn("route", HAIKU, MILLION),
      route("orchestrate"),
      turn("plan", OPUS, MILLION),
      started("t1"),
      work("t1#1"),
    );
    expect(planned.bypass).toMatchObject({ savedUsd: null, why: expect.stringContaining("would have spared") });
    expect(planned.bypass.overheadUsd).toBeCloseTo(6 + 0.5 + 0.25, 9);
    expect(fold(route("direct"), work("t1#1")).bypass).toMatchObject({ savedUsd: null, overheadUsd: 0 });
    expect(fold(turn("plan", OPUS, MILLION), route("direct")).bypass.why).toMatch(/^A plan was paid for/);
    expect(fold().bypass.why).toMatch(/not decided/);
  });
});

describe("a ledger that is kept along", () => {
  it("is at any moment what a fold of the events so far gives, and grows with attempts, not with turns", () => {
    const book = new LedgerBook({ models });
    const events = [
      started("t1"),
      ...Array.from({ length: 500 }, () => turn("t1#1", SONNET, { inputTokens: 7 })).flat(),
      finished("t1"),
    ];
    for (const [at, event] of events.entries()) {
      book.add(event);
      if (at % 250 === 0) expect(book.read()).toEqual(fold(...events.slice(0, at + 1)));
    }
    expect(book.read().lines).toHaveLength(1);
    expect(book.read().total.turns).toBe(500);
  });

  it("tells the lines of a run without turns as none", () => {
    expect(fold()).toMatchObject({ lines: [], total: { usd: 0, turns: 0 }, twinUsd: 0, perAcceptedTaskUsd: null });
  });
});
