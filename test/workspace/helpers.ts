// A user's folder in a temporary place, and short ways to let tasks work on it.
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { copyWorkspace } from "../../src/workspace/copy-workspace.ts";
import type { CopyWorkspaceOptions } from "../../src/workspace/copy-workspace.ts";
import type { Layer, WorkspaceChanges, WorkspacePort } from "../../src/workspace/port.ts";

/** What to do with files: a text writes it, null removes it; a path that ends in `*` is executable. */
export type Edits = Readonly<Record<string, string | null>>;

export interface Yard {
  readonly folder: string;
  readonly user: string;
  readonly workspace: WorkspacePort;
  /** Prepares an attempt, does the edits in its copy, commits. */
  work(task: string, edits: Edits, layers?: readonly Layer[]): Promise<WorkspaceChanges>;
  remove(): Promise<void>;
}

export const run = "r-1";

export async function openYard(files: Edits = {}, options: Partial<CopyWorkspaceOptions> = {}): Promise<Yard> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "quatrain-workspace-")));
  const user = path.join(folder, "user");
  await mkdir(user);
  await edit(user, files);
  const workspace = copyWorkspace({ path: user, ...options });
  return {
    folder,
    user,
    workspace,
    async work(task, edits, layers = []) {
      const attempt = { run, attempt: `${task}#1`, layers };
      const { root } = await workspace.prepare(attempt);
      await edit(root, edits);
      return workspace.commit(attempt);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export async function edit(root: string, edits: Edits): Promise<void> {
  for (const [name, text] of Object.entries(edits)) {
    const place = path.join(root, name.replace(/\*$/, ""));
    if (text === null) {
      await rm(place, { recursive: true });
      continue;
    }
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, text);
    if (name.endsWith("*")) await chmod(place, 0o755);
  }
}

/** All regular files below a folder with their texts; executable ones with `*`. Links and hidden state are not looked at. */
export async function textsOf(root: string, below = ""): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  const entries = await readdir(path.join(root, below), { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const name = path.join(below, entry.name);
    if (entry.name === ".quatrain" || entry.name === ".git") continue;
    if (entry.isDirectory()) Object.assign(texts, await textsOf(root, name));
    if (!entry.isFile()) continue;
    const { mode } = await stat(path.join(root, name));
    texts[mode & 0o100 ? `${name}*` : name] = await readFile(path.join(root, name), "utf8");
  }
  return texts;
}
