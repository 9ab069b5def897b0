// A storm of faults, small: `prove/network.mjs` with one seed and 60 turns. The full proof is `npm run prove:network`.
// Needs the build (`npm test` makes it).
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

describe.skipIf(!existsSync(path.join(root, "dist/model/anthropic.js")))("a network that spoils 30 % of all answers", () => {
  it("is survived: all complete, nothing truncated, only lost answers paid again", async () => {
    const proof = await promisify(execFile)(process.execPath, [path.join(root, "prove/network.mjs"), "--quick"]);
    const count = (what: string): number => Number(new RegExp(` (\\d+) {2}${what}\\n`).exec(proof.stdout)?.[1] ?? Number.NaN);
    expect(count("kinds of faults")).toBeGreaterThanOrEqual(14);
    expect(count("answers that were lost on the way")).toBeGreaterThan(0);
    expect(count("turns paid again")).toBe(count("answers that were lost on the way"));
    expect(proof.stdout).toContain("Holds");
  }, 120_000);
});
