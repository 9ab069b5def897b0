// What the stand-in remembers between requests: thinking bound to its prefix, and the prompt cache.
import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, it } from "vitest";
import { scriptedBrain } from "../../../src/testing/stand-in/brain.ts";
import { standIn } from "../../../src/testing/stand-in/stand-in.ts";
import { clientOf, complaintAbout, plain, soon, TestClock } from "./helpers.ts";

type Body = Anthropic.MessageCreateParamsNonStreaming;
const thinks = () => ({ content: [{ thinking: "deep" }, "first"] });

describe("a thinking block", () => {
  async function conversation(): Promise<{ server: Awaited<ReturnType<typeof standIn>>; body: Body }> {
    const server = await standIn({ brain: thinks });
    const base: Body = { ...plain, system: "Be brief.", tools: [{ name: "x", input_schema: { type: "object" } }] };
    const { content } = await clientOf(server).messages.create(base);
    const messages = [...base.messages, { role: "assistant" as const, content }, { role: "user" as const, content: "and?" }];
    return { server, body: { ...base, messages } };
  }

  it("is accepted with the history it was made for, also by another server", async () => {
    const { server, body } = await conversation();
    expect(await complaintAbout(server, body)).toBe("accepted");
    await using restarted = await standIn({ brain: thinks, seed: 9 });
    expect(await complaintAbout(restarted, body)).toBe("accepted");
    await server.close();
  });

  it("does not mind moved breakpoints, strings written as blocks, or fields that only decorate", async () => {
    await using server = await standIn({ brain: () => ({ content: [{ thinking: "deep" }, "words", { tool: "x", input: {} }] }) });
    const client = clientOf(server);
    const body: Body = { ...plain, tools: [{ name: "x", input_schema: { type: "object" } }] };
    const { content } = await client.messages.create(body);
    const id = content[2]?.type === "tool_use" ? content[2].id : "";
    const result = { role: "user" as const, content: [{ type: "tool_result" as const, tool_use_id: id, content: "1" }] };
    const asMade: Anthropic.MessageParam[] = [...body.messages, { role: "assistant", content }, result];
    const { content: more } = await client.messages.create({ ...body, messages: asMade });
    const bare = content.map((block) => {
      if (block.type === "text") return { type: block.type, text: block.text };
      return block.type === "tool_use" ? { type: block.type, id: block.id, name: block.name, input: block.input } : block;
    });
    const first = { type: "text", text: "hello", cache_control: { type: "ephemeral" } };
    const messages = [{ role: "user", content: [first] }, { role: "assistant", content: bare }, result];
    const last = more[2]?.type === "tool_use" ? more[2].id : "";
    const end = { role: "user", content: [{ type: "tool_result", tool_use_id: last, content: "2" }] };
    expect(last).not.toBe(id);
    expect(await complaintAbout(server, { ...body, messages: [...messages, { role: "assistant", content: more }, end] })).toBe(
      "accepted",
    );
  });

  const changes: Record<string, (body: Body) => object> = {
    "another model": (body) => ({ ...body, model: "claude-haiku-5-5" }),
    "another system": (body) => ({ ...body, system: "Be long." }),
    "one tool more": (body) => ({ ...body, tools: [...(body.tools ?? []), { name: "y", input_schema: { type: "object" } }] }),
    "an edited message": (body) => ({ ...body, messages: body.messages.with(0, { role: "user", content: "hello!" }) }),
    "a dropped message": (body) => ({ ...body, messages: [{ role: "user", content: "hi" }, ...body.messages] }),
  };
  it.each(Object.entries(changes))("is refused after %s", async (_name, change) => {
    const { server, body } = await conversation();
    expect(await complaintAbout(server, change(body))).toMatch(
      /^400 .*messages\.\d\.content\.0: .*bound to a different conversation/,
    );
    await server.close();
  });

  it("is refused when it was changed itself", async () => {
    const { server, body } = await conversation();
    const text = JSON.stringify(body).replace('"thinking":""', '"thinking":"shallow"');
    expect(await complaintAbout(server, text)).toMatch(/messages\.1\.content\.0: Invalid `signature` in `thinking` block/);
    await server.close();
  });
});

describe("the prompt cache", () => {
  const long = "word ".repeat(600);
  const system = [{ type: "text" as const, text: long, cache_control: { type: "ephemeral" as const } }];
  const ok = () => ({ content: ["ok"] });
  const usageOf = async (client: Anthropic, body: Partial<Body>): Promise<readonly number[]> => {
    const { usage } = await client.messages.create({ ...plain, ...body });
    return [usage.cache_creation_input_tokens ?? 0, usage.cache_read_input_tokens ?? 0, usage.input_tokens];
  };

  it("is written once and read afterwards, per model", async () => {
    await using server = await standIn({ brain: ok });
    const client = clientOf(server);
    expect(await usageOf(client, { system })).toEqual([750, 0, 2]);
    expect(await usageOf(client, { system })).toEqual([0, 750, 2]);
    expect(await usageOf(client, { system, messages: [{ role: "user", content: "something else" }] })).toEqual([0, 750, 4]);
    expect(await usageOf(client, { system, model: "claude-opus-5-5" })).toEqual([750, 0, 2]);
    expect(await usageOf(client, { system: [{ ...system[0]!, text: `!${long}` }] })).toEqual([751, 0, 2]);
  });

  it("leaves prefixes below the floor alone", async () => {
    await using server = await standIn({ brain: ok });
    const short = [{ ...system[0]!, text: "word ".repeat(400) }];
    expect(await usageOf(clientOf(server), { system: short })).toEqual([0, 0, 502]);
    expect(await usageOf(clientOf(server), { system: short })).toEqual([0, 0, 502]);
    expect(await usageOf(clientOf(server), { system, model: "claude-sonnet-5" })).toEqual([0, 0, 752]);
  });

  it("forgets after its time, which every read renews; an hour costs apart", async () => {
    const clock = new TestClock();
    await using server = await standIn({ brain: ok, clock });
    const client = clientOf(server);
    const hour = [{ ...system[0]!, cache_control: { type: "ephemeral" as const, ttl: "1h" as const } }];
    await usageOf(client, { system });
    clock.move(299_000);
    expect(await usageOf(client, { system })).toEqual([0, 750, 2]);
    clock.move(299_000);
    expect(await usageOf(client, { system })).toEqual([0, 750, 2]);
    clock.move(300_000);
    expect(await usageOf(client, { system })).toEqual([750, 0, 2]);
    clock.move(300_000);
    const { usage } = await client.messages.create({ ...plain, system: hour });
    expect(usage.cache_creation).toEqual({ ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 750 });
    clock.move(3_599_000);
    expect(await usageOf(client, { system: hour })).toEqual([0, 750, 2]);
  });

  it("follows a growing history by the automatic breakpoint, up to 20 blocks back", async () => {
    await using server = await standIn({ brain: ok });
    const client = clientOf(server);
    const turn = (blocks: number): Anthropic.MessageParam[] => [
      { role: "assistant", content: "ok" },
      {
        role: "user",
        content: Array.from({ length: blocks }, (_, at) => ({
          type: "text" as const,
          text: `${blocks}${at % 10}`,
        })),
      },
    ];
    const start: Anthropic.MessageParam[] = [{ role: "user", content: long }];
    const auto = { cache_control: { type: "ephemeral" as const } };
    expect(await usageOf(client, { ...auto, messages: start })).toEqual([750, 0, 0]);
    expect(await usageOf(client, { ...auto, messages: [...start, ...turn(18)] })).toEqual([19, 750, 0]);
    expect(await usageOf(client, { ...auto, messages: [...start, ...turn(18), ...turn(18)] })).toEqual([19, 769, 0]);
    expect(await usageOf(client, { ...auto, messages: [...start, ...turn(19)] })).toEqual([770, 0, 0]);
  });

  it("is readable only once the answer that writes it has begun", async () => {
    const clock = new TestClock();
    const answer = [1000, 2000].map((delayMs) => ({ content: ["slow"], delayMs }));
    await using server = await standIn({ brain: scriptedBrain([{ answer }, { answer: { content: ["ok"] } }]), clock });
    const client = clientOf(server);
    const first = usageOf(client, { system });
    await soon(() => clock.waiting).toBe(1);
    const second = usageOf(client, { system });
    await soon(() => clock.waiting).toBe(2);
    clock.move(1000);
    expect(await first).toEqual([750, 0, 2]);
    expect(await usageOf(client, { system })).toEqual([0, 750, 2]);
    clock.move(1000);
    expect(await second).toEqual([750, 0, 2]);
  });

  it("is filled ahead by max_tokens 0", async () => {
    await using server = await standIn({ brain: ok });
    const client = clientOf(server);
    await client.messages.create({ ...plain, system, max_tokens: 0 });
    expect(await usageOf(client, { system, messages: [{ role: "user", content: "work" }] })).toEqual([0, 750, 1]);
  });
});
