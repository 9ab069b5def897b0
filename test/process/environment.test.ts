import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanEnvironment } from "../../src/process/environment.ts";
import { runProcess } from "../../src/process/run-process.ts";

const secrets = {
  ANTHROPIC_API_KEY: "canary-1",
  Anthropic_Auth_Token: "canary-2",
  AWS_SECRET_ACCESS_KEY: "canary-3",
  GITHUB_TOKEN: "canary-4",
  OPENAI_API_KEY: "canary-5",
  CLAUDE_CODE_OAUTH_TOKEN: "canary-6",
  NODE_OPTIONS: "canary-7",
  BASH_ENV: "canary-8",
};

describe("a clean environment", () => {
  it("starts empty", () => {
    const environment = cleanEnvironment({
      home: "/h",
      runId: "r-1",
      source: { PATH: "/usr/bin", LANG: "de_DE.UTF-8", ...secrets },
    });
    expect(environment).toEqual({
      PATH: "/usr/bin",
      HOME: "/h",
      TMPDIR: "/h",
      LANG: "de_DE.UTF-8",
      TERM: "dumb",
      QUATRAIN_RUN: "r-1",
    });
  });

  it("passes named variables on, but never those of Anthropic", () => {
    const names = Object.keys(secrets);
    const environment = cleanEnvironment({ home: "/h", runId: "r-1", names, source: secrets });
    expect(environment["GITHUB_TOKEN"]).toBe("canary-4");
    expect(Object.keys(environment).filter((name) => /anthropic/i.test(name))).toEqual([]);
  });

  it("holds nothing that was not named, whatever the parent has", () => {
    const variables = fc.dictionary(fc.stringMatching(/^[A-Za-z_]\w{0,12}$/), fc.string());
    fc.assert(
      fc.property(variables, fc.array(fc.string()), (source, names) => {
        const expected = new Set(["PATH", "HOME", "TMPDIR", "LANG", "TERM", "QUATRAIN_RUN", ...names]);
        const environment = cleanEnvironment({ home: "/h", runId: "r-1", names, source });
        expect(Object.keys(environment).filter((name) => !expected.has(name))).toEqual([]);
        expect(environment["QUATRAIN_RUN"]).toBe("r-1");
      }),
    );
  });

  it("drops relative entries of PATH and never leaves it empty", () => {
    const pathOf = (value: string) => cleanEnvironment({ home: "/h", runId: "r", source: { PATH: value } })["PATH"];
    expect(pathOf(".:/bin::node_modules/.bin:/usr/bin")).toBe("/bin:/usr/bin");
    expect(pathOf("")).toContain("/usr/bin");
  });

  it("lets the run's marker not be replaced", () => {
    const source = { QUATRAIN_RUN: "other" };
    expect(cleanEnvironment({ home: "/h", runId: "r-1", names: ["QUATRAIN_RUN"], source })["QUATRAIN_RUN"]).toBe("r-1");
  });

  it("is all that a child sees", async () => {
    const home = await mkdtemp(path.join(os.tmpdir(), "quatrain-env-"));
    const env = cleanEnvironment({
      home,
      runId: "r-1",
      workspace: path.join(home, "copy"),
      source: { PATH: "/usr/bin:/bin", ...secrets },
    });
    const signal = new AbortController().signal;
    const result = await runProcess(
      { shell: "env; tr '\\0' '\\n' < /proc/self/environ" },
      { cwd: home, env, timeoutMs: 5000, signal },
    );
    await rm(home, { recursive: true });
    expect(result.stdout.text).not.toContain("canary");
    expect(result.stdout.text).toContain(`GIT_CEILING_DIRECTORIES=${home}`);
  });
});
