import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { Json } from "../../src/core/json.ts";
import { isPlainObject } from "../../src/core/json.ts";
import { DraftPlan } from "../../src/protocol/plan.ts";
import { planFormat } from "../../src/prompts/planner.ts";
import { answerFormat } from "../../src/prompts/prompt.ts";
import { routerPrompt } from "../../src/prompts/router.ts";
import { apiSchema } from "../../src/prompts/schema.ts";

const rewritten = (schema: z.ZodType) => apiSchema(z.json().parse(JSON.parse(JSON.stringify(z.toJSONSchema(schema)))));
const ALLOWED = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "anyOf",
  "enum",
  "const",
  "description",
  "minItems",
  "format",
  "title",
  "$ref",
  "$defs",
]);

/** Every place where a schema leaves the subset: other keywords, open objects, properties that may be missing. */
function leaks(schema: Json, path = "$"): readonly string[] {
  if (!isPlainObject(schema)) return [`${path}: no schema`];
  const { properties, required, items, anyOf, $defs: definitions } = schema;
  const children = [properties, definitions].flatMap((each) => (isPlainObject(each) ? Object.entries(each) : []));
  const list: readonly unknown[] = Array.isArray(anyOf) ? anyOf : [];
  return [
    ...Object.keys(schema)
      .filter((key) => !ALLOWED.has(key))
      .map((key) => `${path}: ${key}`),
    ...(schema["type"] === "object" && schema["additionalProperties"] !== false ? [`${path}: open`] : []),
    ...(isPlainObject(properties) && Object.keys(properties).length !== (Array.isArray(required) ? required.length : 0)
      ? [`${path}: optional`]
      : []),
    ...children.flatMap(([key, inner]) => leaks(z.json().parse(inner), `${path}.${key}`)),
    ...list.flatMap((inner, index) => leaks(z.json().parse(inner), `${path}|${index}`)),
    ...(items === undefined ? [] : leaks(z.json().parse(items), `${path}[]`)),
  ];
}

describe("the formats of our own prompts", () => {
  it.each([planFormat, routerPrompt.format])("stay inside the API's subset: %#", (format) => {
    expect(leaks(format?.schema ?? null)).toEqual([]);
  });

  it("ask for every field of a draft plan, with its description", () => {
    expect(planFormat.name).toBe("plan");
    const task = JSON.stringify(planFormat.schema);
    for (const [field, schema] of Object.entries(DraftPlan.shape.tasks.element.shape)) {
      expect(task).toContain(`"${field}":{`);
      expect(task).toContain(JSON.stringify(schema.description));
    }
  });

  it("let a tier be null", () => {
    expect(JSON.stringify(planFormat.schema)).toContain(
      '"anyOf":[{"type":"string","enum":["haiku","sonnet","opus"]},{"type":"null"}]',
    );
  });
});

describe("a schema of somebody else", () => {
  it("is closed, and its limits are told in words", () => {
    const { schema, problems } = rewritten(
      z.looseObject({
        name: z.string().min(2).max(9).describe("A name."),
        tags: z.array(z.string()).min(3),
        score: z.number().gt(0),
        when: z.iso.date(),
      }),
    );
    expect(problems).toEqual([]);
    expect(leaks(schema)).toEqual([]);
    expect(schema).toMatchObject({
      additionalProperties: false,
      properties: {
        name: { type: "string", description: "A name. (maxLength: 9, minLength: 2)" },
        tags: { type: "array", items: { type: "string" }, description: "(minItems: 3)" },
        score: { type: "number", description: "(exclusiveMinimum: 0)" },
        when: { type: "string", format: "date" },
      },
    });
  });

  it("does not repeat what every integer is bound by", () => {
    expect(rewritten(z.object({ rows: z.int() })).schema).toMatchObject({ properties: { rows: { type: "integer" } } });
    expect(JSON.stringify(rewritten(z.object({ rows: z.int() })).schema)).not.toContain("description");
  });

  it("keeps unions, enums, constants, one required item and shared definitions", () => {
    const { schema, problems } = apiSchema({
      type: "object",
      properties: {
        kind: { oneOf: [{ const: "a" }, { $ref: "#/$defs/shared" }] },
        list: { type: "array", items: { $ref: "#/$defs/shared" }, minItems: 1 },
      },
      required: ["kind", "list"],
      $defs: { shared: { type: ["string", "null"], enum: ["x", null] } },
    });
    expect(problems).toEqual([]);
    expect(schema).toEqual({
      type: "object",
      properties: {
        kind: { anyOf: [{ const: "a" }, { $ref: "#/$defs/shared" }] },
        list: { type: "array", items: { $ref: "#/$defs/shared" }, minItems: 1 },
      },
      required: ["kind", "list"],
      additionalProperties: false,
      $defs: { shared: { type: ["string", "null"], enum: ["x", null] } },
    });
  });

  const tree: z.ZodType = z.lazy(() => z.object({ value: z.string(), children: z.array(tree) }));
  it.each([
    ["a record", z.object({ scores: z.record(z.string(), z.number()) }), "$.scores: an object with free keys"],
    ["a tuple", z.tuple([z.string(), z.number()]), '"prefixItems" is not supported'],
    ["anything", z.object({ extra: z.unknown() }), "$.extra: says no type"],
    ["an intersection", z.intersection(z.looseObject({ a: z.string() }), z.string().or(z.number())), '"allOf" is not supported'],
    ["a tree", tree, "refers to itself"],
    ["a tree inside", z.object({ root: tree }), "refers to itself"],
  ])("names what can't be said: %s", (_name, schema, problem) => {
    expect(rewritten(schema).problems.join("\n")).toContain(problem);
  });

  it.each([null, true, 3, "text", [], {}])("is handled whatever it is: %j", (schema) => {
    expect(apiSchema(schema).problems).not.toEqual([]);
  });

  it("finds recursion through several definitions, and none where there is none", () => {
    const chain = (last: string): Json => ({
      type: "object",
      properties: { a: { $ref: "#/$defs/a" } },
      $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { anyOf: [{ $ref: last }, { type: "null" }] }, c: { type: "string" } },
    });
    expect(apiSchema(chain("#/$defs/c")).problems).toEqual([]);
    const outside: Json = {
      $ref: "#/$defs/x",
      $defs: { x: { $ref: "#/$defs/y" }, y: { $ref: "#/$defs/z" }, z: { $ref: "#/$defs/y" } },
    };
    expect(apiSchema(outside).problems).toEqual(["$defs/y: refers to itself; recursion is not supported."]);
    expect(apiSchema(chain("#/$defs/a")).problems).toEqual(["$defs/a: refers to itself; recursion is not supported."]);
  });

  it("makes a format from a zod schema", () => {
    expect(answerFormat("pair", z.object({ left: z.string() }))).toEqual({
      name: "pair",
      schema: { type: "object", properties: { left: { type: "string" } }, required: ["left"], additionalProperties: false },
    });
  });
});
