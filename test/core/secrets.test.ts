import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSecretField, secretHider, secretsIn } from "../../src/core/secrets.ts";

const secret = "s3cr3t-value-of-mine";
const stars = (text: string): string => "*".repeat(text.length);
const hide = secretHider([secret, "short", 'with "quotes"\nand lines'], stars);

describe("secrets in a text", () => {
  it.each([
    ["a variable of an .env file", "DB_PASSWORD=hunter2x\nNAME=me", "DB_PASSWORD=********\nNAME=me"],
    ["a quoted variable", 'export API_KEY="abcdef123"', 'export API_KEY="*********"'],
    ["a field of JSON", '{"apiKey":"abc","name":"x"}', '{"apiKey":"***","name":"x"}'],
    ["a field with an escaped quote", String.raw`{"token": "a\"b", "n": 1}`, String.raw`{"token": "****", "n": 1}`],
    ["a field of JSON inside JSON", String.raw`{\"password\":\"geheim\"}`, String.raw`{\"password\":\"******\"}`],
    ["an address with a password", "postgres://me:pass@host/db", "postgres://me:****@host/db"],
    ["a signed token", `(eyJhbGciOiJI.eyJzdWIiOiIx.${"s".repeat(8)})`, `(${"*".repeat(34)})`],
    ["a private key", ["-----BEGIN", "PRIVATE KEY-----\nMII\n-----END", "PRIVATE KEY-----"].join(" "), "*".repeat(57)],
    ["a known value", `x ${secret} y`, `x ${stars(secret)} y`],
    ["a known value inside JSON", JSON.stringify('with "quotes"\nand lines'), `"${"*".repeat(26)}"`],
  ])("are hidden: %s", (_what, text, expected) => {
    expect(hide(text)).toBe(expected);
  });

  it.each([
    "const API_KEY = process.env.API_KEY;",
    "SECRET=$OTHER_SECRET",
    '{"tokens":"12","inputTokens":3}',
    "http://example.com:8080/a@b",
    "PASSWORD=x",
    "short",
  ])("are not seen in %j", (text) => {
    expect(hide(text)).toBe(text);
  });

  it("keep their length, and are hidden once for all", () => {
    const piece = fc.constantFrom(
      secret,
      "API_KEY=",
      '"token":"',
      '"',
      "=",
      "\n",
      "Bearer abcdefgh1",
      "x://u:",
      "@h",
      String.raw`\"`,
      "a",
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        const text = pieces.join("");
        const hidden = hide(text);
        expect(hidden.length).toBe(text.length);
        expect(hidden).not.toContain(secret);
        expect(hide(hidden)).toBe(hidden);
      }),
    );
  });
});

describe("secrets by name", () => {
  it("are fields and variables", () => {
    expect(["apiKey", "x-api-key", "GITHUB_TOKEN"].every(isSecretField)).toBe(true);
    expect(["tokens", "keyboard", "inputTokens"].some(isSecretField)).toBe(false);
    expect(secretsIn({ A_TOKEN: "one", lower_password: "two", PATH: "three", EMPTY_KEY: "", GONE_KEY: undefined })).toEqual([
      "one",
      "two",
    ]);
  });
});
