// The base of a run: what the user's folder held when the first copy was made. Captured once; later edits don't leak in.
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, realpath, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { besides, forEach, hashFile, placeAt, privateFolder, writeWhole } from "./disk.ts";
import { systemCodeOf, WorkspaceError } from "./errors.ts";
import type { SkippedFile } from "./port.ts";
import { manifestText, readManifest } from "./records.ts";
import type { Manifest } from "./records.ts";
import { leftOut, scanFolder } from "./scan.ts";
import type { Scan, ScannedFile, WorkspaceLimits } from "./scan.ts";
import { byCodeUnits } from "./tree.ts";
import type { FileEntry } from "./tree.ts";

/** Where a base comes from and where it is kept. */
export interface BaseOptions {
  /** The user's folder. */
  readonly source: string;
  /** Folder for `tree/` and `manifest.json`; it appears whole or not at all. */
  readonly folder: string;
  /** Absolute path that is not part of the workspace though it may lie in it: the state. */
  readonly except: string;
  readonly limits: WorkspaceLimits;
}

/** Reads the base of a run, capturing it first where there is none yet. */
export async function captureBase(options: BaseOptions): Promise<Manifest> {
  const file = path.join(options.folder, "manifest.json");
  const existing = await readManifest(file);
  if (existing) return existing;
  const partial = besides(options.folder);
  try {
    await privateFolder(path.join(partial, "tree"));
    await copyBase(partial, options);
    await rename(partial, options.folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Another process was faster: its base is as good as ours.
    if (!["ENOTEMPTY", "EEXIST"].includes(systemCodeOf(error) ?? "")) throw error;
  }
  const captured = await readManifest(file);
  if (!captured) throw new WorkspaceError("WorkspaceFailed", `The base in ${options.folder} vanished. Start the run again.`);
  return captured;
}

async function copyBase(partial: string, options: BaseOptions): Promise<void> {
  const root = await sourceFolder(options.source);
  const scan = await scanFolder(root, { limits: options.limits, except: options.except });
  const target = path.join(partial, "tree");
  const entries = new Map<string, FileEntry>();
  const gone: SkippedFile[] = [];
  for (const folder of foldersOf(scan.files)) await mkdir(placeAt(target, folder), { recursive: true, mode: 0o700 });
  await forEach(scan.files, async (file) => {
    try {
      entries.set(file.path, await copyEntry(file, { from: placeAt(root, file.path), to: placeAt(target, file.path) }));
    } catch (error) {
      if (systemCodeOf(error) !== "ENOENT") throw error;
      gone.push({ path: file.path, reason: "it was gone again" });
    }
  });
  const { links, skipped } = await linksInside(root, scan);
  const tree = new Map([...entries].toSorted(([a], [b]) => byCodeUnits(a, b)));
  const all = [...scan.skipped, ...gone, ...skipped].toSorted((a, b) => byCodeUnits(a.path, b.path));
  await writeWhole(
    path.join(partial, "manifest.json"),
    manifestText({ tree, links, modules: [...scan.modules].toSorted(byCodeUnits), skipped: all }),
  );
}

/** The hash is that of the copy: what the user changes during the capture can't come between. */
async function copyEntry(file: ScannedFile, place: { readonly from: string; readonly to: string }): Promise<FileEntry> {
  await copyFile(place.from, place.to, constants.COPYFILE_FICLONE);
  // Copies inherit modes, and a worker has to be able to change what it was given.
  if (!file.writable) await chmod(place.to, file.executable ? 0o700 : 0o600);
  const { hash, bytes } = await hashFile(place.to, file.bytes);
  return { hash, bytes, executable: file.executable };
}

async function sourceFolder(source: string): Promise<string> {
  const status = await stat(source).catch(() => null);
  if (status?.isDirectory()) return realpath(source);
  throw new WorkspaceError("WorkspaceMissing", `${source} is not a folder. Name the folder that the run shall work on.`);
}

async function linksInside(root: string, scan: Scan): Promise<{ links: Manifest["links"]; skipped: SkippedFile[] }> {
  const links: Manifest["links"] = [];
  const skipped: SkippedFile[] = [];
  for (const { path: link, target } of scan.links.toSorted((a, b) => byCodeUnits(a.path, b.path))) {
    const real = await realpath(placeAt(root, link)).catch(() => null);
    const relative = real === null ? null : path.relative(root, real);
    if (relative === null) skipped.push({ path: link, reason: `a link that leads nowhere (${target})` });
    else if (!isInside(relative)) skipped.push({ path: link, reason: "a link that leads out of the workspace" });
    else links.push({ path: link, target: path.relative(path.dirname(placeAt("/", link)), path.join("/", relative)) || "." });
  }
  return { links, skipped };
}

function isInside(relative: string): boolean {
  const words = relative.split(path.sep);
  return !path.isAbsolute(relative) && words[0] !== ".." && !words.some((word) => leftOut.has(word) || word === "node_modules");
}

function foldersOf(files: readonly ScannedFile[]): readonly string[] {
  return [...new Set(files.map((file) => path.posix.dirname(file.path)))].filter((folder) => folder !== ".");
}
