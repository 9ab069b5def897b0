// Ways of the chart on real actors: after every step the real state is the explored one.
import { describe, expect, it } from "vitest";
import { assign, enqueueActions } from "xstate";
import type { ActorRefFrom, AnyActorLogic } from "xstate";
import { createOrchestrator } from "quatrain/machines";
import { exploreRun, pathsOf, replayPath, replayPaths } from "quatrain/testing";
import type { ChartStep, PathsOptions } from "quatrain/testing";
import { workers } from "../../../support/cast.ts";
import { mutants } from "../../../support/mutants.ts";
import { diamond, planOf } from "../../../support/plans.ts";

const isDone = (snapshot: unknown): boolean =>
  typeof snapshot === "object" && snapshot !== null && "status" in snapshot && snapshot.status === "done";
const chain = planOf({ a: {}, b: { needs: ["a"] } });
const untilFour: PathsOptions["until"] = ({ context }) => (context.queue?.tasks ?? []).some(({ attempts }) => attempts > 3);

const cases: readonly [string, Partial<PathsOptions>][] = [
  ["a diamond, two at once, late reports", { plan: diamond, options: { concurrency: 2 }, outcomes: ["WorkspaceFailed"] }],
  ["crashes", { outcomes: ["crash"] }],
  ["people who interfere", { commands: [{ type: "run.pause" }, { type: "task.skip", task: "t2" }, { type: "run.cancel" }] }],
  ["tasks that are cut", { outcomes: ["PromptTooLong"], options: { maxTasks: 4 } }],
  ["suspended runs", { outcomes: ["AuthFailed"], until: untilFour }],
  [
    "routing, planning, files that collide",
    { plan: null, plans: [planOf({ a: {}, b: {} })], options: { hasWorkspace: true, asks: "wait" }, outcomes: [] },
  ],
];

describe("replays on real actors", () => {
  it.each(cases)("reach the explored states: %s", async (_name, more) => {
    const options: PathsOptions = { workers, plan: chain, to: "states", most: 80, ...more };
    const replays = await replayPaths(options);
    expect(replays.length).toBeGreaterThan(20);
    expect(replays.filter(({ difference }) => difference !== null)).toEqual([]);
    expect(replays.every(({ matched, steps }) => matched === steps.length)).toBe(true);
  });

  const options: PathsOptions = { workers, plan: chain, outcomes: ["WorkspaceFailed"], calls: [], stale: false };
  // This is how it looks in a test of one's own: one test for each way.
  it.each(pathsOf(options))("$title", async (path) => {
    const { difference, rows, events } = await replayPath(path, options);
    expect(difference).toBeNull();
    expect(rows[0]?.kind).toBe("head");
    expect(path.title).toContain(events.at(-1)?.type === "run.finished" ? "⇒" : "nothing");
  });

  it("take all simple paths, each once and no state twice", () => {
    const two: PathsOptions = { ...options, plan: planOf({ a: {}, b: {} }), outcomes: [] };
    const simple = pathsOf({ ...two, paths: "simple" });
    expect(pathsOf(two)).toHaveLength(1);
    expect(simple.map(({ title }) => title)).toEqual([
      "t1 finishes → t2 finishes → the synthesis is done ⇒ complete",
      "t2 finishes → t1 finishes → the synthesis is done ⇒ complete",
    ]);
    expect(pathsOf({ ...two, paths: "simple", most: 1 })).toHaveLength(1);
  });

  it.each(mutants.filter(({ script }) => script !== ""))("lead to the mistake, too: $name", async (mutant) => {
    const { machine, concurrency, stale, breaks } = mutant;
    const broken: PathsOptions = { workers, plan: diamond, machine, stale, options: { concurrency } };
    const [witness] = exploreRun(broken).violations;
    expect(witness?.invariant).toBe(breaks);
    const { difference, matched } = await replayPath(witness ?? { steps: [] }, broken);
    expect(difference).toBeNull();
    expect(matched).toBe(witness?.steps.length);
  });

  it("tell the run of what was stopped before anything else comes", async () => {
    const steps: readonly ChartStep[] = [
      { kind: "command", command: { type: "task.skip", task: "t1" } },
      { kind: "finish", task: "t2", attempt: 1 },
    ];
    const { difference, rows } = await replayPath({ steps }, { ...options, plan: planOf({ a: {}, b: {} }) });
    expect(difference).toBeNull();
    const of = (kind: string, child: string) => rows.findIndex((row) => row.kind === kind && row.id?.startsWith(child));
    expect(of("cancelled", "worker:t1#1")).toBeGreaterThan(0);
    expect(of("cancelled", "worker:t1#1")).toBeLessThan(of("result", "worker:t2#1"));
  });

  it("break where the chart does", async () => {
    const machine = createOrchestrator({ workers }).provide({
      actions: {
        takeSynthesis: assign(() => {
          throw new Error("no such thing");
        }),
      },
    });
    const breaking: PathsOptions = { ...options, plan: planOf({ a: {} }), machine };
    const [witness] = exploreRun(breaking).violations;
    expect(witness?.invariant).toBe("nothingBreaks");
    expect(await replayPath(witness ?? { steps: [] }, breaking)).toMatchObject({ difference: null, matched: 2 });
    const { difference } = await replayPath({ steps: witness?.steps.slice(0, 1) ?? [] }, breaking);
    expect(difference).toBeNull();
  });

  it("tell a step that can't come", async () => {
    const impossible: readonly ChartStep[] = [{ kind: "finish", task: "t2", attempt: 1 }];
    expect(await replayPath({ steps: impossible }, options)).toMatchObject({
      title: "t2 finishes",
      matched: 0,
      difference: '"t2 finishes" can\'t come; there is worker:t1#1',
    });
  });

  it("tell where a real actor does otherwise than its chart", async () => {
    // Only a real wait has come to its end when its end is told; in the chart nothing was ever started.
    const machine = createOrchestrator({ workers }).provide({
      actions: {
        wakeUp: enqueueActions(({ event, self, enqueue }) => {
          const { children } = self.getSnapshot() as unknown as {
            children: Readonly<Record<string, ActorRefFrom<AnyActorLogic>>>;
          };
          const wait = children[String(Reflect.get(event, "actorId"))];
          if (isDone(wait?.getSnapshot())) enqueue.assign({ answer: "it is real" });
        }),
      },
    });
    const steps: readonly ChartStep[] = [
      { kind: "fail", task: "t1", attempt: 1, code: "WorkspaceFailed" },
      { kind: "wake", what: "t1#1" },
    ];
    const { difference, matched } = await replayPath({ steps }, { ...options, machine });
    expect(matched).toBe(1);
    expect(difference).toMatch(/^after "t1 is woken" it is .*, explored was /);
  });
});
