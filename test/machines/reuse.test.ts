import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { randomFrom } from "../../src/core/random.ts";
import { taskId } from "../../src/core/ids.ts";
import { simulatedHost } from "../../src/host/simulated.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import { contentKey, reusable, workerDigest, workerDigests } from "../../src/machines/reuse.ts";
import type { RunContext } from "../../src/machines/run-state.ts";
import { startRun } from "../../src/machines/run-state.ts";
import type { Lineage, ReuseEntry } from "../../src/protocol/lineage.ts";
import type { Plan, Task } from "../../src/protocol/plan.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import type { RunEvent } from "../../src/protocol/run-event.ts";
import type { Report } from "../../src/protocol/work.ts";
import { randomPlan } from "../../src/testing/simulate/random-plan.ts";
import { randomWorld } from "../../src/testing/simulate/random-world.ts";
import type { RunSnapshot } from "../../src/testing/simulate/stage.ts";
import { WorldPorts } from "../../src/testing/simulate/world.ts";
import { modelOf, models, runInput, workers } from "../support/cast.ts";
import { planOf } from "../support/plans.ts";

const cards = workers.map(({ card }) => card);
const refuse = () => ({ ok: false as const, issues: [] });
const rules = { policy: DEFAULT_POLICY, cards, tools: {}, checkPlan: refuse, checkSplit: refuse };
const facts = { workers: workerDigests(cards, {}), base: "base" };
const lineageOf = (reuse: readonly ReuseEntry[], base: string | null = null): Lineage => ({
  parent: { run: "r-0", seq: 9, as: "fork" },
  route: null,
  told: [],
  base,
  reuse,
  earlier: [],
});

const report = (ref: string): Report => ({
  worker: "backend",
  success: true,
  output: { ref: `output ${ref}`, bytes: 1, value: "x" },
  summary: "x",
  changes: { ref: `changes ${ref}`, files: [] },
  evidence: [],
});

/** `b` needs `a`, whose report is there. */
function contextOf(change: (plan: Plan) => Plan = (plan) => plan, more: Partial<RunContext> = {}): RunContext {
  const plan = change(planOf({ a: {}, b: { needs: ["a"], files: ["f"], writes: ["w"], acceptance: ["make"] } }));
  return { ...startRun(runInput({ plan }), rules), reports: [report("1"), null], ...more };
}

const changed =
  (label: string, more: Partial<Task>) =>
  (plan: Plan): Plan => ({ ...plan, tasks: plan.tasks.map((task) => (task.label === label ? { ...task, ...more } : task)) });

describe("the key of a task's content", () => {
  const key = (context: RunContext, more: Partial<typeof facts> = {}) => contentKey(context, taskId("t2"), { ...facts, ...more });
  const usual = key(contextOf());

  it.each<[string, RunContext, Partial<typeof facts>?]>([
    ["its task", contextOf(changed("b", { task: "do it otherwise" }))],
    ["its input", contextOf(changed("b", { input: 3 }))],
    ["its files", contextOf(changed("b", { files: ["g"] }))],
    ["its constraints", contextOf(changed("b", { constraints: ["fast"] }))],
    ["its output format", contextOf(changed("b", { outputFormat: "two lines" }))],
    ["what it may write", contextOf(changed("b", { writes: [] }))],
    ["what it must pass", contextOf(changed("b", { acceptance: [] }))],
    ["its tier", contextOf(changed("b", { tier: "opus" }))],
    ["its worker", contextOf(changed("b", { worker: "frontend" }))],
    ["what its worker is", contextOf(), { workers: { ...facts.workers, backend: "another" } }],
    ["the files at the start", contextOf(), { base: "another" }],
    [
      "the model",
      contextOf(undefined, { models: { ...models, tiers: { ...models.tiers, sonnet: modelOf("claude-sonnet-5") } } }),
    ],
    [
      "the effort",
      contextOf(undefined, {
        models: { ...models, tiers: { ...models.tiers, sonnet: modelOf("claude-sonnet-5-5", { effort: "low" }) } },
      }),
    ],
    ["the report it is given", contextOf(undefined, { reports: [{ ...report("1"), output: report("2").output }, null] })],
    ["the files it builds on", contextOf(undefined, { reports: [{ ...report("1"), changes: report("2").changes }, null] })],
    ["a dependency more", contextOf(changed("b", { dependencies: [] }))],
    ["the label of what it needs", contextOf(changed("a", { label: "aa" }))],
  ])("changes with %s", (_what, context, more) => {
    expect(key(context, more)).not.toBe(usual);
    expect(key(context, more)).not.toBeNull();
  });

  it("changes with nothing else: not its place, label or price, what was said, or what earlier attempts tried", () => {
    const first = contextOf((plan) => ({ ...plan, rationale: "other" }));
    const price = { ...models.tiers.sonnet, price: null };
    const same: readonly RunContext[] = [
      first,
      contextOf(changed("b", { label: "bb", optional: true })),
      contextOf(undefined, { told: ["hurry"], runId: "r-9", seed: 7, now: 99 }),
      contextOf(undefined, { models: { ...models, orchestrator: modelOf("x"), tiers: { ...models.tiers, sonnet: price } } }),
      contextOf(undefined, {
        adjustments: { t2: { choice: models.orchestrator, trimmed: true, issues: ["no"], changes: ["yes"] } },
      }),
    ];
    for (const context of same) expect(key(context)).toBe(usual);
  });

  it("is none for a task or worker that nobody knows", () => {
    expect(contentKey(contextOf(), taskId("t9"), facts)).toBeNull();
    expect(contentKey(contextOf(changed("b", { worker: "constructor" })), taskId("t2"), facts)).toBeNull();
    expect(contentKey(startRun(undefined, rules), taskId("t1"), facts)).toBeNull();
  });

  it("knows a worker by its card and its tools, however many it may be at once", () => {
    const card = cards[0]!;
    const tool = { name: "read", description: "reads", inputSchema: {} };
    expect(workerDigest({ ...card, cap: 3 }, {})).toBe(workerDigest(card, {}));
    for (const other of [
      { ...card, instructions: "!" },
      { ...card, tools: [] },
      { ...card, maxTurns: 3 },
    ])
      expect(workerDigest(other, {})).not.toBe(workerDigest(card, {}));
    expect(workerDigest(card, { read: tool })).not.toBe(workerDigest(card, { read: { ...tool, description: "writes" } }));
  });
});

describe("finished work", () => {
  it("stands for a task that was never started, not for one that is done again", () => {
    const context = contextOf(undefined, { lineage: null });
    const entry = { key: contentKey(context, taskId("t2"), facts) ?? "", from: "r-0", usd: 1, report: report("2") };
    const given = { ...context, lineage: lineageOf([entry], "base") };
    const digests = () => facts.workers;
    expect(reusable(given, taskId("t2"), digests)).toBe(entry);
    expect(reusable(given, taskId("t1"), digests)).toBeUndefined();
    expect(reusable({ ...given, lineage: lineageOf([entry], "other") }, taskId("t2"), digests)).toBeUndefined();
    const tasks = given.queue?.tasks.map((task) => ({ ...task, attempts: 1 })) ?? [];
    expect(reusable({ ...given, queue: given.queue && { ...given.queue, tasks } }, taskId("t2"), digests)).toBeUndefined();
  });
});

describe("a run that takes over finished work", () => {
  const world = new WorldPorts(Object.fromEntries(cards.map(({ name, outputSchema }) => [name, outputSchema])));
  const machine = createOrchestrator({ workers, ports: world.ports });
  const named = cards.filter(({ name }) => name !== "parrot");

  /** A run in a random world, or in a kind one when it takes work over; what suspends it is mended. */
  async function play(seed: number, plan: Plan, lineage?: Lineage) {
    const asked: string[] = [];
    const events: RunEvent[] = [];
    world.performing = ({ effect, key }) => void (effect === "modelTurn" && asked.push(key));
    world.world = lineage ? () => ({}) : randomWorld(seed, { turns: 0.15, steps: 0.1 }, named);
    const host = simulatedHost({ seed });
    const at = host.clock.now();
    const input = runInput({ plan, seed, at, options: { concurrency: 1 + (seed % 5), hasWorkspace: seed % 2 === 0 } });
    const actor = createActor(machine, host.attach({ input: lineage ? { ...input, lineage } : input }));
    actor.on("*", (event) => events.push(event));
    actor.start();
    let end = await host.run();
    for (let times = 0; end.kind === "stalled" && times < 100; times++) {
      host.send({ type: "run.resume" });
      end = await host.run();
    }
    const snapshot = actor.getSnapshot();
    return { end, events, snapshot, output: snapshot.output, asked };
  }

  /** What a fork makes of a run's end. */
  function entriesOf({ snapshot: { context } }: { readonly snapshot: RunSnapshot }): readonly ReuseEntry[] {
    const known = {
      workers: workerDigests(cards, Object.fromEntries(world.ports.tools.map((tool) => [tool.name, tool]))),
      base: null,
    };
    return (context.queue?.tasks ?? []).flatMap(({ id, usd }, at) => {
      const [done, key] = [context.reports[at], contentKey(context, id, known)];
      return done && key !== null ? [{ key, from: "r-0", usd, report: done }] : [];
    });
  }

  it("starts nobody for it, gives dependants the same, and does the rest, whatever the plan", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 100_000 }), async (seed) => {
        const plan = randomPlan(randomFrom(seed), named, [1, 8]);
        const first = await play(seed, plan);
        const entries = entriesOf(first);
        const finished = new Set(first.snapshot.context.reports.flatMap((done, at) => (done ? [`t${at + 1}`] : [])));
        // Tasks that were cut into parts or worded anew are so in the plan of a fork, too.
        const second = await play(seed, first.snapshot.context.plan ?? plan, lineageOf(entries));
        const reused = second.events.flatMap((event) => (event.type === "task.reused" ? [event.task] : []));
        const { reports } = second.snapshot.context;
        // A soft dependency that failed before and is done now makes for another task.
        const started = second.events.flatMap((event) => (event.type === "task.started" ? [event.task] : []));
        expect(reused.filter((task) => !finished.has(task))).toEqual([]);
        expect(started.filter((task) => reused.includes(task))).toEqual([]);
        expect(new Set(reused).size).toBe(reused.length);
        for (const task of reused)
          expect(reports[Number(task.slice(1)) - 1]).toEqual(first.snapshot.context.reports[Number(task.slice(1)) - 1]);
        expect(second.asked.filter((key) => reused.some((task) => key.startsWith(`${task}#`)))).toEqual([]);
        expect(second.end).toEqual({ kind: "done" });
        if (first.output?.tasks.every(({ status }) => status === "finished")) expect(started).toEqual([]);
      }),
      { numRuns: 30, seed: 11 },
    );
  });

  it("takes over 1,200 finished tasks in one go, more than it may start at once", async () => {
    const plan = planOf(Object.fromEntries(Array.from({ length: 1_200 }, (_, at) => [`n${at}`, {}])));
    const digests = workerDigests(cards, Object.fromEntries(world.ports.tools.map((tool) => [tool.name, tool])));
    const whole = startRun(runInput({ plan }), rules);
    const entries = plan.tasks.map(({ id }): ReuseEntry => {
      const key = contentKey(whole, id, { workers: digests, base: null }) ?? "";
      return { key, from: "r-0", usd: 1, report: report(id) };
    });
    const run = await play(2, plan, lineageOf(entries));
    expect(run.end).toEqual({ kind: "done" });
    expect(run.events.filter(({ type }) => type === "task.reused")).toHaveLength(1_200);
    expect(run.events.filter(({ type }) => type === "task.started")).toEqual([]);
  });
});
