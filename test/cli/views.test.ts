import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { askText } from "../../src/cli/ask-text.ts";
import { layout } from "../../src/cli/live/layout.ts";
import type { ViewModel, ViewRow } from "../../src/cli/live/view-model.ts";
import { Sayings } from "../../src/cli/live/sayings.ts";
import { viewModel } from "../../src/cli/live/view-model.ts";
import { detailOf, NOTHING_SEEN, seeEvent } from "../../src/cli/live/view-state.ts";
import type { ViewState } from "../../src/cli/live/view-state.ts";
import { planData, planLines } from "../../src/cli/plan-text.ts";
import { NO_MEMORY, plainLines } from "../../src/cli/plain.ts";
import { summaryLines } from "../../src/cli/summary.ts";
import { cellsOf } from "../../src/cli/words.ts";
import { failure } from "../../src/core/failure.ts";
import { taskIdAt } from "../../src/core/ids.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { runOutput } from "../../src/machines/run-events.ts";
import { startRun, withPlan } from "../../src/machines/run-state.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { foldLedger } from "../../src/model/ledger-fold.ts";
import { resolveModels } from "../../src/model/models.ts";
import type { Plan, Task } from "../../src/protocol/plan.ts";
import { RunEvent } from "../../src/protocol/run-event.ts";
import type { NumberedEvent } from "../../src/protocol/run-event.ts";
import { failTask, finishTask, retryTask, startReady } from "../../src/queue/queue.ts";
import type { Queue, TaskStatus } from "../../src/queue/queue.ts";
import { BUILT_IN } from "../../src/workers/built-in.ts";
import { EVERY_EVENT, HOSTILE } from "./events.ts";

// oxlint-disable-next-line no-control-regex -- these must not be there
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u202e]/;

function task(at: number, after: readonly number[] = [], more: Partial<Task> = {}): Task {
  const dependencies = after.map((one) => ({ task: taskIdAt(one), kind: "hard" as const }));
  const lists = { files: [], constraints: [], writes: [], acceptance: [] };
  return {
    id: taskIdAt(at),
    label: `job ${at}`,
    worker: "docs",
    task: "x",
    input: null,
    outputFormat: "",
    optional: false,
    tier: null,
    dependencies,
    ...lists,
    ...more,
  };
}

/** t1 and t2 are free, t3 needs both, t4 needs t3. */
const DIAMOND: Plan = { rationale: HOSTILE, tasks: [task(0), task(1), task(2, [0, 1]), task(3, [2], { label: HOSTILE })] };

function contextOf(plan: Plan, change: (queue: Queue) => Queue = (queue) => queue): RunContext {
  const rules = {
    policy: DEFAULT_POLICY,
    cards: BUILT_IN.map(({ card }) => card),
    tools: {},
    checkPlan: () => ({ ok: false as const, issues: [] }),
    checkSplit: () => ({ ok: false as const, issues: [] }),
  };
  const context = withPlan({ ...startRun(undefined, rules), models: resolveModels({}, Date.parse("2026-11-22")) }, plan);
  return { ...context, queue: context.queue && change(context.queue) };
}

const fold = (...events: readonly NumberedEvent[]): ViewState => events.reduce(seeEvent, NOTHING_SEEN);
const event = <T extends NumberedEvent["type"]>(type: T, more: Partial<Extract<NumberedEvent, { type: T }>>): NumberedEvent => {
  const found = EVERY_EVENT.find((one) => one.type === type);
  if (!found) throw new Error(`no example of ${type}`);
  return { ...found, ...more };
};

describe("plain lines", () => {
  it("know every kind of event", () => {
    expect(EVERY_EVENT.map(({ type }) => type).toSorted()).toEqual(
      RunEvent.options.map(({ shape }) => shape.type.value).toSorted(),
    );
  });

  it.each(EVERY_EVENT.map((one) => [one.type, one] as const))(
    "%s: each line is one line, whatever the texts hold",
    (_type, one) => {
      for (const line of plainLines(NO_MEMORY, one).lines) {
        expect(line).not.toMatch(UNSAFE);
        expect(line).toMatch(/^ {4}0\.0s {2}\[/);
      }
    },
  );

  it("count time from the first event, and name the worker of a task from its start on", () => {
    const first = plainLines(NO_MEMORY, event("task.started", { at: 1_000, changes: [] }));
    const second = plainLines(first.memory, event("tool.started", { at: 13_340, summary: "bash(npm test)" }));
    expect(first.lines).toEqual(["    0.0s  [t1 docs] attempt 1 on claude-sonnet-5-5"]);
    expect(second.lines).toEqual(["   12.3s  [t1 docs] bash(npm test)"]);
  });
});

describe("the view model", () => {
  it("shows what each task does or waits for, the urgent first", () => {
    const context = contextOf(DIAMOND, (queue) => startReady({ ...queue, concurrency: 1 }, DIAMOND, 1_000).queue);
    const seen = fold(
      event("run.started", { at: 0 }),
      event("phase.entered", { phase: "dispatching" }),
      event("task.started", { at: 1_000, task: "t1" }),
      event("task.progressed", { task: "t1", state: "working", note: "" }),
      event("turn.completed", { conversation: "t1#1", usd: 0.04, inputTokens: 3_000, outputTokens: 200, cacheReadTokens: 0 }),
      event("tool.started", { conversation: "t1#1", tool: "bash" }),
    );
    const model = viewModel(seen, context, 13_000);
    expect(model.path).toBe("active: dispatching · running");
    expect(model.totals).toBe("13 s · $0.04 · 3.2k tokens");
    expect(model.queue).toBe("waiting 2 · ready 1 · running 1 · finished 0");
    expect(model.rows.map(({ id, doing, effort }) => [id, doing, effort])).toEqual([
      ["t1", "worker:t1#1 working › acting(bash)", "12 s  3.2k tok  $0.04"],
      ["t2", "ready, waits for a free place", ""],
      ["t3", "waits for t1, t2", ""],
      ["t4", "waits for t3", ""],
    ]);
  });

  it("tells why a task is tried again, and what a lost one comes down to", () => {
    const context = contextOf(DIAMOND, (queue) => {
      const { queue: started } = startReady(queue, DIAMOND, 0);
      const waiting = retryTask(started, { task: taskIdAt(0), wakeAt: 5_000, failure: failure("Overloaded", "x"), usd: 0 });
      return failTask(waiting, DIAMOND, { task: taskIdAt(1), at: 1, failure: failure("Refused", "would not"), usd: 0 });
    });
    const model = viewModel(fold(event("run.started", { at: 0 })), context, 1_000);
    expect(model.rows.map(({ id, status, doing }) => `${id} ${status}: ${doing}`)).toEqual([
      "t1 retrying: attempt 1 failed (Overloaded), again in 4.0 s",
      "t2 failed: Refused: would not",
      "t3 skipped: Refused: would not",
      "t4 skipped: Refused: would not",
    ]);
  });

  it("says that a turn waits, and forgets what an attempt that is over still says", () => {
    const seen = fold(
      event("task.started", { task: "t1", attempt: 2 }),
      event("turn.failed", { conversation: "t1#2", wakeAt: 4_000 }),
      event("tool.started", { conversation: "t1#1", tool: "late" }),
    );
    const context = contextOf(DIAMOND, (queue) => startReady(queue, DIAMOND, 0).queue);
    expect(viewModel(seen, context, 1_000).rows[0]?.doing).toBe("worker:t1#1 starting › waiting(Overloaded) in 3.0 s");
    expect(detailOf(seen, "t1").attempt).toBe(2);
  });

  it("shows the run's own conversations while there is no plan", () => {
    const seen = fold(
      event("phase.entered", { phase: "decomposing" }),
      event("turn.started", { conversation: "plan" }),
      event("tool.started", { conversation: "plan", tool: "read" }),
    );
    const model = viewModel(seen, { ...contextOf(DIAMOND), plan: null, queue: null }, 1);
    expect(model.rows.map(({ label, doing }) => `${label}: ${doing}`)).toEqual(["plan: plan › acting(read)"]);
    expect(model.queue).toBe("");
  });

  it("is safe to show, whatever the events say", () => {
    const context = contextOf(DIAMOND, (queue) => startReady(queue, DIAMOND, 0).queue);
    const lines = EVERY_EVENT.flatMap((_, at) =>
      layout(viewModel(fold(...EVERY_EVENT.slice(0, at + 1)), context, 1), { columns: 100, rows: 30 }),
    );
    expect(lines.filter(({ text }) => UNSAFE.test(text))).toEqual([]);
  });
});

describe("many tasks", () => {
  it("are all remembered, each with its latest", () => {
    const ids = Array.from({ length: 300 }, (_, at) => `t${at + 1}`);
    const seen = fold(
      ...ids.map((id) => event("task.started", { task: id, attempt: 1 })),
      ...ids.map((id) => event("task.finished", { task: id, summary: `did ${id}` })),
    );
    expect(ids.map((id) => detailOf(seen, id))).toEqual(
      ids.map((id) => expect.objectContaining({ attempt: 1, summary: `did ${id}`, state: "starting" }) as unknown),
    );
    expect(Object.keys(seen.latest).length).toBeLessThanOrEqual(64);
  });
});

describe("what models are saying", () => {
  const piece = (conversation: string, text: string, kind = "text") => ({ conversation, text, kind });

  it("is kept to its last characters, however much comes, and goes when the answer is there", () => {
    const sayings = new Sayings();
    expect(sayings.take()).toBe(null);
    for (let at = 0; at < 10_000; at++) sayings.hear(piece("t1#1", `word ${at} `));
    sayings.hear(piece("plan", "x".repeat(1_000_000)));
    sayings.hear(piece("t2#1", "hidden", "thinking"));
    const said = sayings.take() ?? {};
    expect(Object.keys(said)).toEqual(["t1#1", "plan"]);
    expect(said["t1#1"]).toMatch(/word 9998 word 9999 $/);
    expect(Object.values(said).every((text) => text.length <= 120)).toBe(true);
    expect(sayings.take()).toBe(null);
    sayings.end("t1#1");
    sayings.end("t1#1");
    expect(sayings.take()).toEqual({ plan: "x".repeat(120) });
  });

  it("is kept of a few conversations only", () => {
    const sayings = new Sayings();
    for (let at = 0; at < 1_000; at++) sayings.hear(piece(`t${at}#1`, "a"));
    expect(Object.keys(sayings.take() ?? {})).toHaveLength(64);
  });

  it("stands behind what its task does, as plain text, its end last", () => {
    const context = contextOf(DIAMOND, (queue) => startReady({ ...queue, concurrency: 1 }, DIAMOND, 1_000).queue);
    const seen = {
      ...fold(event("task.started", { task: "t1", attempt: 1 })),
      saying: { "t1#1": `${HOSTILE} and then the tests` },
    };
    const [row] = viewModel(seen, context, 2_000).rows;
    expect(row?.doing).toMatch(/^worker:t1#1 starting: ….*and then the tests$/);
    expect(row?.doing).not.toMatch(UNSAFE);
  });
});

describe("the layout", () => {
  const statuses: readonly TaskStatus[] = [
    "running",
    "asking",
    "retrying",
    "ready",
    "waiting",
    "failed",
    "skipped",
    "finished",
    "invalidated",
  ];
  const text = fc.string({ unit: fc.constantFrom("a", " ", "漢", "👍", "e\u0301"), maxLength: 60 });
  const row: fc.Arbitrary<ViewRow> = fc.record({
    id: fc.constantFrom("", "t1", "t999"),
    status: fc.constantFrom(...statuses),
    worker: text,
    label: text,
    doing: text,
    effort: fc.constantFrom("", "12 s  3.2k tok  $0.04"),
  });
  const model: fc.Arbitrary<ViewModel> = fc.record({
    request: text,
    path: text,
    totals: text,
    queue: text,
    rows: fc.array(row, { maxLength: 60 }),
    trouble: text,
  });

  it("never outgrows the screen, and counts what it leaves out", () => {
    const size = fc.record({ columns: fc.integer({ min: 1, max: 120 }), rows: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(model, size, fc.constantFrom(null, "? Run it? (y/n)"), (view, screen, question) => {
        const lines = layout(view, screen, question);
        expect(lines.length).toBeLessThanOrEqual(Math.max(1, screen.rows - 1));
        for (const line of lines) expect(cellsOf(line.text)).toBeLessThanOrEqual(screen.columns);
        if (question !== null && screen.columns >= 15) expect(lines.at(-1)?.text).toBe(question);
        const [, left] = lines.map((line) => /^… (\d+) more$/.exec(line.text)).find((match) => match !== null) ?? [];
        const shown = lines.filter((line) => /^[●?↻○·✓✗–] /.test(line.text)).length;
        if (left !== undefined && question === null && screen.columns > 12)
          expect(Number(left) + shown).toBeGreaterThanOrEqual(view.rows.length);
      }),
    );
  });

  it("drops the effort before the doing on a narrow screen", () => {
    const one = {
      id: "t1",
      status: "running" as const,
      worker: "docs",
      label: "guide",
      doing: "worker:t1#1 working › thinking",
      effort: "12 s  3.2k tok  $0.04",
    };
    const view = { request: "r", path: "p", totals: "t", queue: "", rows: [one], trouble: "" };
    const wide = layout(view, { columns: 80, rows: 24 }).at(-1)?.text ?? "";
    expect(wide).toMatch(/^● t1 docs {2}guide: worker:t1#1 working › thinking +12 s {2}3\.2k tok {2}\$0\.04$/);
    expect(cellsOf(wide)).toBe(80);
    expect(layout(view, { columns: 40, rows: 24 }).at(-1)?.text).toBe("● t1 docs  worker:t1#1 working › thinki…");
  });
});

describe("the plan as text", () => {
  it("shows steps, dependencies, the longest path and a bound for each task", () => {
    const lines = planLines(contextOf(DIAMOND));
    expect(lines[0]).toBe("Plan: 4 tasks in 3 steps, up to 8 at once");
    expect(lines.filter((line) => line.startsWith("Step"))).toEqual(["Step 1", "Step 2", "Step 3"]);
    expect(lines).toContain("Longest path (*): t1 → t3 → t4 (3 tasks)");
    expect(lines.find((line) => line.includes("t3  docs"))).toMatch(/^\* t3 {2}docs +job 2 +at most \$\d+\.\d\d +after t1, t2$/);
    expect(lines.join("")).not.toMatch(UNSAFE);
  });

  it("adds the bounds up, and has none without a price", () => {
    const priced = planData(contextOf(DIAMOND));
    const sum = priced.tasks.reduce((total, { worstCaseUsd }) => total + (worstCaseUsd ?? Number.NaN), 0);
    expect(priced.worstCaseUsd).toBeGreaterThan(sum);
    const context = contextOf(DIAMOND);
    const unpriced = { ...context, models: resolveModels({ worker: "own-model" }) };
    expect(planData(unpriced).worstCaseUsd).toBe(null);
    expect(planLines(unpriced).at(-1)).toMatch(/^Worst case: unknown/);
  });
});

describe("questions and the end", () => {
  it("show a call whole, without escapes", () => {
    const ask = {
      id: "x",
      kind: "permission" as const,
      from: "t1#1",
      text: HOSTILE,
      detail: { tool: "bash", input: { command: `a\n${HOSTILE}` } },
      hash: "h",
      at: 1,
    };
    const { lines, question } = askText(ask, contextOf(DIAMOND));
    expect(lines.join("\n")).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
    expect(lines.slice(0, 3)).toEqual(["May this be run (t1#1)?", "  bash", "    command: a"]);
    expect(question).toBe("Run it?");
  });

  it("tell each task with its status and cause, conflicts, files and what to do next", () => {
    const context = contextOf(DIAMOND, (queue) => {
      const { queue: started } = startReady(queue, DIAMOND, 0);
      const done = finishTask(started, DIAMOND, {
        task: taskIdAt(0),
        at: 2_000,
        result: { ref: "r", bytes: 1, summary: "s" },
        usd: 0.5,
      });
      return failTask(done, DIAMOND, { task: taskIdAt(1), at: 1, failure: failure("Refused", "would not"), usd: 0 });
    });
    const told = { attempt: 1, code: "VerifyFailed" as const, message: HOSTILE, changes: [`model a -> ${HOSTILE}`] };
    const made = runOutput({
      ...context,
      history: { t1: [told], t2: [told, { ...told, attempt: 2, changes: [] }] },
      outcome: "partial",
      answer: `Half.\n${HOSTILE}`,
      conflicts: [{ path: "a", tasks: ["t1", "t2"], kept: "t2" }],
      files: [{ path: "a", kind: "modified" }],
    });
    const output = { ...made, ledger: foldLedger([], { models: context.models }) };
    const extras = {
      resultFolder: "/r",
      applied: null,
      notApplied: null,
      resume: null,
      applyLater: "quatrain resume run --apply",
      budgetUsd: 2,
    };
    const lines = summaryLines(output as Parameters<typeof summaryLines>[0], extras);
    expect(lines).toEqual(
      expect.arrayContaining([
        "  ✓ t1 docs  job 0 (2.0 s, $0.50): ",
        expect.stringMatching(
          /^ {2}– t3 docs {2}job 2 skipped: Refused: Not started: it needs the result of "job 1" \(t2\), which failed/,
        ),
        "  a: changed by t1 and t2; the version of t2 is kept",
        "1 file changed (all files are in /r)",
        "  M a",
        "Your folder is unchanged. Carry the result over: quatrain resume run --apply",
      ]),
    );
    const retold = lines.filter((line) => line.startsWith("      attempt 1 failed with VerifyFailed, then: model a -> "));
    expect(retold).toHaveLength(2);
    for (const line of lines) expect(line).not.toMatch(UNSAFE);
    const open = summaryLines(output as Parameters<typeof summaryLines>[0], { ...extras, resume: "quatrain resume run" });
    expect(open.at(-1)).toBe("Take it up again: quatrain resume run");
  });
});
