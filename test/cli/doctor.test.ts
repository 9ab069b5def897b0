import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { standIn } from "../../src/testing/stand-in/stand-in.ts";
import type { StandIn } from "../../src/testing/stand-in/stand-in.ts";
import { ended, folders, smallJob } from "./helpers.ts";

const places = folders();
let server: StandIn;
let directory = "";

beforeEach(async () => {
  server = await standIn({ brain: smallJob(), apiKeys: ["secret-key"] });
  directory = await places.make();
});
afterEach(async () => {
  await server.close();
  await places.clean();
});

const doctor = (environment: Readonly<Record<string, string>>, ...flags: readonly string[]) =>
  ended(["doctor", ...flags], { directory, environment: { ANTHROPIC_BASE_URL: server.url, ...environment } });

describe("quatrain doctor", () => {
  it("finds everything in order, and never shows the key", async () => {
    const { code, stdout } = await doctor({ ANTHROPIC_API_KEY: "secret-key" });
    expect(stdout).toContain(`✓ node      ${process.versions.node} (${process.execPath})`);
    expect(stdout).toContain("✓ key       ANTHROPIC_API_KEY is set and accepted");
    expect(stdout).toMatch(/✓ endpoint {2}127\.0\.0\.1:\d+ answers\n/);
    expect(stdout).toMatch(/– sandbox {3}none yet/);
    expect(stdout).toMatch(/✓ state {5}\S+\.quatrain can be written/);
    expect(stdout).not.toContain("secret-key");
    expect(code).toBe(0);
  });

  it("says what is missing: 5 for the key, 1 for the rest", async () => {
    const none = await doctor({});
    expect([none.code, none.stdout.includes("✗ key       ANTHROPIC_API_KEY is not set")]).toEqual([5, true]);
    const refused = await doctor({ ANTHROPIC_API_KEY: "other" });
    expect(refused.stdout).toMatch(/✗ key {7}ANTHROPIC_API_KEY is set, but 127\.0\.0\.1:\d+ refuses it \(401\)/);
    expect(refused.code).toBe(5);
    const gone = await doctor({ ANTHROPIC_API_KEY: "secret-key", ANTHROPIC_BASE_URL: "http://127.0.0.1:9" });
    expect(gone.stdout).toMatch(/✗ endpoint {2}127\.0\.0\.1:9 can't be reached: /);
    expect(gone.code).toBe(1);
    const state = await doctor({ ANTHROPIC_API_KEY: "secret-key" }, "--state-dir", "a.txt");
    expect(state.stdout).toMatch(/✗ state {5}\S+a\.txt can't be written/);
    expect(state.code).toBe(1);
  });

  it("tells the same as one JSON line", async () => {
    const { code, stdout, stderr } = await doctor({ ANTHROPIC_API_KEY: "secret-key" }, "--json");
    const told = JSON.parse(stdout) as { readonly findings: readonly { readonly name: string }[] };
    expect(told).toMatchObject({ type: "doctor", ok: true, node: process.versions.node, path: process.execPath });
    expect(told.findings.map(({ name }) => name)).toEqual(["node", "key", "endpoint", "git", "sandbox", "state"]);
    expect([code, stderr, stdout.includes("secret-key")]).toEqual([0, "", false]);
  });
});
