import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { startInspector, statelyInspector } from "../../src/inspect/inspect.ts";
import { orchestrate } from "../../src/index.ts";
import { fixedModel, folder, kept, threeTasks } from "../run/helpers.ts";
import { listen } from "./support.ts";

interface Message {
  readonly type: string;
  readonly name?: string;
  readonly sessionId?: string;
  readonly rootId?: string;
  readonly parentId?: string;
  readonly definition?: string;
  readonly snapshot?: {
    readonly context?: { readonly queue?: { readonly tasks?: readonly { readonly status: string }[] } | null };
  };
}

const before = process.env["QUATRAIN_INSPECT_URL"];
afterEach(() => {
  if (before === undefined) Reflect.deleteProperty(process.env, "QUATRAIN_INSPECT_URL");
  else process.env["QUATRAIN_INSPECT_URL"] = before;
});

const canary = "canary-of-the-inspector-5d1f";

/** Everything the inspector was told of one run. */
async function watch(): Promise<readonly string[]> {
  await using server = await listen();
  const inspector = await statelyInspector({ url: server.url, secrets: [canary] });
  let clean = (): Promise<void> => Promise.resolve();
  const run = orchestrate(`add a page (never show ${canary})`, {
    workspace: await folder((cleaning) => (clean = cleaning)),
    model: fixedModel({ ...threeTasks, t1: `The key is ${canary}.` }),
    inspect: inspector.inspect,
  });
  const { outcome } = await run.result;
  await inspector.close();
  await clean();
  // Its task wrote nothing, so it is a failure: as good to watch as any.
  expect(outcome).not.toBe("suspended");
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  return [...server.messages];
}

describe("the Stately inspector", () => {
  let raw: readonly string[] = [];
  let messages: readonly Message[] = [];
  beforeAll(async () => {
    raw = await watch();
    messages = raw.map((text) => JSON.parse(text) as Message);
  });

  it("is told of the orchestrator, every worker and conversation, each with its chart and parent", () => {
    const actors = messages.filter(({ type }) => type === "@xstate.actor");
    const names = actors.map(({ name }) => name);
    expect(names[0]).toBe("run");
    expect(names).toEqual(expect.arrayContaining(["route", "plan", "worker:t1#1", "worker:t3#1", "conversation"]));
    const root = actors[0]?.sessionId;
    for (const { definition, rootId, parentId, name } of actors) {
      expect(JSON.parse(definition ?? "")).toMatchObject({ id: expect.any(String) as string });
      expect(rootId).toBe(root);
      if (name?.startsWith("worker:")) expect(parentId).toBe(root);
    }
    const ids = new Set(actors.map(({ sessionId }) => sessionId));
    expect(messages.filter(({ sessionId }) => sessionId !== undefined && !ids.has(sessionId))).toEqual([]);
  });

  it("sees the task queue in the orchestrator's snapshots, from first to last", () => {
    const queues = messages.flatMap(({ type, snapshot }) =>
      type === "@xstate.snapshot" ? (snapshot?.context?.queue?.tasks?.map(({ status }) => status).join(" ") ?? []) : [],
    );
    expect(queues[0]).toBe("running waiting running");
    expect(queues.at(-1)).toMatch(/^(finished|failed) /);
  });

  it("never sees a secret, and no message is large", () => {
    expect(raw.length).toBeGreaterThan(50);
    expect(raw.filter((text) => text.includes(canary))).toEqual([]);
    expect(raw.filter((text) => text.includes("[hidden]")).length).toBeGreaterThan(0);
    expect(Math.max(...raw.map(({ length }) => length))).toBeLessThan(400_000);
  });

  it("is found by the environment for the command line", async () => {
    await using server = await listen();
    process.env["QUATRAIN_INSPECT_URL"] = server.url;
    const inspector = await startInspector();
    expect(inspector.url).toBe(server.url);
    await inspector.close();
    await inspector.close();
  });

  it.each(["ws://127.0.0.1:1", "nowhere", "http://127.0.0.1:1"])("says so when nobody answers at %s", async (url) => {
    await expect(statelyInspector({ url })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringContaining(url) as string,
    });
  });

  it("does not disturb a run when its server goes away", async () => {
    const server = await listen();
    const inspector = await statelyInspector({ url: server.url });
    await server[Symbol.asyncDispose]();
    const run = kept(orchestrate("x", { model: fixedModel(threeTasks), inspect: inspector.inspect }));
    expect(await run.result).toMatchObject({ outcome: "complete" });
    await inspector.close();
  });
});
