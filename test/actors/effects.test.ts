import { NEVER, Observable, concat, from, of, throwError } from "rxjs";
import { describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { z } from "zod";
import { GRACE_MS } from "../../src/actors/bounded.ts";
import type { PerformInput } from "../../src/actors/contract.ts";
import { modelTurn } from "../../src/actors/model-turn.ts";
import { performWork } from "../../src/actors/perform-work.ts";
import type { Performer } from "../../src/actors/perform-work.ts";
import { commitWork, integrate, prepareWorkspace, toolCall, verifyWork } from "../../src/actors/work-steps.ts";
import type { StepPorts } from "../../src/actors/work-steps.ts";
import { QuatrainError } from "../../src/core/errors.ts";
import type { EffectLogic } from "../../src/host/effect.ts";
import { memoryHost, memoryJournal } from "../../src/host/index.ts";
import { createGovernor } from "../../src/model/governor.ts";
import type { ModelPort, TurnEvent } from "../../src/model/port.ts";
import type { TurnDelta } from "../../src/protocol/turn.ts";
import { ArtifactError, memoryArtifacts } from "../../src/store/artifacts.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import { createToolbox } from "../../src/tools/toolbox.ts";
import type { Tool, ToolEnvironment } from "../../src/tools/port.ts";
import { WorkspaceError } from "../../src/workspace/errors.ts";
import { noWorkspace } from "../../src/workspace/no-workspace.ts";
import type { WorkspacePort } from "../../src/workspace/port.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { modelOf } from "../support/cast.ts";
import { deferred, fakeClock, oneEffect, turn } from "../host/helpers.ts";
import type { Input } from "../host/helpers.ts";

type Events = readonly { readonly type: string; readonly [field: string]: unknown }[];

/** Plays one effect in a machine of its own; `stopAt` leaves its state once everything is at rest. */
async function play(logic: unknown, input: object, options: { readonly stop?: boolean; readonly waitMs?: number } = {}): Promise<Events> {
  const { clock, advance } = fakeClock();
  const host = memoryHost({ clock });
  // The machine is the same for every effect; what goes in and comes out is looked at as it is.
  const machine = oneEffect(logic as EffectLogic<Input, unknown>, { key: "k", ...input });
  const actor = createActor(machine, host.attach()).start();
  await turn();
  if (options.stop) host.send({ type: "run.stop" });
  await turn();
  if (options.waitMs !== undefined) await advance(options.waitMs);
  await turn();
  if (options.stop) host.send({ type: "run.end" });
  else await host.settled();
  await turn();
  const { events } = actor.getSnapshot().context;
  await host.close();
  return events;
}

/** Plays an effect whose process ends while it is in flight, then again in another. */
async function playTwice(logic: unknown, input: object): Promise<Events> {
  const journal = memoryJournal();
  const machine = oneEffect(logic as EffectLogic<Input, unknown>, { key: "k", ...input });
  const first = memoryHost({ journal });
  createActor(machine, first.attach()).start();
  await turn();
  await first.close();
  const second = memoryHost({ journal });
  const actor = createActor(machine, second.attach()).start();
  await second.settled();
  return actor.getSnapshot().context.events;
}

const request = {
  conversation: "t1#1",
  turn: 1,
  parameters: { choice: modelOf("claude-sonnet-5-5"), system: [], tools: [], format: null },
  messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "hi" }] }],
};
const outcome = scriptedOutcome("hello", request);
const delta = (text: string): TurnEvent => ({
  kind: "delta",
  delta: { conversation: "t1#1", turn: 1, kind: "text", text },
});

describe("modelTurn", () => {
  const turnOf = (port: ModelPort["turn"], onDelta: (delta: TurnDelta) => void = () => undefined) =>
    modelTurn({ model: { turn: port }, governor: createGovernor(), onDelta });

  it("hands deltas to watchers and only the outcome to the machine", async () => {
    const seen: string[] = [];
    const port = () => from([delta("he"), delta("llo"), { kind: "outcome", outcome } as const, delta("late")]);
    const events = await play(turnOf(port, ({ text }) => seen.push(text)), { request });
    expect(events).toEqual([{ type: "done", value: { outcome, lost: 0 } }]);
    expect(seen).toEqual(["he", "llo"]);
  });

  it("takes a port that ends without a word for a stopped turn", async () => {
    expect(await play(turnOf(() => of()), { request })).toMatchObject([
      { type: "done", value: { outcome: { kind: "failed", failure: { code: "Cancelled" }, usage: null } } },
    ]);
  });

  it("is an error of the effect where a port breaks its promise", async () => {
    expect(await play(turnOf(() => throwError(() => new Error("glass"))), { request })).toMatchObject([{ type: "error", message: "glass" }]);
  });

  it("tells the port how often it was lost in a crash", async () => {
    const told: number[] = [];
    const port: ModelPort["turn"] = (_request, { lost }) => {
      told.push(lost);
      return lost === 0 ? NEVER : of({ kind: "outcome", outcome });
    };
    expect(await playTwice(turnOf(port), { request })).toMatchObject([{ type: "done", value: { outcome, lost: 1 } }]);
    expect(told).toEqual([0, 1]);
  });

  it("brings home what a stopped turn cost", async () => {
    const usage = { inputTokens: 9, outputTokens: 9, cacheReadTokens: 0, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, estimated: true };
    const cancelled = { ...scriptedOutcome({ fail: "Cancelled", usage }, request) };
    const port: ModelPort["turn"] = (_request, { signal }) =>
      concat(
        of(delta("he")),
        new Observable<TurnEvent>((watcher) => {
          signal?.addEventListener("abort", () => watcher.next({ kind: "outcome", outcome: cancelled }), { once: true });
        }),
      );
    const events = await play(turnOf(port), { request }, { stop: true });
    expect(events).toMatchObject([{ type: "effect.orphaned", name: "modelTurn", performed: true, value: { outcome: cancelled } }]);
  });

  it("does not wait for ever for a port that does not hear the signal", async () => {
    expect(await play(turnOf(() => NEVER), { request }, { stop: true, waitMs: GRACE_MS - 1 })).toEqual([]);
    expect(await play(turnOf(() => NEVER), { request }, { stop: true, waitMs: GRACE_MS })).toMatchObject([
      { type: "effect.orphaned", value: { outcome: { kind: "failed", failure: { code: "Cancelled" } } } },
    ]);
  });
});

const never = new Promise<never>(() => undefined);
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
    expect(await play(logic, call("lok"))).toMatchObject([{ value: { isError: true, content: expect.stringContaining("look") as string } }]);
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

  it("never runs a once call again after a crash, and tells the model that nobody knows", async () => {
    let times = 0;
    const logic = boxOf(tool("send", "once", () => (times++, never)));
    expect(await playTwice(logic, call("send"))).toMatchObject([
      { type: "done", value: { isError: true, content: expect.stringContaining("unknown whether it ran") as string } },
    ]);
    expect(times).toBe(1);
  });

  it("has the tool's own environment: copy, run, names of variables", async () => {
    const seen: ToolEnvironment[] = [];
    const look = tool("look", "pure", (environment) => (seen.push(environment), Promise.resolve("")));
    const workspace = { ...noWorkspace(), rootOf: ({ run, attempt }: { run: string; attempt: string }) => `/${run}/${attempt}` };
    await play(toolCall(stepPorts({ toolbox: createToolbox({ extra: [look] }), workspace, environment: ["A"] })), call("look"));
    expect(seen).toMatchObject([{ root: "/r-1/t1#1", runId: "r-1", environment: ["A"], recovering: false }]);
  });

  it("does not wait for ever for a stopped tool", async () => {
    const logic = boxOf(tool("hang", "once", () => never));
    const [orphan] = await play(logic, call("hang"), { stop: true, waitMs: GRACE_MS });
    expect(orphan).toMatchObject({ type: "effect.orphaned", value: { isError: true, content: expect.stringContaining("hang") as string } });
  });
});

describe("the steps of a worker", () => {
  const failing = (error: unknown): WorkspacePort => {
    const fail = () => Promise.reject(error);
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
      expect(await play(step, input)).toMatchObject([{ type: "done", value: { ok: false, failure: { code, retryable: code === "WorkspaceFailed" } } }]);
  });

  it("give an artifact that could not be written as a full store, a missing one as itself", async () => {
    const artifacts = { ...memoryArtifacts(), put: () => Promise.reject(new ArtifactError("ArtifactNotWritten", "no")) };
    expect(await play(commitWork(stepPorts({ artifacts })), input)).toMatchObject([{ value: { ok: false, failure: { code: "StoreFull" } } }]);
  });

  it("store the output as text or as stable JSON, and the changes by reference", async () => {
    const artifacts = memoryArtifacts();
    const [text] = await play(commitWork(stepPorts({ artifacts })), { ...input, output: "as it is" });
    const [json] = await play(commitWork(stepPorts({ artifacts })), { ...input, output: { b: 1, a: 2 } });
    const refOf = (event: Events[number] | undefined) => (event?.["value"] as { ref: string }).ref;
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
    expect(await play(prepareWorkspace(stepPorts({ workspace })), input)).toEqual([{ type: "done", value: { ok: true, conflicts: [conflict] } }]);
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
    expect(evidence.map(({ what, ok }) => [what, ok])).toEqual([["files changed", false], ["true", true], ["false", false]]);
    expect(evidence[0]?.detail).toBe("no file was changed");
    expect(evidence[1]?.detail.length).toBeLessThan(4_100);
    expect(said).toEqual(["true", "false"]);
    const [without] = await play(verifyWork(stepPorts({ toolbox })), { ...input, needsFiles: false });
    expect(without).toMatchObject({ value: { ok: true, evidence: [] } });
  });
});

describe("performWork", () => {
  const brief = { task: "t", files: [], constraints: [], output_format: "", input: null, dependencies: [], issues: [] };
  const input: Omit<PerformInput, "key"> = { worker: "w", workspace: "t1#1", brief };
  const logicOf = (...workers: Performer[]) => performWork({ runId: "r-1", workers, workspace: noWorkspace() });
  const worker = (perform: (...given: never[]) => unknown): Performer => ({
    name: "w",
    perform: perform as NonNullable<Performer["perform"]>,
    checkOutput: () => [],
  });

  it("gives what the function returned, as it survives JSON", async () => {
    const made = { at: new Date(0), list: [undefined], nothing: undefined };
    expect(await play(logicOf(worker(() => Promise.resolve(made))), input)).toEqual([
      { type: "done", value: { ok: true, output: { at: "1970-01-01T00:00:00.000Z", list: [null] } } },
    ]);
  });

  it.each<[string, () => unknown, string, string]>([
    ["throws", () => { throw new Error("boom"); }, "WorkerCrashed", "boom"],
    ["rejects", () => Promise.reject(new TypeError("later")), "WorkerCrashed", "later"],
    ["throws a text", () => { throw "words"; }, "WorkerCrashed", "words"],
    ["returns a big integer", () => 1n, "WorkerOutputInvalid", "BigInt"],
    ["returns a function", () => () => 0, "WorkerOutputInvalid", "function"],
  ])("fails the attempt when the function %s", async (_what, perform, code, words) => {
    expect(await play(logicOf(worker(perform)), input)).toMatchObject([
      { type: "done", value: { ok: false, failure: { code, message: expect.stringContaining(words) as string } } },
    ]);
  });

  it("holds the output against the schema; nothing is null", async () => {
    const typed = defineWorker({ name: "w", description: "d", output: z.object({ n: z.number() }), perform: () => ({ n: 1 }) });
    expect(await play(logicOf(typed), input)).toMatchObject([{ value: { ok: true, output: { n: 1 } } }]);
    const wrong = { ...typed, perform: () => Promise.resolve({ n: "1" }) };
    expect(await play(logicOf(wrong), input)).toMatchObject([
      { value: { ok: false, failure: { code: "WorkerOutputInvalid", message: expect.stringMatching(/"w".*n: /) as string } } },
    ]);
    expect(await play(logicOf(worker(() => undefined)), input)).toMatchObject([{ value: { ok: true, output: null } }]);
  });

  it("fails where there is no such worker or no function", async () => {
    expect(await play(logicOf(), input)).toMatchObject([{ value: { ok: false, failure: { code: "WorkerCrashed" } } }]);
    const { perform: _none, ...without } = worker(() => 0);
    expect(await play(logicOf(without), input)).toMatchObject([{ value: { ok: false, failure: { code: "WorkerCrashed" } } }]);
  });

  it("tells watchers what the function logs, each as text, cut when long", async () => {
    const chatty = worker((_brief: unknown, use: { log: (text: unknown) => void }) => {
      for (const text of ["one", 2, undefined, "x".repeat(10_000)]) use.log(text);
      return "done";
    });
    const notes = (await play(logicOf(chatty), input)).filter(({ type }) => type === "effect.part").map(({ value }) => String(value));
    expect(notes.slice(0, 3)).toEqual(["one", "2", "undefined"]);
    expect(notes[3]?.length).toBeLessThan(4_100);
  });

  it("is called again after a crash if it had said nothing", async () => {
    let times = 0;
    const logic = logicOf(worker(() => (times++ === 0 ? never : "second")));
    expect(await playTwice(logic, input)).toEqual([{ type: "done", value: { ok: true, output: "second" } }]);
  });

  it("is stopped by its signal, and left to itself when it does not hear", async () => {
    const heard = deferred<string>();
    const polite = worker((_brief: unknown, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener("abort", () => heard.resolve("cleaned up"), { once: true });
      return heard.promise;
    });
    expect(await play(logicOf(polite), input, { stop: true })).toMatchObject([
      { type: "effect.orphaned", value: { ok: true, output: "cleaned up" } },
    ]);
    expect(await play(logicOf(worker(() => never)), input, { stop: true, waitMs: GRACE_MS })).toMatchObject([{ type: "effect.orphaned" }]);
  });
});
