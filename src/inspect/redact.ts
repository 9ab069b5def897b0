// What leaves the process for watchers, without secrets: by name of the field, by shape of the value, by known values.
// One pass over the whole message, since secrets hide in inputs, outputs and definitions as well as in contexts.

import { isPlainObject } from "../core/json.ts";

/** What is hidden and how long texts may be. */
export interface RedactOptions {
  /** Values that must never be shown, such as keys in use; shorter ones than 8 characters are ignored. @default values of environment variables that look like secrets */
  readonly secrets?: readonly string[];
  /** Longest text; longer ones are cut and say so. @default 2_000 */
  readonly maxText?: number;
}

const HIDDEN = "[hidden]";
const SECRET_FIELD =
  /^(?:.*[-_.])?(?:api[-_]?key|authorization|auth[-_]?token|access[-_]?token|token|secret|client[-_]?secret|password|passwd|cookie|private[-_]?key)$/i;
const CAMEL_FIELD = /(?:apiKey|authToken|accessToken|clientSecret|privateKey|Password|Secret)$/;
const SECRET_SHAPE =
  /\b(?:sk-[a-zA-Z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[0-9A-Z]{16})\b|Bearer\s+[A-Za-z0-9._~+/-]{8,}=*/g;
const SECRET_VARIABLE = /(?:KEY|TOKEN|SECRET|PASSWORD)$/;
const SHORTEST_SECRET = 8;
/** Objects within objects that are followed. */
const DEEPEST = 24;

/** Makes a function that copies any JSON-like value without its secrets. Cycles and functions become short marks. */
export function redactor(options: RedactOptions = {}): (value: unknown) => unknown {
  const { secrets = secretsOfEnvironment(), maxText = 2_000 } = options;
  const known = secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
  const clean = (text: string): string => {
    const hidden = known.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text).replaceAll(SECRET_SHAPE, HIDDEN);
    return hidden.length <= maxText ? hidden : `${hidden.slice(0, maxText)}… (${hidden.length} characters)`;
  };
  const copy = (value: unknown, above: readonly unknown[]): unknown => {
    if (typeof value === "string") return clean(value);
    if (typeof value === "function") return "[function]";
    if (typeof value !== "object" || value === null) return value;
    if (above.includes(value)) return "[cycle]";
    if (above.length >= DEEPEST) return "[deeper]";
    const path = [...above, value];
    if (Array.isArray(value)) return value.map((one: unknown) => copy(one, path));
    if (value instanceof Error) return { name: value.name, message: clean(value.message) };
    // Snapshots and actor references say themselves what of them is data; walked as objects they lead through whole machines.
    if ("toJSON" in value && typeof value.toJSON === "function") return copy(Reflect.apply(value.toJSON, value, []), path);
    if (!isPlainObject(value)) return `[${value.constructor.name}]`;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        name,
        isSecretField(name) && one !== null && one !== undefined ? HIDDEN : copy(one, path),
      ]),
    );
  };
  return (value) => copy(value, []);
}

const isSecretField = (name: string): boolean => SECRET_FIELD.test(name) || CAMEL_FIELD.test(name);

function secretsOfEnvironment(): readonly string[] {
  const environment = typeof process === "undefined" ? {} : process.env;
  return Object.entries(environment).flatMap(([name, value]) => (value && SECRET_VARIABLE.test(name) ? [value] : []));
}
