import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { listRuns, openRun, orchestrate } from "../../src/index.ts";
import { scriptedModel } from "../../src/testing/scripted-model.ts";
import type { Script } from "../../src/testing/scripted-model.ts";
import { folder } from "./helpers.ts";

const scripts: Record<string, Script> = {
  route: { json: { mode: "orchestrate", worker: null, reason: "two domains" } },
  plan: [
    { calls: [{ tool: "read", input: { file_path: "a.txt" } }] },
    {
      json: {
        rationale: "two steps",
        tasks: [
          { label: "a", worker: "backend", task: "change a", writes: ["a.txt"] },
          { label: "b", worker: "docs", task: "write b", depends_on: ["a"], writes: ["b.md"] },
        ],
      },
    },
  ],
  t1: [{ calls: [{ tool: "write", input: { file_path: "a.txt", content: "two\n" } }] }, "Changed a."],
  t2: [
    { calls: [{ tool: "read", input: { file_path: "a.txt" } }] },
    { calls: [{ tool: "write", input: { file_path: "b.md", content: "# b\n" } }] },
    "Wrote b.",
  ],
  synthesis: "Both done.",
};

describe("orchestrate", () => {
  it("runs a request on a copy of the workspace and applies the result when told", async () => {
    const workspace = await folder();
    const model = scriptedModel(scripts);
    const run = orchestrate("change a, then write b", { workspace, model });
    const result = await run.result;
    expect(result.failure).toBe(null);
    expect(result.outcome).toBe("complete");
    expect(result.answer).toBe("Both done.");
    expect(result.files).toEqual([
      { path: "a.txt", kind: "modified" },
      { path: "b.md", kind: "added" },
    ]);
    expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("one\n");
    const seen = model.requests.find(({ conversation, turn }) => conversation === "t2#1" && turn === 2);
    expect(JSON.stringify(seen?.messages)).toContain("two");
    expect(await run.apply()).toEqual(["a.txt", "b.md"]);
    expect(await readFile(path.join(workspace, "a.txt"), "utf8")).toBe("two\n");
    expect(await run.output("t2")).toBe("Wrote b.");
    const again = await openRun(run.id, { store: path.join(workspace, ".quatrain"), model: scriptedModel({}) });
    expect((await again.result).answer).toBe("Both done.");
    expect(listRuns({ store: path.join(workspace, ".quatrain") })).toMatchObject([{ id: run.id, state: "ended" }]);
  });
});
