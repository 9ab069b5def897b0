// The stand-in's own answers hold against the schemas made from the SDK's types, whatever a brain says.
import { VERSION } from "@anthropic-ai/sdk/version";
import fc from "fast-check";
import { expect, it } from "vitest";
import { answerOf } from "../../../src/testing/stand-in/answer.ts";
import type { BrainPart } from "../../../src/testing/stand-in/brain.ts";
import { loadSchemas, type SchemaName } from "../../../src/testing/stand-in/checks/schemas.ts";
import { eventsOf, withContentFault, type StreamEvent } from "../../../src/testing/stand-in/events.ts";
import { modelInfo, modelTable } from "../../../src/testing/stand-in/models.ts";
import { render } from "../../../src/testing/stand-in/render.ts";
import { MessagesRequest } from "../../../src/testing/stand-in/wire.ts";
import { plain } from "./helpers.ts";

const schemas = await loadSchemas();
const cache = { input: 5, read: 7, written5m: 9, written1h: 11, open: () => {} };

const part = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.record({ thinking: fc.string() }),
  fc.record({ tool: fc.constantFrom("read", "bash"), input: fc.jsonValue({ maxDepth: 3 }) }),
) as fc.Arbitrary<BrainPart>;

function answerTo(content: readonly BrainPart[], maxTokens: number) {
  const request = MessagesRequest.parse({
    ...plain,
    max_tokens: maxTokens,
    thinking: { type: "adaptive", display: "summarized" },
  });
  return answerOf({ content }, { request, segments: render(request), cache, messageId: "msg_1" });
}

it("are stamped with the version of the SDK that is installed (else run tools/schemas/generate.mjs)", () => {
  expect(schemas.sdk).toBe(VERSION);
});

it("compile, all of them", () => {
  const names: readonly SchemaName[] = ["create", "count", "message", "event", "model"];
  const verdicts = names.map((name) => schemas.check(name, 5));
  expect(verdicts).toEqual(names.map(() => "Input should be a valid object"));
});

it("hold for every message and every event, cut or whole, and the events add up to the message", () => {
  const property = fc.property(fc.array(part, { maxLength: 4 }), fc.integer({ min: 1, max: 60 }), (content, maxTokens) => {
    const answer = answerTo(content, maxTokens);
    expect(schemas.check("message", answer.message)).toBeUndefined();
    const events = eventsOf(answer, { pings: false });
    for (const event of events) expect(schemas.check("event", event)).toBeUndefined();
    const sum = events.map((event) => textOf(event)).join("");
    const said = answer.message.content.map((block) =>
      block.type === "text" ? block.text : block.type === "thinking" ? block.thinking : "",
    );
    expect(sum).toBe(said.join(""));
  });
  fc.assert(property, { numRuns: 60 });
});

it("hold for refusals", () => {
  const { message } = withContentFault(answerTo(["no"], 10), { kind: "stop", reason: "refusal" });
  expect(schemas.check("message", message)).toBeUndefined();
  expect(schemas.check("message", { ...message, stop_reason: "tired" })).toMatch(/^stop_reason: Input should be 'end_turn'/);
});

it("hold for every model of the list", () => {
  for (const model of modelTable(["another"]).values()) expect(schemas.check("model", modelInfo(model))).toBeUndefined();
});

function textOf(event: StreamEvent): string {
  const delta = event["delta"];
  if (typeof delta !== "object" || delta === null) return "";
  if ("text" in delta) return String(delta.text);
  return "thinking" in delta ? String(delta.thinking) : "";
}
