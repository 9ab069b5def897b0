// The inspector example, watched by the stock inspector server of @statelyai/inspect.
import { once } from "node:events";
import { createServer } from "node:net";
import { createInspectorServer } from "@statelyai/inspect/server";
import { expect, it } from "vitest";
import { WebSocket } from "ws";
import { runExample, stage } from "./run-example.ts";

/** What a viewer receives, as far as it is looked at here. */
interface Told {
  readonly type: string;
  readonly name?: string;
  readonly snapshot?: {
    readonly context?: { readonly queue?: { readonly tasks?: readonly { readonly label: string }[] } | null };
  };
}

it("07: a viewer meets the orchestrator, every worker and the task queue", async () => {
  const port = await freePort();
  const inspectorServer = createInspectorServer({ port, autoOpen: false });
  const viewer = new WebSocket(`ws://127.0.0.1:${port}`);
  const received: string[] = [];
  viewer.on("message", (data: Buffer) => received.push(data.toString()));
  await once(viewer, "open");
  const models = await stage({});
  try {
    const printed = await runExample("07-inspector", models, { QUATRAIN_INSPECT_URL: `ws://127.0.0.1:${port}` });
    expect(printed).toEqual([`complete, watched at ws://127.0.0.1:${port}`]);
    await expect.poll(() => received.some((text) => text.includes('"done"'))).toBe(true);
  } finally {
    viewer.terminate();
    inspectorServer.stop();
    await models.close();
  }
  const told = received.map((text) => JSON.parse(text) as Told);
  const names = told.flatMap(({ type, name }) => (type === "@xstate.actor" && name ? [name] : []));
  expect(names).toEqual(expect.arrayContaining(["run", "worker:t1#1", "worker:t2#1", "worker:t3#1"]));
  const queues = told.flatMap(({ snapshot }) => snapshot?.context?.queue?.tasks?.map(({ label }) => label).join() ?? []);
  expect(queues).toContain("bread,rolls,parcel");
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
