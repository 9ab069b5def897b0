import { lstat, mkdir, readFile, readdir, readlink, rm, stat, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { runProcess } from "../../src/process/run-process.ts";
import { copyWorkspace } from "../../src/workspace/copy-workspace.ts";
import { workspaceErrorOf, WorkspaceError } from "../../src/workspace/errors.ts";
import { noWorkspace } from "../../src/workspace/no-workspace.ts";
import { edit, openYard, run, textsOf } from "./helpers.ts";
import type { Edits, Yard } from "./helpers.ts";
import type { CopyWorkspaceOptions } from "../../src/workspace/copy-workspace.ts";

const yards: Yard[] = [];
afterEach(async () => {
  for (const yard of yards.splice(0)) await yard.remove();
});

async function open(files: Edits = {}, options: Partial<CopyWorkspaceOptions> = {}): Promise<Yard> {
  const yard = await openYard(files, options);
  yards.push(yard);
  return yard;
}

const attempt = (task: string) => ({ run, attempt: `${task}#1`, layers: [] });

describe("a copy", () => {
  it("holds the base, and the user's folder stays as it was", async () => {
    const files = { "a.txt": "a", "deep/er/b.txt": "b", "run.sh*": "#!/bin/sh\n", "ünï/c d.txt": "c" };
    const yard = await open(files);
    const { root, conflicts, skipped } = await yard.workspace.prepare(attempt("t1"));
    expect(root).toBe(yard.workspace.rootOf(attempt("t1")));
    expect(root).not.toContain("#");
    expect(await textsOf(root)).toEqual(files);
    expect([conflicts, skipped]).toEqual([[], []]);
    expect(await textsOf(yard.user)).toEqual(files);
  });

  it("leaves out git, its own state and nothing else", async () => {
    const yard = await open({
      ".git/config": "x",
      "sub/.git": "gitdir: x",
      ".quatrain/old": "x",
      ".env": "KEY=1",
      ".gitignore": "dist",
      "dist/a": "x",
    });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    expect(await readdir(root)).toEqual([".env", ".gitignore", "dist"]);
  });

  it("is of what the folder held when the run began, also after a restart", async () => {
    const yard = await open({ "a.txt": "old", "b.txt": "old" });
    await yard.workspace.prepare(attempt("t1"));
    await edit(yard.user, { "a.txt": "newer", "b.txt": null, "c.txt": "newer" });
    const restarted = copyWorkspace({ path: yard.user });
    for (const workspace of [yard.workspace, restarted]) {
      const { root } = await workspace.prepare(attempt("t2"));
      expect(await textsOf(root)).toEqual({ "a.txt": "old", "b.txt": "old" });
    }
    const other = await yard.workspace.prepare({ ...attempt("t1"), run: "r-2" });
    expect(await textsOf(other.root)).toEqual({ "a.txt": "newer", "c.txt": "newer" });
  });

  it("starts over when it is prepared again", async () => {
    const yard = await open({ "a.txt": "old" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await edit(root, { "a.txt": null, "junk.txt": "x" });
    await yard.workspace.prepare(attempt("t1"));
    expect(await textsOf(root)).toEqual({ "a.txt": "old" });
  });

  it("is captured once by attempts that start at once, also in two processes", async () => {
    const yard = await open({ "a.txt": "a" });
    const other = copyWorkspace({ path: yard.user });
    const copies = ["t1", "t2", "t3", "t4"].map((task, at) => (at % 2 ? other : yard.workspace).prepare(attempt(task)));
    for (const { root } of await Promise.all(copies)) expect(await textsOf(root)).toEqual({ "a.txt": "a" });
    const run1 = await readdir(path.join(yard.user, ".quatrain", "runs", run));
    expect(run1.toSorted()).toEqual(["attempts", "base"]);
  });

  it("is private, and git is told to look away", async () => {
    const yard = await open({ "a.txt": "a" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    for (const folder of [root, path.join(yard.user, ".quatrain")]) expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect(await readFile(path.join(yard.user, ".quatrain", ".gitignore"), "utf8")).toBe("*\n");
  });

  it("can be changed where the user's files are read-only", async () => {
    const yard = await open({ "a.txt": "a" });
    await runProcess(
      { argv: ["chmod", "444", "a.txt"] },
      { cwd: yard.user, env: { PATH: "/usr/bin:/bin" }, timeoutMs: 5000, signal: new AbortController().signal },
    );
    const { root } = await yard.workspace.prepare(attempt("t1"));
    expect((await stat(path.join(root, "a.txt"))).mode & 0o200).toBe(0o200);
  });

  it("stops when it is aborted, and leaves nothing half", async () => {
    const yard = await open({ "a.txt": "a" });
    const reason = new Error("stop");
    await expect(yard.workspace.prepare({ ...attempt("t1"), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await yard.workspace.prepare(attempt("t2"));
    await expect(yard.workspace.commit({ ...attempt("t2"), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await readdir(path.join(yard.user, ".quatrain", "runs", run, "attempts"))).toEqual(["t2@1"]);
  });
});

describe("links", () => {
  it("that lead inside are copied as links within the copy, others skipped and told", async () => {
    const yard = await open({ "src/a.txt": "a", ".git/config": "x", "node_modules/p/index.js": "x" });
    const links = {
      "src/near": "a.txt",
      absolute: path.join(yard.user, "src", "a.txt"),
      detour: "../user/src",
      out: "/etc/passwd",
      up: "..",
      nowhere: "no-such-file",
      "into-git": ".git/config",
      "into-modules": "node_modules/p",
      loop: "loop",
    };
    for (const [name, target] of Object.entries(links)) await symlink(target, path.join(yard.user, name));
    const { root, skipped } = await yard.workspace.prepare(attempt("t1"));
    expect(await readlink(path.join(root, "src", "near"))).toBe("a.txt");
    expect(await readlink(path.join(root, "absolute"))).toBe("src/a.txt");
    expect(await readlink(path.join(root, "detour"))).toBe("src");
    expect(skipped.map((one) => one.path)).toEqual(["into-git", "into-modules", "loop", "nowhere", "out", "up"]);
    for (const name of ["out", "up", "nowhere"]) await expect(lstat(path.join(root, name))).rejects.toThrow("ENOENT");
  });

  it("to node_modules are made at every depth, unless told otherwise", async () => {
    const files = { "node_modules/p/index.js": "x", "packages/a/node_modules/q/index.js": "y", "packages/a/index.js": "z" };
    const yard = await open(files);
    const { root } = await yard.workspace.prepare(attempt("t1"));
    expect(await readFile(path.join(root, "packages/a/node_modules/q/index.js"), "utf8")).toBe("y");
    expect((await lstat(path.join(root, "node_modules"))).isSymbolicLink()).toBe(true);
    expect((await yard.workspace.commit(attempt("t1"))).files).toEqual([]);
    const plain = await open(files, { modules: "none" });
    expect(await textsOf((await plain.workspace.prepare(attempt("t1"))).root)).toEqual({ "packages/a/index.js": "z" });
  });

  it("that a task makes are not carried over; what they hide stays", async () => {
    const yard = await open({ "src/a.txt": "a", "lib/b.txt": "b", "c.txt": "c" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await rm(path.join(root, "src"), { recursive: true });
    await symlink("lib", path.join(root, "src"));
    await rm(path.join(root, "c.txt"));
    await symlink("/etc/passwd", path.join(root, "c.txt"));
    await symlink("/", path.join(root, "all"));
    const { files, skipped } = await yard.workspace.commit(attempt("t1"));
    expect(files).toEqual([]);
    expect(skipped.map((one) => one.path).toSorted()).toEqual(["all", "c.txt", "src"]);
  });
});

describe("a change set", () => {
  it("names what was added, modified and deleted, sorted, with hashes", async () => {
    const yard = await open({ "keep.txt": "k", "change.txt": "old", "gone/file.txt": "g", "tool.sh": "#!" });
    const changes = await yard.work("t1", {
      "change.txt": "new",
      "gone/file.txt": null,
      "add/deep.txt": "n",
      "tool.sh*": "#!",
      "add.txt": "",
    });
    expect(changes.files.map(({ path: name, kind, bytes, executable }) => ({ name, kind, bytes, executable }))).toEqual([
      { name: "add.txt", kind: "added", bytes: 0, executable: false },
      { name: "add/deep.txt", kind: "added", bytes: 1, executable: false },
      { name: "change.txt", kind: "modified", bytes: 3, executable: false },
      { name: "gone/file.txt", kind: "deleted", bytes: 0, executable: false },
      { name: "tool.sh", kind: "modified", bytes: 2, executable: true },
    ]);
    const changed = changes.files[2];
    expect(changed?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(changed?.baseHash).not.toBe(changed?.hash);
    expect(changes.files[0]?.baseHash).toBeNull();
    expect(await yard.workspace.changes(changes.ref)).toEqual({ ref: changes.ref, files: changes.files });
  });

  it("is the same whenever and wherever it is committed", async () => {
    const edits = { "a.txt": "1", "b/c.txt": "2" };
    const one = await open({ "a.txt": "0" });
    const two = await open({ "a.txt": "0" });
    const elsewhere = copyWorkspace({ path: two.user, state: path.join(two.folder, "state") });
    const first = await one.work("t1", edits);
    expect(await one.workspace.commit(attempt("t1"))).toEqual(first);
    expect((await two.work("t9", edits)).ref).toBe(first.ref);
    const { root } = await elsewhere.prepare(attempt("t5"));
    expect(root.startsWith(path.join(two.folder, "state"))).toBe(true);
    await edit(root, edits);
    expect((await elsewhere.commit(attempt("t5"))).ref).toBe(first.ref);
    expect((await two.work("t1", {})).files).toEqual([]);
  });

  it("of a file written back to what it was is empty", async () => {
    const yard = await open({ "a.txt": "0" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await edit(root, { "a.txt": "1" });
    await edit(root, { "a.txt": "0" });
    expect((await yard.workspace.commit(attempt("t1"))).files).toEqual([]);
  });

  it("is laid under the copies of dependants, and is not theirs", async () => {
    const yard = await open({ "a.txt": "0", "b.txt": "0", "c.txt": "0" });
    const below = await yard.work("t1", { "a.txt": "1", "b.txt": null, "run.sh*": "#!" });
    const layers = [{ task: "t1", ref: below.ref }];
    const { root, conflicts } = await yard.workspace.prepare({ run, attempt: "t2#1", layers });
    expect(await textsOf(root)).toEqual({ "a.txt": "1", "c.txt": "0", "run.sh*": "#!" });
    expect(conflicts).toEqual([]);
    await edit(root, { "c.txt": "2" });
    const { files } = await yard.workspace.commit({ run, attempt: "t2#1", layers });
    expect(files.map((file) => file.path)).toEqual(["c.txt"]);
  });

  it("keeps executable bits apart from contents", async () => {
    const yard = await open({ "tool.sh": "#!", "other.sh*": "#2" });
    const { ref } = await yard.work("t1", { "tool.sh*": "#!", "new.sh*": "#3", "new.txt": "#3", "other.txt": "#2" });
    const { root } = await yard.workspace.prepare({ run, attempt: "t2#1", layers: [{ task: "t1", ref }] });
    expect(Object.keys(await textsOf(root))).toEqual(["new.sh*", "new.txt", "other.sh*", "other.txt", "tool.sh*"]);
  });

  it("with a big file is stored by streaming", async () => {
    const yard = await open();
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await writeFile(path.join(root, "big.bin"), Buffer.alloc(5 * 1024 * 1024, 7));
    const { ref, files } = await yard.workspace.commit(attempt("t1"));
    expect(files[0]).toMatchObject({ path: "big.bin", bytes: 5 * 1024 * 1024 });
    const result = await yard.workspace.integrate({ run, changes: [{ task: "t1", ref }] });
    expect((await stat(path.join(result.root, "big.bin"))).size).toBe(5 * 1024 * 1024);
  });
});

describe("errors", () => {
  it("name a missing folder, and a state that is the folder itself", async () => {
    const yard = await open();
    await expect(copyWorkspace({ path: path.join(yard.folder, "none") }).prepare(attempt("t1"))).rejects.toMatchObject({
      code: "WorkspaceMissing",
    });
    expect(() => copyWorkspace({ path: yard.user, state: `${yard.user}/.` })).toThrow("Name another folder");
  });

  it("name a file that is too large, and too many files", async () => {
    const yard = await open({ "a.txt": "12345", "b.txt": "1" }, { limits: { fileBytes: 4 } });
    await expect(yard.workspace.prepare(attempt("t1"))).rejects.toMatchObject({ code: "FileTooLarge", files: ["a.txt"] });
    const many = await open({ a: "", b: "", c: "" }, { limits: { files: 2 } });
    await expect(many.workspace.prepare(attempt("t1"))).rejects.toMatchObject({ code: "TooManyFiles" });
    const sparse = await open();
    const { root } = await sparse.workspace.prepare(attempt("t1"));
    await writeFile(path.join(root, "huge"), "");
    await truncate(path.join(root, "huge"), 64 * 1024 * 1024 + 1);
    await expect(sparse.workspace.commit(attempt("t1"))).rejects.toMatchObject({ code: "FileTooLarge", files: ["huge"] });
  });

  it("can be mended and tried again", async () => {
    const yard = await open({ "a.txt": "12345" }, { limits: { fileBytes: 4 } });
    await expect(yard.workspace.prepare(attempt("t1"))).rejects.toMatchObject({ code: "FileTooLarge" });
    await edit(yard.user, { "a.txt": "1" });
    expect(await textsOf((await yard.workspace.prepare(attempt("t1"))).root)).toEqual({ "a.txt": "1" });
  });

  it.each(["", "..", "a/b", "../x", "a\0", ".hidden", "a".repeat(200), "t@1", "-rf"])("refuse the id %j", async (id) => {
    const yard = await open();
    await expect(yard.workspace.prepare({ run: id, attempt: "t1#1", layers: [] })).rejects.toMatchObject({ code: "BadName" });
    await expect(yard.workspace.discard({ run, attempt: id })).rejects.toMatchObject({ code: "BadName" });
  });

  it("tell a change set that is missing or damaged, and a copy that is not there", async () => {
    const yard = await open({ "a.txt": "a" });
    const prepareOver = (ref: string) => yard.workspace.prepare({ run, attempt: "t2#1", layers: [{ task: "t1", ref }] });
    for (const ref of ["0".repeat(64), "../../etc/passwd", ""])
      await expect(prepareOver(ref)).rejects.toMatchObject({ code: "ContentBroken" });
    const { ref, files } = await yard.work("t1", { "a.txt": "b" });
    const objects = path.join(yard.user, ".quatrain", "objects");
    const hash = files[0]?.hash ?? "";
    await rm(path.join(objects, hash.slice(0, 2), hash));
    await expect(prepareOver(ref)).rejects.toMatchObject({ code: "ContentBroken" });
    await writeFile(path.join(objects, ref.slice(0, 2), ref), '{"version":1,"files":[]}');
    await expect(prepareOver(ref)).rejects.toMatchObject({ code: "ContentBroken" });
    await expect(yard.workspace.commit(attempt("t7"))).rejects.toMatchObject({ code: "AttemptMissing" });
  });

  it.each([
    ["ENOSPC", "write", "WorkspaceFull"],
    ["EROFS", "mkdir", "WorkspaceNotWritable"],
    ["EACCES", "mkdir", "WorkspaceNotWritable"],
    ["EACCES", "scandir", "WorkspaceNotReadable"],
    ["EIO", "read", "WorkspaceFailed"],
  ])("of the system, %s at %s, become %s and keep their cause", (code, syscall, expected) => {
    const cause = Object.assign(new Error(`${code}: refused`), { code, syscall });
    const error = workspaceErrorOf(cause);
    expect(WorkspaceError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: expected, cause });
  });

  it("of others are left alone", () => {
    const own = new WorkspaceError("TooManyFiles", "x");
    const reason = new Error("aborted");
    expect([workspaceErrorOf(own), workspaceErrorOf(reason), workspaceErrorOf("text")]).toEqual([own, reason, "text"]);
  });
});

describe("discarding", () => {
  it("removes an attempt or the run, and minds nothing that is not there", async () => {
    const yard = await open({ "a.txt": "a" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await yard.workspace.discard(attempt("t1"));
    await expect(stat(root)).rejects.toThrow("ENOENT");
    await yard.workspace.discard({ run });
    await yard.workspace.discard({ run });
    expect(await readdir(path.join(yard.user, ".quatrain", "runs"))).toEqual([]);
    await edit(yard.user, { "a.txt": "b" });
    expect(await textsOf((await yard.workspace.prepare(attempt("t1"))).root)).toEqual({ "a.txt": "b" });
  });

  it("follows no link out of a copy", async () => {
    const yard = await open({ "a.txt": "a", "node_modules/p/x": "x" });
    const { root } = await yard.workspace.prepare(attempt("t1"));
    await symlink(yard.user, path.join(root, "user"));
    await yard.workspace.discard({ run });
    expect(await textsOf(yard.user)).toEqual({ "a.txt": "a", "node_modules/p/x": "x" });
  });
});

describe("no workspace", () => {
  it("has no files and stores nothing", async () => {
    const none = noWorkspace();
    expect(none.rootOf(attempt("t1"))).toBe("");
    expect((await none.prepare(attempt("t1"))).root).toBe("");
    const empty = await none.commit(attempt("t1"));
    expect(empty.files).toEqual([]);
    expect(await none.integrate({ run, changes: [{ task: "t1", ref: empty.ref }] })).toMatchObject({ root: "", files: [] });
    expect(await none.apply({ run })).toEqual({ files: [] });
    const yard = await open({ "a.txt": "a" });
    expect((await yard.work("t1", {})).ref).toBe(empty.ref);
    await mkdir(path.join(yard.user, "empty"));
    await none.discard({ run });
  });
});
