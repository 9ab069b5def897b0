import { mkdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { createActor } from "xstate";
import { z } from "zod";
import { sqliteHost } from "../../src/host/sqlite.ts";
import {
  BUILT_IN,
  commandRun,
  defineWorker,
  forkRun,
  listRuns,
  openRun,
  orchestrate,
  peekRun,
  prepareRun,
} from "../../src/index.ts";
import type { ForkOptions, NumberedEvent, Run, Worker } from "../../src/index.ts";
import type { DraftPlan, DraftTask } from "../../src/protocol/plan.ts";
import { draftOf } from "../../src/queue/write-draft.ts";
import { checkPlan } from "../../src/queue/check-plan.ts";
import { defineTool } from "../../src/tools/define-tool.ts";
import { deferred, eventOf, eventsOf, fixedModel, folder, hasty, kept, threeTasks } from "./helpers.ts";
import type { Answers } from "./helpers.ts";

let workspace: string;
let store: string;
beforeEach(async () => {
  workspace = await folder();
  store = path.join(workspace, ".quatrain");
});

/** Runs the three tasks (a, b after a, c apart) to their end; in text, unless a workspace is given. */
async function original(answers: Answers = {}, more: object = {}): Promise<Run> {
  const model = fixedModel({ ...inText, ...answers });
  const run = kept(orchestrate("go", { store, id: "r-1", mode: "orchestrate", model, ...more }));
  await run.result;
  return run;
}

/** Forks the run and lets the fork end. */
async function forked(options: Partial<ForkOptions<readonly Worker[]>> = {}, answers: Answers = inText) {
  const model = fixedModel(answers);
  const run = kept(await forkRun("r-1", { store, model, ...options }));
  const result = await run.result;
  const events = await eventsOf(run);
  return { run, result, events, asked: model.asked, requests: model.requests, reused: reusedIn(events) };
}

/** The three tasks without files. */
const inText: Answers = {
  ...threeTasks,
  plan: {
    json: {
      rationale: "three steps",
      tasks: [
        { label: "a", worker: "backend", task: "say a" },
        { label: "b", worker: "docs", task: "say b", depends_on: ["a"] },
        { label: "c", worker: "docs", task: "say c" },
      ],
    },
  },
  t1: "Said a.",
  t2: "Said b.",
  t3: "Said c.",
};

const reusedIn = (events: readonly NumberedEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === "task.reused" ? [event.task] : []));
const read = (file: string): Promise<string> => readFile(path.join(workspace, file), "utf8");

async function planOf(id: string): Promise<DraftPlan> {
  const { context } = await peekRun(id, { store });
  if (!context.plan) throw new Error("no plan");
  return draftOf(context.plan);
}

const edited = ({ rationale, tasks }: DraftPlan, label: string, change: Partial<DraftTask>): DraftPlan => ({
  rationale,
  tasks: tasks.map((task) => (task.label === label ? { ...task, ...change } : task)),
});

describe("a fork", () => {
  it("of a finished run reuses every task: only the answer is written again", async () => {
    const first = await original(threeTasks, { workspace });
    const { result, asked, events } = await forked({}, threeTasks);
    expect(result).toMatchObject({ outcome: "complete", answer: "All done." });
    expect(asked).toEqual(["synthesis/1"]);
    const spent = (await first.result).tasks.map(({ usd }) => usd);
    const reused = events.filter((event) => event.type === "task.reused");
    expect(reused).toMatchObject([
      { task: "t1", from: "r-1", savedUsd: spent[0], files: ["a.txt"] },
      { task: "t3", from: "r-1", savedUsd: spent[2], files: ["c.md"] },
      { task: "t2", from: "r-1", savedUsd: spent[1], files: ["b.md"] },
    ]);
    expect(result.tasks.map(({ usd, attempts }) => [usd, attempts])).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(listRuns({ store }).map(({ id, parent }) => [id === "r-1", parent?.run ?? null])).toEqual([
      [true, null],
      [false, "r-1"],
    ]);
  });

  it("with an edited plan does again what changed and what depends on it, and nothing else", async () => {
    await original();
    const plan = edited(await planOf("r-1"), "a", { task: "say a otherwise" });
    const { result, asked, reused } = await forked({ plan }, { ...inText, t1: "Said it otherwise." });
    expect(result).toMatchObject({ outcome: "complete" });
    expect(reused).toEqual(["t3"]);
    expect(asked).toEqual(["t1#1/1", "t2#1/1", "synthesis/1"]);
  });

  it("reuses what depends on a task that was done again and came to the very same", async () => {
    await original();
    const plan = edited(await planOf("r-1"), "a", { constraints: ["in short"] });
    const { reused, asked } = await forked({ plan: JSON.stringify(plan) });
    expect([reused, asked]).toEqual([
      ["t3", "t2"],
      ["t1#1/1", "synthesis/1"],
    ]);
  });

  it("builds on the files that the old run began with, whatever the user did since", async () => {
    await original(threeTasks, { workspace });
    await writeFile(path.join(workspace, "a.txt"), "mine\n");
    await writeFile(path.join(workspace, "new.txt"), "mine, too\n");
    const plan = edited(await planOf("r-1"), "b", { task: "look at a", writes: [] });
    const answers: Answers = {
      ...threeTasks,
      t2: ({ turn, messages }) =>
        turn === 1
          ? {
              calls: [
                { tool: "glob", input: { pattern: "*" } },
                { tool: "read", input: { file_path: "a.txt" } },
              ],
            }
          : `It saw ${JSON.stringify(messages.at(-1)?.content)}`,
    };
    const { run, result } = await forked({ plan }, answers);
    expect(result.tasks[1]?.summary).toContain("two");
    expect(result.tasks[1]?.summary).not.toContain("new.txt");
    await expect(run.apply()).rejects.toMatchObject({ code: "WorkspaceChanged" });
    await writeFile(path.join(workspace, "a.txt"), "one\n");
    await run.apply();
    expect([await read("a.txt"), await read("c.md"), await read("new.txt")]).toEqual(["two\n", "# c\n", "mine, too\n"]);
  });

  it("from a moment in the middle reuses what was finished then", async () => {
    const events = await eventsOf(await original());
    const at = Number(events.find((event) => event.type === "task.finished" && event.task === "t1")?.seq.split(".")[0]);
    const { result, asked } = await forked({ at, id: "middle" });
    expect(result).toMatchObject({ outcome: "complete", runId: "middle" });
    expect(asked).not.toContain("t1#1/1");
    expect(asked).toContain("t2#1/1");
    expect(asked.some((turn) => turn.startsWith("plan/"))).toBe(false);
  });

  it("from before the plan plans anew, and knows what was said", async () => {
    const gate = deferred<string>();
    const model = fixedModel({ ...inText, plan: () => gate.promise });
    const run = kept(orchestrate("go", { store, id: "r-1", model, mode: "orchestrate" }));
    await eventOf(run, "turn.started", ({ conversation }) => conversation === "plan");
    run.send({ type: "run.tell", text: "only with tabs" });
    run.send({ type: "run.pause" });
    await eventOf(run, "activity.changed");
    await run.stop();
    const { result, asked, requests } = await forked();
    expect(result).toMatchObject({ outcome: "complete" });
    expect(asked[0]).toBe("plan/1");
    expect(JSON.stringify(requests[0]?.messages)).toContain("only with tabs");
  });

  it("of a fork names the run that did the work, and what it cost there", async () => {
    await original();
    const { run } = await forked({ id: "r-2" });
    expect((await run.result).outcome).toBe("complete");
    const model = fixedModel(inText);
    const again = kept(await forkRun("r-2", { store, model }));
    await again.result;
    const reused = (await eventsOf(again)).flatMap((event) => (event.type === "task.reused" ? [event] : []));
    expect(reused.map(({ from, savedUsd }) => [from, savedUsd > 0])).toEqual([
      ["r-1", true],
      ["r-1", true],
      ["r-1", true],
    ]);
    expect(model.asked).toEqual(["synthesis/1"]);
  });

  it("on another model does that model's work again", async () => {
    await original();
    const { reused, asked } = await forked({ models: { worker: "haiku" } });
    expect(reused).toEqual([]);
    expect(asked).toContain("t3#1/1");
  });

  it("with a worker who is another now does that worker's tasks again", async () => {
    const docs = (instructions: string) => defineWorker({ name: "docs", description: "d", instructions });
    const backend = BUILT_IN.filter(({ name }) => name === "backend");
    await original({}, { workers: [...backend, docs("Write.")] });
    const { reused } = await forked({ workers: [...backend, docs("Write well.")] });
    expect(reused).toEqual(["t1"]);
  });

  it("gives what was said to the workers that start anew, and reuses what was finished before it was said", async () => {
    const gate = deferred<string>();
    const run = kept(orchestrate("go", { store, id: "r-1", model: fixedModel({ ...inText, t2: () => gate.promise }) }));
    await eventOf(run, "turn.started", ({ conversation }) => conversation === "t2#1");
    await eventOf(run, "task.finished", ({ task }) => task === "t3");
    commandRun("r-1", { type: "run.tell", text: "mind the gap" }, { store });
    commandRun("r-1", { type: "run.pause" }, { store });
    await eventOf(run, "activity.changed");
    await run.stop();
    const { reused, requests } = await forked();
    expect(reused).toEqual(["t1", "t3"]);
    expect(JSON.stringify(requests.find(({ conversation }) => conversation === "t2#1"))).toContain("mind the gap");
  });

  it("does again what a tool with effects outside took part in", async () => {
    const post = defineTool({
      name: "post",
      description: "Posts a text.",
      input: z.object({ text: z.string() }),
      class: "once",
      run: () => Promise.resolve({ content: "posted", isError: false }),
    });
    const caller = defineWorker({
      name: "docs",
      description: "d",
      instructions: "i",
      tools: ["write", "post"],
      evidence: "schema",
    });
    const workers = [...BUILT_IN.filter(({ name }) => name === "backend"), caller];
    const permissions = { allow: ["post"] };
    const answers: Answers = {
      t3: ({ turn }) => (turn === 1 ? { calls: [{ tool: "post", input: { text: "c" } }] } : "Posted c."),
    };
    await original({ ...threeTasks, ...answers }, { workers, tools: [post], permissions, workspace });
    const { reused, asked } = await forked({ workers, tools: [post] }, { ...threeTasks, ...answers });
    expect(reused).toEqual(["t1", "t2"]);
    expect(asked).toContain("t3#1/1");
  });

  it("with more money does what the old run had none left for", async () => {
    const policy = { table: hasty };
    const tasks = [
      { label: "a", worker: "backend", task: "say a" },
      { label: "b", worker: "docs", task: "say b", depends_on: ["a", "c"], tier: "opus" },
      { label: "c", worker: "docs", task: "say c" },
    ];
    const dear = { fail: "Refused", usage: { outputTokens: 16_000 } } as const;
    const plan = { json: { rationale: "", tasks } };
    const first = await original({ plan, "t2#1": dear }, { budget: { usd: 0.5 }, policy });
    expect(await first.result).toMatchObject({ outcome: "partial", budgetReached: true });
    const { result, reused } = await forked({ budget: { usd: 5 }, policy });
    expect([result.outcome, result.budgetReached, reused]).toEqual(["complete", false, ["t1", "t3"]]);
  });

  it("of a direct request gives its answer without asking anybody", async () => {
    await original({ t1: "Forty-two." }, { mode: "direct", workers: BUILT_IN.filter(({ name }) => name === "docs") });
    const { result, asked } = await forked();
    expect([result.answer, result.outcome, asked]).toEqual(["Forty-two.", "complete", []]);
  });
});

/** A run that was begun elsewise than `orchestrate` does: on other machines, or with a head of its own. */
function strange(
  answers: Answers,
  change: { readonly versions?: Readonly<Record<string, string>>; readonly actions?: object; readonly digests?: object } = {},
) {
  mkdirSync(store, { recursive: true });
  const host = sqliteHost({ file: path.join(store, "runs.db"), run: "r-1" });
  const model = fixedModel({ ...inText, ...answers });
  const { world, input } = prepareRun("go", { store, id: "r-1", mode: "orchestrate", model }, host.clock);
  const machine = world.machines.orchestrator.provide({ actions: change.actions ?? {} });
  const given = change.digests ? { ...input, world: { ...input.world, workerDigests: change.digests } } : input;
  const versions = { ...world.versions, ...change.versions };
  const actor = createActor(machine, host.attach({ input: given as typeof input, versions }));
  actor.start();
  onTestFinished(() => host.close());
  return { host, actor };
}

describe("a fork goes on from", () => {
  it("a run that an error inside its machine broke, with all that was finished before", async () => {
    const broken = (): never => {
      throw new TypeError("a mistake of ours");
    };
    const { host } = strange({}, { actions: { openSynthesis: broken } });
    expect(await host.settled()).toMatchObject({ kind: "error" });
    expect(listRuns({ store })).toMatchObject([{ state: "broken" }]);
    const { result, asked, reused } = await forked();
    expect([result.outcome, reused, asked]).toEqual(["complete", ["t1", "t3", "t2"], ["synthesis/1"]]);
  });

  it("a run of another version of machines and prompts, which can't be resumed", async () => {
    const { host, actor } = strange(
      { synthesis: () => new Promise(() => {}) },
      { versions: { machines: "0", prompts: "older" } },
    );
    await new Promise<void>((resolve) => {
      actor.on("turn.started", ({ conversation }) => conversation === "synthesis" && resolve());
    });
    await host.close();
    await expect(openRun("r-1", { store, model: fixedModel({}) })).rejects.toMatchObject({
      code: "StoreTooNew",
      message: expect.stringContaining("fork the run") as string,
    });
    const { result, asked, reused } = await forked();
    expect([result.outcome, reused, asked]).toEqual(["complete", ["t1", "t3", "t2"], ["synthesis/1"]]);
  });

  it("a run whose workers got another prompt then, doing their work again", async () => {
    const { host } = strange({}, { versions: { prompts: "older" }, digests: { backend: "older", docs: "older" } });
    expect(await host.settled()).toEqual({ kind: "done" });
    const { reused, asked } = await forked();
    expect([reused, asked.length]).toEqual([[], 4]);
  });

  it("a run whose journal is damaged, with what was finished before the damage", async () => {
    const events = await eventsOf(await original());
    const row = Number(
      events.find((event) => event.type === "phase.entered" && event.phase === "synthesizing")?.seq.split(".")[0],
    );
    const database = new DatabaseSync(path.join(store, "runs.db"));
    database.prepare("UPDATE host_rows SET body = ? WHERE seq = ?").run('{"value":"forged"}', row + 1);
    database.close();
    const model = fixedModel({});
    await expect(openRun("r-1", { store, model })).rejects.toMatchObject({ code: "StoreCorrupt" });
    await expect(peekRun("r-1", { store })).rejects.toMatchObject({ code: "StoreCorrupt" });
    await expect(forkRun("r-1", { store, model, at: row + 2 })).rejects.toMatchObject({ code: "StoreCorrupt" });
    expect((await peekRun("r-1", { store, at: row })).seq).toBe(row);
    const { result, reused } = await forked();
    expect([result.outcome, reused]).toEqual(["complete", ["t1", "t3", "t2"]]);
  });

  it("the last row that this version can follow, and says which that is when a later one is wanted", async () => {
    const policy = { table: hasty };
    const tasks = [
      { label: "a", worker: "backend", task: "say a" },
      { label: "b", worker: "docs", task: "say b", depends_on: ["a", "c"] },
      { label: "c", worker: "docs", task: "say c" },
    ];
    await original({ plan: { json: { rationale: "", tasks } }, "t2#1": { fail: "Refused" } }, { policy });
    const { rows } = await peekRun("r-1", { store, policy });
    // Under this policy t2 is not tried again, so its wait in the journal fits nothing.
    const other = { table: { ...hasty, Refused: { ...hasty.Refused, attempt: [], then: "fail" as const } } };
    const { run, reused } = await forked({ policy: other });
    const seq = run.snapshot.context.lineage?.parent.seq ?? 0;
    expect(seq).toBeGreaterThan(rows / 2);
    expect(seq).toBeLessThan(rows);
    expect(reused).toEqual(["t1", "t3"]);
    await expect(forkRun("r-1", { store, policy: other, at: rows, model: fixedModel({}) })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringContaining(`up to row ${seq} only`) as string,
    });
  });
});

describe("a fork is refused", () => {
  it("with a plan that can't be carried out, naming everything that is wrong with it", async () => {
    await original();
    const plan = edited(await planOf("r-1"), "b", { worker: "docks", depends_on: ["a", "z"] });
    await expect(forkRun("r-1", { store, plan, model: fixedModel({}) })).rejects.toMatchObject({
      code: "BadPlan",
      message: expect.stringMatching(/docks[\s\S]*"z"/) as string,
    });
    expect(listRuns({ store })).toHaveLength(1);
  });

  it("of a run or row that is not there, and with an id that is taken", async () => {
    await original();
    const model = fixedModel({});
    await expect(forkRun("r-9", { store, model })).rejects.toMatchObject({ code: "UnknownRun" });
    await expect(forkRun("r-1", { store, model, at: 9_999 })).rejects.toMatchObject({ code: "BadOption" });
    await expect(forkRun("r-1", { store, model, id: "no/path" })).rejects.toMatchObject({ code: "BadOption" });
    await expect(forkRun("r-1", { store, model, id: "r-1" })).rejects.toMatchObject({ code: "BadOption" });
  });
});

describe("the draft of a plan", () => {
  it("checked again is the same plan", async () => {
    await original();
    const { context } = await peekRun("r-1", { store });
    const checked = checkPlan(await planOf("r-1"), { workers: BUILT_IN });
    expect(checked).toEqual({ ok: true, plan: context.plan });
  });
});
