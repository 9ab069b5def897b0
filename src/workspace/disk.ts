// Small file system helpers: hashing, private folders, writes that are whole or not there, work in small crowds.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";

/** sha256 of a text or of bytes, in hex. */
export function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** sha256 and size of a file's content; big files are streamed. */
export async function hashFile(file: string, size: number): Promise<{ readonly hash: string; readonly bytes: number }> {
  if (size <= wholeFileBytes) {
    const content = await readFile(file);
    return { hash: hashOf(content), bytes: content.length };
  }
  const hash = createHash("sha256");
  let bytes = 0;
  await pipeline(createReadStream(file), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  });
  return { hash: hash.digest("hex"), bytes };
}

/** Makes a folder and those above it, readable by the owner only. */
export async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/** A new name beside a file or folder, for what is not finished yet. */
export function besides(target: string): string {
  return path.join(path.dirname(target), `.partial-${randomUUID()}`);
}

/** Writes a file so that it is whole or not there at all, also after a power cut; an existing one is replaced. */
export async function writeWhole(file: string, content: string): Promise<void> {
  const partial = besides(file);
  try {
    const handle = await open(partial, "wx", 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Does `act` for all items, at most 16 at a time; stops starting new ones after the first error or when aborted. */
export async function forEach<T>(items: readonly T[], act: (item: T) => Promise<void>, signal?: AbortSignal): Promise<void> {
  const queue = items.values();
  let failed = false;
  const work = async (): Promise<void> => {
    for (const item of queue) {
      if (failed) return;
      try {
        signal?.throwIfAborted();
        await act(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: 16 }, work));
  const broken = outcomes.find((outcome) => outcome.status === "rejected");
  if (broken) throw broken.reason;
}

/** The place of a workspace-relative path on this system. */
export function placeAt(root: string, relative: string): string {
  return path.join(root, ...relative.split("/"));
}

const wholeFileBytes = 4 * 1024 * 1024;
