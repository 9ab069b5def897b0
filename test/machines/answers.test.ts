// What final answers are taken for: by the decoder, by the router's step, and where no model writes one.
import { describe, expect, it } from "vitest";
import { decoderFor } from "../../src/machines/decode.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { failure } from "../../src/core/failure.ts";
import { plainAnswer, takeRoute } from "../../src/machines/calls.ts";
import { isAskedAboutConflicts } from "../../src/machines/conflicts.ts";
import { synthesisChoice } from "../../src/machines/limits.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { startRun } from "../../src/machines/run-state.ts";
import { takeEvidence } from "../../src/machines/worker-state.ts";
import type { RunShape } from "../support/cast.ts";
import { modelOf, runInput, workers } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";
import { RunByHand } from "../support/run-by-hand.ts";

const cards = workers.map(({ card }) => card);
const refuse = () => ({ ok: false as const, issues: [] });
const rules = { policy: DEFAULT_POLICY, cards, tools: {}, checkPlan: refuse, checkSplit: refuse };
const contextOf = (shape: RunShape = {}, more: Partial<RunContext> = {}): RunContext => ({
  ...startRun(runInput(shape), rules),
  ...more,
});

describe("the decoder", () => {
  const plan = { rationale: "", tasks: [] };
  const decode = decoderFor(workers, (draft) =>
    draft === "good"
      ? { ok: true, plan }
      : {
          ok: false,
          issues: [
            { code: "Empty", message: "No tasks." },
            { code: "BadInput", message: "No input.", task: "a" },
          ],
        },
  );
  const reworded = (task: string, constraints: readonly string[] = []) =>
    decode("reword", JSON.stringify({ task, constraints }), null);

  it("gives a good plan as it was written, and the issues of another with their tasks", () => {
    expect(decode("plan", "good", null)).toEqual({ ok: true, value: "good" });
    expect(decode("plan", "bad", null)).toEqual({ ok: false, issues: ["No tasks. (Empty)", "a: No input. (BadInput)"] });
  });

  it("reads JSON, also inside one fence", () => {
    const route = { mode: "direct", worker: "backend", reason: "easy" };
    const text = JSON.stringify(route);
    for (const written of [text, `\`\`\`json\n${text}\n\`\`\``, ` \n\`\`\`\n${text}\n\`\`\`\n `])
      expect(decode("route", written, null)).toEqual({ ok: true, value: route });
    for (const written of ["", "mode: direct", `Here: \`\`\`json\n${text}\n\`\`\``])
      expect(decode("route", written, null)).toEqual({ ok: false, issues: ["It is not JSON."] });
    expect(decode("route", JSON.stringify({ ...route, mode: "neither" }), null)).toMatchObject({
      ok: false,
      issues: [expect.stringMatching(/^mode: /)],
    });
  });

  it("asks a worker's own check, and nobody about formats of nobody", () => {
    expect(decode("typed output", '{"count":3}', null)).toEqual({ ok: true, value: { count: 3 } });
    expect(decode("typed output", '{"count":"three"}', null)).toMatchObject({ ok: false });
    expect(decode("nobody output", '{"count":"three"}', null)).toEqual({ ok: true, value: { count: "three" } });
  });

  it("takes other words for a task up to the limits of a plan, none beyond them", () => {
    expect(
      reworded(
        "x".repeat(20_000),
        Array.from({ length: 100 }, () => "y"),
      ),
    ).toMatchObject({ ok: true });
    const issuesOf = (...given: Parameters<typeof reworded>) => {
      const decoded = reworded(...given);
      return decoded.ok ? [] : decoded.issues;
    };
    expect(issuesOf("x".repeat(20_001))).toEqual([": A text has 20001 characters; at most 20000 are allowed."]);
    expect(
      issuesOf(
        "x",
        Array.from({ length: 101 }, () => "y"),
      ),
    ).toEqual([": There are more than 100 constraints."]);
    expect(issuesOf("x", [" "])).toEqual([": A text is empty."]);
    expect(issuesOf("x\u202e")).toEqual([": A text holds control or direction characters. Leave them out."]);
  });
});

describe("the router's answer", () => {
  const routed = (outcome: object) =>
    takeRoute(contextOf(), { at: 5, ...outcome } as Parameters<typeof takeRoute>[1]).context.route;
  it("decides; without a usable one the request is planned, and the reason says why", () => {
    const value = { mode: "direct", worker: "frontend", reason: "easy" };
    expect(routed({ kind: "finished", value })).toEqual(value);
    expect(routed({ kind: "finished", value: { ...value, mode: "orchestrate" } })).toEqual({
      mode: "orchestrate",
      worker: null,
      reason: "easy",
    });
    expect(routed({ kind: "finished", value: "direct" })).toEqual({
      mode: "orchestrate",
      worker: null,
      reason: "the router gave no usable answer",
    });
    expect(routed({ kind: "failed", failure: failure("Refused", "no") })).toEqual({
      mode: "orchestrate",
      worker: null,
      reason: "the router gave no usable answer (Refused)",
    });
  });
});

describe("an answer that no model writes", () => {
  it("is the output of a direct request, as text", () => {
    const report = (value: unknown) =>
      ({ reports: [{ output: { value } }], route: { mode: "direct" } }) as unknown as Partial<RunContext>;
    expect(plainAnswer(contextOf({}, report("hello")))).toBe("hello");
    expect(plainAnswer(contextOf({}, report({ a: 1 })))).toBe('{\n  "a": 1\n}');
  });

  it("is what each task came to, with the reason where there is one", () => {
    const run = new RunByHand({ plan: planOf({ a: {}, b: {}, c: { needs: ["b"] } }) });
    run.finish("t1#1");
    run.command({ type: "task.skip", task: "t2", reason: "not now" });
    const lines = [
      "- a: finished. t1#1 is done",
      "- b: skipped. Skipped by a person: not now",
      expect.stringMatching(/^- c: skipped\. Not started: /),
    ];
    expect(plainAnswer({ ...run.context, failure: null }).split("\n")).toEqual(["What the tasks came to:", ...lines]);
    const told = plainAnswer({ ...run.context, failure: failure("Overloaded", "too busy") });
    expect(told.split("\n\n")[0]).toBe("No answer could be written (too busy)");
    const begun = new RunByHand({ plan: planOf({ a: {} }) });
    expect(plainAnswer(begun.context)).toBe("What the tasks came to:\n- a: running.");
    expect(plainAnswer(contextOf())).toBe("No answer could be written.");
    expect(plainAnswer(contextOf({}, { failure: failure("Overloaded", "too busy") }))).toBe(
      "No answer could be written (too busy)",
    );
  });
});

describe("the synthesis", () => {
  const choice = modelOf("opus", { maxTokens: 9_000 });
  it("may write 8000 tokens, less where the budget is small, 500 at least", () => {
    const tokensFor = (usd: number | undefined, more: Partial<RunContext> = {}) =>
      synthesisChoice(contextOf(usd === undefined ? {} : { options: { budget: { usd } } }, more), choice).maxTokens;
    expect(tokensFor(undefined)).toBe(8_000);
    expect(tokensFor(5)).toBe(8_000);
    expect(tokensFor(0.001)).toBe(500);
    const [some, more] = [tokensFor(0.07), tokensFor(0.08)];
    expect(some).toBeGreaterThan(500);
    expect(more - some).toBe(1_000);
    expect(synthesisChoice(contextOf(), { ...choice, price: null, maxTokens: 700 }).maxTokens).toBe(700);
  });
});

it("a person is asked about conflicts only by that question", () => {
  const asks = (...ids: string[]) => contextOf({}, { asks: ids.map((id) => ({ id })) as unknown as RunContext["asks"] });
  expect([asks(), asks("plan"), asks("plan", "conflicts")].map(isAskedAboutConflicts)).toEqual([false, false, true]);
});

it("evidence that does not hold is named, each piece with its detail in one short line", () => {
  const good = { kind: "files", what: "a.ts", ok: true } as const;
  expect(takeEvidence([good])).toEqual({ evidence: [good] });
  const bad = [
    { kind: "commands", what: "npm test", ok: false, detail: `exit 1\n${"x".repeat(400)}` },
    { kind: "files", what: "b.ts", ok: false },
  ] as const;
  const { failure: why } = takeEvidence([good, ...bad]);
  expect(why?.code).toBe("VerifyFailed");
  expect(why?.message).toBe(`The result was reported as done, but: npm test: exit 1 ${"x".repeat(292)}…; b.ts`);
});
