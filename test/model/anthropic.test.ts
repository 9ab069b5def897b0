// The client against the stand-in: real HTTP, the real SDK.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { firstValueFrom, toArray } from "rxjs";
import { z } from "zod";
import type { FailureCode } from "../../src/core/failure.ts";
import { anthropicModel } from "../../src/model/anthropic.ts";
import { FRAME_MS } from "../../src/model/frames.ts";
import type { ModelPort } from "../../src/model/port.ts";
import { schedulerFrom } from "../../src/model/scheduler.ts";
import { answerFormat } from "../../src/prompts/prompt.ts";
import { textOf, type Message } from "../../src/protocol/turn.ts";
import { scriptedBrain } from "../../src/testing/stand-in/brain.ts";
import type { Brain, BrainAnswer } from "../../src/testing/stand-in/brain.ts";
import type { Fault } from "../../src/testing/stand-in/faults.ts";
import { standIn, type StandIn, type StandInOptions } from "../../src/testing/stand-in/stand-in.ts";
import { FakeClock, KEY, messageStart, NOW, outcomeOf, READ_TOOL, sse, textBlock, turnRequest } from "./helpers.ts";

const open: StandIn[] = [];

async function start(
  brain: Brain | BrainAnswer,
  options: Partial<StandInOptions> = {},
): Promise<{ server: StandIn; port: ModelPort }> {
  const server = await standIn({ brain: typeof brain === "function" ? brain : scriptedBrain([{ answer: brain }]), ...options });
  open.push(server);
  return { server, port: clientOf(server) };
}

function clientOf({ url }: StandIn): ModelPort {
  return anthropicModel({ endpoints: { default: { baseURL: url, apiKey: KEY } }, now: () => NOW, environment: {} });
}

afterEach(async () => {
  await Promise.all(open.splice(0).map(async (server) => server.close()));
});

const answer: BrainAnswer = { content: ["A quatrain has four lines."] };

describe("a turn that goes well", () => {
  it("streams deltas, then gives the answer with usage, price and request id", async () => {
    const { server, port } = await start(answer);
    const events = await firstValueFrom(port.turn(turnRequest(), {}).pipe(toArray()));
    const deltas = events.flatMap((event) => (event.kind === "delta" ? [event.delta] : []));
    expect(deltas.map(({ text }) => text).join("")).toBe("A quatrain has four lines.");
    expect(deltas.every(({ conversation, turn, kind }) => conversation === "t1#1" && turn === 1 && kind === "text")).toBe(true);
    const last = events.at(-1);
    const outcome = last?.kind === "outcome" ? last.outcome : null;
    expect(outcome).toMatchObject({ kind: "answered", stop: "end_turn", model: "claude-sonnet-5-5" });
    expect(outcome?.requestId).toBe(server.requests[0]?.requestId);
    const billed = server.requests[0]?.usage;
    expect(outcome?.usage).toMatchObject({
      inputTokens: billed?.input_tokens,
      outputTokens: billed?.output_tokens,
      estimated: false,
    });
    expect(outcome?.usd).toBeGreaterThan(0);
    expect(server.invalid).toEqual([]);
  });

  it("runs a tool loop whose requests the API accepts, thinking sent back unchanged", async () => {
    const { server, port } = await start(
      scriptedBrain([
        { answer: [{ content: [{ thinking: "look" }, { tool: "read", input: { path: "a.txt" } }] }, { content: ["done"] }] },
      ]),
    );
    const first = await outcomeOf(port, turnRequest({ tools: [READ_TOOL] }));
    expect(first).toMatchObject({ kind: "answered", stop: "tool_use" });
    const blocks = first.kind === "answered" ? first.blocks : [];
    expect(blocks.map((block) => block.type)).toEqual(["opaque", "tool_use"]);
    const call = blocks.find((block) => block.type === "tool_use");
    expect(call).toMatchObject({ name: "read", input: { path: "a.txt" } });
    const messages: Message[] = [
      ...turnRequest().messages,
      { role: "assistant", content: blocks },
      { role: "user", content: [{ type: "tool_result", tool_use_id: call?.id ?? "", content: "hello", is_error: false }] },
    ];
    const second = await outcomeOf(port, turnRequest({ tools: [READ_TOOL] }, { turn: 2, messages }));
    expect(second.kind === "answered" && textOf(second.blocks)).toBe("done");
    expect(server.invalid).toEqual([]);
  });

  it("sends a schema that the API takes and leaves the decoding to the caller", async () => {
    const format = answerFormat(
      "plan",
      z.object({ tasks: z.array(z.object({ label: z.string().max(40), tier: z.enum(["a", "b"]).nullable() })) }),
    );
    const { server, port } = await start({ content: ['{"tasks":[]}'] });
    const outcome = await outcomeOf(port, turnRequest({ format }));
    expect(outcome.kind === "answered" && textOf(outcome.blocks)).toBe('{"tasks":[]}');
    expect(server.invalid).toEqual([]);
  });

  it("is cold: nothing is sent before somebody subscribes, and each subscription asks anew", async () => {
    const { server, port } = await start(answer);
    const turn = port.turn(turnRequest(), {});
    expect(server.requests).toHaveLength(0);
    await firstValueFrom(turn.pipe(toArray()));
    await firstValueFrom(turn.pipe(toArray()));
    expect(server.requests).toHaveLength(2);
  });
});

interface Row {
  readonly name: string;
  readonly fault: Fault;
  readonly code: FailureCode;
  /** Whether something is known to have been generated. */
  readonly metered: boolean;
}

const rows: readonly Row[] = [
  { name: "400", fault: { kind: "status", status: 400 }, code: "RequestInvalid", metered: false },
  { name: "401", fault: { kind: "status", status: 401 }, code: "AuthFailed", metered: false },
  { name: "402", fault: { kind: "status", status: 402 }, code: "BillingBlocked", metered: false },
  { name: "403", fault: { kind: "status", status: 403 }, code: "AuthFailed", metered: false },
  { name: "404", fault: { kind: "status", status: 404 }, code: "ModelNotFound", metered: false },
  { name: "408", fault: { kind: "status", status: 408 }, code: "ServerFault", metered: false },
  { name: "409", fault: { kind: "status", status: 409 }, code: "ServerFault", metered: false },
  { name: "413", fault: { kind: "status", status: 413 }, code: "RequestTooLarge", metered: false },
  { name: "429", fault: { kind: "status", status: 429, retryAfter: { seconds: 3600 } }, code: "RateLimited", metered: false },
  { name: "500", fault: { kind: "status", status: 500 }, code: "ServerFault", metered: false },
  { name: "502 html", fault: { kind: "status", status: 502, body: "html" }, code: "ServerFault", metered: false },
  { name: "503 empty", fault: { kind: "status", status: 503, body: "empty" }, code: "ServerFault", metered: false },
  { name: "504", fault: { kind: "status", status: 504 }, code: "ServerFault", metered: false },
  { name: "529", fault: { kind: "status", status: 529 }, code: "Overloaded", metered: false },
  { name: "200 html", fault: { kind: "body", body: "html" }, code: "MalformedAnswer", metered: false },
  { name: "200 empty", fault: { kind: "body", body: "empty" }, code: "MalformedAnswer", metered: false },
  { name: "204", fault: { kind: "body", body: "noContent" }, code: "MalformedAnswer", metered: false },
  { name: "200 error JSON", fault: { kind: "body", body: "errorJson" }, code: "MalformedAnswer", metered: false },
  { name: "reset before headers", fault: { kind: "cut", at: "headers", how: "reset" }, code: "NetworkFault", metered: false },
  { name: "reset in mid-body", fault: { kind: "cut", at: { events: 3 }, how: "reset" }, code: "NetworkFault", metered: true },
  { name: "close in mid-body", fault: { kind: "cut", at: { events: 3 }, how: "close" }, code: "NetworkFault", metered: true },
  { name: "clean cut", fault: { kind: "cut", at: { events: 3 }, how: "end" }, code: "StreamCut", metered: true },
  { name: "cut within an event", fault: { kind: "cut", at: { bytes: 1_000 }, how: "end" }, code: "StreamCut", metered: true },
  { name: "no message_stop", fault: { kind: "noMessageStop" }, code: "StreamCut", metered: true },
  {
    name: "overloaded first",
    fault: { kind: "errorEvent", type: "overloaded_error", afterEvents: 0 },
    code: "Overloaded",
    metered: false,
  },
  {
    name: "overloaded later",
    fault: { kind: "errorEvent", type: "overloaded_error", afterEvents: 3 },
    code: "Overloaded",
    metered: true,
  },
  {
    name: "api error later",
    fault: { kind: "errorEvent", type: "api_error", afterEvents: 3 },
    code: "ServerFault",
    metered: true,
  },
  { name: "every event twice", fault: { kind: "twice" }, code: "MalformedAnswer", metered: true },
  { name: "broken event JSON", fault: { kind: "brokenJson", afterEvents: 3 }, code: "MalformedAnswer", metered: true },
  { name: "unknown stop reason", fault: { kind: "stop", reason: "tired" }, code: "MalformedAnswer", metered: true },
  {
    name: "redirect",
    fault: { kind: "redirect", location: "http://127.0.0.1:9/v1/messages" },
    code: "NetworkFault",
    metered: false,
  },
];

describe("a turn that fails", () => {
  it.each(rows)("$name is $code, asked once, metered: $metered", async ({ fault, code, metered }) => {
    const { server, port } = await start(answer, { faults: [fault], pings: false });
    const outcome = await outcomeOf(port);
    expect(outcome).toMatchObject({ kind: "failed", failure: { code } });
    expect(server.requests).toHaveLength(1);
    expect(outcome.usage !== null).toBe(metered);
    expect(outcome.usd !== null).toBe(metered);
    const { message } = outcome.kind === "failed" ? outcome.failure : { message: "" };
    expect(message.length).toBeLessThan(330);
    expect(message).not.toMatch(/<|sk-ant/);
  });

  it("meters a cut turn at least with its prompt and marks the rest as estimated", async () => {
    const { server, port } = await start(answer, { faults: [{ kind: "cut", at: { events: 4 }, how: "reset" }] });
    const outcome = await outcomeOf(port);
    expect(outcome.usage).toMatchObject({ inputTokens: server.requests[0]?.usage?.input_tokens, estimated: true });
  });

  it("says how long to wait", async () => {
    const { port } = await start(answer, { faults: [{ kind: "status", status: 429, retryAfter: { seconds: 3600 } }] });
    expect(await outcomeOf(port)).toMatchObject({ failure: { code: "RateLimited", retryAfterMs: 3_600_000 } });
  });

  it("names the content type and size of what is no answer", async () => {
    const { port } = await start(answer, { faults: [{ kind: "body", body: "html" }] });
    const outcome = await outcomeOf(port);
    expect(outcome.kind === "failed" && outcome.failure.message).toMatch(
      /^The answer is not an API message \(text\/html, \d+ bytes\)/,
    );
  });

  it("names a host where nobody listens", async () => {
    const { server, port } = await start(answer);
    await server.close();
    const outcome = await outcomeOf(port);
    expect(outcome).toMatchObject({
      failure: { code: "NetworkFault", message: expect.stringContaining(new URL(server.url).host) as string },
    });
    expect(outcome).toMatchObject({ failure: { message: expect.stringContaining("ECONNREFUSED") as string } });
  });
});

describe("a turn that is complete in spite of the wire", () => {
  const kinds: readonly (Fault & { readonly label: string })[] = [
    // The client hangs up at message_stop, which ends the wait at once.
    { label: "reset after message_stop", kind: "cut", at: "end", how: "reset", laterMs: 10_000 },
    { label: "stall after message_stop", kind: "stall", at: "end" },
    { label: "wrong content type", kind: "contentType", value: "text/plain" },
    { label: "no content type", kind: "contentType", value: null },
    { label: "delay", kind: "delay", delayMs: 5 },
  ];
  it.each(kinds)("$label", async ({ label: _label, ...fault }) => {
    const { server, port } = await start(answer, { faults: [fault] });
    expect(await outcomeOf(port)).toMatchObject({ kind: "answered", stop: "end_turn" });
    expect(server.requests).toHaveLength(1);
  });

  it("counts as estimated when usage is missing, never as free", async () => {
    const { port } = await start(answer, { faults: [{ kind: "noUsage" }] });
    const outcome = await outcomeOf(port);
    expect(outcome).toMatchObject({ kind: "answered", usage: { estimated: true } });
    expect(outcome.usage?.inputTokens).toBeGreaterThan(0);
    expect(outcome.usage?.outputTokens).toBeGreaterThan(0);
    expect(outcome.usd).toBeGreaterThan(0);
  });
});

describe("stop reasons", () => {
  it.each(["end_turn", "pause_turn", "max_tokens", "refusal", "model_context_window_exceeded", "stop_sequence"])(
    "%s comes through",
    async (reason) => {
      const { port } = await start(answer, { faults: [{ kind: "stop", reason }] });
      expect(await outcomeOf(port)).toMatchObject({ kind: "answered", stop: reason });
    },
  );

  it("refuses two calls with one id", async () => {
    const calls = [
      { tool: "read", input: { path: "a" } },
      { tool: "read", input: { path: "b" } },
    ];
    const { port } = await start({ content: calls }, { faults: [{ kind: "sameToolIds" }] });
    const outcome = await outcomeOf(port, turnRequest({ tools: [READ_TOOL] }));
    expect(outcome).toMatchObject({
      kind: "failed",
      failure: { code: "MalformedAnswer", message: expect.stringContaining("one id") as string },
    });
  });
});

/** A server that sends a beginning and then waits; `gone` resolves when the caller's socket closes. */
async function holding(beginning: string): Promise<{ url: string; gone: Promise<void>; ping: () => void; close: () => void }> {
  let close = (): void => undefined;
  const gone = new Promise<void>((resolve) => {
    close = resolve;
  });
  let ping = (): void => undefined;
  const server = createServer((_request, response) => {
    response.on("close", () => close());
    if (beginning === "") return;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(beginning);
    ping = () => response.write(sse([{ type: "ping" }]));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const end = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}`, gone, ping: () => ping(), close: end };
}

describe("ending a turn early", () => {
  const begun = sse([messageStart(), ...textBlock(0, "Four", " lines")]);
  const portTo = (url: string, clock = new FakeClock()): ModelPort =>
    anthropicModel({ endpoints: { default: { baseURL: url, apiKey: KEY } }, scheduler: schedulerFrom(clock), environment: {} });

  it("unsubscribing closes the socket, before the headers and in mid-stream, and leaves no timer", async () => {
    for (const beginning of ["", begun]) {
      const server = await holding(beginning);
      const clock = new FakeClock();
      const seen: unknown[] = [];
      const subscription = portTo(server.url, clock)
        .turn(turnRequest(), {})
        .subscribe((event) => seen.push(event));
      if (beginning === "") await turns(50);
      else await until(() => clock.timers > 3, "a frame is open");
      clock.advance(FRAME_MS);
      const count = seen.length;
      subscription.unsubscribe();
      expect(clock.timers).toBe(0);
      await server.gone;
      expect(seen).toHaveLength(count);
      server.close();
    }
  });

  it("an aborted signal ends in one Cancelled outcome that carries the cost so far", async () => {
    const server = await holding(begun);
    const controller = new AbortController();
    const clock = new FakeClock();
    const outcome = outcomeOf(portTo(server.url, clock), turnRequest(), { signal: controller.signal });
    await until(() => clock.timers > 3, "a frame is open");
    controller.abort();
    expect(await outcome).toMatchObject({
      failure: { code: "Cancelled" },
      usage: { inputTokens: 100, outputTokens: 3, estimated: true },
    });
    await server.gone;
    expect(clock.timers).toBe(0);
    server.close();
  });

  it("a signal that is already aborted sends nothing", async () => {
    const { server, port } = await start(answer);
    const outcome = await outcomeOf(port, turnRequest(), { signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ failure: { code: "Cancelled" }, usage: null });
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    { name: "no headers", beginning: "", ms: 90_000, usage: null },
    { name: "silence in mid-stream", beginning: begun, ms: 90_000, usage: { inputTokens: 100, estimated: true } },
  ])("$name for 90 s is StreamStalled, and the socket is closed", async ({ beginning, ms, usage }) => {
    const server = await holding(beginning);
    const clock = new FakeClock();
    const outcome = outcomeOf(portTo(server.url, clock));
    await (beginning === "" ? turns(50) : until(() => clock.timers > 3, "a frame is open"));
    clock.advance(ms);
    expect(await outcome).toMatchObject({ failure: { code: "StreamStalled" }, usage });
    await server.gone;
    expect(clock.timers).toBe(0);
    server.close();
  });

  it("pings keep the connection, but not the turn: after 300 s without news it is StreamStalled", async () => {
    const server = await holding(begun);
    const clock = new FakeClock();
    const chunks = { count: 0 };
    const counting: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      const meter = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          chunks.count += 1;
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body?.pipeThrough(meter) ?? null, response);
    };
    const endpoints = { default: { baseURL: server.url, apiKey: KEY } };
    const outcome = outcomeOf(anthropicModel({ endpoints, scheduler: schedulerFrom(clock), environment: {}, fetch: counting }));
    await until(() => clock.timers > 3, "a frame is open");
    for (let minute = 1; minute <= 4; minute++) {
      clock.advance(60_000);
      const before = chunks.count;
      server.ping();
      await until(() => chunks.count > before, "the ping came");
      await turns(5);
    }
    clock.advance(60_000);
    const ended = await outcome;
    expect(ended).toMatchObject({
      failure: { code: "StreamStalled", message: expect.stringContaining("nothing new for 300 s") as string },
    });
    server.close();
  });
});

/** Lets the machinery run for some turns of the event loop, without any wait. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate();
}

async function until(met: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 20_000; tries++) {
    if (met()) return;
    await setImmediate();
  }
  throw new Error(`it never came to this: ${what}`);
}
