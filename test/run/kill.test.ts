// Real kills, small: `prove/kill.mjs` kills the built command line twice and compares what comes of it. The full proof is
// `npm run prove:kill`. Needs the build (`npm test` makes it).
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = path.resolve(import.meta.dirname, "../..");

describe.skipIf(!existsSync(path.join(root, "dist/cli/main.js")))("a run whose process is killed", () => {
  it("twice gives the same result as undisturbed, and pays no recorded turn again", async () => {
    const proof = await promisify(execFile)(process.execPath, [path.join(root, "prove/kill.mjs"), "--quick", "--kills", "2"]);
    expect(proof.stdout).toMatch(/ 2 {2}kills of the real process\n/);
    expect(proof.stdout).toMatch(/ 0 {2}turns requested again after their result was committed\n/);
    expect(proof.stdout).toContain("Holds");
  }, 120_000);
});
