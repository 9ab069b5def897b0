import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAILURES, FAILURE_CODES } from "../../src/core/failure.ts";
import { DEFAULT_POLICY, DEFAULT_TABLE, nextTurnStep, remedyFor, waitBetween } from "../../src/core/policy.ts";
import type { Policy } from "../../src/core/policy.ts";

const codes = fc.constantFrom(...FAILURE_CODES);
const LAST = ["fail", "skip", "ask", "suspend", "synthesize"];
const bounds = fc.tuple(fc.nat(100_000), fc.nat(100_000)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

/** The rows of reliability §5.2, by their code. */
const PROMISED = [
  "RateLimited Overloaded ServerFault NetworkFault StreamCut StreamStalled MalformedAnswer OutputTruncated PromptTooLong",
  "ContextFull RequestTooLarge HistoryBroken ThinkingBindingBroken Refused WorkerOutputInvalid WorkerLooping WorkerTimeout",
  "WorkerBudget ToolFailed ToolDenied VerifyFailed DependencyFailed Poisoned AuthFailed BillingBlocked ModelNotFound",
  "RequestInvalid BudgetExceeded PlanInvalid StoreFull StoreCorrupt LeaseLost Internal ConflictingOutputs",
].flatMap((line) => line.split(" "));

describe("the policy table", () => {
  it("has a row for every code there is and every one that was promised", () => {
    expect(Object.keys(DEFAULT_TABLE).toSorted()).toEqual(FAILURE_CODES.toSorted());
    expect(PROMISED.filter((code) => !Object.hasOwn(DEFAULT_TABLE, code))).toEqual([]);
  });

  it("waits a sound time everywhere", () => {
    for (const { turn, attempt } of Object.values(DEFAULT_TABLE)) {
      const waits = [
        ...turn.flatMap((step) => (step.do === "again" ? [step.waitMs] : [])),
        ...attempt.flatMap((step) => (step.do === "redo" ? [] : [step.waitMs])),
      ];
      for (const [from, to] of waits) {
        expect(from >= 0 && from <= to).toBe(true);
        expect(to).toBeLessThanOrEqual(DEFAULT_POLICY.longestWaitMs);
      }
    }
  });

  it("tries nothing again that may not be retried", () => {
    for (const code of FAILURE_CODES) {
      const { turn, attempt } = DEFAULT_TABLE[code];
      if (!FAILURES[code].retryable) expect({ code, attempt }).toEqual({ code, attempt: [] });
      if (FAILURES[code].level === "run") expect({ code, turn }).toEqual({ code, turn: [] });
    }
  });

  it("suspends the run for what a person can mend, and never for the fault of one task", () => {
    for (const code of FAILURE_CODES) {
      const { then } = DEFAULT_TABLE[code];
      if (FAILURES[code].level === "run") expect({ code, then }).toEqual({ code, then: "suspend" });
      if (FAILURES[code].level === "attempt") expect(then).not.toBe("suspend");
    }
  });

  it("splits what is too large, rewords what was refused, redoes what collides, and nothing else", () => {
    const codesWith = (what: string) =>
      FAILURE_CODES.filter((code) => DEFAULT_TABLE[code].attempt.some((step) => step.do === what));
    expect(codesWith("split")).toEqual([
      "StreamStalled",
      "OutputTruncated",
      "PromptTooLong",
      "ContextFull",
      "RequestTooLarge",
      "WorkerLooping",
      "WorkerTimeout",
    ]);
    expect(codesWith("reword")).toEqual(["Refused"]);
    expect(codesWith("redo")).toEqual(["ConflictingOutputs"]);
  });
});

describe("the next step", () => {
  it("of a turn comes from the row, then there is none", () => {
    fc.assert(
      fc.property(codes, fc.nat(40), (code, tried) => {
        const { turn } = DEFAULT_TABLE[code];
        expect(nextTurnStep(DEFAULT_POLICY, code, tried)).toBe(turn[tried]);
        expect(nextTurnStep(DEFAULT_POLICY, code, turn.length + tried)).toBeUndefined();
      }),
    );
  });

  it("of a task is a new attempt only while it has attempts, and each mending allows one more", () => {
    fc.assert(
      fc.property(
        codes,
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        fc.nat(2),
        (code, attempts, failed, mended) => {
          const policy: Policy = { ...DEFAULT_POLICY, attempts };
          const { steps, then } = remedyFor(policy, code, { failed, mended });
          expect(LAST).toContain(then);
          expect(then).toBe(DEFAULT_TABLE[code].then);
          const named = DEFAULT_TABLE[code].attempt.map((one, at) => ({ ...one, entry: `attempt[${at}] ${one.do}` }));
          const left = named.slice(failed - 1);
          expect(steps).toEqual(failed < attempts + mended ? left : left.filter((step) => step.do !== "renew"));
        },
      ),
    );
  });

  it("of a task that never failed is the last word, not an accident", () => {
    expect(remedyFor(DEFAULT_POLICY, "ServerFault", { failed: 0 })).toEqual({ steps: [], then: "fail" });
  });
});

describe("waitBetween", () => {
  it("is whole ms inside its bounds, and grows with the draw", () => {
    const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(bounds, draws, draws, (wait, one, other) => {
        const waited = waitBetween(wait, one);
        expect(Number.isInteger(waited) && waited >= wait[0] && waited <= wait[1]).toBe(true);
        if (one <= other) expect(waited).toBeLessThanOrEqual(waitBetween(wait, other));
      }),
    );
    expect(waitBetween([5, 5], 0.5)).toBe(5);
  });
});
