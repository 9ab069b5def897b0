import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { exitCodeOf, exitCodeOfError } from "../../src/cli/exit-code.ts";
import { errorText, inFlags } from "../../src/cli/messages.ts";
import { isSupported, tooOld } from "../../src/cli/node-version.ts";
import { placeOf, resumeCommand } from "../../src/cli/settings.ts";
import { cellsOf, countText, cutToCells, durationText, fitToCells, moneyText } from "../../src/cli/words.ts";
import { QuatrainError } from "../../src/core/errors.ts";
import { failure } from "../../src/core/failure.ts";

describe("numbers", () => {
  it.each([
    [0, "0.0 s"],
    [9_940, "9.9 s"],
    [9_960, "10 s"],
    [59_499, "59 s"],
    [59_600, "1 m 00 s"],
    [3_599_000, "59 m 59 s"],
    [3_661_000, "1 h 01 m"],
    [-5, "0.0 s"],
  ])("%i ms are %s", (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });

  it("keeps small amounts of money and large counts readable", () => {
    expect([0, 0.0042, 0.04, 12.3].map(moneyText)).toEqual(["$0", "$0.0042", "$0.04", "$12.30"]);
    expect([950, 3_249, 999_960, 1_400_000].map(countText)).toEqual(["950", "3.2k", "1.0M", "1.4M"]);
  });
});

describe("terminal cells", () => {
  it.each([
    ["plain", 5],
    ["漢字", 4],
    ["한글", 4],
    ["e\u0301", 1],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["✓ ok", 4],
    ["❤️", 2],
    ["\u200b", 0],
  ])("%s takes %i", (text, cells) => {
    expect(cellsOf(text)).toBe(cells);
  });

  it("cuts and fills to the cell, whatever the text", () => {
    const texts = fc.string({ unit: fc.constantFrom("a", " ", "漢", "e\u0301", "👍", "…", "한") });
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 30 }), (text, cells) => {
        expect(cellsOf(cutToCells(text, cells))).toBeLessThanOrEqual(cells);
        expect(cellsOf(fitToCells(text, cells))).toBe(cells);
        if (cellsOf(text) <= cells) expect(cutToCells(text, cells)).toBe(text);
      }),
    );
  });
});

describe("exit codes", () => {
  const ended = (outcome: Parameters<typeof exitCodeOf>[0]["outcome"], more: Partial<Parameters<typeof exitCodeOf>[0]> = {}) =>
    exitCodeOf({ outcome, failure: null, budgetReached: false, ...more });

  it("tell how a run ended", () => {
    expect(["complete", "failed", "partial", "cancelled", "suspended"].map((outcome) => ended(outcome as "complete"))).toEqual([
      0, 1, 3, 1, 1,
    ]);
    expect(ended("partial", { budgetReached: true, failure: failure("BudgetExceeded", "x") })).toBe(4);
    expect(ended("suspended", { failure: failure("AuthFailed", "x") })).toBe(5);
    expect(ended("failed", { failure: failure("DependencyFailed", "x", { cause: failure("AuthFailed", "y") }) })).toBe(5);
    expect(ended("suspended", { failure: failure("ModelNotFound", "x") })).toBe(2);
    expect(ended("suspended", { failure: failure("BillingBlocked", "x") })).toBe(1);
  });

  it("tell what was wrong with the call", () => {
    const codes = ["BadOption", "MissingKey", "RunBusy", "StoreTooNew", "StoreCorrupt"] as const;
    expect(codes.map((code) => exitCodeOfError(new QuatrainError(code, "x")))).toEqual([2, 5, 2, 2, 1]);
    expect(exitCodeOfError(new Error("x"))).toBe(1);
  });
});

describe("messages", () => {
  it("name flags instead of options", () => {
    expect(inFlags("Choose another with the option store.")).toBe("Choose another with --state-dir.");
    expect(inFlags('models.worker.baseURL is "x"; give an address.')).toBe('--base-url is "x"; give an address.');
  });

  it("show the place of an error that nobody foresaw, and no escapes of others", () => {
    expect(errorText(new Error("boom"))).toMatch(/^unexpected error: Error: boom\n\s+at /);
    expect(errorText(new QuatrainError("BadOption", "red \u001b[31mtext"))).toBe("red text");
  });
});

describe("the oldest Node", () => {
  it.each([
    ["18.20.4", false],
    ["20.20.2", false],
    ["22.12.0", false],
    ["22.13.0", true],
    ["24.0.0", true],
    ["26.1.0", true],
  ])("%s: %s", (version, good) => {
    expect(isSupported(version)).toBe(good);
  });

  it("is told in one line, with the version found and where", () => {
    expect(tooOld("20.1.0", "/usr/bin/node")).toMatch(/^quatrain: this is Node 20\.1\.0 \(\/usr\/bin\/node\); .*22\.13[^\n]*$/);
  });
});

describe("places", () => {
  const at = (flags: Parameters<typeof placeOf>[0], environment = {}) => placeOf(flags, { directory: "/home/me", environment });

  it("keep the state in the workspace unless told otherwise", () => {
    expect(at({})).toEqual({ workspace: "/home/me", store: "/home/me/.quatrain", flags: "" });
    expect(at({ workspace: "app" })).toEqual({
      workspace: "/home/me/app",
      store: "/home/me/app/.quatrain",
      flags: " --state-dir app/.quatrain",
    });
    expect(at({ workspace: false })).toEqual({ workspace: null, store: "/home/me/.quatrain", flags: "" });
    expect(at({ stateDir: "my state" }).flags).toBe(" --state-dir 'my state'");
  });

  it("take QUATRAIN_STATE_DIR, and the flag before it", () => {
    expect(at({ workspace: "app" }, { QUATRAIN_STATE_DIR: "/var/q" })).toMatchObject({ store: "/var/q", flags: "" });
    expect(at({ stateDir: "/other" }, { QUATRAIN_STATE_DIR: "/var/q" }).store).toBe("/other");
    expect(resumeCommand("r-1", at({ stateDir: "s" }))).toBe("quatrain resume r-1 --state-dir s");
  });
});
