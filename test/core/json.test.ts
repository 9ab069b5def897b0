import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf, isPlainObject, parseJson, stableStringify } from "../../src/core/json.ts";

/** The same value with the fields of every object in another order. */
function shuffled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shuffled);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, one]) => [key, shuffled(one)]),
  );
}

const keys = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "0", "10", "9"));
const json = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false, 0, -1.5, 1e21),
    fc.string(),
    fc.array(tie("any"), { maxLength: 4 }),
    fc.array(fc.tuple(keys, tie("any")), { maxLength: 4 }).map((fields) => Object.fromEntries(fields)),
  ),
})).any;

describe("stableStringify", () => {
  it("does not depend on the order of fields", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(stableStringify(shuffled(value))).toBe(stableStringify(value));
      }),
    );
  });

  it("gives back the same value, hostile keys included", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(stableStringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    const hostile = JSON.parse('{"b":1,"__proto__":{"polluted":true},"constructor":2}') as unknown;
    expect(stableStringify(hostile)).toBe('{"__proto__":{"polluted":true},"b":1,"constructor":2}');
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it("leaves undefined out and says null for nothing", () => {
    expect(stableStringify({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
    expect(stableStringify(undefined)).toBe("null");
  });

  it("is the text that JSON.stringify makes of sorted objects, numbers as keys and odd values included", () => {
    const odd = fc.constantFrom(undefined, Number.NaN, new Date(0), new Map([[1, 2]]), { toJSON: () => ({ b: 1, a: 2 }) });
    const sorted = (_key: string, inner: unknown): unknown =>
      isPlainObject(inner)
        ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
        : inner;
    fc.assert(
      fc.property(json, odd, fc.constantFrom("z", "10", "9", "__proto__"), (value, one, key) => {
        const mixed = [value, { [key]: one, a: value, 2: one, b: [one, value] }];
        expect(stableStringify(mixed)).toBe(JSON.stringify(mixed, sorted));
      }),
    );
  });

  it("sorts objects without a prototype, too", () => {
    expect(stableStringify(Object.assign(Object.create(null) as object, { b: 1, a: 2 }))).toBe('{"a":2,"b":1}');
  });
});

describe("digestOf", () => {
  it("is 22 letters or digits, the same for the same text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(digestOf(text)).toMatch(/^[0-9a-z]{22}$/);
        expect(digestOf(text)).toBe(digestOf(text));
      }),
    );
  });

  it("tells texts apart that differ in one unit, in order or in length", () => {
    const texts = new Set<string>([""]);
    for (let index = 0; index < 20_000; index++) texts.add(`t${index % 97}#${index}/turn/${index % 13}.${index % 3}`);
    for (let index = 0; index < 128; index++)
      for (let other = 0; other < 64; other++) texts.add(String.fromCharCode(index, other));
    for (let length = 1; length < 2_000; length++) texts.add("a".repeat(length));
    for (let index = 0; index < 2_000; index++) texts.add(`${"x".repeat(index)}y${"x".repeat(2_000 - index)}`);
    expect(new Set([...texts].map(digestOf)).size).toBe(texts.size);
  });

  it("has halves that say different things", () => {
    const halves = [...Array(2_000).keys()].map((index) => digestOf(String(index)));
    expect(halves.filter((digest) => digest.slice(0, 11) === digest.slice(11))).toEqual([]);
  });
});

describe("isPlainObject", () => {
  it.each([[{}], [Object.create(null)], [JSON.parse('{"__proto__":1}')]])("takes %j", (value) => {
    expect(isPlainObject(value)).toBe(true);
  });
  it.each([null, undefined, 1, "a", [], new Date(0), new Map(), () => 0, new URL("http://127.0.0.1")])("refuses %s", (value) => {
    expect(isPlainObject(value)).toBe(false);
  });
});

describe("parseJson", () => {
  it("answers undefined instead of throwing, whatever comes", () => {
    for (const text of ["", "{", "nul", "'a'", "1e", '{"a":1,}', "[".repeat(200_000)]) expect(parseJson(text)).toBeUndefined();
    expect(parseJson("null")).toBe(null);
    fc.assert(
      fc.property(json, (value) => {
        expect(parseJson(JSON.stringify(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
