// Lists what a folder holds: files, links, what is left out. Follows no link.
import { lstat, readdir, readlink } from "node:fs/promises";
import type { Dirent } from "node:fs";
import path from "node:path";
import { systemCodeOf, WorkspaceError } from "./errors.ts";
import type { SkippedFile } from "./port.ts";

/** Most that a workspace may hold. */
export interface WorkspaceLimits {
  /** Bytes of one file. @default 67_108_864 (64 MiB) */
  readonly fileBytes: number;
  /** Files in all. @default 200_000 */
  readonly files: number;
}

/** 64 MiB a file, 200,000 files. */
export const defaultLimits: WorkspaceLimits = { fileBytes: 64 * 1024 * 1024, files: 200_000 };

/** A regular file. */
export interface ScannedFile {
  readonly path: string;
  readonly bytes: number;
  readonly executable: boolean;
  readonly writable: boolean;
}

/** What a folder holds, in no particular order. Paths are relative, with `/`. */
export interface Scan {
  readonly files: readonly ScannedFile[];
  /** Links with their targets as written. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
  /** Paths of folders (or links) called node_modules; not entered. */
  readonly modules: readonly string[];
  readonly skipped: readonly SkippedFile[];
}

/** Names that are never part of a workspace, at any depth. */
export const leftOut: ReadonlySet<string> = new Set([".git", ".quatrain"]);

/** Walks a folder. A file over the limit rejects with `FileTooLarge` and names it, too many files with `TooManyFiles`. */
export async function scanFolder(
  root: string,
  options: { readonly limits: WorkspaceLimits; readonly except?: string; readonly signal?: AbortSignal },
): Promise<Scan> {
  const scan: GrowingScan = { files: [], links: [], modules: [], skipped: [] };
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    options.signal?.throwIfAborted();
    const here = path.join(root, folder);
    const entries = await readdir(here, { withFileTypes: true });
    const look = async (entry: Dirent): Promise<void> => {
      const absolute = path.join(here, entry.name);
      const relative = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (leftOut.has(entry.name) || absolute === options.except) return;
      if (entry.name === "node_modules") scan.modules.push(relative);
      else if (entry.isDirectory()) folders.push(relative);
      else if (entry.isSymbolicLink()) scan.links.push({ path: relative, target: await readlink(absolute) });
      else if (entry.isFile()) await addFile(scan, { absolute, path: relative, limits: options.limits });
      else scan.skipped.push({ path: relative, reason: "neither a file, a folder nor a link" });
    };
    await Promise.all(entries.map(look));
    if (scan.files.length > options.limits.files) throw tooMany(root, options.limits);
  }
  return scan;
}

interface GrowingScan extends Scan {
  readonly files: ScannedFile[];
  readonly links: Array<Scan["links"][number]>;
  readonly modules: string[];
  readonly skipped: SkippedFile[];
}

async function addFile(
  scan: GrowingScan,
  file: { readonly absolute: string; readonly path: string; readonly limits: WorkspaceLimits },
): Promise<void> {
  try {
    const { size, mode } = await lstat(file.absolute);
    if (size > file.limits.fileBytes) throw tooLarge(file.path, { size, limit: file.limits.fileBytes });
    scan.files.push({ path: file.path, bytes: size, executable: (mode & 0o100) !== 0, writable: (mode & 0o200) !== 0 });
  } catch (error) {
    if (systemCodeOf(error) !== "ENOENT") throw error;
    scan.skipped.push({ path: file.path, reason: "it was gone again, or its name is not UTF-8" });
  }
}

function tooLarge(file: string, { size, limit }: { readonly size: number; readonly limit: number }): WorkspaceError {
  const message = `${file} has ${size} bytes; a workspace takes files up to ${limit}. Move it out of the workspace.`;
  return new WorkspaceError("FileTooLarge", message, { files: [file] });
}

function tooMany(root: string, limits: WorkspaceLimits): WorkspaceError {
  return new WorkspaceError(
    "TooManyFiles",
    `${root} holds more than ${limits.files} files. Choose a smaller folder as the workspace.`,
  );
}
