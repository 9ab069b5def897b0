// What the workspace writes down and reads back: the base's manifest, change sets, a run's result. Checked when read.
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { stableStringify } from "../core/json.ts";
import { systemCodeOf, WorkspaceError } from "./errors.ts";
import type { FileChange, SkippedFile } from "./port.ts";
import type { FileEntry, Tree } from "./tree.ts";

const filePath = z.string().refine(isWorkspacePath, "not a path inside the workspace");
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const skipped = z.array(z.object({ path: z.string(), reason: z.string() }));

/** What the user's folder held when the run began. */
const Manifest = z.object({
  version: z.literal(1),
  files: z.array(z.object({ path: filePath, hash, bytes: z.number(), executable: z.boolean() })),
  /** Links that lead inside, with relative targets. */
  links: z.array(z.object({ path: filePath, target: z.string() })),
  modules: z.array(filePath),
  skipped,
});
/** What the user's folder held when the run began. */
export type Manifest = z.infer<typeof Manifest>;

const fileChanges = z.array(
  z.object({
    path: filePath,
    kind: z.enum(["added", "modified", "deleted"]),
    hash: hash.nullable(),
    baseHash: hash.nullable(),
    bytes: z.number(),
    executable: z.boolean(),
  }),
);

const Changes = z.object({ version: z.literal(1), files: fileChanges });

/** What runs before a follow-up changed, oldest first: not yet in the user's folder when it began. */
const EarlierChanges = z.object({ version: z.literal(1), runs: z.array(z.object({ run: z.string(), files: fileChanges })) });
/** What one of the runs before changed. */
export type EarlierChange = z.infer<typeof EarlierChanges>["runs"][number];

/** The canonical text of a list of changes: equal lists give equal texts. */
export function changesText(files: readonly FileChange[]): string {
  return stableStringify({ version: 1, files });
}

/** Reads back what `changesText` wrote. */
export function parseChanges(text: string, where: string): readonly FileChange[] {
  return parsed(Changes, text, where).files;
}

/** The text of a list of earlier changes. */
export function earlierText(runs: readonly EarlierChange[]): string {
  return stableStringify({ version: 1, runs });
}

/** Reads what runs before this one changed; nothing where it follows none up. */
export async function readEarlier(file: string): Promise<readonly EarlierChange[]> {
  const text = await readIfThere(file);
  return text === undefined ? [] : parsed(EarlierChanges, text, file).runs;
}

/** The text of a manifest. */
export function manifestText(
  parts: Omit<Manifest, "version" | "files" | "skipped"> & { readonly tree: Tree; readonly skipped: readonly SkippedFile[] },
): string {
  const files = [...parts.tree].map(([path, entry]) => ({ path, ...entry }));
  return stableStringify({ version: 1, files, links: parts.links, modules: parts.modules, skipped: parts.skipped });
}

/** Reads a manifest; undefined where there is none. */
export async function readManifest(file: string): Promise<Manifest | undefined> {
  const text = await readIfThere(file);
  return text === undefined ? undefined : parsed(Manifest, text, file);
}

/** The files of a manifest as a tree. */
export function treeOf(manifest: Manifest): Tree {
  return new Map(manifest.files.map(({ path, ...entry }): [string, FileEntry] => [path, entry]));
}

/** Reads a file as text; undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCodeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function parsed<Schema extends z.ZodType>(schema: Schema, text: string, where: string): z.output<Schema> {
  const result = z.string().transform(toJson).pipe(schema).safeParse(text);
  if (result.success) return result.data;
  throw new WorkspaceError(
    "ContentBroken",
    `${where} is not what was written there (${result.error.issues[0]?.message}). Discard the run and start it again.`,
  );
}

function toJson(text: string, context: z.RefinementCtx): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "no JSON" });
    return z.NEVER;
  }
}

function isWorkspacePath(path: string): boolean {
  return path !== "" && path.split("/").every((word) => word !== "" && word !== "." && word !== "..") && !path.includes("\0");
}
