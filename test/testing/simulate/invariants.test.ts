// Each invariant holds of a run that went well, and notices the one thing that is changed in what it is shown of it.
import { describe, expect, it } from "vitest";
import { resolveBudget } from "../../../src/protocol/budget.ts";
import { type Invariant, invariants, type RunSnapshot, type SimulatedRun, simulateRuns, throughout } from "quatrain/testing";
import type { RunEvent } from "../../../src/protocol/run-event.ts";
import { failure } from "../../../src/core/failure.ts";
import { taskIdAt } from "../../../src/core/ids.ts";
import { workers } from "../../support/cast.ts";
import { planOf } from "../../support/plans.ts";

const ACCOUNT = { usd: 0, reservedUsd: 0, reservedInputTokens: 0, reservedOutputTokens: 0, inFlight: false, turn: 0, model: "" };

/** One thing that is shown of a run while it goes on. */
type Step = { readonly snapshot: RunSnapshot } | { readonly event: RunEvent };

/** All that is shown of a run, in order. */
interface Shown {
  readonly steps: readonly Step[];
  readonly run: SimulatedRun;
}

/** A run of three tasks, of which one fails once and one fails for good. */
async function shownRun(): Promise<Shown> {
  const steps: Step[] = [];
  const runs: SimulatedRun[] = [];
  const recorder = throughout("recorder", () => ({
    snapshot: (snapshot) => void steps.push({ snapshot }),
    event: (event) => void steps.push({ event }),
  }));
  const script = {
    "modelTurn t1#1/turn/1.0": { answer: "GAVE UP: no idea" },
    "modelTurn t2#1/turn/1.0": { answer: { fail: "Rejected" as const } },
  };
  const plan = planOf({ a: { worker: "capped" }, b: {}, c: { needs: ["b"] }, d: { needs: ["a"], worker: "capped" } });
  await simulateRuns({
    workers,
    cases: [
      { seed: 3, mode: "orchestrate", plan, options: { budget: resolveBudget({ usd: 10 }) }, commands: [], world: { script } },
    ],
    invariants: [recorder],
    repeatEvery: 0,
    onRun: (run) => runs.push(run),
  });
  const [run] = runs;
  if (!run) throw new Error("There was no run.");
  return { steps, run };
}

const shown = await shownRun();

/** What an invariant says to what it is shown. */
function verdict({ watch }: Invariant, { steps, run }: Shown): string | undefined {
  const { snapshot, event, end } = watch();
  const events = steps.flatMap((step) => ("event" in step ? [step.event] : []));
  const said = steps.map((step) => ("event" in step ? event?.(step.event) : snapshot?.(step.snapshot)));
  return [...said, end?.({ ...run, events })].find((breach) => breach !== undefined);
}

/** The same run with other events. */
const withEvents = (change: (event: RunEvent) => readonly RunEvent[]): Shown => ({
  ...shown,
  steps: shown.steps.flatMap((step): readonly Step[] =>
    "event" in step ? change(step.event).map((event) => ({ event })) : [step],
  ),
});
const twice = (type: RunEvent["type"]): Shown => withEvents((event) => (event.type === type ? [event, event] : [event]));
const never = (wrong: (event: RunEvent) => boolean): Shown => withEvents((event) => (wrong(event) ? [] : [event]));

/** The same run with something else in every snapshot. */
const withSnapshots = (change: (snapshot: RunSnapshot) => object): Shown => ({
  ...shown,
  steps: shown.steps.map((step) =>
    "event" in step ? step : { snapshot: { ...step.snapshot, ...change(step.snapshot) } as RunSnapshot },
  ),
});
const withContext = (change: (context: RunSnapshot["context"]) => Partial<RunSnapshot["context"]>): Shown =>
  withSnapshots(({ context }) => ({ context: { ...context, ...change(context) } }));

const withRun = (change: Partial<SimulatedRun>): Shown => ({ ...shown, run: { ...shown.run, ...change } });

const { run } = shown;
const output = run.output ?? (() => expect.fail("there is no output"))();
const outcome = (change: Partial<typeof output>): Shown => withRun({ output: { ...output, ...change } });
const lossOf = (id: string) => output.tasks.map((task) => (task.id === id ? { ...task, failure: null, cause: null } : task));

const changed: readonly (readonly [keyof typeof invariants, string, Shown])[] = [
  ["everyRunEnds", "a run that broke", withRun({ end: { kind: "error", error: new Error("broken") } })],
  ["everyRunEnds", "two last words", twice("run.finished")],
  ["everyRunEnds", "no last word", never(({ type }) => type === "run.finished")],
  ["everyWaitHasAWakeUp", "a stall", withRun({ end: { kind: "stalled" } })],
  ["everyTaskEndsOnce", "an end too few", never(({ type }) => type === "task.failed")],
  ["everyTaskEndsOnce", "an end too many", twice("task.finished")],
  [
    "dependenciesHold",
    "a link the other way round",
    withContext(({ plan }) => ({
      plan: plan && {
        ...plan,
        tasks: plan.tasks.map((task) => ({ ...task, dependencies: [{ task: taskIdAt(2), kind: "hard" as const }] })),
      },
    })),
  ],
  ["noDoubleStart", "a start twice", twice("task.started")],
  ["noDoubleStart", "an attempt left out", never((event) => event.type === "task.started" && event.attempt === 1)],
  ["capsHold", "fewer places", withContext(({ options }) => ({ options: { ...options, concurrency: 0 } }))],
  ["capsHold", "a wrong count", withContext(({ queue }) => ({ queue: queue && { ...queue, runningBy: { capped: 7 } } }))],
  [
    "budgetHolds",
    "a smaller budget",
    withContext(({ options }) => ({ options: { ...options, budget: resolveBudget({ usd: 0.01 }) } })),
  ],
  ["bookkeepingHolds", "a report too few", withContext(({ reports }) => ({ reports: reports.slice(1) }))],
  ["moneyAddsUp", "a turn booked twice", outcome({ spend: { ...output.spend, usd: output.spend.usd * 2 } })],
  ["moneyAddsUp", "a turn not booked", outcome({ spend: { ...output.spend, usd: output.spend.usd / 2 } })],
  ["moneyAddsUp", "a task that paid too little", outcome({ tasks: output.tasks.map((task) => ({ ...task, usd: 0 })) })],
  [
    "noOrphanActor",
    "a worker without a task",
    withSnapshots(() => ({ children: { "worker:t1#9": { getSnapshot: () => ({ status: "active" }) } } })),
  ],
  ["nothingIsLeft", "an effect without its end", withRun({ rows: run.rows.filter(({ kind }) => kind !== "result") })],
  ["nothingIsLeft", "a row left out", withRun({ rows: run.rows.slice(1) })],
  [
    "nothingIsLeft",
    "an open account",
    withRun({
      snapshot: {
        ...run.snapshot,
        context: { ...run.snapshot.context, accounts: { t1: { ...ACCOUNT, reservedUsd: 1, inFlight: true } } },
      },
    }),
  ],
  ["outcomeExplains", "complete with a loss", outcome({ outcome: "complete" })],
  ["outcomeExplains", "failed with a result", outcome({ outcome: "failed" })],
  ["outcomeExplains", "cancelled for no reason", outcome({ outcome: "cancelled", failure: null })],
  ["outcomeExplains", "a loss without a reason", outcome({ tasks: lossOf("t2") })],
  [
    "outcomeExplains",
    "a skip for a loss that is none",
    outcome({
      tasks: output.tasks.map((task) => (task.id === "t2" ? { ...task, cause: failure("Refused", "something else") } : task)),
    }),
  ],
];

describe("each invariant", () => {
  it.each(Object.values(invariants))("$name holds of a run that went well", (invariant) => {
    expect(verdict(invariant, shown)).toBeUndefined();
  });

  it.each(changed)("%s notices %s", (name, _what, doctored) => {
    expect(verdict(invariants[name], doctored)).toEqual(expect.any(String));
  });

  it("holds of what was lost because of a task that failed with a cause of its own", async () => {
    const plan = planOf({ a: {}, b: { needs: ["a"] } });
    const refused = { answer: { stop: "refusal" } } as const;
    const script = {
      "modelTurn t1#1/turn/1.0": refused,
      "modelTurn t1#2/turn/1.0": refused,
      "modelTurn mend:t1#1/turn/1.0": { answer: { fail: "BudgetExceeded" } },
    } as const;
    const runs: SimulatedRun[] = [];
    const { violations } = await simulateRuns({
      workers,
      cases: [{ seed: 1, mode: "orchestrate", plan, options: { asks: "deny" }, commands: [], world: { script } }],
      onRun: (played) => runs.push(played),
    });
    expect(runs[0]?.output?.tasks.map(({ failure: why, cause }) => [why?.code, cause?.code])).toEqual([
      ["BudgetExceeded", "Refused"],
      ["DependencyFailed", "Refused"],
    ]);
    expect(violations).toEqual([]);
  });

  it("is changed at least once", () => {
    expect(new Set(changed.map(([name]) => name))).toEqual(new Set(Object.keys(invariants)));
  });
});
