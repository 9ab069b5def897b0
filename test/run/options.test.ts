import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { QuatrainError } from "../../src/core/errors.ts";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import { definePlan, listRuns, openRun, orchestrate } from "../../src/index.ts";
import type { DefinedPlan, OrchestrateOptions } from "../../src/index.ts";
import { mergePermissions } from "../../src/run/options.ts";
import { defaultPermissions } from "../../src/tools/permissions.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { echo, fixedModel, folder, kept, threeTasks } from "./helpers.ts";

const KEYS = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"];
const before = new Map(KEYS.map((name) => [name, process.env[name]]));
beforeEach(() => {
  for (const name of KEYS) Reflect.deleteProperty(process.env, name);
});
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

const model = fixedModel({ "*": "done" });
// Options as plain JavaScript may give them.
const start = orchestrate as unknown as (request: unknown, options?: object) => ReturnType<typeof orchestrate>;

function errorOf(request: unknown, options: object = {}): QuatrainError {
  try {
    kept(start(request, { model, ...options }));
  } catch (error) {
    if (QuatrainError.is(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

/** A row with one step for a new attempt. */
const rowOf = (step: object) => ({ turn: [], attempt: [step], then: "fail" });

describe("a bad option", () => {
  it.each<[string, unknown, object, string, string[]]>([
    ["an empty request", " \n", {}, "EmptyRequest", ["empty"]],
    ["a request without bounds", "a".repeat(200_001), {}, "BadOption", ["200001", "200000"]],
    ["no request", undefined, {}, "BadOption", ["request", "undefined"]],
    ["a request that is no plan", { tasks: [] }, {}, "BadOption", ["request", "definePlan"]],
    ["no workers", "x", { workers: [] }, "BadOption", ["workers", "[]"]],
    ["workers that are names", "x", { workers: ["docs"] }, "BadOption", ["workers", "docs", "defineWorker"]],
    ["two workers of one name", "x", { workers: [echo, echo] }, "BadWorker", ["echo", "unique"]],
    ["nobody at once", "x", { concurrency: 0 }, "BadOption", ["concurrency", "0", "1000"]],
    ["half a task at once", "x", { concurrency: 1.5 }, "BadOption", ["concurrency", "1.5"]],
    ["a count that is text", "x", { concurrency: "4" }, "BadOption", ["concurrency", "4"]],
    ["too many at once", "x", { concurrency: 1_001 }, "BadOption", ["concurrency", "1001"]],
    ["plans of no tasks", "x", { maxTasks: Number.NaN }, "BadOption", ["maxTasks", "NaN"]],
    ["a free run", "x", { budget: { usd: 0 } }, "BadOption", ["budget.usd", "0"]],
    ["a budget that is a name", "x", { budget: "5" }, "BadOption", ["budget", '"5"', "USD"]],
    ["a budget of nothing", "x", { budget: null }, "BadOption", ["budget", "null"]],
    ["a budget that is no number", "x", { budget: Number.NaN }, "BadOption", ["budget.usd", "NaN"]],
    ["half a token", "x", { budget: { tokens: 0.5 } }, "BadOption", ["budget.tokens", "0.5", "whole"]],
    ["time that runs backwards", "x", { budget: { ms: -1 } }, "BadOption", ["budget.ms", "-1", "milliseconds"]],
    ["a limit of a unit that is none", "x", { budget: { minutes: 5 } }, "BadOption", ["budget.minutes", "5", "usd, tokens, ms"]],
    ["a bad limit of tasks", "x", { budget: { task: { usd: Infinity } } }, "BadOption", ["budget.task.usd", "Infinity"]],
    ["limits of tasks that are a number", "x", { budget: { task: 5 } }, "BadOption", ["budget.task", "5"]],
    [
      "a bad limit of a worker",
      "x",
      { budget: { worker: { docs: { ms: "1h" } } } },
      "BadOption",
      ["budget.worker.docs.ms", "1h"],
    ],
    ["a limit of nobody", "x", { budget: { worker: { dosc: { usd: 1 } } } }, "UnknownWorker", ["dosc", "docs"]],
    ["a debt", "x", { budget: { usd: -1 } }, "BadOption", ["budget.usd", "-1"]],
    ["an endless budget", "x", { budget: { usd: Number.POSITIVE_INFINITY } }, "BadOption", ["budget.usd", "Infinity"]],
    ["an unknown mode", "x", { mode: "fast" }, "BadOption", ["mode", "fast", "orchestrate"]],
    ["asks that nobody answers", "x", { asks: "maybe" }, "BadOption", ["asks", "maybe", "wait"]],
    ["a review that is text", "x", { review: "yes" }, "BadOption", ["review", "yes"]],
    ["an id that climbs", "x", { id: "../evil" }, "BadOption", ["id", "../evil"]],
    ["an empty id", "x", { id: "" }, "BadOption", ["id"]],
    ["an id of dots", "x", { id: ".." }, "BadOption", ["id"]],
    ["a workspace that is a number", "x", { workspace: 5 }, "BadOption", ["workspace", "5"]],
    ["a workspace that is empty", "x", { workspace: "" }, "BadOption", ["workspace"]],
    ["a workspace that is null", "x", { workspace: null }, "BadOption", ["workspace"]],
    [
      "an isolation to come",
      "x",
      { workspace: { path: ".", isolation: "worktree" } },
      "BadOption",
      ["isolation", "worktree", "copy"],
    ],
    ["a workspace that is not there", "x", { workspace: "/no/such/folder" }, "MissingWorkspace", ["/no/such/folder", "exist"]],
    ["a store that is true", "x", { store: true }, "BadOption", ["store", "true"]],
    ["a store that is empty", "x", { store: "" }, "BadOption", ["store"]],
    [
      "a rule that can't be read",
      "x",
      { permissions: { allow: ["bash(npm test"] } },
      "BadOption",
      ["permissions.allow", "bash(npm test"],
    ],
    ["rules that are text", "x", { permissions: { deny: "bash" } }, "BadOption", ["permissions.deny"]],
    ["rules of an unknown kind", "x", { permissions: { forbid: ["bash"] } }, "BadOption", ["permissions", "forbid"]],
    [
      "a key for children",
      "x",
      { environment: ["PATH", "ANTHROPIC_API_KEY"] },
      "BadOption",
      ["environment", "ANTHROPIC_API_KEY"],
    ],
    ["a variable that is none", "x", { environment: ["A=B"] }, "BadOption", ["environment", "A=B"]],
    ["variables that are text", "x", { environment: "PATH" }, "BadOption", ["environment", "PATH"]],
    ["a model without a name", "x", { models: { worker: "" } }, "BadOption", ["models.worker"]],
    [
      "an address that is none",
      "x",
      { models: { worker: { model: "m", baseURL: "here" } } },
      "BadOption",
      ["models.worker", "here"],
    ],
    ["no attempts", "x", { policy: { attempts: 0 } }, "BadOption", ["policy.attempts", "0"]],
    ["a policy of an unknown part", "x", { policy: { atempts: 2 } }, "BadOption", ["policy", "atempts"]],
    [
      "a table with holes",
      "x",
      { policy: { table: { Refused: DEFAULT_TABLE.Refused } } },
      "BadOption",
      ["policy.table", "RateLimited"],
    ],
    [
      "a wait that ends before it begins",
      "x",
      {
        policy: { table: { ...DEFAULT_TABLE, Refused: { turn: [{ do: "again", waitMs: [5, 1] }], attempt: [], then: "fail" } } },
      },
      "BadOption",
      ["policy.table.Refused.turn.0.waitMs", "[5,1]"],
    ],
    [
      "a worker that nobody is",
      "x",
      { policy: { table: { ...DEFAULT_TABLE, Refused: rowOf({ do: "renew", change: { worker: "nobdy" }, waitMs: [0, 0] }) } } },
      "BadOption",
      ["policy.table.Refused.attempt.0.change.worker", "nobdy", "backend"],
    ],
    [
      "a redo of what does not collide",
      "x",
      { policy: { table: { ...DEFAULT_TABLE, Refused: rowOf({ do: "redo" }) } } },
      "BadOption",
      ["policy.table.Refused.attempt.0.do", "ConflictingOutputs"],
    ],
    [
      "a split of what collides",
      "x",
      { policy: { table: { ...DEFAULT_TABLE, ConflictingOutputs: rowOf({ do: "split", waitMs: [0, 0] }) } } },
      "BadOption",
      ["policy.table.ConflictingOutputs.attempt.0.do"],
    ],
    [
      "a suspension for what collides",
      "x",
      { policy: { table: { ...DEFAULT_TABLE, ConflictingOutputs: { turn: [], attempt: [], then: "suspend" } } } },
      "BadOption",
      ["policy.table.ConflictingOutputs.then", "ask, fail or skip"],
    ],
    [
      "a split without its wait",
      "x",
      { policy: { table: { ...DEFAULT_TABLE, Refused: rowOf({ do: "split" }) } } },
      "BadOption",
      ["waitMs"],
    ],
    ["a strategy that is none", "x", { policy: { strategy: "all-for-one" } }, "BadOption", ["policy.strategy", "all-for-one"]],
  ])("is told at once: %s", (_what, request, options, code, words) => {
    const error = errorOf(request, options);
    expect(error.code).toBe(code);
    for (const word of words) expect(error.message).toContain(word);
  });

  it("is told for a tool that no toolbox has, with the nearest one", () => {
    const worker = defineWorker({ name: "w", description: "d", instructions: "i", tools: ["raed", "bash"] });
    const error = errorOf("x", { workers: [worker] });
    expect(error.code).toBe("UnknownTool");
    expect(error.message).toMatch(/raed.*Did you mean read/);
  });

  it("is told for a workspace that is a file, and for a store that can't be made", async () => {
    const file = path.join(await folder(), "a.txt");
    expect(errorOf("x", { workspace: file })).toMatchObject({ code: "MissingWorkspace" });
    expect(errorOf("x", { store: path.join(file, "state") })).toMatchObject({ code: "WorkspaceNotWritable" });
  });

  it("leaves nothing behind in the store", async () => {
    const store = path.join(await folder(), "state");
    errorOf("x", { store, concurrency: -1 });
    errorOf("x", { store, workers: [echo, echo] });
    expect(existsSync(store)).toBe(false);
  });
});

describe("a budget", () => {
  const unpriced = { baseURL: "http://127.0.0.1:1", model: "house-model" };

  it("needs a price for every model that can be asked", () => {
    const error = errorOf("x", { budget: { usd: 1 }, models: { worker: unpriced } });
    expect(error.code).toBe("UnpricedModel");
    expect(error.message).toContain("house-model");
    expect(error.message).toContain("prices: { input: 3, output: 15 }");
  });

  it.each([{ task: { usd: 1 } }, { worker: { docs: { usd: 1 } } }])("needs them wherever it counts USD: %j", (budget) => {
    expect(errorOf("x", { budget, models: { worker: unpriced } }).code).toBe("UnpricedModel");
  });

  it("of tokens or time needs none", () => {
    const run = kept(start("x", { model, budget: { tokens: 1_000_000, ms: 60_000 }, models: { worker: unpriced } }));
    expect(run.snapshot.context.options.budget).toEqual({
      usd: null,
      tokens: 1_000_000,
      ms: 60_000,
      task: { usd: null, tokens: null, ms: null },
      worker: {},
    });
  });

  it("that is a number is USD of the whole run", () => {
    const run = kept(orchestrate("x", { model, budget: 2.5 }));
    expect(run.snapshot.context.options.budget).toMatchObject({ usd: 2.5, tokens: null, ms: null });
  });

  it("needs none for the models of workers where functions do the work", () => {
    const run = kept(orchestrate("x", { model, workers: [echo], budget: { usd: 1 }, models: { worker: unpriced } }));
    expect(run.id).toMatch(/^r-/);
  });
});

describe("a key", () => {
  const own = { baseURL: "http://127.0.0.1:1", model: "m" };

  it("is needed where a model is at the Anthropic API", () => {
    const error = errorOf("x", { model: undefined });
    expect(error.code).toBe("MissingKey");
    expect(error.message).toContain("ANTHROPIC_API_KEY");
    expect(errorOf("x", { model: undefined, models: { worker: own } }).message).toContain("own baseURL");
  });

  it("is not needed where all models are elsewhere", () => {
    const run = kept(start("x", { models: { orchestrator: own, worker: own, router: own } }));
    expect(run.id).toMatch(/^r-/);
  });

  it.each([
    [{ ANTHROPIC_API_KEY: "", ANTHROPIC_AUTH_TOKEN: "token" }, true],
    [{ ANTHROPIC_API_KEY: "key" }, true],
    [{ ANTHROPIC_API_KEY: "" }, false],
    [{ ANTHROPIC_API_KEY: "  ", ANTHROPIC_AUTH_TOKEN: " " }, false],
  ])("may come from either variable, an empty one is none: %j", (variables, isEnough) => {
    Object.assign(process.env, variables);
    const options = { workers: [echo], mode: "direct" as const };
    if (isEnough) expect(kept(orchestrate("x", options)).id).toMatch(/^r-/);
    else expect(() => orchestrate("x", options)).toThrow(expect.objectContaining({ code: "MissingKey" }));
  });
});

describe("permissions", () => {
  it("are added to the default ones", () => {
    const merged = mergePermissions({ allow: ["bash(npm test)"], ask: ["write"], deny: ["read(secrets)"] });
    expect(merged.allow).toEqual([...defaultPermissions.allow.filter((rule) => rule !== "write"), "bash(npm test)"]);
    expect(merged.ask).toEqual(["write"]);
    expect(merged.deny).toEqual([...defaultPermissions.deny, "read(secrets)"]);
    expect(mergePermissions()).toEqual(defaultPermissions);
  });

  it("reach the run", () => {
    const run = kept(orchestrate("x", { model, workers: [echo], permissions: { allow: ["bash"] } }));
    expect(run.snapshot.context.options.permissions).toEqual(mergePermissions({ allow: ["bash"] }));
  });
});

describe("where things go", () => {
  it("is the workspace's own folder, one that is named, or memory", async () => {
    const workspace = await folder();
    const other = path.join(await folder(), "elsewhere");
    const options = { model: fixedModel(threeTasks), mode: "direct" } satisfies OrchestrateOptions;
    await kept(orchestrate("x", { ...options, workers: [echo], workspace })).result;
    expect(listRuns({ store: path.join(workspace, ".quatrain") })).toHaveLength(1);
    await kept(orchestrate("x", { ...options, workers: [echo], store: other })).result;
    expect(listRuns({ store: other })).toMatchObject([{ state: "ended", workspace: null, request: "x" }]);
    await kept(orchestrate("x", { ...options, workers: [echo], store: false })).result;
    expect(listRuns({ store: path.join(workspace, "nothing") })).toEqual([]);
  });

  it("never is a run that is there already", async () => {
    const store = await folder();
    const options = { model, workers: [echo], mode: "direct", store, id: "mine" } as const;
    const first = await kept(orchestrate("first", options)).result;
    const error = errorOf("second", options);
    expect(error.code).toBe("BadOption");
    expect(error.message).toMatch(/mine.*openRun/);
    // The refused start has left the run to whoever opens it.
    const again = kept(await openRun("mine", { model, workers: [echo], store }));
    expect(await again.result).toEqual(first);
  });

  it("is never a store that is no database", async () => {
    const store = await folder();
    await mkdir(store, { recursive: true });
    await writeFile(path.join(store, "runs.db"), "this is no database, whatever its name says\n".repeat(50));
    expect(errorOf("x", { store })).toMatchObject({ code: "StoreCorrupt" });
    expect(() => listRuns({ store })).toThrow(expect.objectContaining({ code: "StoreCorrupt" }));
  });
});

describe("a plan", () => {
  it("brings its own workers", () => {
    const plan: DefinedPlan<readonly [typeof echo]> = definePlan([echo], [{ label: "a", worker: "echo", task: "hello" }]);
    const run = kept(orchestrate(plan, { model }));
    expect(run.snapshot.context.workers.map(({ name }) => name)).toEqual(["echo"]);
    expect(run.snapshot.context.plan).toEqual(plan.plan);
  });
});
