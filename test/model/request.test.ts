import { describe, expect, it } from "vitest";
import { buildRequest } from "../../src/model/request.ts";
import type { Message } from "../../src/protocol/turn.ts";
import { READ_TOOL, turnRequest } from "./helpers.ts";

const full = { caching: true, outputFormat: true };
const plain = { caching: false, outputFormat: false };
const format = {
  name: "answer",
  schema: { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false },
};
const thinking = { type: "thinking", thinking: "", signature: "abc" };
const history: Message[] = [
  { role: "user", content: [{ type: "text", text: "Begin." }] },
  {
    role: "assistant",
    content: [
      { type: "opaque", raw: thinking },
      { type: "tool_use", id: "a", name: "read", input: { z: 1, a: 2 } },
    ],
  },
  {
    role: "user",
    content: [
      { type: "text", text: "Also this." },
      { type: "tool_result", tool_use_id: "a", content: "hello", is_error: false },
      { type: "tool_result", tool_use_id: "b", content: "", is_error: true },
    ],
  },
];

describe("golden requests", () => {
  it("to the Anthropic API: effort, schema, tools, cache breakpoints", () => {
    const request = turnRequest({ system: ["shared", "role"], tools: [READ_TOOL], format }, { messages: history });
    expect(JSON.stringify(buildRequest(request, full), null, 1)).toMatchInlineSnapshot(`
      "{
       "model": "claude-sonnet-5-5",
       "max_tokens": 16000,
       "stream": true,
       "cache_control": {
        "type": "ephemeral"
       },
       "output_config": {
        "effort": "medium",
        "format": {
         "type": "json_schema",
         "schema": {
          "type": "object",
          "properties": {
           "ok": {
            "type": "boolean"
           }
          },
          "required": [
           "ok"
          ],
          "additionalProperties": false
         }
        }
       },
       "tools": [
        {
         "name": "read",
         "description": "Reads a file.",
         "input_schema": {
          "type": "object",
          "properties": {
           "path": {
            "type": "string"
           }
          },
          "required": [
           "path"
          ],
          "additionalProperties": false
         }
        }
       ],
       "system": [
        {
         "type": "text",
         "text": "shared",
         "cache_control": {
          "type": "ephemeral"
         }
        },
        {
         "type": "text",
         "text": "role",
         "cache_control": {
          "type": "ephemeral"
         }
        }
       ],
       "messages": [
        {
         "role": "user",
         "content": [
          {
           "type": "text",
           "text": "Begin."
          }
         ]
        },
        {
         "role": "assistant",
         "content": [
          {
           "type": "thinking",
           "thinking": "",
           "signature": "abc"
          },
          {
           "type": "tool_use",
           "id": "a",
           "name": "read",
           "input": {
            "z": 1,
            "a": 2
           }
          }
         ]
        },
        {
         "role": "user",
         "content": [
          {
           "type": "tool_result",
           "tool_use_id": "a",
           "content": "hello"
          },
          {
           "type": "tool_result",
           "tool_use_id": "b",
           "is_error": true
          },
          {
           "type": "text",
           "text": "Also this."
          }
         ]
        }
       ]
      }"
    `);
  });

  it("to a server of one's own: messages, tools, stream; the schema as text", () => {
    const { choice } = turnRequest().parameters;
    const request = turnRequest({ choice: { ...choice, model: "qwen", effort: null }, tools: [READ_TOOL], format });
    expect(JSON.stringify(buildRequest(request, plain), null, 1)).toMatchInlineSnapshot(`
      "{
       "model": "qwen",
       "max_tokens": 16000,
       "stream": true,
       "tools": [
        {
         "name": "read",
         "description": "Reads a file.",
         "input_schema": {
          "type": "object",
          "properties": {
           "path": {
            "type": "string"
           }
          },
          "required": [
           "path"
          ],
          "additionalProperties": false
         }
        }
       ],
       "system": [
        {
         "type": "text",
         "text": "You are a worker."
        },
        {
         "type": "text",
         "text": "Answer with one JSON value only, no other text. It must match this JSON schema (answer):\\n{\\"type\\":\\"object\\",\\"properties\\":{\\"ok\\":{\\"type\\":\\"boolean\\"}},\\"required\\":[\\"ok\\"],\\"additionalProperties\\":false}"
        }
       ],
       "messages": [
        {
         "role": "user",
         "content": [
          {
           "type": "text",
           "text": "What is a quatrain?"
          }
         ]
        }
       ]
      }"
    `);
  });
});

describe("rules", () => {
  it("is byte-stable, and a longer history only appends", () => {
    const first = turnRequest({}, { messages: history.slice(0, 2) });
    const second = turnRequest({}, { turn: 2, messages: history });
    const bodyOf = (request: typeof first): string => JSON.stringify(buildRequest(request, full));
    expect(bodyOf(first)).toBe(bodyOf(structuredClone(first)));
    expect(bodyOf(second).startsWith(bodyOf(first).slice(0, -2))).toBe(true);
  });

  it("keeps to four breakpoints", () => {
    for (let blocks = 0; blocks <= 6; blocks++) {
      const body = JSON.stringify(
        buildRequest(turnRequest({ system: Array.from({ length: blocks }, (_, at) => `part ${at}`) }), full),
      );
      expect(body.match(/cache_control/g)?.length).toBe(Math.min(blocks, 3) + 1);
    }
  });

  it("sends no sampling, forced tool, prefill or thinking settings", () => {
    const body = buildRequest(turnRequest({ tools: [READ_TOOL], format }), full);
    expect(Object.keys(body)).toEqual([
      "model",
      "max_tokens",
      "stream",
      "cache_control",
      "output_config",
      "tools",
      "system",
      "messages",
    ]);
  });

  it("leaves out what the API refuses: blank texts, empty answers, empty system", () => {
    const messages: Message[] = [
      {
        role: "user",
        content: [
          { type: "text", text: "Hi." },
          { type: "text", text: " \n" },
        ],
      },
      { role: "assistant", content: [{ type: "text", text: "" }] },
      { role: "user", content: [{ type: "text", text: "Still there?" }] },
    ];
    const body = buildRequest(turnRequest({ system: ["", " "] }, { messages }), full);
    expect(body.system).toBeUndefined();
    expect(body.messages).toEqual([
      { role: "user", content: [{ type: "text", text: "Hi." }] },
      { role: "user", content: [{ type: "text", text: "Still there?" }] },
    ]);
  });

  it("sends effort to a server of one's own only when the choice says so", () => {
    expect(buildRequest(turnRequest(), plain).output_config).toEqual({ effort: "medium" });
  });
});
