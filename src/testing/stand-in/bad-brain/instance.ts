// Values that fit a JSON schema, and values that nearly do.
import { isPlainObject, type Json } from "../../../core/json.ts";
import type { Dice } from "./dice.ts";
import { orElse } from "./dice.ts";

/** A JSON schema as requests carry it. */
export type Schema = Readonly<Record<string, unknown>>;

/** A value that fits a schema. Total: what it does not understand becomes a text; depth is bounded. */
export function instanceOf(schema: Schema, dice: Dice): Json {
  return build(schema, { root: schema, dice, name: "value", depth: 0 });
}

/** A value that misses a schema in one place: a field less, one more, one of the wrong type, or something else altogether. */
export function nearlyInstanceOf(schema: Schema, dice: Dice): Json {
  const value = instanceOf(schema, dice);
  if (!isPlainObject(value)) return { value };
  const entries = Object.entries(value as Record<string, Json>);
  const at = dice.below(Math.max(1, entries.length));
  switch (dice.below(4)) {
    case 0:
      return Object.fromEntries(entries.filter((_, index) => index !== at));
    case 1:
      return { ...Object.fromEntries(entries), unasked: "field" };
    case 2:
      return Object.fromEntries(entries.map(([key, inner], index) => [key, index === at ? otherType(inner) : inner]));
    default:
      return dice.chance(0.5) ? [] : JSON.stringify(value);
  }
}

/** The schema that a `$ref` leads to, or the schema itself. */
export function resolved(schema: Schema, root: Schema): Schema {
  const { $ref: ref } = schema;
  if (typeof ref !== "string" || !ref.startsWith("#/")) return schema;
  const found = ref
    .slice(2)
    .split("/")
    .reduce<unknown>((inner, key) => (isPlainObject(inner) ? inner[key] : undefined), root);
  return isPlainObject(found) ? found : {};
}

interface Place {
  readonly root: Schema;
  readonly dice: Dice;
  /** Name of the field being filled; texts are chosen by it. */
  readonly name: string;
  readonly depth: number;
}

const deepest = 6;

function build(given: Schema, place: Place): Json {
  const { dice, root, depth } = place;
  const schema = resolved(given, root);
  if (depth > deepest) return null;
  if ("const" in schema) return asJson(schema["const"]);
  if (Array.isArray(schema["enum"])) return asJson(dice.pick(orElse<unknown>(schema["enum"], null)));
  const variants = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(variants)) {
    const chosen = dice.pick(orElse(variants.filter(isPlainObject), {}));
    return build(chosen, { ...place, depth: depth + 1 });
  }
  const types: readonly unknown[] = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
  switch (dice.pick(orElse(types, "string"))) {
    case "object":
      return buildObject(schema, place);
    case "array":
      return buildArray(schema, place);
    case "integer":
      return dice.below(10);
    case "number":
      return dice.below(100) / 10;
    case "boolean":
      return dice.chance(0.5);
    case "null":
      return null;
    default:
      return textFor(place);
  }
}

function buildObject(schema: Schema, place: Place): Json {
  const properties = isPlainObject(schema["properties"]) ? schema["properties"] : {};
  const required: readonly unknown[] = Array.isArray(schema["required"]) ? schema["required"] : [];
  const fields = Object.entries(properties).flatMap(([name, inner]): [string, Json][] => {
    if (!isPlainObject(inner) || (!required.includes(name) && place.dice.chance(0.7))) return [];
    return [[name, build(inner, { ...place, name, depth: place.depth + 1 })]];
  });
  return Object.fromEntries(fields);
}

function buildArray(schema: Schema, place: Place): Json {
  const items = isPlainObject(schema["items"]) ? schema["items"] : {};
  const least = schema["minItems"] === 1 ? 1 : 0;
  const length = least + place.dice.below(3);
  return Array.from({ length }, () => build(items, { ...place, depth: place.depth + 1 }));
}

/** Texts by the name of their field. Commands are harmless on purpose: somebody may really run them. */
const texts: readonly (readonly [RegExp, readonly [string, ...string[]]])[] = [
  [/command|script/, ["true", "ls", "echo done", "exit 3", "cat missing.txt"]],
  [/glob|pattern/, ["**/*.ts", "*.md", "(unclosed"]],
  [/path|file|dir/, ["README.md", "src/index.ts", "package.json", "missing/file.txt", "notes.md"]],
  [/url/, ["http://127.0.0.1:9/"]],
];
const plain: readonly [string, ...string[]] = [
  "done",
  "It works.",
  "see above",
  "TODO",
  "naïve 🎼 text",
  "a longer answer ".repeat(20),
];

function textFor({ name, dice }: Place): string {
  const own = texts.find(([pattern]) => pattern.test(name.toLowerCase()));
  return dice.pick(own?.[1] ?? plain);
}

function otherType(value: Json): Json {
  return typeof value === "string" ? 42 : JSON.stringify(value);
}

function asJson(value: unknown): Json {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}
