// What a run takes over of the files of another one, before it begins: a fork its base, a follow-up its result.
//   I1  The base of the new run appears whole or not at all (as base.ts has it); the other run's folders are only read.
//   I2  Contents come from where they are kept by hash, never from a result folder that a person may have touched.
import { constants } from "node:fs";
import { cp, lstat, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { folderOf, resultIn } from "./copy-workspace.ts";
import { besides, hashFile, hashOf, placeAt, privateFolder, writeWhole } from "./disk.ts";
import { systemCodeOf, workspaceErrorOf } from "./errors.ts";
import { materialize } from "./materialize.ts";
import { objectsIn } from "./objects.ts";
import type { FileChange } from "./port.ts";
import { earlierText, manifestText, parseChanges, readEarlier, readIfThere, readManifest, treeOf } from "./records.ts";
import type { Manifest } from "./records.ts";
import type { FileEntry, Tree } from "./tree.ts";

/** Which run takes over from which, and where both keep their files. */
export interface Inheriting {
  /** The state folder of both. */
  readonly state: string;
  readonly from: string;
  readonly run: string;
}

/** Gives a fork the base of its original, and answers what names those files; null where the original never looked at any. */
export function takeBase({ state, from, run }: Inheriting): Promise<string | null> {
  return guarded(async () => {
    const original = path.join(folderOf(state, from), "base");
    if ((await readManifest(path.join(original, "manifest.json"))) === undefined) return null;
    await inWhole(path.join(folderOf(state, run), "base"), (partial) =>
      cp(original, partial, { recursive: true, mode: constants.COPYFILE_FICLONE }),
    );
    return hashOf(await readFile(path.join(original, "manifest.json"), "utf8"));
  });
}

/**
 * Gives a follow-up run the result of the run before as its base. False: there is nothing to take, because that run changed
 * nothing or the user's folder has its result already; the folder is captured then, as for any run.
 */
export function takeResult({ state, from, run, source }: Inheriting & { readonly source: string }): Promise<boolean> {
  return guarded(async () => {
    const file = path.join(resultIn(state, from), "changes.json");
    const original = path.join(folderOf(state, from), "base");
    const text = await readIfThere(file);
    const manifest = await readManifest(path.join(original, "manifest.json"));
    if (text === undefined || manifest === undefined) return false;
    const changes = parseChanges(text, file);
    if (changes.length === 0 || (await isApplied(text, { changes, source, result: resultIn(state, from) }))) return false;
    const earlier = await readEarlier(path.join(original, "earlier.json"));
    await inWhole(path.join(folderOf(state, run), "base"), async (partial) => {
      const tree = changed(treeOf(manifest), changes);
      await fill(partial, { tree, manifest, original, state });
      await writeWhole(path.join(partial, "earlier.json"), earlierText([...earlier, { run: from, files: [...changes] }]));
    });
    return true;
  });
}

interface NewBase {
  readonly tree: Tree;
  readonly manifest: Manifest;
  /** Folder of the base that the tree was made from. */
  readonly original: string;
  readonly state: string;
}

async function fill(folder: string, { tree, manifest, original, state }: NewBase): Promise<void> {
  const { links, modules, skipped } = manifest;
  const materials = {
    manifest: { ...manifest, links: [], modules: [] },
    baseTree: path.join(original, "tree"),
    base: treeOf(manifest),
    objects: objectsIn(path.join(state, "objects")),
    modulesFrom: null,
  };
  await privateFolder(folder);
  await materialize(tree, path.join(folder, "tree"), { materials });
  await writeWhole(path.join(folder, "manifest.json"), manifestText({ tree, links, modules, skipped }));
}

function changed(base: Tree, changes: readonly FileChange[]): Tree {
  const tree = new Map<string, FileEntry>(base);
  for (const { path: file, hash, bytes, executable } of changes) {
    if (hash === null) tree.delete(file);
    else tree.set(file, { hash, bytes, executable });
  }
  return tree;
}

interface Applied {
  readonly changes: readonly FileChange[];
  readonly source: string;
  readonly result: string;
}

/** By `apply`, whatever the user did since; or by hand, when everything is there. */
async function isApplied(text: string, { changes, source, result }: Applied): Promise<boolean> {
  if ((await readIfThere(path.join(result, "applied"))) === hashOf(text)) return true;
  for (const { path: file, hash } of changes) if ((await hashAt(placeAt(source, file))) !== hash) return false;
  return true;
}

async function hashAt(place: string): Promise<string | null> {
  try {
    const status = await lstat(place);
    return status.isFile() ? (await hashFile(place, status.size)).hash : "no file";
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCodeOf(error) ?? "")) return null;
    throw error;
  }
}

/** I1. */
async function inWhole(folder: string, make: (partial: string) => Promise<void>): Promise<void> {
  const partial = besides(folder);
  await privateFolder(path.dirname(folder));
  try {
    await make(partial);
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function guarded<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw workspaceErrorOf(error);
  }
}
