// A key in use and secrets in the environment are looked for in everything that a run tells, keeps or starts.
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { openRun, orchestrate } from "../../src/index.ts";
import { statelyInspector } from "../../src/inspect/inspect.ts";
import { lastText } from "../../src/testing/stand-in/brain.ts";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { listen } from "../inspect/support.ts";
import { eventsOf, folder, kept } from "./helpers.ts";

const KEY = "sk-ant-canary-0000000000000001";
const canaries = {
  ANTHROPIC_API_KEY: "sk-ant-canary-0000000000000002",
  HOUSE_TOKEN: "canary-house-3",
  AWS_SECRET_ACCESS_KEY: "canary-aws-4",
};
const all = [KEY, ...Object.values(canaries), "canary"];
const before = new Map(Object.keys(canaries).map((name) => [name, process.env[name]]));

afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = value;
  }
});

/** What holds a canary, by where it was looked for. */
const leaks = (places: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(places).flatMap(([place, text]) => (all.some((one) => text.includes(one)) ? [place] : []));

async function filesUnder(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [path.relative(root, file), await readFile(file, "latin1")] as const)),
  );
}

it("a key and the environment's secrets are in no event, snapshot, journal, artifact, inspector message or child", async () => {
  Object.assign(process.env, canaries);
  const workspace = await folder();
  const told: string[] = [];
  await using viewer = await listen();
  await using server = await standIn({
    brain: (request, { turn }) => {
      told.push(JSON.stringify(request));
      if (turn === 0) return { content: [{ tool: "bash", input: { command: "env; tr '\\0' '\\n' < /proc/self/environ" } }] };
      return { content: [`The environment: ${lastText(request)}`] };
    },
  });
  const spec = (model: string) => ({ model, baseURL: server.url, apiKey: KEY });
  const models = { orchestrator: spec("claude-opus-5-5"), worker: spec("claude-sonnet-5-5"), router: spec("claude-haiku-5-5") };
  const worker = defineWorker({ name: "curious", description: "d", instructions: "look around", evidence: "schema" });
  const inspector = await statelyInspector({ url: viewer.url, secrets: [] });
  const run = kept(
    orchestrate("look", {
      workspace,
      models,
      workers: [worker],
      mode: "direct",
      permissions: { allow: ["bash"] },
      inspect: inspector.inspect,
    }),
  );
  const result = await run.result;
  await inspector.close();
  expect(result.failure).toBe(null);
  // The test sees what it looks for: the child had an environment, and said so.
  expect(result.answer).toMatch(/PATH=.*/);
  expect(told.length).toBe(2);
  const files = await filesUnder(workspace);
  expect(Object.keys(files).some((name) => name.endsWith("runs.db"))).toBe(true);
  expect(Object.keys(files).some((name) => name.includes("artifacts"))).toBe(true);
  const places = {
    ...files,
    events: JSON.stringify(await eventsOf(run)),
    result: JSON.stringify(result),
    snapshot: JSON.stringify(run.snapshot),
    "persisted snapshot": JSON.stringify(run.actor.getPersistedSnapshot()),
    "inspector messages": viewer.messages.join("\n"),
    "what the model was told": told.join("\n"),
    "what the server keeps": JSON.stringify(server.requests),
    output: await run.output("t1"),
  };
  expect(viewer.messages.length).toBeGreaterThan(10);
  expect(leaks(places)).toEqual([]);
});

it("a key that is refused, even one the server repeats, is in no failure and in no file", async () => {
  Object.assign(process.env, canaries);
  const workspace = await folder();
  const server = createServer((request, response) => {
    const message = `invalid x-api-key ${String(request.headers["x-api-key"])}`;
    response.writeHead(401, { "content-type": "application/json" });
    response.end(JSON.stringify({ type: "error", error: { type: "authentication_error", message } }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const spec = (model: string) => ({ model, baseURL: `http://127.0.0.1:${port}`, apiKey: KEY });
  const models = { orchestrator: spec("claude-opus-5-5"), worker: spec("claude-sonnet-5-5"), router: spec("claude-haiku-5-5") };
  const run = kept(orchestrate("look", { workspace, models, mode: "direct" }));
  const { outcome, failure } = await run.result;
  expect({ outcome, code: failure?.code }).toEqual({ outcome: "suspended", code: "AuthFailed" });
  const again = kept(await openRun(run.id, { store: path.join(workspace, ".quatrain"), models }));
  expect(await again.result).toMatchObject({ outcome: "suspended" });
  server.closeAllConnections();
  server.close();
  const places = {
    ...(await filesUnder(workspace)),
    failure: JSON.stringify(failure),
    events: JSON.stringify(await eventsOf(again)),
  };
  expect(leaks(places)).toEqual([]);
});
