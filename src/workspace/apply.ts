// Carries a result into the user's folder.
//   A1  Nothing is written while any file is not as the run found it, or as the result or a run before it wants it.
//   A2  No write goes through a link.
//   A3  Done twice, or again after an interruption, the outcome is the same.
import { constants } from "node:fs";
import { chmod, copyFile, lstat, mkdir, rename, rm, rmdir, unlink } from "node:fs/promises";
import type { Stats } from "node:fs";
import path from "node:path";
import { hashFile, placeAt } from "./disk.ts";
import { systemCodeOf, WorkspaceError } from "./errors.ts";
import type { FileChange } from "./port.ts";
import type { CarriedChange } from "./tree.ts";

/** Carries changes into `target`, taking new contents from the folder `from`. Rejects with `WorkspaceChanged` by A1. */
export async function applyChanges(
  files: readonly CarriedChange[],
  folders: { readonly from: string; readonly target: string },
): Promise<void> {
  const changed: string[] = [];
  for (const file of files) if (!(await isAsExpected(file, { target: folders.target, files }))) changed.push(file.path);
  if (changed.length > 0) throw changedError(changed, folders.target);
  for (const file of files) if (file.hash === null) await remove(file.path, folders.target);
  for (const file of files) if (file.hash !== null) await write(file, folders);
}

interface Whole {
  readonly target: string;
  /** All changes that are carried over together. */
  readonly files: readonly FileChange[];
}

async function isAsExpected(file: CarriedChange, { target, files }: Whole): Promise<boolean> {
  const mayBeMissing = file.known.includes(null);
  for (const folder of foldersAbove(file.path)) {
    const status = await statusOf(placeAt(target, folder));
    if (status === null) return mayBeMissing;
    if (!status.isDirectory()) return mayBeMissing && status.isFile() && files.some((other) => other.path === folder);
  }
  const place = placeAt(target, file.path);
  const status = await statusOf(place);
  if (status === null) return mayBeMissing;
  // A file that becomes a folder, or a folder a file: the changes below it say so.
  if (status.isDirectory()) return mayBeMissing && files.some((other) => other.path.startsWith(`${file.path}/`));
  if (!status.isFile()) return false;
  const { hash } = await hashFile(place, status.size);
  return file.known.includes(hash);
}

/** `a`, `a/b` for `a/b/c`. */
function foldersAbove(file: string): readonly string[] {
  const words = file.split("/");
  return words.slice(1).map((_, index) => words.slice(0, index + 1).join("/"));
}

async function remove(file: string, target: string): Promise<void> {
  const place = placeAt(target, file);
  if ((await statusOf(place))?.isFile()) await unlink(place);
  for (const folder of foldersAbove(file).toReversed()) {
    const isRemoved = await rmdir(placeAt(target, folder)).then(
      () => true,
      () => false,
    );
    if (!isRemoved) return;
  }
}

async function write(file: FileChange, folders: { readonly from: string; readonly target: string }): Promise<void> {
  const place = placeAt(folders.target, file.path);
  // A3: the same name each time, so that a second apply takes up what a killed one left in the user's folder.
  const partial = path.join(path.dirname(place), `.partial-${file.hash}`);
  const old = await statusOf(place);
  if (old?.isDirectory()) throw changedError([file.path], folders.target);
  await mkdir(path.dirname(place), { recursive: true });
  try {
    await rm(partial, { force: true });
    await copyFile(placeAt(folders.from, file.path), partial, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
    await chmod(partial, modeOf(file, old));
    await rename(partial, place);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** A file keeps the mode that the user gave it, but for the executable bits when the result wants them otherwise. */
function modeOf(file: FileChange, old: Stats | null): number {
  const mode = old === null ? 0o644 : old.mode & 0o777;
  if (((mode & 0o100) !== 0) === file.executable) return mode;
  return file.executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111;
}

async function statusOf(place: string): Promise<Stats | null> {
  try {
    return await lstat(place);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCodeOf(error) ?? "")) return null;
    throw error;
  }
}

function changedError(files: readonly string[], target: string): WorkspaceError {
  const shown = files.slice(0, 10).join(", ") + (files.length > 10 ? ` and ${files.length - 10} more` : "");
  const message = `${target} was changed since the run began: ${shown}. Put these files back, or take the result over by hand.`;
  return new WorkspaceError("WorkspaceChanged", message, { files });
}
