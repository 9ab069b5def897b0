import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineTool } from "../../src/tools/define-tool.ts";
import { createToolbox } from "../../src/tools/toolbox.ts";
import { openDesk } from "./helpers.ts";
import type { Desk } from "./helpers.ts";

const shout = defineTool({
  name: "shout",
  description: "Says it louder.",
  class: "pure",
  input: z.strictObject({ text: z.string() }),
  run: async ({ text }) => {
    if (text === "throw") throw new Error("too loud");
    return { content: text.toUpperCase(), isError: false };
  },
});

let desk: Desk;
beforeAll(async () => {
  desk = await openDesk({ extra: [shout] });
});
afterAll(() => desk.remove());

describe("the toolbox", () => {
  it("declares its tools with a schema and what may be repeated", () => {
    const specs = createToolbox().specs(["read", "write", "edit", "glob", "grep", "bash"]);
    expect(Object.fromEntries(specs.map((spec) => [spec.name, spec.class]))).toEqual({
      read: "pure",
      write: "idempotent",
      edit: "verifiable",
      glob: "pure",
      grep: "pure",
      bash: "once",
    });
    expect(specs[1]?.inputSchema).toMatchObject({
      type: "object",
      required: ["file_path", "content"],
      additionalProperties: false,
    });
    expect(JSON.stringify(createToolbox().specs(["edit"]))).toBe(JSON.stringify(createToolbox().specs(["edit"])));
  });

  it("refuses unknown names with the known ones and the nearest", async () => {
    expect(() => createToolbox().specs(["raed"])).toThrow(
      'There is no tool "raed". Did you mean read? Known tools: read, write, edit, glob, grep, bash.',
    );
    const result = await desk.run("__proto__", {});
    expect(result.isError).toBe(true);
    expect(result.content).toContain("Known tools: read,");
  });

  it("takes tools of others and refuses a name twice", async () => {
    expect(await desk.run("shout", { text: "hi" })).toEqual({ content: "HI", isError: false });
    expect(() => createToolbox({ extra: [shout, shout] })).toThrow('"shout"');
    expect(() => createToolbox({ extra: [{ ...shout, spec: { ...shout.spec, name: "bash" } }] })).toThrow('"bash"');
  });

  it("makes what a tool throws a result", async () => {
    expect(await desk.run("shout", { text: "throw" })).toEqual({ content: "shout: too loud", isError: true });
  });

  it.each([
    ["read", {}, "file_path"],
    ["read", null, "input"],
    ["read", { file_path: 7 }, "file_path"],
    ["read", { file_path: "a", view_range: [1] }, "view_range"],
    ["read", { file_path: "a", extra: 1 }, "extra"],
    ["write", { file_path: "a" }, "content"],
    ["edit", { file_path: "a", old_string: "", new_string: "b" }, "old_string"],
    ["edit", { file_path: "a", old_string: "a", new_string: "b", replace_all: "yes" }, "replace_all"],
    ["glob", { pattern: "" }, "pattern"],
    ["grep", [], "input"],
    ["bash", { command: "ls", timeout_ms: 600_001 }, "timeout_ms"],
    ["bash", { command: "" }, "command"],
  ])("names the wrong field of %s %j", async (name, input, field) => {
    const result = await desk.run(name, input);
    expect(result.isError).toBe(true);
    expect(result.content).toContain(`${name}: wrong input.`);
    expect(result.content).toContain(field);
  });

  it("refuses files and commands where there is no workspace", async () => {
    expect((await desk.run("read", { file_path: "src/a.ts" }, { root: "" })).content).toContain("no workspace");
    expect((await desk.run("bash", { command: "ls" }, { root: "" })).content).toContain("no workspace");
  });

  it("rejects only when it is aborted, with the reason", async () => {
    const reason = new Error("stop");
    await expect(desk.run("read", { file_path: "src/a.ts" }, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const abort = new AbortController();
    const running = desk.run(
      "bash",
      { command: "read -r _ </dev/tcp/127.0.0.1/9 || while :; do :; done" },
      { signal: abort.signal },
    );
    abort.abort(reason);
    await expect(running).rejects.toBe(reason);
  });

  it("caps a result at 64 KiB, head and tail", async () => {
    await writeFile(path.join(desk.root, "big.txt"), `first\n${"x".repeat(200_000)}\nlast`);
    const result = await desk.run("read", { file_path: "big.txt" });
    expect(Buffer.byteLength(result.content)).toBeLessThan(66_000);
    expect(result.content).toMatch(/^first\n[^]*bytes left out[^]*\nlast$/);
    const command = await desk.run("bash", {
      command: "head -c 200000 /dev/zero | tr '\\0' x; head -c 200000 /dev/zero | tr '\\0' y >&2; exit 4",
    });
    expect(Buffer.byteLength(command.content)).toBeLessThan(66_000);
    expect(command.content.endsWith("[exit code 4]")).toBe(true);
  });
});

describe("files", () => {
  it("are read whole or by lines", async () => {
    expect((await desk.run("read", { file_path: "src/a.ts" })).content).toBe("one\ntwo\nthree\n");
    expect((await desk.run("read", { file_path: "src/a.ts", view_range: [2, 2] })).content).toBe("two");
    expect((await desk.run("read", { file_path: path.join(desk.root, "src/a.ts"), view_range: [2, -1] })).content).toBe(
      "two\nthree\n",
    );
    expect(await desk.run("read", { file_path: "src/none.ts" })).toEqual({
      isError: true,
      content: "read: src/none.ts: no such file or directory",
    });
  });

  it("are written with their folders, and named", async () => {
    const result = await desk.run("write", { file_path: "./new//deep/file.txt", content: "hello" });
    expect(result).toEqual({ isError: false, content: "wrote 5 bytes to new/deep/file.txt", files: ["new/deep/file.txt"] });
    expect(await readFile(path.join(desk.root, "new/deep/file.txt"), "utf8")).toBe("hello");
    expect((await desk.run("write", { file_path: ".", content: "x" })).isError).toBe(true);
    expect((await desk.run("write", { file_path: "src", content: "x" })).isError).toBe(true);
    expect((await stat(path.join(desk.root, "src"))).isDirectory()).toBe(true);
  });

  it("are found by name and by content, with relative paths", async () => {
    expect((await desk.run("glob", { pattern: "src/*.ts" })).content).toBe("src/a.ts");
    expect((await desk.run("glob", { pattern: "*.ts", path: "src" })).content).toBe("src/a.ts");
    expect((await desk.run("grep", { pattern: "^tw" })).content.trim()).toBe("src/a.ts:2:two");
    expect((await desk.run("grep", { pattern: "^tw", path: "src" })).content.trim()).toBe("src/a.ts:2:two");
    expect((await desk.run("grep", { pattern: "(" })).isError).toBe(true);
  });

  it("that are denied stay closed behind links and in searches", async () => {
    await writeFile(path.join(desk.root, ".env"), "KEY=hidden-value");
    await desk.run("bash", {
      command: "ln -s .env config.txt && mkdir -p deep && cp .env deep/.env.local && echo hidden-value > open.txt",
    });
    expect((await desk.run("read", { file_path: ".env" })).content).toContain("denied by the rule read(.env*)");
    expect((await desk.run("read", { file_path: "config.txt" })).content).toContain("denied by the rule read(.env*)");
    expect((await desk.run("write", { file_path: "config.txt", content: "KEY=" })).isError).toBe(true);
    expect((await desk.run("grep", { pattern: "hidden", path: "deep/.env.local" })).isError).toBe(true);
    expect((await desk.run("grep", { pattern: "hidden" })).content.trim()).toBe("open.txt:1:hidden-value");
    expect((await desk.run("write", { file_path: ".git/hooks/pre-commit", content: "x" })).isError).toBe(true);
  });
});

describe("edit", () => {
  const edit = async (
    before: string,
    change: { old_string: string; new_string: string; replace_all?: boolean },
    recovering = false,
  ) => {
    await writeFile(path.join(desk.root, "edit.txt"), before);
    const result = await desk.run("edit", { file_path: "edit.txt", ...change }, { recovering });
    return { result, after: await readFile(path.join(desk.root, "edit.txt"), "utf8") };
  };

  it("replaces text that is there once, literally", async () => {
    const { result, after } = await edit("a $& b", { old_string: "$&", new_string: "$1" });
    expect(result).toMatchObject({ isError: false, files: ["edit.txt"] });
    expect(after).toBe("a $1 b");
    expect((await edit("x x", { old_string: "x", new_string: "y" })).result.isError).toBe(true);
    expect((await edit("x x", { old_string: "x", new_string: "y", replace_all: true })).after).toBe("y y");
    expect((await edit("z", { old_string: "x", new_string: "z" })).result.isError).toBe(true);
  });

  const changes = [
    { before: "let a = 1;", change: { old_string: "1", new_string: "2" } },
    { before: "start\nend", change: { old_string: "start", new_string: "start\nmiddle" } },
    { before: "start\nend", change: { old_string: "end", new_string: "the end" } },
    { before: "keep drop", change: { old_string: " drop", new_string: "" } },
    { before: "a a a", change: { old_string: "a", new_string: "ab", replace_all: true } },
    { before: "x=1 y=2", change: { old_string: "x=1", new_string: "y=2" } },
  ];

  it.each(changes)("recovers to the same file whether or not it was applied: $change", async ({ before, change }) => {
    const once = await edit(before, change);
    const again = await edit(once.after, change, true);
    expect(again.result).toMatchObject({ isError: false, files: ["edit.txt"] });
    expect(again.after).toBe(once.after);
    expect((await edit(before, change, true)).after).toBe(once.after);
  });

  it.each(["write", "edit"])("%s clears away what a killed try of it left beside the file", async (tool) => {
    const folder = path.join(desk.root, "cut");
    const cut = ".tmp-4711-00000000-1111-4222-8333-444444444444";
    await mkdir(folder, { recursive: true });
    for (const name of [cut, ".tmp-mine", "edit.txt"]) await writeFile(path.join(folder, name), "a");
    const input = { file_path: "cut/edit.txt", ...(tool === "write" ? { content: "b" } : { old_string: "a", new_string: "b" }) };
    await desk.run(tool, input);
    expect(await readdir(folder)).toContain(cut);
    await desk.run(tool, input, { recovering: true });
    expect((await readdir(folder)).toSorted()).toEqual([".tmp-mine", "edit.txt"]);
    expect(await readFile(path.join(folder, "edit.txt"), "utf8")).toBe("b");
  });

  it("still fails in recovery where neither text is there", async () => {
    expect((await edit("other", { old_string: "a", new_string: "b" }, true)).result.isError).toBe(true);
  });
});

describe("bash", () => {
  it("answers with output and exit code, which decides whether it is an error", async () => {
    expect(await desk.run("bash", { command: "echo hi" })).toEqual({
      content: "hi\n\n[exit code 0]",
      isError: false,
      exitCode: 0,
    });
    expect(await desk.run("bash", { command: "echo no >&2; exit 7" })).toEqual({
      content: "[stderr]\nno\n\n[exit code 7]",
      isError: true,
      exitCode: 7,
    });
  });

  it("runs in the workspace, each call anew", async () => {
    expect((await desk.run("bash", { command: "pwd; cd src; X=1" })).content).toContain(desk.root);
    expect((await desk.run("bash", { command: "pwd; echo [$X]" })).content).toBe(`${desk.root}\n[]\n\n[exit code 0]`);
  });

  it("tells a timeout from a failure", async () => {
    const result = await desk.run("bash", { command: "echo before; while :; do :; done", timeout_ms: 150 });
    expect(result.isError).toBe(true);
    expect(result.exitCode).toBeUndefined();
    expect(result.content).toBe("before\n\n[timed out after 150 ms; its processes were ended]");
    expect((await desk.run("bash", { command: "kill -9 $$" })).content).toBe("[ended by SIGKILL]");
  });

  it("has a home of its own that is gone afterwards, no keys, and no repository above the copy", async () => {
    const before = process.env["QUATRAIN_TEST_TOKEN"];
    process.env["QUATRAIN_TEST_TOKEN"] = "canary-key";
    try {
      const { content } = await desk.run("bash", { command: "echo $HOME; ls -A $HOME; env" });
      expect(content).not.toContain("canary-key");
      expect(content).toContain("QUATRAIN_RUN=r-tools");
      expect(content).toContain(`GIT_CEILING_DIRECTORIES=${desk.outside}`);
      await expect(stat(content.split("\n", 1)[0] ?? "")).rejects.toThrow("ENOENT");
      const named = await desk.run(
        "bash",
        { command: "echo $QUATRAIN_TEST_TOKEN $HOME" },
        { environment: ["QUATRAIN_TEST_TOKEN"], home: desk.root },
      );
      expect(named.content).toContain(`canary-key ${desk.root}`);
    } finally {
      if (before === undefined) delete process.env["QUATRAIN_TEST_TOKEN"];
      else process.env["QUATRAIN_TEST_TOKEN"] = before;
    }
  });

  it("does not take the repository around the copy for its own", async () => {
    const hasGit = (await desk.run("bash", { command: "command -v git" })).exitCode === 0;
    if (!hasGit) return;
    await desk.run("bash", { command: "git init -q .." });
    expect((await desk.run("bash", { command: "git status" })).content).toContain("not a git repository");
  });
});
