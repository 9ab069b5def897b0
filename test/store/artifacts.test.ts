import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ArtifactError, fileArtifacts, memoryArtifacts } from "../../src/store/artifacts.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "quatrain-artifacts-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(["file", "memory"])("%s artifacts", (kind) => {
  const open = () => (kind === "file" ? fileArtifacts({ folder: path.join(folder, "store") }) : memoryArtifacts());

  it("give back any text, by a reference that depends on it alone", async () => {
    const store = open();
    const text = fc.string({ unit: fc.constantFrom("a", "\r\n", "\0", "\ufeff", "ö", "😀", "\ud800", "\udc00") });
    await fc.assert(
      fc.asyncProperty(text, async (raw) => {
        const stored = Buffer.from(raw).toString();
        const { ref, bytes } = await store.put(raw);
        expect(ref).toMatch(/^[0-9a-f]{64}$/);
        expect(bytes).toBe(Buffer.byteLength(stored));
        expect(await store.get(ref)).toBe(stored);
        expect((await memoryArtifacts().put(raw)).ref).toBe(ref);
      }),
      { numRuns: kind === "file" ? 8 : 100 },
    );
  });

  it("take the same text again, also at the same time", async () => {
    const store = open();
    const stored = await Promise.all(Array.from({ length: 5 }, () => store.put("again")));
    expect(new Set(stored.map((one) => one.ref)).size).toBe(1);
    expect(await store.get(stored[0]?.ref ?? "")).toBe("again");
  });

  it.each(["", "../../etc/passwd", "0".repeat(63), `${"0".repeat(64)}/..`, "G".repeat(64), "__proto__"])(
    "refuse %j as a reference",
    async (ref) => {
      await expect(open().get(ref)).rejects.toMatchObject({ code: "ArtifactReference" });
    },
  );

  it("tell when there is nothing", async () => {
    const error: unknown = await open()
      .get("0".repeat(64))
      .catch((thrown: unknown) => thrown);
    expect(ArtifactError.is(error)).toBe(true);
    expect(error).toMatchObject({ code: "ArtifactMissing" });
  });
});

describe("artifacts in files", () => {
  it("notice damage, and are mended by putting the text again", async () => {
    const store = fileArtifacts({ folder: path.join(folder, "damage") });
    const { ref } = await store.put("whole");
    const file = path.join(folder, "damage", ref.slice(0, 2), ref);
    for (const damage of ["", "whol", "wholE", "whole "]) {
      await writeFile(file, damage);
      await expect(store.get(ref)).rejects.toMatchObject({ code: "ArtifactBroken" });
    }
    await store.put("whole");
    expect(await store.get(ref)).toBe("whole");
  });

  it("are private, and leave nothing half behind", async () => {
    const store = fileArtifacts({ folder: path.join(folder, "private") });
    const { ref } = await store.put("mine");
    const shelf = path.join(folder, "private", ref.slice(0, 2));
    expect(await readdir(shelf)).toEqual([ref]);
    expect((await stat(shelf)).mode & 0o777).toBe(0o700);
    expect((await stat(path.join(shelf, ref))).mode & 0o777).toBe(0o600);
    expect(await readFile(path.join(shelf, ref), "utf8")).toBe("mine");
  });

  it("tell when they can't be written, and why", async () => {
    const file = path.join(folder, "a-file");
    await writeFile(file, "");
    await chmod(file, 0o600);
    const error: unknown = await fileArtifacts({ folder: file })
      .put("x")
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ArtifactNotWritten", cause: { code: "ENOTDIR" } });
  });
});
