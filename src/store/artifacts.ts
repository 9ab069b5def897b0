// Artifacts: texts too big for the journal, kept by the hash of their content. Written before anything refers to them.
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";

/** What an ArtifactError is about: nothing there, not what its reference says, no reference at all, or the disk refused. */
export type ArtifactErrorCode = "ArtifactMissing" | "ArtifactBroken" | "ArtifactReference" | "ArtifactNotWritten";

const marker: unique symbol = Symbol.for("quatrain.artifact-error");

/** Thrown by every artifact store. */
export class ArtifactError extends Error {
  override readonly name = "ArtifactError";
  readonly code: ArtifactErrorCode;
  readonly [marker] = true;

  constructor(code: ArtifactErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** True for errors of this class, also from another copy of the package. */
  static is(value: unknown): value is ArtifactError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** Keeps texts by content. Putting a text again is harmless and gives the same reference. */
export interface ArtifactStore {
  /** Stores a text; `ref` is the sha256 of its UTF-8 bytes in hex. Lone surrogates, which UTF-8 can't hold, become U+FFFD. */
  put(text: string): Promise<{ readonly ref: string; readonly bytes: number }>;
  /** Rejects with an `ArtifactError` when there is nothing, or what is there has another hash. */
  get(ref: string): Promise<string>;
}

/** Keeps artifacts in a folder, made with the first `put` and readable by the owner only. */
export function fileArtifacts({ folder }: { readonly folder: string }): ArtifactStore {
  const placeOf = (ref: string): string => path.join(folder, ref.slice(0, 2), ref);
  return {
    async put(text) {
      const { ref, content } = addressed(text);
      try {
        await writeWhole(placeOf(ref), content);
      } catch (error) {
        const advice = "Free some space or choose another folder.";
        throw new ArtifactError("ArtifactNotWritten", `The artifact ${ref} could not be written to ${folder}. ${advice}`, {
          cause: error,
        });
      }
      return { ref, bytes: content.length };
    },
    async get(ref) {
      return checked(ref, await readFile(placeOf(checkedReference(ref))).catch((error: unknown) => missing(ref, error)));
    },
  };
}

/** Keeps artifacts in memory, for tests and for runs that leave nothing behind. */
export function memoryArtifacts(): ArtifactStore {
  const contents = new Map<string, Buffer>();
  return {
    put(text) {
      const { ref, content } = addressed(text);
      contents.set(ref, content);
      return Promise.resolve({ ref, bytes: content.length });
    },
    async get(ref) {
      return checked(ref, contents.get(checkedReference(ref)) ?? missing(ref));
    },
  };
}

function addressed(text: string): { readonly ref: string; readonly content: Buffer } {
  const content = Buffer.from(text, "utf8");
  return { ref: hashOf(content), content };
}

function hashOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function checkedReference(ref: string): string {
  if (/^[0-9a-f]{64}$/.test(ref)) return ref;
  throw new ArtifactError(
    "ArtifactReference",
    `${JSON.stringify(ref.slice(0, 100))} is no reference to an artifact (64 hexadecimal digits).`,
  );
}

function checked(ref: string, content: Buffer): string {
  if (hashOf(content) === ref) return content.toString("utf8");
  throw new ArtifactError("ArtifactBroken", `The artifact ${ref} was damaged. Run the task that made it again.`);
}

function missing(ref: string, cause?: unknown): never {
  throw new ArtifactError("ArtifactMissing", `The artifact ${ref} is not in the store. Run the task that made it again.`, {
    cause,
  });
}

/** A file is there whole or not at all, also after a power cut; a damaged one is replaced. */
async function writeWhole(file: string, content: Buffer): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const partial = path.join(path.dirname(file), `.partial-${randomUUID()}`);
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
