import { readFile, readdir, stat, symlink } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { hashOf } from "../../src/workspace/disk.ts";
import type { Layer } from "../../src/workspace/port.ts";
import { difference, pile } from "../../src/workspace/tree.ts";
import type { FileEntry, Tree, TreeLayer } from "../../src/workspace/tree.ts";
import { edit, openYard, run, textsOf } from "./helpers.ts";
import type { Edits, Yard } from "./helpers.ts";

const yards: Yard[] = [];
afterEach(async () => {
  for (const yard of yards.splice(0)) await yard.remove();
});

async function open(files: Edits): Promise<Yard> {
  const yard = await openYard(files);
  yards.push(yard);
  return yard;
}

describe("integration", () => {
  it("puts independent changes together in a result folder", async () => {
    const yard = await open({ "a.txt": "0", "b.txt": "0", "c.txt": "0" });
    const one = await yard.work("t1", { "a.txt": "1", "new/x.txt": "x" });
    const two = await yard.work("t2", { "b.txt": null, "run.sh*": "#!" });
    const changes = [
      { task: "t1", ref: one.ref, after: [] },
      { task: "t2", ref: two.ref, after: [] },
    ];
    const result = await yard.workspace.integrate({ run, changes });
    expect(await textsOf(result.root)).toEqual({ "a.txt": "1", "c.txt": "0", "new/x.txt": "x", "run.sh*": "#!" });
    expect(result.files.map((file) => `${file.kind} ${file.path}`)).toEqual([
      "modified a.txt",
      "deleted b.txt",
      "added new/x.txt",
      "added run.sh",
    ]);
    expect(result.conflicts).toEqual([]);
    expect(await yard.workspace.integrate({ run, changes })).toEqual(result);
    expect(await textsOf(yard.user)).toEqual({ "a.txt": "0", "b.txt": "0", "c.txt": "0" });
  });

  it("keeps the later of two unordered versions and tells the conflict, but none for equal ones", async () => {
    const yard = await open({ "a.txt": "0", "b.txt": "0", "d.txt": "0" });
    const one = await yard.work("t1", { "a.txt": "1", "b.txt": "same", "d.txt": null });
    const two = await yard.work("t2", { "a.txt": "2", "b.txt": "same", "d.txt": "2" });
    for (const known of [{ after: [] }, {}]) {
      const changes = [
        { task: "t1", ref: one.ref, ...known },
        { task: "t2", ref: two.ref, ...known },
      ];
      const result = await yard.workspace.integrate({ run, changes });
      expect(result.conflicts).toEqual([
        { path: "a.txt", tasks: ["t1", "t2"], kept: "t2", settled: false },
        { path: "d.txt", tasks: ["t1", "t2"], kept: "t2", settled: false },
      ]);
      expect(await textsOf(result.root)).toEqual({ "a.txt": "2", "b.txt": "same", "d.txt": "2" });
      const third = await yard.workspace.prepare({ run, attempt: "t3#1", layers: changes });
      expect(third.conflicts).toEqual(result.conflicts);
    }
  });

  it("sees no conflict between a task and one after it", async () => {
    const yard = await open({ "a.txt": "0" });
    const one = await yard.work("t1", { "a.txt": "1" });
    const layers = [{ task: "t1", ref: one.ref, after: [] }];
    const two = await yard.work("t2", { "a.txt": "2" }, layers);
    const result = await yard.workspace.integrate({ run, changes: [...layers, { task: "t2", ref: two.ref, after: ["t1"] }] });
    expect(result.conflicts).toEqual([]);
    expect(await textsOf(result.root)).toEqual({ "a.txt": "2" });
  });

  it("calls a conflict settled when a task after both changed the file", async () => {
    const yard = await open({ "a.txt": "0" });
    const one = await yard.work("t1", { "a.txt": "1" });
    const two = await yard.work("t2", { "a.txt": "2" });
    const layers: Layer[] = [
      { task: "t1", ref: one.ref, after: [] },
      { task: "t2", ref: two.ref, after: [] },
    ];
    const resolver = await yard.work("t3", { "a.txt": "1 and 2" }, layers);
    const both = { task: "t3", ref: resolver.ref, after: ["t1", "t2"] };
    const result = await yard.workspace.integrate({ run, changes: [...layers, both] });
    expect(result.conflicts).toEqual([{ path: "a.txt", tasks: ["t1", "t2"], kept: "t3", settled: true }]);
    const half = await yard.workspace.integrate({ run, changes: [...layers, { ...both, after: ["t2"] }] });
    expect(half.conflicts).toEqual([{ path: "a.txt", tasks: ["t1", "t2", "t3"], kept: "t3", settled: false }]);
  });

  it("never makes a path both a file and a folder", async () => {
    const yard = await open({ "x.txt": "0" });
    const file = await yard.work("t1", { thing: "a file" });
    const folder = await yard.work("t2", { "thing/part": "a folder" });
    const layers = { file: { task: "t1", ref: file.ref, after: [] }, folder: { task: "t2", ref: folder.ref, after: [] } };
    const first = await yard.workspace.integrate({ run, changes: [layers.file, layers.folder] });
    expect(first.conflicts).toEqual([{ path: "thing/part", tasks: ["t1", "t2"], kept: "t2", settled: false }]);
    expect(await textsOf(first.root)).toEqual({ "thing/part": "a folder", "x.txt": "0" });
    const second = await yard.workspace.integrate({ run, changes: [layers.folder, layers.file] });
    expect(second.conflicts).toEqual([{ path: "thing", tasks: ["t2", "t1"], kept: "t1", settled: false }]);
    expect(await textsOf(second.root)).toEqual({ thing: "a file", "x.txt": "0" });
  });
});

describe("applying", () => {
  async function ready(files: Edits, ...steps: readonly Edits[]): Promise<Yard> {
    const yard = await open(files);
    const { root } = await yard.workspace.prepare({ run, attempt: "t1#1", layers: [] });
    for (const step of steps) await edit(root, step);
    const { ref } = await yard.workspace.commit({ run, attempt: "t1#1", layers: [] });
    await yard.workspace.integrate({ run, changes: [{ task: "t1", ref, after: [] }] });
    return yard;
  }

  it("carries the result over, once or twice", async () => {
    const yard = await ready(
      { "a.txt": "0", "gone/b.txt": "0", "c.txt": "0" },
      { "a.txt": "1", "gone/b.txt": null, "new/d.sh*": "#!", "c.txt*": "0" },
    );
    const expected = { "a.txt": "1", "c.txt*": "0", "new/d.sh*": "#!" };
    for (let round = 0; round < 2; round += 1) {
      expect(await yard.workspace.apply({ run })).toEqual({ files: ["a.txt", "c.txt", "gone/b.txt", "new/d.sh"] });
      expect(await textsOf(yard.user)).toEqual(expected);
    }
    expect((await readdir(yard.user)).toSorted()).toEqual([".quatrain", "a.txt", "c.txt", "new"]);
    expect((await stat(path.join(yard.user, "a.txt"))).mode & 0o777).toBe(0o644);
  });

  const started = { "a.txt": "0", "b.txt": "0", "dir/c.txt": "0", "quiet.txt": "0" };
  const wanted = { "a.txt": "1", "b.txt": null, "dir/c.txt": "1", "new/d.txt": "1", "e.txt": "1" };

  it.each([
    ["a modified file was modified", { "a.txt": "mine" }, ["a.txt"]],
    ["a modified file was deleted", { "a.txt": null }, ["a.txt"]],
    ["a deleted file was modified", { "b.txt": "mine" }, ["b.txt"]],
    ["a new file is there already, different", { "new/d.txt": "mine" }, ["new/d.txt"]],
    ["the folder of a new file is a file", { new: "mine" }, ["new/d.txt"]],
    ["a new file's name is a folder", { "e.txt/mine": "mine" }, ["e.txt"]],
    ["several", { "a.txt": "mine", "dir/c.txt": "mine" }, ["a.txt", "dir/c.txt"]],
  ] as const)("refuses and writes nothing where %s", async (_what, mine, files) => {
    const yard = await ready(started, wanted);
    await edit(yard.user, mine);
    const before = await textsOf(yard.user);
    await expect(yard.workspace.apply({ run })).rejects.toMatchObject({ code: "WorkspaceChanged", files });
    expect(await textsOf(yard.user)).toEqual(before);
  });

  it("doesn't mind changes elsewhere, or files that are already as they shall be", async () => {
    const yard = await ready(started, wanted);
    await edit(yard.user, { "quiet.txt": "mine", "other.txt": "mine", "a.txt": "1", "b.txt": null, "e.txt": "1" });
    await yard.workspace.apply({ run });
    expect(await textsOf(yard.user)).toEqual({
      "a.txt": "1",
      "dir/c.txt": "1",
      "e.txt": "1",
      "new/d.txt": "1",
      "other.txt": "mine",
      "quiet.txt": "mine",
    });
  });

  it("writes through no link that the user, or anybody, has put there since", async () => {
    const yard = await ready({ "dir/c.txt": "0", "f.txt": "0" }, { "dir/c.txt": "1", "dir/new.txt": "1", "f.txt": "1" });
    await edit(yard.folder, { "outside/c.txt": "0", "outside/f.txt": "0" });
    await edit(yard.user, { dir: null, "f.txt": null });
    await symlink("../outside", path.join(yard.user, "dir"));
    await symlink("../outside/f.txt", path.join(yard.user, "f.txt"));
    await expect(yard.workspace.apply({ run })).rejects.toMatchObject({
      code: "WorkspaceChanged",
      files: ["dir/c.txt", "dir/new.txt", "f.txt"],
    });
    expect(await textsOf(path.join(yard.folder, "outside"))).toEqual({ "c.txt": "0", "f.txt": "0" });
  });

  it("turns a file into a folder and a folder into a file, once or twice", async () => {
    const yard = await ready(
      { thing: "file", "place/a": "0", "place/deep/b": "0" },
      { thing: null, place: null },
      { "thing/part": "x", place: "now a file" },
    );
    for (let round = 0; round < 2; round += 1) {
      await yard.workspace.apply({ run });
      expect(await textsOf(yard.user)).toEqual({ place: "now a file", "thing/part": "x" });
    }
  });

  it("takes up what a killed apply left beside a file", async () => {
    const yard = await ready({ "dir/c.txt": "0" }, { "dir/c.txt": "1" });
    await edit(yard.user, { [`dir/.partial-${hashOf("1")}`]: "half" });
    await yard.workspace.apply({ run });
    expect(await textsOf(yard.user)).toEqual({ "dir/c.txt": "1" });
  });

  it("needs an integration first", async () => {
    const yard = await open({ "a.txt": "0" });
    await yard.work("t1", { "a.txt": "1" });
    await expect(yard.workspace.apply({ run })).rejects.toMatchObject({ code: "ResultMissing" });
    expect(await readFile(path.join(yard.user, "a.txt"), "utf8")).toBe("0");
  });
});

/** A small world of files for properties: names that collide as files and folders, few contents. */
const name = fc.constantFrom("a", "a/b", "a/b/c", "d", "e/f", "e/g");
const content = fc.constantFrom("0", "1", "2");
const entry = (hash: string): FileEntry => ({ hash, bytes: 1, executable: false });

function treeFrom(files: ReadonlyArray<readonly [string, string]>): Tree {
  const tree = new Map<string, FileEntry>();
  for (const [path_, hash] of files) {
    const clash = [...tree.keys()].some((other) => other.startsWith(`${path_}/`) || path_.startsWith(`${other}/`));
    if (!clash) tree.set(path_, entry(hash));
  }
  return tree;
}
const tree = fc.array(fc.tuple(name, content), { maxLength: 5 }).map(treeFrom);

describe("piles of changes", () => {
  it("give back any tree from any other by their difference", () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        const { tree: made, conflicts } = pile(from, [{ task: "t1", files: difference(from, to), after: [] }]);
        expect(Object.fromEntries(made)).toEqual(Object.fromEntries(to));
        expect(conflicts).toEqual([]);
        expect(difference(made, to)).toEqual([]);
      }),
    );
  });

  it("of a chain of tasks end where the last one was, without conflict, with or without known dependencies", () => {
    fc.assert(
      fc.property(tree, fc.array(tree, { maxLength: 4 }), fc.boolean(), (base, steps, isKnown) => {
        const layers = steps.map((step, at): TreeLayer => {
          const files = difference(steps[at - 1] ?? base, step);
          const after = Array.from({ length: at }, (_, index) => `t${index}`);
          return isKnown ? { task: `t${at}`, files, after } : { task: `t${at}`, files };
        });
        const { tree: made, conflicts } = pile(base, layers);
        expect(Object.fromEntries(made)).toEqual(Object.fromEntries(steps.at(-1) ?? base));
        expect(conflicts).toEqual([]);
      }),
    );
  });

  it("tell every file that unordered tasks left differently, and no other", () => {
    fc.assert(
      fc.property(tree, tree, tree, (base, one, two) => {
        const layers = [one, two].map((end, at) => ({ task: `t${at + 1}`, files: difference(base, end), after: [] }));
        const { tree: made, conflicts } = pile(base, layers);
        const [first = [], second = []] = layers.map((layer) => layer.files);
        const both = first.filter((file) => second.some((other) => other.path === file.path && other.hash !== file.hash));
        const told = conflicts.map((conflict) => conflict.path);
        for (const file of both) expect(told).toContain(file.path);
        if (conflicts.length === 0)
          for (const file of [...first, ...second]) expect(made.get(file.path)?.hash ?? null).toBe(file.hash);
        for (const conflict of conflicts) expect(conflict.tasks).toEqual(["t1", "t2"]);
        const paths = [...made.keys()];
        for (const path_ of paths) expect(paths.some((other) => other.startsWith(`${path_}/`))).toBe(false);
      }),
    );
  });

  it("are the same under any order of commits", async () => {
    const edits = fc.uniqueArray(fc.tuple(fc.constantFrom("a.txt", "b.txt", "new/c.txt", "new/d.txt"), content), {
      selector: ([file]) => file,
      maxLength: 3,
    });
    const plan = fc.record({ tasks: fc.array(edits, { minLength: 2, maxLength: 4 }), seed: fc.infiniteStream(fc.nat()) });
    await fc.assert(
      fc.asyncProperty(plan, async ({ tasks, seed }) => {
        const yard = await openYard({ "a.txt": "base", "b.txt": "base" });
        const order = tasks.map((_, at) => at);
        const results = [];
        for (const commits of [order, order.toReversed(), order.toSorted(() => (Number(seed.next().value) % 2) - 0.5)]) {
          const refs = new Map<number, string>();
          for (const at of commits) await yard.workspace.prepare({ run, attempt: `t${at}#1`, layers: [] });
          for (const at of commits) {
            await edit(yard.workspace.rootOf({ run, attempt: `t${at}#1` }), Object.fromEntries(tasks[at] ?? []));
            refs.set(at, (await yard.workspace.commit({ run, attempt: `t${at}#1`, layers: [] })).ref);
          }
          const changes = order.map((at) => ({ task: `t${at}`, ref: refs.get(at) ?? "", after: [] }));
          const { files, conflicts, root } = await yard.workspace.integrate({ run, changes });
          results.push({ changes, files, conflicts, texts: await textsOf(root) });
        }
        await yard.remove();
        expect(results[1]).toEqual(results[0]);
        expect(results[2]).toEqual(results[0]);
      }),
      { numRuns: 6 },
    );
  });
});
