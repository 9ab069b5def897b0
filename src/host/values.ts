// Everything that enters the journal is plain JSON: the check that names the place, and outcomes of effects as data.
import { messageOf } from "../core/errors.ts";
import { isPlainObject, type Json } from "../core/json.ts";

/** How a perform ended, before it is a row. */
export type Outcome =
  | { readonly kind: "value"; readonly value: Json }
  | { readonly kind: "error"; readonly code: string; readonly message: string; readonly retryable: boolean };

const MAX_DEPTH = 500;

/**
 * Where a value is not plain JSON, as a path and a reason; undefined when it is. Undefined fields of objects are fine
 * (JSON leaves them out); dates, maps, class instances, functions, bigints, NaN and cycles are not.
 */
export function notJson(value: unknown, path = "$", depth = 0): string | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? undefined : `${path} is ${value}`;
  if (typeof value !== "object") return `${path} is ${value === undefined ? "undefined" : `a ${typeof value}`}`;
  if (depth > MAX_DEPTH) return `${path.slice(0, 60)}… is nested deeper than ${MAX_DEPTH} (a cycle?)`;
  if (Array.isArray(value)) return notJsonArray(value, path, depth);
  if (!isPlainObject(value)) return `${path} is an instance of ${nameOfClass(value)}`;
  for (const key in value) {
    const field = value[key];
    if (field === undefined) continue;
    const found = notJson(field, `${path}.${key}`, depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** A perform's return value as an outcome. `durable`: as a copy that went through JSON, so that live equals replayed. */
export function outcomeOf(returned: unknown, durable: boolean): Outcome {
  const value = returned === undefined ? null : returned;
  const found = notJson(value);
  if (found) {
    return failure("NotJson", `The result is not plain JSON: ${found}. Return JSON from the perform function.`);
  }
  return { kind: "value", value: durable ? copyOf(value) : (value as Json) };
}

/** A thrown value as an outcome: its string `code` or `Internal`, its message, its `retryable` or false. */
export function thrownOutcome(thrown: unknown): Outcome {
  const code = fieldOf(thrown, "code");
  return {
    kind: "error",
    code: typeof code === "string" && code !== "" ? code : "Internal",
    message: messageOf(thrown),
    retryable: fieldOf(thrown, "retryable") === true,
  };
}

/** A failure found by the host itself. */
export function failure(code: string, message: string): Outcome {
  return { kind: "error", code, message, retryable: false };
}

/** A copy of plain JSON that shares nothing with the original. */
export function copyOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (JSON.parse(JSON.stringify(value)) as Json) : (value as Json);
}

function notJsonArray(value: readonly unknown[], path: string, depth: number): string | undefined {
  for (let index = 0; index < value.length; index++) {
    const found = notJson(value[index], `${path}[${index}]`, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function nameOfClass(value: object): string {
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? name : "an unnamed class";
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined;
}
