import { readFile, readdir, readlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { startWith, throwError } from "rxjs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { definePlan, orchestrate } from "../../src/index.ts";
import type { Worker } from "../../src/index.ts";
import { HostError } from "../../src/host/errors.ts";
import { SqliteJournal } from "../../src/host/sqlite-journal.ts";
import type { DelegateLogic } from "../../src/workers/define-worker.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { deferred, echo, eventOf, eventsOf, fixedModel, folder, hasty, keeping, kept, tables, threeTasks } from "./helpers.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Open files of this process, by path; none where the system does not tell. */
async function openFiles(): Promise<readonly string[]> {
  const names = await readdir("/proc/self/fd").catch(() => []);
  return Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
}

/** A function worker that waits to be told. */
const slow = (text: Promise<string>): Worker => defineWorker({ name: "slow", description: "d", perform: () => text });

const done = fixedModel({ "*": "done" });
const one = (worker: Worker) => ({ workers: [worker], mode: "direct" as const, policy: { table: hasty }, model: done });

describe("a result", () => {
  it("tells of a machine that breaks before its first state", async () => {
    const plan = { workers: [echo], plan: { rationale: "", tasks: null } } as unknown as ReturnType<typeof definePlan>;
    const run = kept(orchestrate(plan, { model: done }));
    const result = await run.result;
    expect(result).toMatchObject({ runId: run.id, outcome: "suspended", failure: { code: "Internal" }, tasks: [] });
    expect(await eventsOf(run)).toEqual([]);
  });

  it("tells of a model port that breaks its promise never to throw, without losing the run", async () => {
    const error = new Error("socket of glass");
    for (const turn of [
      () => {
        throw error;
      },
      () => throwError(() => error),
    ]) {
      const run = kept(
        orchestrate("x", { ...one(defineWorker({ name: "w", description: "d", instructions: "i" })), model: { turn } }),
      );
      const { outcome, failure } = await run.result;
      expect({ outcome, code: failure?.code }).toEqual({ outcome: "suspended", code: "Internal" });
      expect(failure?.message).toContain("socket of glass");
    }
  });

  it("tells of a full disk, and what was done until then", async () => {
    const workspace = await folder();
    const append = SqliteJournal.prototype.append;
    let left = 12;
    vi.spyOn(SqliteJournal.prototype, "append").mockImplementation(function (this: SqliteJournal, rows) {
      if (left-- <= 0) throw new HostError("StoreFull", "The disk is full: free space and resume the run.");
      append.call(this, rows);
    });
    const { outcome, failure, tasks } = await kept(orchestrate("x", { workspace, model: fixedModel(threeTasks) })).result;
    expect({ outcome, code: failure?.code }).toEqual({ outcome: "suspended", code: "StoreFull" });
    expect(tasks.map(({ status }) => status)).toContain("unfinished");
  });

  it("tells of another owner that took the run", async () => {
    const store = await folder();
    const append = SqliteJournal.prototype.append;
    let left = 2;
    vi.spyOn(SqliteJournal.prototype, "append").mockImplementation(function (this: SqliteJournal, rows) {
      if (left-- <= 0) throw new HostError("LeaseLost", "another owner");
      append.call(this, rows);
    });
    expect(await kept(orchestrate("x", { ...one(echo), store })).result).toMatchObject({ failure: { code: "LeaseLost" } });
  });

  it("is the worker's, in words, when a tool of the user's throws", async () => {
    const run = kept(
      orchestrate("x", {
        ...one(defineWorker({ name: "w", description: "d", instructions: "i", tools: ["bomb"] })),
        workspace: await folder(),
        permissions: { allow: ["bomb"] },
        tools: [
          {
            spec: { name: "bomb", description: "b", inputSchema: { type: "object" }, class: "pure" },
            run: () => Promise.reject(new Error("boom")),
          },
        ],
        model: fixedModel({
          "*": ({ turn, messages }) =>
            turn === 1 ? { calls: [{ tool: "bomb", input: {} }] } : `The tool said: ${JSON.stringify(messages.at(-1)?.content)}`,
        }),
      }),
    );
    const { outcome, answer } = await run.result;
    expect(outcome).toBe("complete");
    expect(answer).toContain("boom");
  });

  it("is not harmed by an inspect function that throws", async () => {
    const inspect = vi.fn<() => void>(() => {
      throw new Error("inspector broke");
    });
    expect(await kept(orchestrate("x", { ...one(echo), inspect })).result).toMatchObject({
      outcome: "complete",
      answer: "echo of x",
    });
    expect(inspect).toHaveBeenCalledTimes(3);
  });

  it("is partial when the money is spent, with what there was money for", async () => {
    const big = defineWorker({ name: "big", description: "d", instructions: "i" });
    const plan = definePlan(
      [echo, big],
      [
        { label: "free", worker: "echo", task: "hello" },
        { label: "dear", worker: "big", task: "write a book" },
        { label: "after", worker: "echo", task: "bind it", dependsOn: ["dear"] },
      ],
    );
    const result = await kept(orchestrate(plan, { model: fixedModel({ synthesis: "In short." }), budget: { usd: 0.02 } })).result;
    expect(result).toMatchObject({ outcome: "partial", budgetReached: true });
    expect(result.tasks.map(({ status }) => status)).toEqual(["finished", "failed", "skipped"]);
    expect(result.tasks[1]?.failure?.code).toBe("BudgetExceeded");
    expect(result.spend.usd).toBeLessThanOrEqual(0.02);
  });
});

describe("typed tasks", () => {
  it("hold their worker's output, whole however long it is", async () => {
    const names = Array.from({ length: 2_000 }, (_, at) => `table_${at}`);
    const many = defineWorker({
      name: "many",
      description: "d",
      output: z.object({ tables: z.array(z.string()) }),
      perform: () => ({ tables: names }),
    });
    const plan = definePlan(
      [tables, many, echo],
      [
        { label: "few", worker: "tables", task: "t", input: { entity: "user" } },
        { label: "many", worker: "many", task: "t" },
        { label: "text", worker: "echo", task: "e".repeat(6_000) },
      ],
    );
    const run = kept(orchestrate(plan, { model: done }));
    const { tasks } = await run.result;
    const outputs = tasks.map((task) =>
      task.worker === "echo"
        ? task.status === "finished"
          ? task.output.length
          : 0
        : task.status === "finished"
          ? task.output.tables
          : [],
    );
    expect(outputs).toEqual([["user"], names, 4_000]);
    expect(JSON.parse(await run.output("t2"))).toEqual({ tables: names });
    expect(await run.output("t3")).toBe(`echo of ${"e".repeat(6_000)}`);
  });

  it("have no output before they are finished", async () => {
    const failing = defineWorker({
      name: "failing",
      description: "d",
      perform: () => {
        throw new Error("no");
      },
    });
    const run = kept(orchestrate("x", one(failing)));
    const { tasks } = await run.result;
    expect(tasks).toMatchObject([{ status: "failed", output: null, attempts: 2, failure: { code: "WorkerCrashed" } }]);
    for (const task of ["t1", "t2", "__proto__"]) await expect(run.output(task)).rejects.toMatchObject({ code: "BadOption" });
  });

  it.each<[string, () => unknown, string]>([
    ["nothing", () => undefined, "WorkerOutputInvalid"],
    ["a function", () => () => 0, "WorkerOutputInvalid"],
    ["a big integer", () => 1n, "WorkerOutputInvalid"],
    [
      "a cycle",
      () => {
        const loop: { self?: unknown } = {};
        loop.self = loop;
        return loop;
      },
      "WorkerOutputInvalid",
    ],
    ["a rejection of nothing", () => Promise.reject(undefined), "WorkerCrashed"],
    ["a throw of an object that can't be told", () => Promise.reject(Object.create(null)), "WorkerCrashed"],
  ])("fail with the right name when a function gives %s", async (_what, perform, code) => {
    const worker = defineWorker({ name: "odd", description: "d", perform: perform as () => string });
    expect(await kept(orchestrate("x", one(worker))).result).toMatchObject({ outcome: "failed", failure: { code } });
  });

  it("come from machines of the user's, and fail with them", async () => {
    const logic = (output: unknown) =>
      ({
        start: () => undefined,
        getInitialSnapshot: () => ({ status: "done", output, error: undefined }),
        transition: (snapshot: unknown) => snapshot,
        getPersistedSnapshot: (snapshot: unknown) => snapshot,
      }) as unknown as DelegateLogic;
    const worker = defineWorker({ name: "machine", description: "d", machine: logic({ ok: true, output: "made" }) });
    expect(await kept(orchestrate("x", one(worker))).result).toMatchObject({ outcome: "complete", answer: "made" });
  });
});

describe("the workspace", () => {
  const clash = {
    ...threeTasks,
    t3: ({ turn }: { readonly turn: number }) =>
      turn === 1 ? { calls: [{ tool: "write", input: { file_path: "a.txt", content: "three\n" } }] } : "Wrote.",
  };

  it("names the files that two tasks changed, and whose version was kept", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("go", { workspace, model: fixedModel(clash), policy: { table: keeping } }));
    const { conflicts } = await run.result;
    expect(conflicts).toEqual([{ path: "a.txt", tasks: ["t1", "t3"], kept: "t3" }]);
    expect(await eventOf(run, "conflict.found")).toMatchObject({ path: "a.txt", kept: "t3" });
    expect(await run.apply()).toContain("a.txt");
    expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("three\n");
  });

  it("has the later of two tasks that changed one file done again on top of the earlier", async () => {
    const workspace = await folder();
    const seen: string[] = [];
    const model = fixedModel({
      ...clash,
      "t3#2": (request) => {
        if (request.turn === 1) return { calls: [{ tool: "read", input: { file_path: "a.txt" } }] };
        seen.push(JSON.stringify(request.messages.at(-1)));
        return request.turn === 2
          ? { calls: [{ tool: "write", input: { file_path: "a.txt", content: "two\nthree\n" } }] }
          : "Both.";
      },
    });
    const run = kept(orchestrate("go", { workspace, model }));
    expect(await run.result).toMatchObject({ outcome: "complete", conflicts: [] });
    expect(seen[0]).toContain("two");
    await run.apply();
    expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("two\nthree\n");
  });

  it("is not touched where the user changed a file meanwhile", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("go", { workspace, model: fixedModel(threeTasks) }));
    await run.result;
    await writeFile(path.join(workspace, "a.txt"), "mine\n");
    await expect(run.apply()).rejects.toMatchObject({ code: "WorkspaceChanged", files: ["a.txt"] });
    expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("mine\n");
    expect(await readdir(workspace)).not.toContain("b.md");
  });

  it("has nothing to apply before there is a result", async () => {
    const gate = deferred<string>();
    const run = kept(orchestrate("go", { ...one(echo), workspace: await folder(), workers: [slow(gate.promise)] }));
    await eventOf(run, "task.started");
    await expect(run.apply()).rejects.toMatchObject({ code: "ResultMissing" });
    gate.resolve("late");
    expect(await run.result).toMatchObject({ outcome: "complete", answer: "late" });
  });
});

describe("deltas", () => {
  it("are told to whoever watches, by task, and end with the run", async () => {
    const worker = defineWorker({ name: "w", description: "d", instructions: "i" });
    const seen: string[] = [];
    const ends: string[] = [];
    const run = kept(
      orchestrate("x", {
        ...one(worker),
        model: {
          turn: (request) => {
            const { conversation, turn } = request;
            const pieces = ["do", "ne"].map(
              (text) => ({ kind: "delta", delta: { conversation, turn, kind: "text", text } }) as const,
            );
            return done.turn(request, {}).pipe(startWith(...pieces));
          },
        },
      }),
    );
    run.deltas("t1").subscribe({ next: ({ text }) => seen.push(text), complete: () => ends.push("t1") });
    run.deltas("t2").subscribe({ next: ({ text }) => seen.push(`wrong: ${text}`), complete: () => ends.push("t2") });
    await run.result;
    expect(seen).toEqual(["do", "ne"]);
    expect(ends.toSorted()).toEqual(["t1", "t2"]);
  });
});

describe("after a run", () => {
  it("nothing is left that keeps the process or the store", async () => {
    const workspace = await folder();
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    const files = new Set(await openFiles());
    const signal = new AbortController();
    const run = orchestrate("go", { workspace, model: fixedModel(threeTasks), signal: signal.signal });
    await run.result;
    expect(timers()).toBeLessThanOrEqual(before);
    expect((await openFiles()).filter((file) => !files.has(file) && file.startsWith(workspace))).toEqual([]);
    const left = (await readdir(path.join(workspace, ".quatrain"), { recursive: true })).filter((name) =>
      name.includes(".partial-"),
    );
    expect(left).toEqual([]);
  });
});
