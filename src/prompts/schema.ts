// JSON schemas in the subset that the API decodes answers by: closed objects, no recursion, no records, no limits.
// Limits move into the description, where the model reads them; whoever parses the answer still has to check them.
import { isPlainObject, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";

/** A schema inside the subset, and what could not be said in it (empty: nothing was lost but limits). */
export interface ApiSchema {
  readonly schema: Json;
  /** One sentence each, with the path of the place. A schema with problems would be refused by the API or accept the wrong thing. */
  readonly problems: readonly string[];
}

/** Rewrites a JSON schema into the subset. Total: what can't be said is named in `problems`. */
export function apiSchema(schema: Json): ApiSchema {
  const problems: string[] = [];
  const rewritten = rewrite(schema, "$", problems);
  const recursive = isPlainObject(rewritten) ? recursiveDefinition(rewritten) : undefined;
  if (recursive !== undefined) problems.push(`$defs/${recursive}: refers to itself; recursion is not supported.`);
  return { schema: rewritten, problems };
}

type Schema = Readonly<Record<string, Json>>;

const KEPT = ["type", "enum", "const", "title", "required", "$ref"];
const DROPPED = new Set([
  "$schema",
  "$id",
  "$comment",
  "additionalProperties",
  "default",
  "examples",
  "readOnly",
  "writeOnly",
  "deprecated",
]);
const STRUCTURE = new Set(["properties", "items", "anyOf", "oneOf", "$defs", "description", "format", "minItems"]);
const UNSAYABLE = [
  "allOf",
  "not",
  "if",
  "then",
  "else",
  "prefixItems",
  "patternProperties",
  "propertyNames",
  "dependentSchemas",
  "contains",
];
const FORMATS = new Set(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]);

function rewrite(schema: Json, path: string, problems: string[]): Json {
  if (!isSchema(schema)) {
    problems.push(`${path}: a schema must be an object that says a type.`);
    return { type: "string" };
  }
  const result: Record<string, Json> = {};
  for (const key of KEPT) if (schema[key] !== undefined) result[key] = schema[key];
  for (const key of UNSAYABLE) if (schema[key] !== undefined) problems.push(`${path}: "${key}" is not supported.`);
  if (!["type", "enum", "const", "anyOf", "oneOf", "$ref"].some((key) => schema[key] !== undefined)) {
    problems.push(`${path}: says no type; any value at all can't be asked for.`);
  }
  rewriteChildren(schema, { result, path, problems });
  const limits = rewriteLimits(schema, result);
  const { description } = schema;
  const words = [typeof description === "string" ? description : "", limits].filter((text) => text !== "").join(" ");
  if (words !== "") result["description"] = words;
  return result;
}

interface Rewriting {
  readonly result: Record<string, Json>;
  readonly path: string;
  readonly problems: string[];
}

function rewriteChildren(schema: Schema, { result, path, problems }: Rewriting): void {
  const { properties, items, $defs: definitions } = schema;
  const variants = schema["anyOf"] ?? schema["oneOf"];
  if (isObjectType(schema["type"])) {
    if (!isSchema(properties) && schema["additionalProperties"] !== false) {
      problems.push(`${path}: an object with free keys is not supported; use an array of { key, value }.`);
    }
    result["properties"] = isSchema(properties) ? rewriteEach(properties, path, problems) : {};
    result["additionalProperties"] = false;
  }
  if (items !== undefined) result["items"] = rewrite(items, `${path}[]`, problems);
  if (isList(variants)) result["anyOf"] = variants.map((variant, index) => rewrite(variant, `${path}|${index}`, problems));
  if (isSchema(definitions)) result["$defs"] = rewriteEach(definitions, `${path}/$defs`, problems);
}

function rewriteEach(schemas: Schema, path: string, problems: string[]): Schema {
  return Object.fromEntries(Object.entries(schemas).map(([key, inner]) => [key, rewrite(inner, `${path}.${key}`, problems)]));
}

/** Keeps the few limits that are supported and tells the others in words, sorted by keyword. */
function rewriteLimits(schema: Schema, result: Record<string, Json>): string {
  const { format, minItems } = schema;
  const told: Record<string, Json> = {};
  if (typeof format === "string" && FORMATS.has(format)) result["format"] = format;
  else if (format !== undefined) told["format"] = format;
  if (minItems === 0 || minItems === 1) result["minItems"] = minItems;
  else if (minItems !== undefined) told["minItems"] = minItems;
  for (const [key, value] of Object.entries(schema)) {
    const known = KEPT.includes(key) || DROPPED.has(key) || STRUCTURE.has(key) || UNSAYABLE.includes(key);
    if (!known && isLimit(value)) told[key] = value;
  }
  const words = Object.entries(told).map(([key, value]) => `${key}: ${stableStringify(value)}`);
  return words.length === 0 ? "" : `(${words.toSorted().join(", ")})`;
}

/** The first definition, if any, that reaches itself through references; "#" for a reference to the whole. */
function recursiveDefinition(schema: Schema): string | undefined {
  const definitions = isSchema(schema["$defs"]) ? schema["$defs"] : {};
  const edges = new Map(Object.entries(definitions).map(([name, inner]) => [name, referencesIn(inner)]));
  if (referencesIn(schema).includes("#")) return "#";
  return [...edges.keys()].find((name) => reaches(name, name, edges));
}

function reaches(from: string, goal: string, edges: ReadonlyMap<string, readonly string[]>): boolean {
  const seen = new Set<string>();
  const open = [...(edges.get(from) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === goal) return true;
    if (!seen.has(next)) open.push(...(edges.get(next) ?? []));
    seen.add(next);
  }
  return false;
}

function referencesIn(schema: Json): readonly string[] {
  if (isList(schema)) return schema.flatMap(referencesIn);
  if (!isSchema(schema)) return [];
  const { $ref: reference } = schema;
  const here = typeof reference === "string" ? [reference.replace(/^#\/\$defs\//, "")] : [];
  return [...here, ...Object.entries(schema).flatMap(([key, inner]) => (key === "$ref" ? [] : referencesIn(inner)))];
}

function isSchema(value: Json | undefined): value is Schema {
  return isPlainObject(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** A rule worth telling. zod bounds every integer by what a double holds exactly: true, but no news. */
function isLimit(value: Json): boolean {
  if (typeof value === "number") return Math.abs(value) !== Number.MAX_SAFE_INTEGER;
  return typeof value === "string" || typeof value === "boolean";
}

function isObjectType(type: Json | undefined): boolean {
  return type === "object" || (isList(type) && type.includes("object"));
}
