// Every fault, as the official SDK sees it (without retries), or on the wire where the SDK would hide it.
import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { everyFault, type Fault } from "../../../src/testing/stand-in/faults.ts";
import type { StandInMoment } from "../../../src/testing/stand-in/log.ts";
import { standIn as start, type StandInOptions } from "../../../src/testing/stand-in/stand-in.ts";
import { clientOf, plain, post, soon, TestClock } from "./helpers.ts";

const words = "Some words that make more than one event. ".repeat(4);
const call = (path: string) => ({ tool: "read", input: { path } });
const brain = () => ({ content: [words] });
/** The schema is not the subject here, and compiling it takes most of a server's start. */
const standIn = (options: StandInOptions) => start({ rules: { schema: false }, ...options });
const thrown = (error: unknown) => error;

/** What comes out of a stream: its events' types, and how it ended. */
async function streamed(fault: Fault, options: { clock?: TestClock } = {}) {
  await using server = await standIn({ brain, faults: [fault], pings: false, ...options });
  const types: string[] = [];
  try {
    const stream = await clientOf(server).messages.create({ ...plain, stream: true });
    for await (const { type } of stream) types.push(type);
    return { types, error: undefined, server };
  } catch (error) {
    return { types, error, server };
  }
}

describe("an error status", () => {
  const classes = {
    400: Anthropic.BadRequestError,
    401: Anthropic.AuthenticationError,
    402: Anthropic.PaymentRequiredError,
    403: Anthropic.PermissionDeniedError,
    404: Anthropic.NotFoundError,
    408: Anthropic.RequestTimeoutError,
    409: Anthropic.ConflictError,
    413: Anthropic.ContentTooLargeError,
    429: Anthropic.RateLimitError,
    500: Anthropic.InternalServerError,
    504: Anthropic.GatewayTimeoutError,
    529: Anthropic.OverloadedError,
  };
  it.each(Object.entries(classes))("%i is the SDK's own error class", async (status, kind) => {
    await using server = await standIn({ brain, faults: () => ({ kind: "status", status: Number(status) }) });
    const error = await clientOf(server).messages.create(plain).catch(thrown);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status: Number(status), requestID: server.requests[0]?.requestId });
    expect(server.requests[0]).toMatchObject({ answered: "error", usage: null });
  });

  it("has retry-after in every form, also together with headers of one's own", async () => {
    const faults: Fault[] = [
      { kind: "status", status: 429, retryAfter: { seconds: 7 } },
      { kind: "status", status: 429, retryAfter: { ms: 70 } },
      { kind: "status", status: 429, retryAfter: { date: Date.UTC(2027, 0, 1) } },
      { kind: "status", status: 429, retryAfter: { raw: "soon" }, headers: { "x-should-retry": "false" } },
    ];
    await using server = await standIn({ brain, faults });
    const seen: (string | null)[][] = [];
    for (const _ of faults) {
      const { headers } = await post(server, plain);
      seen.push(["retry-after", "retry-after-ms", "x-should-retry"].map((name) => headers.get(name)));
    }
    expect(seen).toEqual([
      ["7", null, null],
      [null, "70", null],
      ["Fri, 01 Jan 2027 00:00:00 GMT", null, null],
      ["soon", null, "false"],
    ]);
  });

  it("may have a type and message of one's own, a page of HTML, or nothing as body", async () => {
    const faults: Fault[] = [
      { kind: "status", status: 400, type: "billing_error", message: "credit balance is too low" },
      { kind: "status", status: 502, body: "html" },
      { kind: "status", status: 503, body: "empty" },
    ];
    await using server = await standIn({ brain, faults });
    expect(await (await post(server, plain)).json()).toMatchObject({ error: { type: "billing_error", message: /credit/ } });
    expect(await (await post(server, plain)).text()).toContain("<html>");
    expect(await (await post(server, plain)).text()).toBe("");
    expect((await post(server, plain)).status).toBe(200);
  });

  it("is retried by the SDK where the API says so", async () => {
    await using server = await standIn({ brain, faults: [{ kind: "status", status: 529, retryAfter: { ms: 1 } }] });
    expect(await clientOf(server, { maxRetries: 1 }).messages.create(plain)).toMatchObject({ stop_reason: "end_turn" });
    expect(server.requests.map(({ headers }) => headers["x-stainless-retry-count"])).toEqual(["0", "1"]);
  });
});

describe("a broken connection", () => {
  it("reset before headers is a connection error; the answer was made all the same", async () => {
    const { error, server } = await streamed({ kind: "cut", at: "headers", how: "reset" });
    expect(error).toBeInstanceOf(Anthropic.APIConnectionError);
    expect(server.requests[0]).toMatchObject({ answered: "cut", usage: { output_tokens: 42 } });
  });

  it.each(["reset", "close"] as const)("%s in the body ends the stream with an error after the events before it", async (how) => {
    const { types, error } = await streamed({ kind: "cut", at: { events: 3 }, how });
    expect(types).toEqual(["message_start", "content_block_start", "content_block_delta"]);
    expect(error).toBeInstanceOf(Error);
  });

  it("reset after message_stop fails a complete answer", async () => {
    const { types, error, server } = await streamed({ kind: "cut", at: "end", how: "reset" });
    expect(types.at(-1)).toBe("message_stop");
    expect(error).toBeInstanceOf(Error);
    expect(server.requests[0]?.answered).toBe("cut");
  });

  it("a reset that waits comes after everything could be read", async () => {
    const clock = new TestClock();
    const fault: Fault = { kind: "cut", at: "end", how: "reset", laterMs: 1_000 };
    await using server = await standIn({ brain, faults: [fault], pings: false, clock });
    const stream = await clientOf(server).messages.create({ ...plain, stream: true });
    const types: string[] = [];
    const ended = (async () => {
      for await (const { type } of stream) {
        types.push(type);
        if (type === "message_stop") await clock.advance(1_000);
      }
    })().catch(thrown);
    expect(await ended).toBeInstanceOf(Error);
    expect(types.at(-1)).toBe("message_stop");
  });

  it("a clean cut goes unnoticed in a raw stream, and stream() rejects", async () => {
    const { types, error } = await streamed({ kind: "cut", at: { events: 4 }, how: "end" });
    expect([types.length, error]).toEqual([4, undefined]);
    await using server = await standIn({ brain, faults: () => ({ kind: "noMessageStop" }) });
    const rejected = await clientOf(server).messages.stream(plain).finalMessage().catch(thrown);
    expect(rejected).toBeInstanceOf(Anthropic.AnthropicError);
    expect(server.requests[0]?.answered).toBe("odd");
  });

  it("after bytes cuts exactly there, also inside an event or a character", async () => {
    await using server = await standIn({
      brain: () => ({ content: ["🎼".repeat(40)] }),
      faults: () => ({ kind: "cut", at: { bytes: 333 }, how: "end" }),
    });
    const bytes = await (await post(server, { ...plain, stream: true })).arrayBuffer();
    expect(bytes.byteLength).toBe(333);
    const cutJson = await clientOf(server).messages.create(plain).catch(thrown);
    expect(cutJson).toBeInstanceOf(Error);
  });
});

describe("whoever asks is told of each request", () => {
  /** The moments of one streamed request; its caller hangs up when told that nothing more will come. */
  async function momentsOf(fault: Fault | null): Promise<readonly StandInMoment[]> {
    const moments: StandInMoment[] = [];
    const hangUp = new AbortController();
    const onMoment = (moment: StandInMoment): void => {
      moments.push(moment);
      if (moment.kind === "stalled") hangUp.abort();
    };
    await using server = await standIn({ brain, faults: [fault], pings: false, onMoment });
    const answer = post(server, { ...plain, stream: true }, { signal: hangUp.signal });
    await answer.then((response) => response.text()).catch(thrown);
    await soon(() => moments.at(-1)?.kind).toBe("over");
    return moments;
  }

  it("when it arrives, with each piece that leaves, at the last one, and when it is over", async () => {
    const moments = await momentsOf(null);
    const sent = moments.flatMap((moment) => (moment.kind === "sent" ? [moment] : []));
    expect(moments.map(({ kind }) => kind)).toEqual(["arrived", ...sent.map(() => "sent"), "over"]);
    expect(sent.map(({ isLast }) => isLast)).toEqual(sent.map((one) => one === sent.at(-1)));
    expect(sent.every(({ bytes }, at) => bytes > (sent[at - 1]?.bytes ?? 0))).toBe(true);
  });

  it("when nothing more will come, and never of a last piece then", async () => {
    const moments = await momentsOf({ kind: "stall", at: { events: 2 } });
    expect(moments.map(({ kind }) => kind)).toEqual(["arrived", "sent", "sent", "stalled", "over"]);
    expect(moments.some((moment) => moment.kind === "sent" && moment.isLast)).toBe(false);
  });
});

describe("a stall", () => {
  it("before headers runs into the SDK's timeout", async () => {
    await using server = await standIn({ brain, faults: [{ kind: "stall", at: "headers" }] });
    const error = await clientOf(server, { timeout: 40 }).messages.create(plain).catch(thrown);
    expect(error).toBeInstanceOf(Anthropic.APIConnectionTimeoutError);
    await soon(() => server.requests[0]?.answered).toBe("stalled");
  });

  it.each([
    ["in the body", { events: 3 } as const, 3],
    ["after message_stop", "end" as const, 9],
  ])("%s lets nothing more come until the caller hangs up", async (_name, at, least) => {
    await using server = await standIn({ brain, faults: [{ kind: "stall", at }], pings: false });
    const hangUp = new AbortController();
    const stream = await clientOf(server).messages.create({ ...plain, stream: true }, { signal: hangUp.signal });
    const types: string[] = [];
    const ended = (async () => {
      for await (const { type } of stream) types.push(type);
    })().catch(thrown);
    await soon(() => types.length).toBeGreaterThanOrEqual(least);
    expect(server.requests[0]?.answered).toBe("pending");
    hangUp.abort();
    await ended;
    await soon(() => server.requests[0]?.answered).toBe("stalled");
  });

  it("with pings keeps the connection busy for ever", async () => {
    const clock = new TestClock();
    await using server = await standIn({
      brain,
      faults: [{ kind: "stall", at: { events: 1 }, pingEveryMs: 5000 }],
      pings: false,
      clock,
    });
    const hangUp = new AbortController();
    const { body } = await post(server, { ...plain, stream: true }, { signal: hangUp.signal });
    let text = "";
    const reading = (async () => {
      for await (const part of body ?? []) text += Buffer.from(part).toString();
    })().catch(thrown);
    for (let at = 0; at < 3; at++) await clock.advance(5000);
    await soon(() => text.match(/event: \w+/g)).toEqual(["event: message_start", ...Array<string>(3).fill("event: ping")]);
    hangUp.abort();
    await reading;
  });
});

describe("a delay", () => {
  it("comes before the first byte, on the server's clock", async () => {
    const clock = new TestClock();
    await using server = await standIn({ brain, faults: [{ kind: "delay", delayMs: 3_600_000 }], clock });
    const pending = clientOf(server).messages.create(plain);
    await clock.advance(3_600_000);
    expect(await pending).toMatchObject({ stop_reason: "end_turn" });
  });
});

describe("a wrong answer", () => {
  it.each(["overloaded_error", "api_error"] as const)("%s in mid-stream has no status", async (type) => {
    const { types, error } = await streamed({ kind: "errorEvent", type, afterEvents: 3 });
    expect(types).toHaveLength(3);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ type, status: undefined });
  });

  it("an error event becomes an error status where nothing is streamed", async () => {
    await using server = await standIn({
      brain,
      faults: () => ({ kind: "errorEvent", type: "overloaded_error", afterEvents: 3 }),
    });
    expect(await clientOf(server).messages.create(plain).catch(thrown)).toBeInstanceOf(Anthropic.OverloadedError);
  });

  it("200 with HTML, nothing or an error object, and 204, come back as values", async () => {
    const bodies = ["html", "empty", "noContent", "errorJson"] as const;
    await using server = await standIn({ brain, faults: bodies.map((body) => ({ kind: "body", body })) });
    const seen: unknown[] = [];
    for (const _ of bodies) seen.push(await clientOf(server).messages.create(plain).catch(thrown));
    expect(seen).toEqual([expect.stringContaining("<html>"), undefined, null, expect.objectContaining({ type: "error" })]);
    expect(server.requests.map(({ answered }) => answered)).toEqual(["odd", "odd", "odd", "odd"]);
  });

  it.each(["text/plain", null])("content type %s makes a text of a JSON answer", async (value) => {
    await using server = await standIn({ brain, faults: [{ kind: "contentType", value }] });
    expect(await clientOf(server).messages.create(plain)).toBeTypeOf("string");
  });

  it("a redirect is a 307 to where it was told", async () => {
    await using other = await standIn({ brain: () => ({ content: ["from elsewhere"] }) });
    await using server = await standIn({ brain, faults: () => ({ kind: "redirect", location: `${other.url}/v1/messages` }) });
    expect((await post(server, plain)).status).toBe(307);
    const error = await clientOf(server, { fetchOptions: { redirect: "error" } })
      .messages.create(plain)
      .catch(thrown);
    expect(error).toBeInstanceOf(Anthropic.APIConnectionError);
    expect(other.requests).toEqual([]);
  });

  it.each(["refusal", "pause_turn", "tired"])("stop reason %s is a value", async (reason) => {
    await using server = await standIn({ brain, faults: () => ({ kind: "stop", reason }) });
    const whole = await clientOf(server).messages.create(plain);
    const streamedOne = await clientOf(server).messages.stream(plain).finalMessage();
    for (const message of [whole, streamedOne]) {
      expect(message).toMatchObject({ stop_reason: reason, content: [{ text: words }] });
      expect(message.stop_details?.type).toBe(reason === "refusal" ? "refusal" : undefined);
    }
  });

  it.each(["max_tokens", "model_context_window_exceeded"])("stop reason %s leaves half of the content", async (reason) => {
    await using server = await standIn({ brain, faults: () => ({ kind: "stop", reason }) });
    const { content, stop_reason: stop } = await clientOf(server).messages.create(plain);
    expect(stop).toBe(reason);
    expect(content).toEqual([{ type: "text", text: words.slice(0, words.length / 2), citations: null }]);
  });

  it("max_tokens inside a tool's input leaves the first fields in a stream", async () => {
    const input = { timeout: 12, command: "ls -la", why: "x".repeat(120) };
    await using server = await standIn({
      brain: () => ({ content: [{ tool: "bash", input }] }),
      faults: () => ({ kind: "stop", reason: "max_tokens" }),
    });
    const message = await clientOf(server).messages.stream(plain).finalMessage();
    expect(message).toMatchObject({ stop_reason: "max_tokens", content: [{ input: { timeout: 12, command: "ls -la" } }] });
    expect(message.content[0]).not.toMatchObject({ input });
  });

  it("without usage JSON is a value and stream() breaks", async () => {
    await using server = await standIn({ brain, faults: () => ({ kind: "noUsage" }) });
    expect(await clientOf(server).messages.create(plain)).not.toHaveProperty("usage");
    expect(await clientOf(server).messages.stream(plain).finalMessage().catch(thrown)).toMatchObject({
      message: /usage|output_tokens|undefined/,
    });
  });

  it("every event twice doubles a raw stream's text, and stream() notices", async () => {
    const { types, error } = await streamed({ kind: "twice" });
    expect(types.filter((type) => type === "message_stop")).toHaveLength(2);
    expect(error).toBeUndefined();
    await using server = await standIn({ brain, faults: () => ({ kind: "twice" }) });
    expect(await clientOf(server).messages.stream(plain).finalMessage().catch(thrown)).toBeInstanceOf(Anthropic.AnthropicError);
  });

  it("broken JSON in an event ends the stream with an error", async () => {
    await using server = await standIn({ brain, faults: [{ kind: "brokenJson", afterEvents: 3 }] });
    const client = clientOf(server, { logLevel: "off" });
    expect(await client.messages.stream(plain).finalMessage().catch(thrown)).toBeInstanceOf(Error);
    expect(server.requests[0]?.answered).toBe("odd");
  });

  it("tool calls may share one id, also when there is only one call", async () => {
    const faults = () => ({ kind: "sameToolIds" }) as const;
    await using two = await standIn({ brain: () => ({ content: [call("a"), call("b")] }), faults });
    await using one = await standIn({ brain: () => ({ content: ["x", call("a")] }), faults });
    for (const server of [one, two]) {
      const { content } = await clientOf(server).messages.create(plain);
      const ids = content.flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
      expect([ids.length, new Set(ids).size]).toEqual([2, 1]);
    }
  });
});

describe("the script of faults", () => {
  it("gives the n-th request the n-th fault; a brain's own fault comes first", async () => {
    const status = (code: number): Fault => ({ kind: "status", status: code });
    await using server = await standIn({ brain, faults: [status(500), null, status(529)] });
    const seen: number[] = [];
    for (let at = 0; at < 4; at++) seen.push((await post(server, plain)).status);
    expect(seen).toEqual([500, 200, 529, 200]);
    await using own = await standIn({ brain: () => ({ content: [], fault: status(503) }), faults: () => ({ kind: "twice" }) });
    expect((await post(own, plain)).status).toBe(503);
  });

  it("has a table with every kind of fault but the redirect", () => {
    const kinds = new Set(everyFault().map(({ fault }) => fault.kind));
    const all: Record<Exclude<Fault["kind"], "redirect">, true> = {
      status: true,
      delay: true,
      stall: true,
      cut: true,
      errorEvent: true,
      noMessageStop: true,
      body: true,
      contentType: true,
      stop: true,
      noUsage: true,
      twice: true,
      brokenJson: true,
      sameToolIds: true,
    };
    expect([...kinds].toSorted()).toEqual(Object.keys(all).toSorted());
    expect(new Set(everyFault().map(({ name }) => name)).size).toBe(everyFault().length);
  });

  it("leaves the server fit for the next request, whatever the fault", async () => {
    const table = everyFault();
    await using server = await standIn({ brain, faults: table.flatMap(({ fault }) => [fault, null]) });
    const unfit: string[] = [];
    for (const { name, fault } of table) {
      const hangUp = new AbortController();
      const { length } = server.requests;
      const first = post(server, { ...plain, stream: true }, { signal: hangUp.signal }).then((response) => response.text());
      if (fault.kind === "stall") {
        await soon(() => server.requests[length]?.request).toBeTruthy();
        hangUp.abort();
      }
      await first.catch(thrown);
      if ((await post(server, plain)).status !== 200) unfit.push(name);
    }
    expect(unfit).toEqual([]);
  });
});
