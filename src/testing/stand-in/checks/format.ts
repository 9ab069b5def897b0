// The subset of JSON Schema that structured output and strict tools allow: no recursion, closed objects, no limits.
import { isPlainObject } from "../../../core/json.ts";

/** The first part of a schema that is outside the subset, as `path: message`, or nothing. */
export function formatIssue(schema: Readonly<Record<string, unknown>>, path: string): string | undefined {
  return recursionIssue(schema, path) ?? partIssue(schema, schema, path);
}

const everywhere = ["$defs", "definitions", "$schema", "$id", "title", "description", "default", "examples"];
const allowed: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems"],
  string: ["format"],
  number: [],
  integer: [],
  boolean: [],
  null: [],
};
const shaping = ["type", "enum", "const", "anyOf", "allOf", "$ref"];
const formats = new Set<unknown>(["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"]);

function partIssue(part: unknown, root: Readonly<Record<string, unknown>>, path: string): string | undefined {
  if (!isPlainObject(part)) return `${path}: schemas must be objects`;
  return keywordIssue(part, path) ?? objectIssue(part, path) ?? valueIssue(part, root, path) ?? innerIssue(part, root, path);
}

function keywordIssue(part: Record<string, unknown>, path: string): string | undefined {
  const types = typesOf(part);
  const unknownType = types.find((type) => allowed[type] === undefined);
  if (unknownType !== undefined) return `${path}.type: '${unknownType}' is not supported`;
  if (!shaping.some((key) => key in part)) return `${path}: a schema must have a type, enum, const, anyOf, allOf or $ref`;
  const keywords = new Set([...everywhere, ...shaping, ...types.flatMap((type) => allowed[type] ?? [])]);
  const foreign = Object.keys(part).find((key) => !keywords.has(key));
  if (foreign === undefined) return undefined;
  return `${path}: For '${types.join("' or '") || "this"}' type, property '${foreign}' is not supported`;
}

function objectIssue(part: Record<string, unknown>, path: string): string | undefined {
  if (!typesOf(part).includes("object")) return undefined;
  if (part["additionalProperties"] !== false) {
    return `${path}: For 'object' type, 'additionalProperties' must be explicitly set to false`;
  }
  const properties = isPlainObject(part["properties"]) ? part["properties"] : {};
  const required = Array.isArray(part["required"]) ? part["required"] : [];
  const missing: unknown = required.find((key) => typeof key !== "string" || !Object.hasOwn(properties, key));
  return missing === undefined ? undefined : `${path}.required: ${JSON.stringify(missing)} is not among the properties`;
}

function valueIssue(part: Record<string, unknown>, root: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const { format, minItems, $ref: ref } = part;
  if (format !== undefined && !formats.has(format)) {
    return `${path}.format: ${JSON.stringify(format)} is not supported`;
  }
  if (minItems !== undefined && minItems !== 0 && minItems !== 1) {
    return `${path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported`;
  }
  if (ref === undefined) return undefined;
  return typeof ref === "string" && target(root, ref) !== undefined ? undefined : `${path}.$ref: nothing is defined there`;
}

function innerIssue(part: Record<string, unknown>, root: Readonly<Record<string, unknown>>, path: string): string | undefined {
  for (const [inner, where] of innerParts(part)) {
    const issue = partIssue(inner, root, `${path}.${where}`);
    if (issue !== undefined) return issue;
  }
  return undefined;
}

/** Refuses a reference that leads back into a part that contains it. */
function recursionIssue(root: Readonly<Record<string, unknown>>, path: string): string | undefined {
  const done = new Set<unknown>();
  const visit = (part: unknown, trail: readonly unknown[]): boolean => {
    if (trail.includes(part)) return true;
    if (!isPlainObject(part) || done.has(part)) return false;
    const next = [...trail, part];
    const ref = typeof part["$ref"] === "string" ? target(root, part["$ref"]) : undefined;
    const isLoop = (ref !== undefined && visit(ref, next)) || innerParts(part).some(([inner]) => visit(inner, next));
    done.add(part);
    return isLoop;
  };
  return visit(root, []) ? `${path}: recursive schemas are not supported` : undefined;
}

function innerParts(part: Record<string, unknown>): [unknown, string][] {
  const named = ["properties", "$defs", "definitions"].flatMap((key) => {
    const group = part[key];
    return isPlainObject(group) ? Object.entries(group).map(([name, inner]): [unknown, string] => [inner, `${key}.${name}`]) : [];
  });
  const listed = ["anyOf", "allOf"].flatMap((key) => {
    const group: unknown = part[key];
    return Array.isArray(group) ? group.map((inner: unknown, index): [unknown, string] => [inner, `${key}.${index}`]) : [];
  });
  return [...named, ...listed, ...("items" in part ? [[part["items"], "items"] as [unknown, string]] : [])];
}

function typesOf(part: Record<string, unknown>): readonly string[] {
  const { type } = part;
  if (typeof type === "string") return [type];
  return Array.isArray(type) ? type.map(String) : [];
}

function target(root: Readonly<Record<string, unknown>>, ref: string): unknown {
  if (ref === "#") return root;
  if (!ref.startsWith("#/")) return undefined;
  return ref
    .slice(2)
    .split("/")
    .reduce<unknown>((inner, key) => (isPlainObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined), root);
}
