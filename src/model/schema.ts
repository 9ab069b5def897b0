// From a zod type to the JSON schema that the API's structured output takes: closed objects, no references, no limits.
// Limits cannot be enforced while the model writes, so they move into descriptions and are checked by zod afterwards.
import { z } from "zod";
import { QuatrainError, messageOf } from "../core/errors.ts";
import { isPlainObject, type Json } from "../core/json.ts";

type Schema = Readonly<Record<string, unknown>>;
type Definitions = Readonly<Record<string, unknown>>;

interface Place {
  /** Where we are, for messages: `tasks[].label`. */
  readonly path: string;
  /** Named parts; they are written out where they are used. */
  readonly definitions: Definitions;
}

/** Keywords that say nothing about the value. */
const NOTES = new Set(["$schema", "$defs", "$id", "id", "title", "$comment", "examples"]);
const FORMATS = new Set(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]);

/**
 * The JSON schema of what a model has to write so that the zod type accepts it (its input side, before transforms).
 * Throws QuatrainError "BadOption" with the path for what the API cannot express: records and other open objects,
 * tuples, `any`, recursion, dates and other values that are no JSON.
 */
export function jsonSchemaOf(type: z.ZodType): Json {
  let schema: unknown;
  try {
    schema = z.toJSONSchema(type, { io: "input", reused: "inline", cycles: "throw" });
  } catch (thrown) {
    const why = messageOf(thrown);
    throw refusal(
      "",
      /cycle/i.test(why) ? "is recursive; list the nodes flat and let them name each other" : `cannot be sent: ${why}`,
    );
  }
  const definitions = isPlainObject(schema) && isPlainObject(schema["$defs"]) ? schema["$defs"] : {};
  return reduced(schema, { path: "", definitions });
}

function reduced(schema: unknown, place: Place): Json {
  if (!isPlainObject(schema)) throw refusal(place.path, "accepts anything; say what it holds");
  const { $ref: reference } = schema;
  if (typeof reference === "string") return referred(reference, place);
  const kept = { ...shapeOf(schema, place) };
  const description = [schema["description"], leftOver(schema, kept)]
    .filter((part) => typeof part === "string" && part !== "")
    .join(" ");
  return description === "" ? kept : { ...kept, description };
}

/** Recursion cannot come here: zod was told to throw on it. */
function referred(reference: string, place: Place): Json {
  return reduced(place.definitions[reference.replace("#/$defs/", "")], place);
}

/** The part of a schema that the API keeps to. */
function shapeOf(schema: Schema, place: Place): Record<string, Json> {
  const { enum: values, const: value, anyOf, oneOf, allOf, type } = schema;
  if (Array.isArray(values)) return { enum: values.map((one) => primitive(one, place.path)) };
  if (value !== undefined) return { const: primitive(value, place.path) };
  const variants = anyOf ?? oneOf;
  if (Array.isArray(variants)) return { anyOf: variants.map((variant) => reduced(variant, place)) };
  if (Array.isArray(allOf)) throw refusal(place.path, "is an intersection; write one object with all fields");
  if (type === "object") return objectShape(schema, place);
  if (type === "array") return arrayShape(schema, place);
  if (type === "string") return FORMATS.has(String(schema["format"])) ? { type, format: String(schema["format"]) } : { type };
  if (typeof type === "string") return { type };
  if (Array.isArray(type)) return { type: type.map(String) };
  throw refusal(place.path, "accepts anything; say what it holds");
}

function objectShape(schema: Schema, place: Place): Record<string, Json> {
  const { properties, required, additionalProperties, propertyNames } = schema;
  if (propertyNames !== undefined || (additionalProperties !== undefined && additionalProperties !== false)) {
    throw refusal(place.path, "has open keys (a record or loose object); use a list of objects with a key and a value field");
  }
  const fields = isPlainObject(properties) ? Object.entries(properties) : [];
  return {
    type: "object",
    properties: Object.fromEntries(
      fields.map(([key, field]) => [key, reduced(field, { ...place, path: place.path ? `${place.path}.${key}` : key })]),
    ),
    additionalProperties: false,
    ...(Array.isArray(required) ? { required: required.map(String) } : {}),
  };
}

function arrayShape(schema: Schema, place: Place): Record<string, Json> {
  const { items, prefixItems, minItems } = schema;
  if (prefixItems !== undefined) throw refusal(place.path, "is a tuple; use an object with named fields");
  const shape = { type: "array", items: reduced(items, { ...place, path: `${place.path}[]` }) };
  return minItems === 0 || minItems === 1 ? { ...shape, minItems } : shape;
}

/** Limits and other rules that were not kept, as words for the model. */
function leftOver(schema: Schema, kept: Schema): string {
  const rules = Object.entries(schema).filter(([key, value]) => {
    const known = key in kept || NOTES.has(key) || ["description", "type", "oneOf", "const", "enum", "required"].includes(key);
    // The pattern beside a kept format is zod's spelling of that format.
    if (key === "pattern" && "format" in kept) return false;
    // zod bounds every integer by what a double holds exactly: true, but no news.
    return !known && Math.abs(Number(value)) !== Number.MAX_SAFE_INTEGER;
  });
  return rules.length === 0 ? "" : `{${rules.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ")}}`;
}

function primitive(value: unknown, path: string): Json {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw refusal(path, `has the fixed value ${JSON.stringify(value)}; only texts, numbers, booleans and null can be fixed`);
}

function refusal(path: string, why: string): QuatrainError {
  return new QuatrainError("BadOption", `The schema${path ? ` at ${path}` : ""} ${why}.`);
}
