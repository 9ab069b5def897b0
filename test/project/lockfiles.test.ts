// What is tracked can be published and rebuilt anywhere: locks name no host, nothing names this machine, no file holds a secret.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { filesUnder, projectRoot } from "./support/source.ts";

interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** Words that are written in two halves here, so that this file does not find itself. */
const two = (left: string, right: string) => `${left}${right}`;

const machinePaths = [
  two(String.raw`(?<![\w./-])/wo`, String.raw`rk/(?:main|shared|\.)`),
  two("/tm", "p/(?:briefs|bash_jobs)"),
  two(String.raw`(?<![\w./}>])/ro`, String.raw`ot/\.`),
  two(String.raw`/ho`, String.raw`me/(?!me/|you/|user/)[a-z][\w-]+/`),
  two("/Use", String.raw`rs/(?!me/|you/|user/)[A-Za-z][\w-]+/`),
];
const registries = [two(String.raw`\bregistry\.`, String.raw`[a-z0-9-]+\.[a-z]{2,}`), two(String.raw`_auth`, "Token")];
const secrets = [
  two("sk-ant-", String.raw`(?!test|fake|dummy|example|x+|\.)[\w-]{24,}`),
  two("gh", String.raw`[pousr]_[A-Za-z0-9]{30,}`),
  two("AKI", "A[0-9A-Z]{16}"),
  two("-----BEGIN [A-Z ]*PRIV", "ATE KEY-----"),
  two("xox", String.raw`[abpr]-[\w-]{20,}`),
  two(String.raw`npm`, String.raw`_[A-Za-z0-9]{36}`),
];

const required = [
  "package.json",
  "package-lock.json",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
  "ARCHITECTURE.md",
  ".ci/run",
  ".gitignore",
];
const tracked = trackedFiles();

describe("tracked files", () => {
  it("are there", () => {
    expect(tracked.length).toBeGreaterThan(20);
  });

  it("hold everything that a clone needs", () => {
    expect(required.filter((file) => !tracked.some((one) => one.path === file))).toEqual([]);
  });

  it("lock every package without naming where it came from", () => {
    const locks = tracked.filter((file) => /(?:^|\/)package-lock\.json$/.test(file.path));
    expect(locks.length).toBeGreaterThan(1);
    expect(locks.flatMap((lock) => lockOffenders(lock))).toEqual([]);
  });

  it.each([
    ["paths of a machine", machinePaths],
    ["registry hosts", [...registries, ...ownRegistry()]],
    ["secrets", secrets],
  ])("name no %s", (_name, patterns) => {
    expect(offenders(tracked, patterns)).toEqual([]);
  });

  it("are small: nothing built, recorded or downloaded slipped in", () => {
    const large = tracked.filter((file) => file.text.length > 1_000_000).map((file) => file.path);
    expect(large).toEqual([]);
  });
});

describe("the rules find what was planted", () => {
  const planted = (text: string, patterns: readonly string[]) => offenders([{ path: "a.md", text }], patterns).length;

  it.each([
    ["a checkout", two("see /wo", "rk/main/src"), machinePaths],
    ["a home folder", two("cd /ho", "me/dana/project"), machinePaths],
    ["a registry", two("https://registry.", "npmjs.org/zod"), registries],
    ["a token of npm", two("//host/:_auth", "Token=abc"), registries],
    ["a key", two("sk-ant-", "api03-abcdefghijklmnopqrstuvwxyz"), secrets],
    ["a private key", two("-----BEGIN RSA PRIV", "ATE KEY-----"), secrets],
  ])("%s", (_name, text, patterns) => {
    expect(planted(text, patterns)).toBe(1);
  });

  it("but lets pass ordinary text", () => {
    const text = "/home/you/app, https://example.com/registry, sk-ant-test-key, /tmp/app, homework/main/x";
    expect(planted(text, [...machinePaths, ...registries, ...secrets])).toBe(0);
  });

  it("a lock that names a host or leaves out an integrity", () => {
    const lock = (entry: unknown) => ({ path: "l", text: JSON.stringify({ packages: { "": {}, "node_modules/a": entry } }) });
    expect(lockOffenders(lock({ version: "1.0.0", integrity: "sha512-x" }))).toEqual([]);
    expect(lockOffenders(lock({ version: "1.0.0" }))).toEqual(["l: node_modules/a has no integrity"]);
    expect(lockOffenders(lock({ integrity: "sha512-x", resolved: "https://host/a.tgz" }))).toEqual([
      "l: node_modules/a is resolved",
    ]);
  });
});

/** What git tracks or would track; without git (an unpacked archive) every file outside of installed and built folders. */
function trackedFiles(): TextFile[] {
  const listed = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: projectRoot,
    encoding: "utf8",
  });
  const names =
    listed.status === 0 ? [...new Set(listed.stdout.split("\0"))] : filesUnder(".").map((file) => file.replace(/^\.\//, ""));
  return names
    .filter((name) => name !== "" && existsSync(path.join(projectRoot, name)) && statSync(path.join(projectRoot, name)).isFile())
    .map((name) => ({ path: name, text: readFileSync(path.join(projectRoot, name), "latin1") }));
}

function offenders(files: readonly TextFile[], patterns: readonly string[]): string[] {
  const any = new RegExp(patterns.join("|"), "g");
  return files.flatMap((file) =>
    [...file.text.matchAll(any)].map((match) => {
      const line = file.text.slice(0, match.index).split("\n").length;
      // Only the beginning is shown: it may be a secret.
      return `${file.path}:${line} ${match[0].slice(0, 12)}…`;
    }),
  );
}

/** The registry that this machine was told to use, if it is told through npm's environment. */
function ownRegistry(): string[] {
  const told = process.env["npm_config_registry"];
  const host = told && URL.canParse(told) ? new URL(told).host : "";
  return host === "" ? [] : [host.replaceAll(".", String.raw`\.`)];
}

function lockOffenders(lock: TextFile): string[] {
  const entry = z.object({ resolved: z.string().optional(), integrity: z.string().optional(), link: z.boolean().optional() });
  const { packages } = z.object({ packages: z.record(z.string(), entry) }).parse(JSON.parse(lock.text));
  return Object.entries(packages).flatMap(([name, one]) => {
    if (one.resolved !== undefined) return [`${lock.path}: ${name} is resolved`];
    return name === "" || one.integrity !== undefined || one.link ? [] : [`${lock.path}: ${name} has no integrity`];
  });
}
