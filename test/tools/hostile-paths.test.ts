import { mkdir, readFile, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProcess } from "../../src/process/run-process.ts";
import { canary, openDesk } from "./helpers.ts";
import type { Desk } from "./helpers.ts";

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk();
});
afterAll(() => desk.remove());

/** Ways out of a folder, tried before each target. */
const ways = [
  "..",
  "../..",
  "../../../../../../../../..",
  "./..",
  "src/../..",
  "src/../../copy/..",
  "src/..//..",
  "no-such-folder/../..",
  ".//..",
  "link-folder",
  "link-folder/..",
  "link-folder/../private",
  "./link-folder/.",
  "link-root",
  "link-root/proc/self/root",
  "link-loop",
  "link-file",
  "link-dangling",
  "/",
  "//",
  "/proc/self/root",
  "/proc/self/cwd/..",
  "/proc/self/fd",
  "/proc/1/root",
  "/dev",
  "/dev/fd",
  "%ROOT%/..",
  "%OUTSIDE%",
  "/proc/self/root%OUTSIDE%",
  "link-root%OUTSIDE%",
  "%ROOT%/link-folder",
  "%ROOT%-sibling",
  "/proc/self/root%ROOT%/..",
  "/proc/self/root%ROOT%",
  "/proc/self/cwd/../../../../../../..%ROOT%",
  "..\\..",
  "..%2f..",
  "%2e%2e",
  "..%c0%af..",
  "..;",
  "....",
  "~",
  "file:///",
  "\\\\?\\C:\\",
  "C:",
];
const targets = ["secret.txt", "private/secret.txt", "copy-sibling/secret.txt", "new/file.txt", ""];
/** Only ever read: a test that fails must not harm the machine it runs on. */
const systemTargets = ["etc/passwd", "proc/self/environ", "zero"];
const more = [
  "",
  ".",
  "\0",
  "src/a.ts\0.txt",
  "a".repeat(5000),
  "a/".repeat(2048),
  "secret.txt\n",
  "-rf",
  "--",
  "$(touch canary)",
  "‮txt.terces",
];

function hostilePaths(aims: readonly string[] = [...targets, ...systemTargets]): string[] {
  const joined = ways.flatMap((way) => aims.map((target) => (target === "" ? way : `${way}/${target}`)));
  return [...joined, ...more].map((raw) => raw.replaceAll("%ROOT%", desk.root).replaceAll("%OUTSIDE%", desk.outside));
}

async function outsideOf(): Promise<string[]> {
  const folders = ["", "private", "copy-sibling"];
  const names = await Promise.all(folders.map((folder) => readdir(path.join(desk.outside, folder))));
  return names.flat().toSorted();
}

describe("hostile paths", () => {
  it("are many", () => {
    expect(hostilePaths().length).toBeGreaterThan(200);
  });

  it.each(["read", "edit", "write"])("lead %s neither to a secret nor outside", async (name) => {
    const before = await outsideOf();
    const escapes: string[] = [];
    for (const raw of name === "read" ? hostilePaths() : hostilePaths(targets)) {
      const { content, files } = await desk.run(name, inputFor(name, raw));
      const changedOutside = files?.some((file) => !path.resolve(desk.root, file).startsWith(desk.root + path.sep));
      if (content.includes(canary) || content.includes("root:") || changedOutside) escapes.push(raw);
    }
    expect(escapes).toEqual([]);
    expect(await outsideOf()).toEqual(before);
    for (const secret of ["secret.txt", "private/secret.txt", "copy-sibling/secret.txt"]) {
      expect(await readFile(path.join(desk.outside, secret), "utf8")).toBe(canary);
    }
  });

  it("lead searches nowhere either", async () => {
    const fresh = await openDesk();
    const found: string[] = [];
    const look = async (name: string, input: { pattern: string; path?: string }): Promise<void> => {
      const { content, isError } = await fresh.run(name, input);
      if (!isError && content !== "no matches") found.push(`${name} ${JSON.stringify(input)}: ${content}`);
    };
    for (const raw of hostilePaths()) await look("glob", { pattern: "**/{secret.txt,passwd,environ}", path: raw });
    for (const raw of hostilePaths([""])) await look("grep", { pattern: canary, path: raw });
    for (const pattern of ["../*", "link-folder/*", "/etc/*", "{..,link-root/etc}/*", "link-root/etc/passwd", "**/secret.txt"]) {
      await look("glob", { pattern });
    }
    await fresh.remove();
    expect(found).toEqual([]);
  });

  it("are named in the refusal, without the place of the workspace", async () => {
    const result = await desk.run("read", { file_path: "../secret.txt" });
    expect(result).toEqual({
      isError: true,
      content: 'read: the path "../secret.txt" is outside the workspace; use a path relative to it',
    });
    const linked = await desk.run("read", { file_path: "link-file" });
    expect(linked.isError).toBe(true);
    expect(linked.content).not.toContain(desk.outside);
  });
});

describe("special files and links", () => {
  it("refuses a FIFO without waiting for its other end", async () => {
    const fifo = path.join(desk.root, "fifo");
    const signal = new AbortController().signal;
    await runProcess({ argv: ["mkfifo", fifo] }, { cwd: desk.root, env: { PATH: "/usr/bin:/bin" }, timeoutMs: 5000, signal });
    const calls = [
      ["read", { file_path: "fifo" }],
      ["edit", { file_path: "fifo", old_string: "a", new_string: "b" }],
      ["grep", { pattern: "a", path: "fifo" }],
      ["glob", { pattern: "*", path: "fifo" }],
    ] as const;
    expect(await succeeding(calls)).toEqual([]);
    expect((await desk.run("grep", { pattern: "two" })).content).toContain("src/a.ts:2:two");
    await rm(fifo);
  });

  it("refuses a chain of fifty links and devices behind links", async () => {
    await mkdir(path.join(desk.root, "chain"));
    await symlink("../../secret.txt", path.join(desk.root, "chain", "0"));
    for (let hop = 1; hop <= 50; hop += 1) await symlink(`${hop - 1}`, path.join(desk.root, "chain", `${hop}`));
    await symlink("/dev/zero", path.join(desk.root, "chain", "zero"));
    const calls = ["chain/0", "chain/1", "chain/39", "chain/50", "chain/zero"].flatMap((name) => [
      ["read", { file_path: name }] as const,
      ["write", { file_path: name, content: "x" }] as const,
    ]);
    expect(await succeeding(calls)).toEqual([]);
    expect(await readFile(path.join(desk.outside, "secret.txt"), "utf8")).toBe(canary);
  });

  it("follows a link that stays inside, and reports the real file", async () => {
    await symlink("src", path.join(desk.root, "sources"));
    const result = await desk.run("write", { file_path: "sources/linked.ts", content: "x" });
    expect(result).toMatchObject({ isError: false, files: ["src/linked.ts"] });
  });

  it("looks again at every call: a folder that was swapped for a link since is refused", async () => {
    await mkdir(path.join(desk.root, "swapped"));
    await writeFile(path.join(desk.root, "swapped", "secret.txt"), "harmless");
    expect((await desk.run("read", { file_path: "swapped/secret.txt" })).content).toBe("harmless");
    await rename(path.join(desk.root, "swapped"), path.join(desk.root, "was-swapped"));
    await symlink("../private", path.join(desk.root, "swapped"));
    const calls = [
      ["read", { file_path: "swapped/secret.txt" }],
      ["write", { file_path: "swapped/new.txt", content: "x" }],
      ["edit", { file_path: "swapped/secret.txt", old_string: "canary", new_string: "x" }],
      ["glob", { pattern: "*", path: "swapped" }],
      ["grep", { pattern: "canary", path: "swapped" }],
    ] as const;
    expect(await succeeding(calls)).toEqual([]);
    expect(await readdir(path.join(desk.outside, "private"))).toEqual(["secret.txt"]);
  });
});

async function succeeding(calls: ReadonlyArray<readonly [string, unknown]>): Promise<string[]> {
  const results = await Promise.all(
    calls.map(async ([name, input]) => ({ name, isError: (await desk.run(name, input)).isError })),
  );
  return results.filter((result) => !result.isError).map((result) => result.name);
}

function inputFor(name: string, raw: string): unknown {
  if (name === "read") return { file_path: raw };
  if (name === "write") return { file_path: raw, content: "overwritten" };
  return { file_path: raw, old_string: "canary", new_string: "overwritten" };
}
