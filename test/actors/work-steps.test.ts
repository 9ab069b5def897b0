import { describe, expect, it } from "vitest";
import { GRACE_MS } from "../../src/actors/bounded.ts";
import { commitWork, integrate, prepareWorkspace, toolCall, verifyWork } from "../../src/actors/work-steps.ts";
import type { StepPorts } from "../../src/actors/work-steps.ts";
import { QuatrainError } from "../../src/core/errors.ts";
import { ArtifactError, memoryArtifacts } from "../../src/store/artifacts.ts";
import { createToolbox } from "../../src/tools/toolbox.ts";
import type { Tool, ToolEnvironment } from "../../src/tools/port.ts";
import { WorkspaceError } from "../../src/workspace/errors.ts";
import { noWorkspace } from "../../src/workspace/no-workspace.ts";
import type { WorkspacePort } from "../../src/workspace/port.ts";
import { never, play, playTwice } from "./play.ts";
import type { Events } from "./play.ts";

const tool = (name: string, toolClass: Tool["spec"]["class"], run: (environment: ToolEnvironment) => Promise<string>): Tool => ({
  spec: { name, description: name, inputSchema: { type: "object" }, class: toolClass },
  run: async (_input, environment) => ({ content: await run(environment), isError: false }),
});

function stepPorts(more: Partial<StepPorts> = {}): StepPorts {
  return { runId: "r-1", toolbox: createToolbox(), workspace: noWorkspace(), artifacts: memoryArtifacts(), ...more };
}

describe("toolCall", () => {
  const call = (name: string) => ({ workspace: "t1#1", call: { id: "c1", name, input: {} } });
  const boxOf = (...extra: Tool[]) => toolCall(stepPorts({ toolbox: createToolbox({ extra }) }));

  it("gives the model what the tool said, and an unknown tool as words", async () => {
    const logic = boxOf(tool("look", "pure", () => Promise.resolve("seen")));
    expect(await play(logic, call("look"))).toEqual([{ type: "done", value: { content: "seen", isError: false } }]);
    expect(await play(logic, call("lok"))).toMatchObject([
      { value: { isError: true, content: expect.stringContaining("look") as string } },
    ]);
  });

  it.each(["pure", "idempotent", "verifiable"] as const)("runs a %s call again after a crash, and says so", async (toolClass) => {
    const recovering: unknown[] = [];
    const logic = boxOf(
      tool("work", toolClass, (environment) => {
        recovering.push(environment.recovering);
        return recovering.length === 1 ? never : Promise.resolve("done");
      }),
    );
    expect(await playTwice(logic, call("work"))).toEqual([{ type: "done", value: { content: "done", isError: false } }]);
    expect(recovering).toEqual([false, toolClass !== "pure"]);
  });

  it("does not run a call again that was in flight at three crashes", async () => {
    let times = 0;
    const logic = boxOf(
      tool("work", "idempotent", () => {
        times++;
        return never;
      }),
    );
    expect(await playTwice(logic, call("work"), 3)).toMatchObject([{ type: "error", code: "Poisoned" }]);
    expect(times).toBe(3);
  });

  it.each(["write", "edit"])(
    "runs a %s again that was in flight at three stops: a person made them, not the tool",
    async (name) => {
      let times = 0;
      const done = { content: "done", isError: false };
      const toolbox = { ...createToolbox(), run: () => (++times > 3 ? Promise.resolve(done) : never) };
      expect(await playTwice(toolCall(stepPorts({ toolbox })), call(name), 3)).toEqual([{ type: "done", value: done }]);
      expect(times).toBe(4);
    },
  );

  it("never runs a once call again after a crash, and tells the model that nobody knows", async () => {
    let times = 0;
    const logic = boxOf(
      tool("send", "once", () => {
        times++;
        return never;
      }),
    );
    expect(await playTwice(logic, call("send"))).toMatchObject([
      { type: "done", value: { isError: true, content: expect.stringContaining("unknown whether it ran") as string } },
    ]);
    expect(times).toBe(1);
  });

  it("has the tool's own environment: copy, run, names of variables", async () => {
    const seen: ToolEnvironment[] = [];
    const look = tool("look", "pure", (environment) => {
      seen.push(environment);
      return Promise.resolve("");
    });
    const workspace = { ...noWorkspace(), rootOf: ({ run, attempt }: { run: string; attempt: string }) => `/${run}/${attempt}` };
    await play(toolCall(stepPorts({ toolbox: createToolbox({ extra: [look] }), workspace, environment: ["A"] })), call("look"));
    expect(seen).toMatchObject([{ root: "/r-1/t1#1", runId: "r-1", environment: ["A"], recovering: false }]);
  });

  it("does not wait for ever for a stopped tool", async () => {
    const logic = boxOf(tool("hang", "once", () => never));
    const [orphan] = await play(logic, call("hang"), { stop: true, waitMs: GRACE_MS });
    expect(orphan).toMatchObject({
      type: "effect.orphaned",
      value: { isError: true, content: expect.stringContaining("hang") as string },
    });
  });
});

describe("a step of our own", () => {
  it("is begun again at more crashes than the work of others, and then no more", async () => {
    let times = 0;
    const workspace: WorkspacePort = {
      ...noWorkspace(),
      prepare: () => {
        times++;
        return never;
      },
    };
    const logic = prepareWorkspace(stepPorts({ workspace }));
    expect(await playTwice(logic, { workspace: "t1#1", layers: [] }, 10)).toMatchObject([
      { type: "done", value: { ok: false, failure: { code: "Poisoned" } } },
    ]);
    expect(times).toBe(10);
  });
});

describe("the steps of a worker", () => {
  const failing = (error: unknown): WorkspacePort => {
    const fail = async () => {
      throw error;
    };
    return { ...noWorkspace(), prepare: fail, commit: fail, integrate: fail };
  };
  const input = { workspace: "t1#1", layers: [], changes: [], output: "x", needsFiles: true, commands: [] };

  it.each<[string, unknown, string]>([
    ["a full disk", new WorkspaceError("WorkspaceFull", "no space"), "StoreFull"],
    ["a disk that can't be written", new WorkspaceError("WorkspaceNotWritable", "no"), "StoreFull"],
    ["broken contents", new WorkspaceError("ContentBroken", "no"), "StoreCorrupt"],
    ["a missing copy", new WorkspaceError("AttemptMissing", "no"), "WorkspaceFailed"],
    ["an error of ours whose code is no failure", new QuatrainError("BadOption", "no"), "WorkspaceFailed"],
    ["an error of ours whose code is one", new QuatrainError("StoreCorrupt", "no"), "StoreCorrupt"],
    ["an error of the system", Object.assign(new Error("no"), { code: "EIO" }), "WorkspaceFailed"],
    ["a text", "no", "WorkspaceFailed"],
    ["nothing at all", undefined, "WorkspaceFailed"],
    ["a code that pollutes", { code: "__proto__", message: "no" }, "WorkspaceFailed"],
  ])("give %s as a value with the right code", async (_what, error, code) => {
    const ports = stepPorts({ workspace: failing(error) });
    for (const step of [prepareWorkspace(ports), commitWork(ports), integrate(ports), verifyWork(ports)])
      expect(await play(step, input)).toMatchObject([
        { type: "done", value: { ok: false, failure: { code, retryable: code === "WorkspaceFailed" } } },
      ]);
  });

  it("give an artifact that could not be written as a full store, a missing one as itself", async () => {
    const artifacts = { ...memoryArtifacts(), put: () => Promise.reject(new ArtifactError("ArtifactNotWritten", "no")) };
    expect(await play(commitWork(stepPorts({ artifacts })), input)).toMatchObject([
      { value: { ok: false, failure: { code: "StoreFull" } } },
    ]);
  });

  it("store the output as text or as stable JSON, and the changes by reference", async () => {
    const artifacts = memoryArtifacts();
    const [text] = await play(commitWork(stepPorts({ artifacts })), { ...input, output: "as it is" });
    const [json] = await play(commitWork(stepPorts({ artifacts })), { ...input, output: { b: 1, a: 2 } });
    const refOf = (event: Events[number] | undefined) => String(Reflect.get(Object(event?.["value"]), "ref"));
    expect(await artifacts.get(refOf(text))).toBe("as it is");
    expect(await artifacts.get(refOf(json))).toBe('{"a":2,"b":1}');
    expect(json).toMatchObject({ value: { ok: true, changes: { files: [] }, bytes: 13 } });
  });

  it("hand on conflicts, and leave out those that a later task settled", async () => {
    const conflict = { path: "a", tasks: ["t1", "t2"], kept: "t2" };
    const workspace: WorkspacePort = {
      ...noWorkspace(),
      prepare: () => Promise.resolve({ root: "", skipped: [], conflicts: [{ ...conflict, settled: true }] }),
      integrate: () =>
        Promise.resolve({
          root: "",
          files: [{ path: "a", kind: "modified", hash: "h", baseHash: "b", bytes: 1, executable: false }],
          conflicts: [
            { ...conflict, settled: false },
            { ...conflict, path: "b", settled: true },
          ],
        }),
    };
    expect(await play(prepareWorkspace(stepPorts({ workspace })), input)).toEqual([
      { type: "done", value: { ok: true, conflicts: [conflict] } },
    ]);
    expect(await play(integrate(stepPorts({ workspace })), input)).toEqual([
      { type: "done", value: { ok: true, files: [{ path: "a", kind: "modified" }], conflicts: [conflict] } },
    ]);
  });

  it("look at every piece of evidence, and cut what commands say", async () => {
    const said: string[] = [];
    const toolbox = {
      ...createToolbox(),
      run: ({ input: given }: { input: unknown }) => {
        const { command } = given as { command: string };
        said.push(command);
        return Promise.resolve({ content: command.repeat(2_000), isError: command === "false" });
      },
    };
    const [event] = await play(verifyWork(stepPorts({ toolbox })), { ...input, commands: ["true", "false"] });
    const { evidence } = (event?.["value"] ?? {}) as { evidence: { ok: boolean; what: string; detail: string }[] };
    expect(evidence.map(({ what, ok }) => [what, ok])).toEqual([
      ["files changed", false],
      ["true", true],
      ["false", false],
    ]);
    expect(evidence[0]?.detail).toBe("no file was changed");
    expect(evidence[1]?.detail.length).toBeLessThan(4_100);
    expect(said).toEqual(["true", "false"]);
    const [without] = await play(verifyWork(stepPorts({ toolbox })), { ...input, needsFiles: false });
    expect(without).toMatchObject({ value: { ok: true, evidence: [] } });
  });
});
