// Plain JSON: its type, a stable text form, and a short digest of it.

/** Any value that survives JSON unchanged. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Writes JSON with object keys sorted, so that equal values give equal text. Undefined fields are left out, as in JSON. */
export function stableStringify(value: unknown): string {
  return textOf(value) ?? "null";
}

/** A 106-bit digest of a text as 22 characters (two 53-bit mixes). Tells values apart; it is no signature. */
export function digestOf(text: string): string {
  // Both mixes in one pass: a prompt is long.
  let high = 0xdead_beef ^ FIRST_SEED;
  let low = 0x41c6_ce57 ^ FIRST_SEED;
  let otherHigh = 0xdead_beef ^ SECOND_SEED;
  let otherLow = 0x41c6_ce57 ^ SECOND_SEED;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2_654_435_761);
    low = Math.imul(low ^ unit, 1_597_334_677);
    otherHigh = Math.imul(otherHigh ^ unit, 2_654_435_761);
    otherLow = Math.imul(otherLow ^ unit, 1_597_334_677);
  }
  return finished(high, low) + finished(otherHigh, otherLow);
}

/** True for objects made by `{}` or JSON.parse. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** JSON.parse that answers undefined instead of throwing. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Plain JSON is written by hand, since a replacer costs several times as much; what is not plain goes that way. */
function textOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return listText(value);
  if (!isPlainObject(value) || "toJSON" in value) return JSON.stringify(value, sorting);
  let fields = "";
  for (const key of keysOf(value)) {
    const text = textOf(value[key]);
    if (text !== undefined) fields += `${fields === "" ? "" : ","}${JSON.stringify(key)}:${text}`;
  }
  return `{${fields}}`;
}

function listText(list: readonly unknown[]): string {
  let text = "";
  for (let at = 0; at < list.length; at++) text += `${at === 0 ? "" : ","}${textOf(list[at]) ?? "null"}`;
  return `[${text}]`;
}

/** The keys in the order of the text: numbers first, as objects have them anyway, then by code units. */
function keysOf(value: Record<string, unknown>): readonly string[] {
  const keys = Object.keys(value).toSorted();
  return keys.some((key) => key <= "9~") ? Object.keys(sorted(value)) : keys;
}

const sorting = (_key: string, inner: unknown): unknown => (isPlainObject(inner) ? sorted(inner) : inner);

function sorted(value: Record<string, unknown>): Record<string, unknown> {
  // Object.fromEntries defines own properties, so a key such as __proto__ stays plain data.
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

const FIRST_SEED = 0x9e37_79b9;
const SECOND_SEED = 0x85eb_ca6b;

function finished(left: number, right: number): string {
  const high = Math.imul(left ^ (left >>> 16), 2_246_822_507) ^ Math.imul(right ^ (right >>> 13), 3_266_489_909);
  const low = Math.imul(right ^ (right >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(36).padStart(11, "0");
}
