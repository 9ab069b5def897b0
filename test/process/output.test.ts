import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { capText, outputBuffer } from "../../src/process/output.ts";

const marker = /\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n/;

/** Characters of one to four bytes, and combining ones. */
const text = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "\n", "\0", "ö", "€", "\u0301", "😀"), maxLength });

describe("a capped output", () => {
  it("is unchanged within the cap, however it is cut into chunks", () => {
    fc.assert(
      fc.property(text(60), fc.integer({ min: 1, max: 7 }), (raw, size) => {
        const bytes = Buffer.from(raw);
        const buffer = outputBuffer(Math.max(1, bytes.length));
        for (let at = 0; at < bytes.length; at += size) buffer.push(bytes.subarray(at, at + size));
        expect(buffer.finish()).toEqual({ text: bytes.toString("utf8"), bytes: bytes.length, truncated: false });
      }),
    );
  });

  it("keeps a beginning and an end, never half a character, and counts what is left out", () => {
    const input = fc.record({
      raw: text(200),
      cap: fc.integer({ min: 0, max: 100 }),
      size: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(input, ({ raw, cap, size }) => {
        const bytes = Buffer.from(raw);
        const buffer = outputBuffer(cap);
        for (let at = 0; at < bytes.length; at += size) buffer.push(bytes.subarray(at, at + size));
        const result = buffer.finish();
        expect(result.truncated).toBe(bytes.length > cap);
        if (!result.truncated) return;
        const left = Number(marker.exec(result.text)?.[1]);
        const [head = "", tail = ""] = result.text.split(`\n[... ${left} bytes left out ...]\n`);
        expect(raw.startsWith(head)).toBe(true);
        expect(raw.endsWith(tail)).toBe(true);
        expect(Buffer.byteLength(head + tail)).toBe(bytes.length - left);
        expect(Buffer.byteLength(head + tail)).toBeLessThanOrEqual(cap);
        expect(Buffer.byteLength(head + tail)).toBeGreaterThanOrEqual(cap - 6);
      }),
    );
  });

  it("does not depend on how the bytes were cut into chunks", () => {
    const bytes = Buffer.from("äöü€😀".repeat(50));
    const results = [1, 2, 3, 5, 64, 1000].map((size) => {
      const buffer = outputBuffer(101);
      for (let at = 0; at < bytes.length; at += size) buffer.push(bytes.subarray(at, at + size));
      return buffer.finish().text;
    });
    expect(new Set(results).size).toBe(1);
  });

  it("survives bytes that are no text", () => {
    const junk = Buffer.alloc(500, 0x80);
    const buffer = outputBuffer(100);
    buffer.push(junk);
    expect(buffer.finish()).toMatchObject({ bytes: 500, truncated: true });
  });

  it("caps a text the same way", () => {
    expect(capText("short", 100)).toEqual({ text: "short", bytes: 5, truncated: false });
    expect(capText("a".repeat(50) + "b".repeat(50), 10).text).toBe("aaaaa\n[... 90 bytes left out ...]\nbbbbb");
  });
});
