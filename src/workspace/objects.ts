// Contents by their hash. A content is stored once, whatever its name; reading checks it.
import { constants } from "node:fs";
import { copyFile, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { besides, hashFile, hashOf, privateFolder, writeWhole } from "./disk.ts";
import { systemCodeOf, WorkspaceError } from "./errors.ts";

/** Stored contents. */
export interface Objects {
  /** Stores a copy of a file and answers with the hash of that copy, so that it is right while somebody still writes. */
  putFile(file: string): Promise<{ readonly hash: string; readonly bytes: number }>;
  putText(text: string): Promise<string>;
  /** Rejects with `ContentBroken` when it is missing or not what its hash says. */
  getText(hash: string): Promise<string>;
  /** Where a content lies. */
  placeOf(hash: string): string;
}

/** Keeps contents in a folder, in subfolders by the first two letters of their hash. */
export function objectsIn(folder: string): Objects {
  const placeOf = (hash: string): string => path.join(folder, hash.slice(0, 2), hash);
  const store = async (partial: string, hash: string): Promise<void> => {
    await privateFolder(path.dirname(placeOf(hash)));
    await rename(partial, placeOf(hash));
  };
  return {
    placeOf,
    async putFile(file) {
      await privateFolder(folder);
      const partial = besides(path.join(folder, "object"));
      try {
        await copyFile(file, partial, constants.COPYFILE_FICLONE);
        const { size } = await stat(partial);
        const stored = await hashFile(partial, size);
        await store(partial, stored.hash);
        return stored;
      } catch (error) {
        await rm(partial, { force: true });
        throw error;
      }
    },
    async putText(text) {
      const hash = hashOf(text);
      await privateFolder(path.dirname(placeOf(hash)));
      await writeWhole(placeOf(hash), text);
      return hash;
    },
    async getText(hash) {
      const text = await readContent(placeOf(hash), hash);
      if (hashOf(text) !== hash) throw broken(hash, "is not what its hash says");
      return text;
    },
  };
}

async function readContent(file: string, hash: string): Promise<string> {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw broken(hash, "is no reference");
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") throw broken(hash, "is not in the store");
    throw error;
  }
}

function broken(hash: string, what: string): WorkspaceError {
  return new WorkspaceError(
    "ContentBroken",
    `The stored content ${JSON.stringify(hash)} ${what}. Run the task that made it again.`,
  );
}
