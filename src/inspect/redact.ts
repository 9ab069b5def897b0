// What leaves the process for watchers, without secrets: by name of the field, by shape of the value, by known values.
// One pass over the whole message, since secrets hide in inputs, outputs and definitions as well as in contexts.

import { messageOf } from "../core/errors.ts";
import { isPlainObject } from "../core/json.ts";
import { isSecretField, secretHider, secretsIn } from "../core/secrets.ts";

/** What is hidden and how long texts may be. */
export interface RedactOptions {
  /** Values that must never be shown, such as keys in use; shorter ones than 8 characters are ignored. @default values of environment variables that look like secrets */
  readonly secrets?: readonly string[];
  /** Longest text; longer ones are cut and say so. @default 2_000 */
  readonly maxText?: number;
}

const HIDDEN = "[hidden]";
/** Objects within objects that are followed. */
const DEEPEST = 24;

/** Makes a function that copies any value as JSON without its secrets. Cycles, functions and instances become short marks; never throws. */
export function redactor(options: RedactOptions = {}): (value: unknown) => unknown {
  const { secrets = secretsOfEnvironment(), maxText = 2_000 } = options;
  const hide = secretHider(secrets, () => HIDDEN);
  const clean = (text: string): string => {
    const hidden = hide(text);
    return hidden.length <= maxText ? hidden : `${hidden.slice(0, maxText)}… (${hidden.length} characters)`;
  };
  const copy = (value: unknown, above: readonly unknown[]): unknown => {
    if (typeof value === "string") return clean(value);
    if (typeof value === "function") return "[function]";
    if (typeof value === "bigint" || typeof value === "symbol") return clean(String(value));
    if (typeof value !== "object" || value === null) return value;
    if (above.includes(value)) return "[cycle]";
    if (above.length >= DEEPEST) return "[deeper]";
    const path = [...above, value];
    if (Array.isArray(value)) return value.map((one: unknown) => copy(one, path));
    if (value instanceof Error) return { name: value.name, message: clean(value.message) };
    // Snapshots and actor references say themselves what of them is data; walked as objects they lead through whole machines.
    if ("toJSON" in value && typeof value.toJSON === "function") return copy(Reflect.apply(value.toJSON, value, []), path);
    if (!isPlainObject(value)) return `[${classOf(value)}]`;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        clean(name),
        isSecretField(name) && one !== null && one !== undefined ? HIDDEN : copy(one, path),
      ]),
    );
  };
  return (value) => {
    try {
      return copy(value, []);
    } catch (error) {
      // A getter or toJSON of somebody's threw: nothing of it is shown.
      return `[unreadable: ${clean(messageOf(error))}]`;
    }
  };
}

function classOf(value: object): string {
  const { constructor } = value as { readonly constructor?: unknown };
  return typeof constructor === "function" && constructor.name !== "" ? constructor.name : "object";
}

function secretsOfEnvironment(): readonly string[] {
  return typeof process === "undefined" ? [] : secretsIn(process.env);
}
