import { describe, expect, it } from "vitest";
import { createMachine } from "xstate";
import { z } from "zod";
import { QuatrainError } from "../../src/core/errors.ts";
import { BUILT_IN } from "../../src/workers/built-in.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import type { DelegateLogic, Worker } from "../../src/workers/define-worker.ts";

const base = { name: "w", description: "does it", instructions: "do it" };
// Definitions as plain JavaScript may give them.
const defineLoosely = defineWorker as unknown as (definition: object) => Worker;
const brief = { task: "t", files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] };
const use = { signal: new AbortController().signal, workspace: "", log: () => undefined };

function errorOf(definition: object): QuatrainError {
  try {
    defineLoosely(definition);
  } catch (error) {
    if (QuatrainError.is(error)) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

describe("a bad worker definition", () => {
  it.each<[string, object, string[]]>([
    ["upper case in the name", { ...base, name: "Front" }, ["name", "Front", "lower-case"]],
    ["a name that begins with a digit", { ...base, name: "1st" }, ["name", "1st"]],
    ["an empty name", { ...base, name: "" }, ["name", '""']],
    ["a name of 49 letters", { ...base, name: "a".repeat(49) }, ["name", "48 at most"]],
    ["a line break in the name", { ...base, name: "a\n" }, ["name"]],
    ["no name at all", { description: "d", instructions: "i" }, ["name"]],
    ["a blank description", { ...base, description: " \n" }, ["description", "planner"]],
    ["no description", { name: "w", instructions: "i" }, ["description"]],
    ["a cap of 0, under which no task would ever start", { ...base, cap: 0 }, ["cap", "0"]],
    ["half a task at once", { ...base, cap: 1.5 }, ["cap", "1.5"]],
    ["no turns", { ...base, maxTurns: 0 }, ["maxTurns", "0"]],
    ["an unknown tier", { ...base, tier: "gpt" }, ["tier", "gpt"]],
    ["an unknown evidence", { ...base, evidence: "trust" }, ["evidence", "trust"]],
    ["tools that are no list", { ...base, tools: "read" }, ["tools", "read"]],
    ["an empty command", { ...base, acceptance: [""] }, ["acceptance"]],
    ["no way to do the work", { name: "w", description: "d" }, ["exactly one", "none"]],
    ["two ways to do the work", { ...base, perform: () => "x" }, ["exactly one", "instructions and perform"]],
    ["an input that is no JSON", { ...base, input: z.bigint() }, ["JSON schema"]],
    ["an output that no model can be asked for", { ...base, output: z.record(z.string(), z.string()) }, ["output schema"]],
  ])("is refused: %s", (_what, definition, words) => {
    const error = errorOf(definition);
    expect(error.code).toBe("BadWorker");
    for (const word of words) expect(error.message).toContain(word);
  });

  it("does not count a way that is undefined", () => {
    const worker = defineLoosely({ name: "w", description: "d", instructions: undefined, perform: () => "x" });
    expect(worker.card.kind).toBe("perform");
    expect(worker.perform).toBeTypeOf("function");
  });
});

describe("the card", () => {
  it("has the documented defaults for a model", () => {
    expect(defineWorker(base).card).toEqual({
      name: "w",
      description: "does it",
      kind: "model",
      instructions: "do it",
      tools: ["read", "write", "edit", "glob", "grep", "bash"],
      evidence: "files",
      acceptance: [],
      tier: "sonnet",
      inputSchema: null,
      outputSchema: null,
      cap: null,
      maxTurns: 40,
      maxMs: 3_600_000,
    });
  });

  it("asks for no files of a worker that writes none", () => {
    expect(defineWorker({ ...base, tools: ["read", "glob", "grep"] }).card.evidence).toBe("schema");
    expect(defineWorker({ ...base, tools: ["bash"] }).card.evidence).toBe("files");
    expect(defineWorker({ ...base, tools: [], evidence: "commands" }).card.evidence).toBe("commands");
  });

  it("tells functions and machines apart from models, and gives them no tools", () => {
    const machine = createMachine({ id: "m" }) as unknown as DelegateLogic;
    const card = { tools: [], evidence: "schema", instructions: "" };
    expect(defineWorker({ name: "w", description: "d", perform: () => "x" }).card).toMatchObject({ ...card, kind: "perform" });
    const byMachine = defineWorker({ name: "w", description: "d", machine });
    expect(byMachine.card).toMatchObject({ ...card, kind: "machine" });
    expect(byMachine.machine).toBe(machine);
    expect(byMachine.perform).toBeUndefined();
  });

  it("is plain JSON that says what goes in and out", () => {
    const { card } = defineWorker({ ...base, input: z.object({ entity: z.string() }), output: z.object({ n: z.number() }) });
    expect(JSON.parse(JSON.stringify(card))).toEqual(card);
    expect(card.inputSchema).toMatchObject({ type: "object", required: ["entity"] });
    expect(card.outputSchema).toMatchObject({ type: "object", required: ["n"] });
  });
});

describe("inputs and outputs at run time", () => {
  it("are nothing and text where no schema says otherwise", () => {
    const worker = defineWorker(base);
    expect(worker.checkInput(null)).toEqual([]);
    expect(worker.checkInput({ a: 1 })).not.toEqual([]);
    expect(worker.checkOutput("text")).toEqual([]);
    expect(worker.checkOutput(null)).not.toEqual([]);
  });

  it("are checked by the schemas, with the place of what is wrong", () => {
    const worker = defineWorker({
      ...base,
      input: z.object({ tables: z.array(z.string()) }),
      output: z.object({ n: z.number() }),
    });
    expect(worker.checkInput({ tables: ["a"] })).toEqual([]);
    expect(worker.checkInput({ tables: ["a", 1] })[0]).toMatch(/^tables\.1: /);
    expect(worker.checkOutput({ n: "1" })[0]).toMatch(/^n: /);
  });

  it("are issues, not exceptions, also where a schema of the author's throws or waits", () => {
    const throwing = z.string().refine(() => {
      throw new Error("boom");
    });
    const waiting = z.string().refine(() => Promise.resolve(true));
    expect(defineWorker({ ...base, input: throwing }).checkInput("x")[0]).toContain("boom");
    expect(defineWorker({ ...base, output: waiting }).checkOutput("x")).toHaveLength(1);
  });

  it("reach a function parsed: with defaults and transforms", async () => {
    const input = z.object({ count: z.number().default(3), name: z.string().transform((name) => name.length) });
    const worker = defineWorker({ name: "w", description: "d", input, perform: ({ input: got }) => JSON.stringify(got) });
    expect(worker.checkInput({ name: "abc" })).toEqual([]);
    expect(await worker.perform?.({ ...brief, input: { name: "abc" } }, use)).toBe('{"count":3,"name":3}');
    await expect(worker.perform?.(brief, use)).rejects.toThrow();
  });
});

describe("the built-in workers", () => {
  it("have different names and something to say for themselves", () => {
    expect(BUILT_IN.map(({ name }) => name)).toEqual(["frontend", "backend", "database", "tdd", "docs", "review"]);
    for (const { card } of BUILT_IN) {
      expect(card.kind).toBe("model");
      expect(card.description.length).toBeGreaterThan(20);
      expect(card.instructions.length).toBeGreaterThan(100);
    }
  });

  it("let only the reviewer do without changing files", () => {
    expect(BUILT_IN.filter(({ card }) => card.evidence !== "files").map(({ name }) => name)).toEqual(["review"]);
    expect(BUILT_IN.find(({ name }) => name === "review")?.card.tools).not.toContain("write");
  });
});
