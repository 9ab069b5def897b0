// What a test found can be looked at: a witness of any kind is written as a run file, which the command line takes in.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assign, setup } from "xstate";
import { BUILT_IN, defineWorker, peekRun } from "quatrain";
import { effect } from "quatrain/host";
import { createOrchestrator } from "quatrain/machines";
import type { MachineOptions } from "quatrain/machines";
import { atEnd, crashSweep, exploreHost, playCase, replayTree, runFileOf, simulateRuns } from "quatrain/testing";
import type { CrashViolation, SimulatedCase, SimulatedRun } from "quatrain/testing";
import { planOf } from "../support/plans.ts";
import { ended, folders } from "./helpers.ts";

const places = folders();
let directory = "";
beforeEach(async () => {
  directory = await places.make();
});
afterEach(() => places.clean());

const docs = planOf({ a: { worker: "docs" } });
const caseOf = (plan: SimulatedCase["plan"]): SimulatedCase => ({
  seed: 1,
  mode: "orchestrate",
  plan,
  options: {},
  commands: [],
  world: { script: {} },
});
const onlyOnce = atEnd("onlyOnce", ({ output }) =>
  output?.tasks.some(({ attempts }) => attempts > 1) ? "a task was tried twice" : undefined,
);

/** Writes a run file, takes it in, and returns the id that the command line tells. */
async function imported(run: SimulatedRun, ...more: readonly string[]): Promise<string> {
  await writeFile(path.join(directory, "witness.ndjson"), runFileOf(run));
  const { code, stdout, stderr } = await ended(["import", "witness.ndjson", ...more], { directory });
  expect([code, stderr]).toEqual([0, ""]);
  return /^Imported (\S+)\./.exec(stdout)?.[1] ?? "";
}

describe("a witness that was replayed", () => {
  it("of the tree is shown whole, row by row, listed, and exported as it was written", async () => {
    const options = { workers: BUILT_IN, plan: docs, crashes: 0, options: { synthesis: false }, invariants: [onlyOnce] };
    const [witness] = (await exploreHost(options)).violations;
    const { run } = await replayTree(options, witness?.steps ?? []);
    const id = await imported(run);
    expect(id).toMatch(/^w-\w{12}$/);

    const shown = await ended(["show", id, "--json"], { directory });
    expect(JSON.parse(shown.stdout)).toMatchObject({ runId: id, outcome: run.output?.outcome, tasks: [{ attempts: 2 }] });
    const words = await ended(["show", id], { directory });
    expect([words.code, words.stderr]).toEqual([0, ""]);
    const start = run.events.findIndex(({ type }) => type === "task.started");
    expect(start).toBeGreaterThan(0);
    for (const { seq } of run.rows) {
      const moment = await ended(["show", id, "--at", String(seq), "--json"], { directory });
      expect(JSON.parse(moment.stdout)).toMatchObject({ type: "run", seq });
    }
    expect((await ended(["runs"], { directory })).stdout).toContain(id);
    await ended(["export", id, "again.ndjson"], { directory });
    expect(await readFile(path.join(directory, "again.ndjson"), "utf8")).toBe(runFileOf(run));

    // The events are those of the run, which was called otherwise.
    const { events, rows } = await peekRun(id, { store: path.join(directory, ".quatrain") });
    expect(rows).toBe(run.rows.length);
    expect(events.map(({ type }) => type)).toEqual(run.events.map(({ type }) => type));
  });

  it("of simulated runs, too: their models are told of the same tools as real ones", async () => {
    const options = { workers: BUILT_IN, runs: 5, faults: { turns: 0.9 }, invariants: [onlyOnce] };
    const [violation] = (await simulateRuns(options)).violations;
    expect(violation?.script).toContain("attempt 2");
    const id = await imported(await playCase(options, violation?.case as SimulatedCase));
    const shown = await ended(["show", id, "--json"], { directory });
    expect(JSON.parse(shown.stdout)).toMatchObject({ tasks: [{ attempts: 2 }] });
    const armed = await imported(await playCase(options, { ...caseOf(docs), options: { hasWorkspace: true } }));
    const open = await ended(["show", armed, "--json"], { directory });
    expect([open.code, JSON.parse(open.stdout)]).toMatchObject([0, { outcome: "complete" }]);
  });

  it("of a crash sweep is the run that was killed at that moment and taken up again", async () => {
    const work = effect("work", { class: "idempotent" }, (_input: { key: string }, { lost }) => (lost > 0 ? "other" : "usual"));
    const machine = setup({ types: { context: {} as { made: string } }, actors: { work } }).createMachine({
      id: "own",
      context: { made: "" },
      initial: "working",
      states: {
        working: {
          invoke: {
            id: "work",
            src: "work",
            input: { key: "work" },
            onDone: { target: "done", actions: assign({ made: ({ event }) => event.output.value }) },
            onError: "done",
          },
        },
        done: { type: "final" },
      },
      output: ({ context }) => ({ ok: true, output: context.made }),
    });
    const own = defineWorker({ name: "own", description: "Works.", machine });
    const options = { workers: [own], cases: [caseOf(planOf({ a: { worker: "own" } }))] };
    const { violations } = await crashSweep(options);
    const [{ invariant, case: played, stop }] = violations as [CrashViolation];
    expect(invariant).toBe("sameResult");
    const outputOf = ({ output }: SimulatedRun) => output?.tasks[0]?.output;
    expect(outputOf(await playCase(options, played))).toBe("usual");
    const run = await playCase(options, played, stop);
    expect(outputOf(run)).toBe("other");
    const id = await imported(run);
    const { context } = await peekRun(id, { store: path.join(directory, ".quatrain"), workers: [own] });
    expect(context.reports[0]?.output.value).toBe("other");
    // A moment that never comes kills nobody.
    expect(outputOf(await playCase(options, played, 1_000))).toBe("usual");
  });

  it("is another run under another id; the same one is the same run", async () => {
    const options = { workers: BUILT_IN };
    const run = await playCase(options, caseOf(docs));
    expect(runFileOf(run)).toBe(runFileOf(await playCase(options, caseOf(docs))));
    const id = await imported(run);
    const again = await ended(["import", "witness.ndjson"], { directory });
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining(`There is a run "${id}" already`)]);
    expect(await imported(await playCase(options, { ...caseOf(docs), seed: 2 }))).not.toBe(id);
    await writeFile(path.join(directory, "named.ndjson"), runFileOf(run, "w-named"));
    expect((await ended(["import", "named.ndjson"], { directory })).stdout).toMatch(/^Imported w-named\./);
    const shown = await ended(["show", "w-named", "--json"], { directory });
    expect(JSON.parse(shown.stdout)).toMatchObject({ runId: "w-named" });
  });

  it("that the command line can't replay is listed, says why, and opens where its workers are known", async () => {
    const writer = defineWorker({ name: "writer", description: "Writes.", perform: () => "written" });
    const own = planOf({ a: { worker: "writer" } });
    const policy = { attempts: 3 };
    const store = path.join(directory, ".quatrain");
    const listed = async (id: string) => {
      const shown = await ended(["show", id], { directory });
      expect([shown.code, shown.stderr]).toEqual([0, ""]);
      const exact = await ended(["show", id, "--at", "3"], { directory });
      expect([exact.code, exact.stdout]).toEqual([2, ""]);
      expect((await ended(["runs"], { directory })).stdout).toContain(id);
      return shown.stdout.split("\n")[1];
    };
    const theirs = await imported(await playCase({ workers: [writer] }, caseOf(own)));
    expect(await listed(theirs)).toMatch(/^w-\w+: ended\. More can't be shown here: .*writer/);
    const stricter = await imported(await playCase({ workers: BUILT_IN, policy }, caseOf(docs)));
    expect(await listed(stricter)).toMatch(/^w-\w+: ended\. More can't be shown here: .* another policy/);
    for (const { context } of [await peekRun(theirs, { store, workers: [writer] }), await peekRun(stricter, { store, policy })])
      expect(context.queue?.tasks[0]).toMatchObject({ status: "finished" });
  });

  it("of another orchestrator is shown as far as it goes here, and nothing is added to it", async () => {
    const lazy = (options: MachineOptions) => createOrchestrator(options).provide({ actions: { dispatch: () => undefined } });
    const cancelled: SimulatedCase = { ...caseOf(docs), commands: [{ afterMs: 10, event: { type: "run.cancel" } }] };
    const run = await playCase({ workers: BUILT_IN, machine: lazy }, cancelled);
    expect(run.output?.outcome).toBe("cancelled");
    const id = await imported(run);
    const { code, stdout } = await ended(["show", id, "--json"], { directory });
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { type: "run", state: "ended", rows: run.rows.length }]);
    expect((await ended(["export", id], { directory })).stdout).toBe(runFileOf(run));
  });

  it("that is not over can be taken up", async () => {
    const options = { workers: BUILT_IN, plan: docs, crashes: 0, options: { synthesis: false } };
    const { run } = await replayTree(options, []);
    const id = await imported(run);
    const { stdout } = await ended(["show", id], { directory });
    expect(stdout).toContain(`Take it up (unless a process is working on it): quatrain resume ${id}`);
  });
});
