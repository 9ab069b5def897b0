import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { usageFrom } from "../../src/model/usage.ts";
import { Assembler, isProgress, type Step } from "../../src/model/validate.ts";
import { messageEnd, messageStart, plainAnswer, textBlock, toolBlock, USAGE } from "./helpers.ts";

type Event = Readonly<Record<string, unknown>>;

/** The last step of a series; stops at the first that ends it, as the client does. */
function run(events: readonly unknown[]): { last: Step; assembler: Assembler } {
  const assembler = new Assembler();
  let last: Step = { kind: "nothing" };
  for (const event of events) {
    last = assembler.take(event);
    if (last.kind === "answer" || last.kind === "malformed") break;
  }
  return { last, assembler };
}
const stepOf = (events: readonly unknown[]): Step => run(events).last;

describe("a well-formed answer", () => {
  it("is assembled from its pieces", () => {
    const events = [
      messageStart(),
      ...textBlock(0, "Four", " lines"),
      ...toolBlock(1, "a", '{"pa', 'th":"x"}'),
      ...messageEnd("tool_use"),
    ];
    expect(stepOf(events)).toEqual({
      kind: "answer",
      answer: {
        blocks: [
          { type: "text", text: "Four lines" },
          { type: "tool_use", id: "a", name: "read", input: { path: "x" } },
        ],
        stop: "tool_use",
        stopDetail: null,
        model: "claude-sonnet-5-5",
      },
    });
  });

  it("keeps thinking and unknown blocks whole, deltas applied", () => {
    const events = [
      messageStart(),
      { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
      { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "hm" } },
      { type: "content_block_delta", index: 0, delta: { type: "future_delta", x: 1 } },
      { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig" } },
      { type: "content_block_stop", index: 0 },
      {
        type: "content_block_start",
        index: 1,
        content_block: { type: "server_tool_use", id: "s", name: "web", input: {}, extra: { deep: [1] } },
      },
      { type: "content_block_delta", index: 1, delta: { type: "input_json_delta", partial_json: '{"q":1}' } },
      { type: "content_block_stop", index: 1 },
      ...messageEnd("pause_turn"),
    ];
    const step = stepOf(events);
    expect(step.kind === "answer" && step.answer.blocks).toEqual([
      { type: "opaque", raw: { type: "thinking", thinking: "hm", signature: "sig" } },
      { type: "opaque", raw: { type: "server_tool_use", id: "s", name: "web", input: { q: 1 }, extra: { deep: [1] } } },
    ]);
  });

  it("says why a refusal was one", () => {
    const details = { category: "cyber", explanation: "No exploits." };
    expect(stepOf([messageStart(), ...messageEnd("refusal", {}, details)])).toMatchObject({
      answer: { stop: "refusal", stopDetail: "cyber: No exploits." },
    });
  });

  it("takes a tool call without input as an empty object", () => {
    expect(stepOf([messageStart(), ...toolBlock(0, "a"), ...messageEnd("tool_use")])).toMatchObject({
      answer: { blocks: [{ input: {} }] },
    });
  });

  it("keeps __proto__ in tool input plain data", () => {
    const step = stepOf([messageStart(), ...toolBlock(0, "a", '{"__proto__":{"polluted":1}}'), ...messageEnd("tool_use")]);
    const block = step.kind === "answer" ? step.answer.blocks[0] : undefined;
    expect(block?.type === "tool_use" && Object.hasOwn(block.input as object, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("stop reasons", () => {
  const calls = toolBlock(0, "a", '{"path":"x"}');
  const cut = toolBlock(0, "a", '{"path":"rm -rf / ","why":"cl');
  const cases: readonly [string, Event[], Step["kind"]][] = [
    ["end_turn", textBlock(0, "x"), "answer"],
    ["end_turn", [], "answer"],
    ["end_turn", calls, "malformed"],
    ["stop_sequence", calls, "malformed"],
    ["tool_use", calls, "answer"],
    ["tool_use", textBlock(0, "x"), "malformed"],
    ["tool_use", cut, "malformed"],
    ["tool_use", toolBlock(0, "a", "[1]"), "malformed"],
    ["tool_use", [...calls, ...toolBlock(1, "a", "{}")], "malformed"],
    ["pause_turn", textBlock(0, "x"), "answer"],
    ["max_tokens", cut, "answer"],
    ["refusal", cut, "answer"],
    ["model_context_window_exceeded", cut, "answer"],
    ["tired", textBlock(0, "x"), "malformed"],
    ["constructor", textBlock(0, "x"), "malformed"],
  ];
  it.each(cases.map(([reason, blocks, kind]) => ({ reason, blocks, kind })))("$reason is $kind", ({ reason, blocks, kind }) => {
    const step = stepOf([messageStart(), ...blocks, ...messageEnd(reason)]);
    expect(step.kind).toBe(kind);
    if (step.kind === "answer" && blocks === cut) expect(step.answer.blocks).toEqual([]);
  });
});

describe("what breaks the protocol is malformed", () => {
  const start = messageStart();
  const block = textBlock(0, "x");
  const cases: Record<string, readonly unknown[]> = {
    "an event that is no object": [null],
    "content before message_start": block,
    "message_stop alone": [{ type: "message_stop" }],
    "message_start twice": [start, start],
    "a block out of order": [start, ...textBlock(1, "x")],
    "a block inside a block": [start, block[0], { ...block[0], index: 1 }],
    "a delta for a closed block": [start, ...block, block[1]],
    "a block stopped twice": [start, ...block, { type: "content_block_stop", index: 0 }],
    "a block of no type": [start, { type: "content_block_start", index: 0, content_block: {} }],
    "a tool call without id": [
      start,
      { type: "content_block_start", index: 0, content_block: { type: "tool_use", id: "", name: "x" } },
    ],
    "a delta without text": [start, block[0], { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: 5 } }],
    "no stop reason": [start, ...block, { type: "message_stop" }],
    "a stop reason inside a block": [start, block[0], messageEnd("end_turn")[0]],
    "two stop reasons": [start, ...block, messageEnd("end_turn")[0], messageEnd("tool_use")[0]],
    "message_stop inside a block": [start, messageEnd("end_turn")[0], block[0], { type: "message_stop" }],
  };
  it.each(Object.entries(cases))("%s", (_name, events) => {
    expect(stepOf(events).kind).toBe("malformed");
  });

  it("no event of a good answer can be lost, doubled or swapped with a neighbour unnoticed, but for pings and pieces of text", () => {
    const good = [messageStart(), ...textBlock(0, "x"), ...toolBlock(1, "a", "{}"), ...messageEnd("tool_use")];
    const whole = JSON.stringify(stepOf(good));
    for (let at = 0; at < good.length; at++) {
      const isPiece = good[at]?.["type"] === "content_block_delta";
      const doubled = good.toSpliced(at, 0, good[at] ?? {});
      const lost = good.toSpliced(at, 1);
      const swapped = at + 1 < good.length ? good.toSpliced(at, 2, good[at + 1] ?? {}, good[at] ?? {}) : lost;
      // After message_stop nothing is read, so its double changes nothing.
      if (!isPiece && at < good.length - 1) expect(stepOf(doubled).kind, `doubled ${at}`).toBe("malformed");
      if (!isPiece) expect(JSON.stringify(stepOf(lost)), `lost ${at}`).not.toBe(whole);
      expect(JSON.stringify(stepOf(swapped)), `swapped ${at}`).not.toBe(whole);
    }
  });

  it("is total: any JSON in any order ends in a step", () => {
    const known = plainAnswer();
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...known), fc.jsonValue())), (events) => {
        expect(["nothing", "delta", "answer", "malformed"]).toContain(stepOf(events).kind);
      }),
      { numRuns: 300 },
    );
  });

  it("tolerates unknown events anywhere", () => {
    const unknown = { type: "future_event", data: [1] };
    const events = plainAnswer().flatMap((event) => [unknown, event]);
    expect(stepOf(events)).toEqual(stepOf(plainAnswer()));
    expect(isProgress(unknown)).toBe(false);
  });
});

describe("usage", () => {
  const usageOf = (events: readonly unknown[]) => {
    const { assembler } = run(events);
    return usageFrom(assembler.said, { sent: 400, received: assembler.received });
  };

  it("takes cumulative numbers: the last word holds", () => {
    const usage = { input_tokens: 120, output_tokens: 25, cache_read_input_tokens: 50, cache_creation_input_tokens: null };
    expect(usageOf([messageStart(), ...textBlock(0, "x"), ...messageEnd("end_turn", usage)])).toEqual({
      inputTokens: 120,
      outputTokens: 25,
      cacheReadTokens: 50,
      cacheWrite5mTokens: 30,
      cacheWrite1hTokens: 0,
      estimated: false,
    });
  });

  it("tells cache writes by their life", () => {
    const creation = { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 };
    expect(usageOf([messageStart({ ...USAGE, cache_creation: creation }), ...messageEnd("end_turn")])).toMatchObject({
      cacheWrite5mTokens: 10,
      cacheWrite1hTokens: 20,
    });
  });

  it("estimates what is missing and says so", () => {
    expect(usageOf([messageStart(null), ...textBlock(0, "12345678"), ...messageEnd("end_turn", null)])).toEqual({
      inputTokens: 100,
      outputTokens: 2,
      cacheReadTokens: 0,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      estimated: true,
    });
  });

  it("counts what a cut answer had sent so far", () => {
    expect(usageOf([messageStart(), ...textBlock(0, "x".repeat(80))])).toMatchObject({
      inputTokens: 100,
      outputTokens: 20,
      estimated: true,
    });
  });

  it("ignores numbers that are none", () => {
    const odd = { input_tokens: -5, output_tokens: 1.5, cache_read_input_tokens: "many" };
    expect(usageOf([messageStart(odd), ...messageEnd("end_turn", odd)])).toMatchObject({
      inputTokens: 100,
      outputTokens: 0,
      cacheReadTokens: 0,
      estimated: true,
    });
  });
});
