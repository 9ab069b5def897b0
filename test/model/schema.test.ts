import { transformJSONSchema } from "@anthropic-ai/sdk/lib/transform-json-schema";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { DraftPlan } from "../../src/protocol/plan.ts";
import { jsonSchemaOf } from "../../src/model/schema.ts";

const everything = z.object({
  text: z.string().min(2).max(5).describe("A short text."),
  whole: z.number().int().min(1),
  maybe: z.string().max(3).nullable(),
  list: z
    .array(z.enum(["x", "y"]))
    .min(1)
    .max(3),
  many: z.array(z.object({ on: z.boolean() })).min(2),
  fixed: z.literal("k"),
  some: z.literal([1, 2]),
  either: z.union([z.string(), z.number()]),
  left: z.string().optional(),
  usual: z.string().default("z"),
  kinds: z.discriminatedUnion("t", [z.object({ t: z.literal("a") }), z.strictObject({ t: z.literal("b"), n: z.null() })]),
  where: z.url(),
  code: z.string().regex(/^a+$/),
  day: z.iso.date(),
  named: z.string().meta({ id: "Named", title: "Named" }),
});

describe("what is sent", () => {
  it("moves limits into words and closes objects", () => {
    expect(jsonSchemaOf(everything)).toMatchInlineSnapshot(`
      {
        "additionalProperties": false,
        "properties": {
          "code": {
            "description": "{pattern: "^a+$"}",
            "type": "string",
          },
          "day": {
            "format": "date",
            "type": "string",
          },
          "either": {
            "type": [
              "string",
              "number",
            ],
          },
          "fixed": {
            "const": "k",
          },
          "kinds": {
            "anyOf": [
              {
                "additionalProperties": false,
                "properties": {
                  "t": {
                    "const": "a",
                  },
                },
                "required": [
                  "t",
                ],
                "type": "object",
              },
              {
                "additionalProperties": false,
                "properties": {
                  "n": {
                    "type": "null",
                  },
                  "t": {
                    "const": "b",
                  },
                },
                "required": [
                  "t",
                  "n",
                ],
                "type": "object",
              },
            ],
          },
          "left": {
            "type": "string",
          },
          "list": {
            "description": "{maxItems: 3}",
            "items": {
              "enum": [
                "x",
                "y",
              ],
            },
            "minItems": 1,
            "type": "array",
          },
          "many": {
            "description": "{minItems: 2}",
            "items": {
              "additionalProperties": false,
              "properties": {
                "on": {
                  "type": "boolean",
                },
              },
              "required": [
                "on",
              ],
              "type": "object",
            },
            "type": "array",
          },
          "maybe": {
            "anyOf": [
              {
                "description": "{maxLength: 3}",
                "type": "string",
              },
              {
                "type": "null",
              },
            ],
          },
          "named": {
            "type": "string",
          },
          "some": {
            "enum": [
              1,
              2,
            ],
          },
          "text": {
            "description": "A short text. {minLength: 2, maxLength: 5}",
            "type": "string",
          },
          "usual": {
            "description": "{default: "z"}",
            "type": "string",
          },
          "where": {
            "format": "uri",
            "type": "string",
          },
          "whole": {
            "description": "{minimum: 1}",
            "type": "integer",
          },
        },
        "required": [
          "text",
          "whole",
          "maybe",
          "list",
          "many",
          "fixed",
          "some",
          "either",
          "kinds",
          "where",
          "code",
          "day",
          "named",
        ],
        "type": "object",
      }
    `);
  });

  it.each([
    ["a plan", DraftPlan],
    ["everything", everything],
  ] as const)("%s needs no further change by the SDK", (_name, type) => {
    const schema = jsonSchemaOf(type);
    expect(transformJSONSchema(schema as Record<string, unknown>)).toEqual(schema);
  });

  it("is byte-stable", () => {
    expect(JSON.stringify(jsonSchemaOf(DraftPlan))).toBe(JSON.stringify(jsonSchemaOf(DraftPlan)));
  });

  it("describes what the model writes, not what comes out of a transform", () => {
    expect(jsonSchemaOf(z.object({ n: z.string().transform(Number) }))).toMatchObject({ properties: { n: { type: "string" } } });
  });
});

describe("what is refused, with its place", () => {
  const node: z.ZodType = z.object({
    get children() {
      return z.array(node);
    },
  });
  const named: z.ZodType = z.object({ next: z.lazy(() => named).nullable() }).meta({ id: "Named node" });
  const cases: readonly [string, z.ZodType, RegExp][] = [
    [
      "a record",
      z.object({ tasks: z.array(z.object({ by: z.record(z.string(), z.number()) })) }),
      /at tasks\[\]\.by has open keys/,
    ],
    ["a loose object", z.object({ a: z.looseObject({ b: z.string() }) }), /at a has open keys/],
    ["a tuple", z.object({ a: z.tuple([z.string()]) }), /at a is a tuple/],
    ["any", z.object({ a: z.any() }), /at a accepts anything/],
    ["never", z.object({ a: z.never() }), /at a accepts anything/],
    ["an untyped list", z.object({ a: z.array(z.unknown()) }), /at a\[\] accepts anything/],
    ["recursion", z.object({ tree: node }), /is recursive/],
    ["named recursion", z.object({ tree: named }), /is recursive/],
    ["arbitrary JSON", z.json(), /is recursive/],
    ["a date", z.object({ a: z.date() }), /cannot be sent: Date/],
    ["a bigint", z.bigint(), /cannot be sent: BigInt/],
  ];
  it.each(cases)("%s", (_name, type, message) => {
    expect(() => jsonSchemaOf(type)).toThrow(message);
  });
});
