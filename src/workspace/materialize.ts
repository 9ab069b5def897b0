// Makes a tree of files in a folder: contents from the base's copy or from the store, links, and node_modules.
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, rename, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { besides, forEach, placeAt, privateFolder } from "./disk.ts";
import { systemCodeOf, WorkspaceError } from "./errors.ts";
import type { Objects } from "./objects.ts";
import type { Manifest } from "./records.ts";
import type { Tree } from "./tree.ts";

/** What a tree is made from. */
export interface Materials {
  readonly manifest: Manifest;
  /** Folder with the contents of the base. */
  readonly baseTree: string;
  /** The base as a tree. */
  readonly base: Tree;
  readonly objects: Objects;
  /** The user's folder, whose node_modules are linked; null links none. */
  readonly modulesFrom: string | null;
}

/** Makes `tree` at `target`, replacing what is there; the folder appears only when it is complete. */
export async function materialize(
  tree: Tree,
  target: string,
  options: { readonly materials: Materials; readonly signal?: AbortSignal },
): Promise<void> {
  const partial = besides(target);
  try {
    await privateFolder(partial);
    await fill(partial, tree, options);
    await rm(target, { recursive: true, force: true });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
}

async function fill(
  folder: string,
  tree: Tree,
  options: { readonly materials: Materials; readonly signal?: AbortSignal },
): Promise<void> {
  const { materials, signal } = options;
  const folders = new Set([...tree.keys()].map((file) => path.posix.dirname(file)));
  for (const name of folders) await mkdir(placeAt(folder, name), { recursive: true, mode: 0o700 });
  await forEach([...tree], ([file, entry]) => copyContent(file, { entry, to: placeAt(folder, file), materials }), signal);
  for (const link of materials.manifest.links) await linkWhereFree(link.target, placeAt(folder, link.path));
  if (materials.modulesFrom === null) return;
  for (const name of materials.manifest.modules) await linkWhereFree(placeAt(materials.modulesFrom, name), placeAt(folder, name));
}

interface Content {
  readonly entry: { readonly hash: string; readonly executable: boolean };
  readonly to: string;
  readonly materials: Materials;
}

async function copyContent(file: string, { entry, to, materials }: Content): Promise<void> {
  const inBase = materials.base.get(file);
  const isUnchanged = inBase?.hash === entry.hash;
  const from = isUnchanged ? placeAt(materials.baseTree, file) : materials.objects.placeOf(entry.hash);
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT") throw error;
    throw new WorkspaceError("ContentBroken", `The stored content of ${file} is missing. Run the task that made it again.`, {
      cause: error,
    });
  }
  if (!isUnchanged || inBase.executable !== entry.executable) await chmod(to, entry.executable ? 0o700 : 0o600);
}

/** Makes a link unless a file took its place or its folder is gone: files are what counts, links come along. */
async function linkWhereFree(target: string, at: string): Promise<void> {
  try {
    await symlink(target, at);
  } catch (error) {
    if (!["EEXIST", "ENOENT", "ENOTDIR"].includes(systemCodeOf(error) ?? "")) throw error;
  }
}
