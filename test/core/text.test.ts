import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { headAndTail, nearest, oneLine, plainText } from "../../src/core/text.ts";

const wellFormed = fc.string({ unit: "grapheme", maxLength: 60 });
const hostile = fc.string({
  unit: fc.constantFrom(
    "\u001b",
    "[",
    "]",
    "3",
    "1",
    "m",
    ";",
    "\u0007",
    "\\",
    "P",
    "\u009b",
    "\u202e",
    "\u061c",
    "\u200b",
    "a",
    " ",
    "\n",
  ),
  maxLength: 40,
});

describe("plainText", () => {
  it.each([
    ["colour", "\u001b[31mred\u001b[0m", "red"],
    ["title", "\u001b]0;title\u0007text", "text"],
    ["link (OSC 8)", "\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link"],
    ["clipboard (OSC 52)", "\u001b]52;c;aGk=\u0007x", "x"],
    ["device string", "\u001bPq#0\u001b\\x", "x"],
    ["one escape inside another", "\u001b\u001b[31m[31mx", "[31mx"],
    ["eight-bit control", "\u009b31mx", "31mx"],
    ["carriage return that overwrites", "safe\revil", "safeevil"],
    ["backspace", "ab\u0008c", "abc"],
    ["bidi override and isolate", "a\u202eb\u2066c\u2069", "abc"],
    ["Arabic letter mark", "a\u061cb", "ab"],
    ["Mongolian vowel separator", "a\u180eb", "ab"],
    ["zero width", "a\u200bb\u200dc\ufeffd", "abcd"],
    ["tags", "a\u{e0041}\u{e007f}b", "ab"],
    ["variation selectors that carry data", "a\u{e0100}\u{e01ef}b", "ab"],
    ["line separators", "a\u2028b\u2029c", "abc"],
  ])("removes %s", (_what, text, plain) => {
    expect(plainText(text)).toBe(plain);
  });

  it("keeps tabs, newlines, wide and combined characters", () => {
    const text = "a\tb\n漢字 é e\u0301 👍 ❤\ufe0f";
    expect(plainText(text)).toBe(text);
  });

  it("leaves no escape or control behind, and nothing more to do", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const plain = plainText(text);
        // oxlint-disable-next-line no-control-regex -- what must be gone
        expect(plain).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e]/);
        expect(plainText(plain)).toBe(plain);
      }),
    );
  });

  it("is linear in hostile input", () => {
    const unit = "\u001b]\u001b[0;0;";
    const started = performance.now();
    plainText(unit.repeat(100_000));
    plainText(`\u001b]${"x".repeat(500_000)}`);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe("oneLine", () => {
  it("folds white space and cuts with an ellipsis", () => {
    expect(oneLine("  a \n\t b  ")).toBe("a b");
    expect(oneLine("abcdef", 4)).toBe("abc…");
    expect(oneLine("abcd", 4)).toBe("abcd");
    expect(oneLine("", 4)).toBe("");
    expect(oneLine("abc", 0)).toBe("");
  });

  it("is one line, never longer than asked, and never half a character", () => {
    fc.assert(
      fc.property(wellFormed, fc.nat(20), (text, length) => {
        const line = oneLine(text, length);
        expect(line.length).toBeLessThanOrEqual(length);
        expect(line).not.toContain("\n");
        expect(() => encodeURIComponent(line)).not.toThrow();
      }),
    );
  });
});

describe("headAndTail", () => {
  it("leaves short texts alone", () => {
    expect(headAndTail("abc", 3)).toBe("abc");
  });

  it("says how many characters it left out", () => {
    expect(headAndTail("abcdefghij", 4)).toBe("ab\n… 6 characters left out …\nij");
    expect(headAndTail("abc", 0)).toBe("\n… 3 characters left out …\n");
  });

  it("keeps both ends, tells the truth about the middle, and never halves a character", () => {
    fc.assert(
      fc.property(wellFormed, fc.nat(40), (text, length) => {
        const short = headAndTail(text, length);
        expect(() => encodeURIComponent(short)).not.toThrow();
        if (text.length <= length) {
          expect(short).toBe(text);
          return;
        }
        const [, head = "", left = "", tail = ""] = /^([^]*)\n… (\d+) characters left out …\n([^]*)$/.exec(short) ?? [];
        expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
        expect(head.length + tail.length).toBeLessThanOrEqual(length);
        expect(head.length + Number(left) + tail.length).toBe(text.length);
      }),
    );
  });
});

describe("nearest", () => {
  const workers = ["frontend", "backend", "database", "tdd", "docs", "review", "ui"];
  it.each([
    ["frontent", "frontend"],
    ["Backend", "backend"],
    ["databse", "database"],
    ["doc", "docs"],
    ["reveiw", "review"],
  ])("takes %s for %s", (word, meant) => {
    expect(nearest(word, workers)).toBe(meant);
  });

  it.each(["", "db", "xy", "kubernetes", "zzz"])("takes %j for nothing", (word) => {
    expect(nearest(word, workers)).toBeUndefined();
  });

  it("has nothing to offer without candidates, and finds every exact word", () => {
    expect(nearest("a", [])).toBeUndefined();
    fc.assert(
      fc.property(fc.constantFrom(...workers), (word) => {
        expect(nearest(word, workers)).toBe(word);
      }),
    );
  });
});
