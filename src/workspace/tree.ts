// Trees of files as data: what differs, what a pile of change sets makes of a base, where two tasks collide. Pure.
//   T1  The outcome is a function of base, change sets and their order in the list; nothing else comes in.
//   T2  No path is a file and a folder at once: who comes later wins, and the collision is told.
import type { FileChange, WorkspaceConflict } from "./port.ts";

/** A file by content. */
export interface FileEntry {
  /** sha256 in hex. */
  readonly hash: string;
  readonly bytes: number;
  readonly executable: boolean;
}

/** Files by their path, relative, with `/`. */
export type Tree = ReadonlyMap<string, FileEntry>;

/** A change set with its task and, where known, all tasks it depends on. */
export interface TreeLayer {
  readonly task: string;
  readonly files: readonly FileChange[];
  readonly after?: readonly string[];
}

/** What must be done to `from` to get `to`, sorted by path. */
export function difference(from: Tree, to: Tree): readonly FileChange[] {
  const paths = [...new Set([...from.keys(), ...to.keys()])].toSorted(byCodeUnits);
  return paths.flatMap((path) => {
    const old = from.get(path);
    const now = to.get(path);
    if (old && now && old.hash === now.hash && old.executable === now.executable) return [];
    const kind = now === undefined ? "deleted" : old === undefined ? "added" : "modified";
    const bytes = now?.bytes ?? 0;
    return [{ path, kind, hash: now?.hash ?? null, baseHash: old?.hash ?? null, bytes, executable: now?.executable ?? false }];
  });
}

/** A change with everything that may lie at its path without being the user's own: each content it had on the way. */
export interface CarriedChange extends FileChange {
  readonly known: readonly (string | null)[];
}

/** Changes of runs that build on each other, oldest first, as one list of changes, sorted by path. */
export function chained(lists: readonly (readonly FileChange[])[]): readonly CarriedChange[] {
  const carried = new Map<string, CarriedChange>();
  for (const change of lists.flat()) {
    const before = carried.get(change.path);
    const known = [...(before?.known ?? [change.baseHash]), change.hash];
    const baseHash = before ? before.baseHash : change.baseHash;
    const kind = change.hash === null ? "deleted" : baseHash === null ? "added" : "modified";
    carried.set(change.path, { ...change, kind, baseHash, known });
  }
  return [...carried.values()].toSorted((a, b) => byCodeUnits(a.path, b.path));
}

/** Piles layers onto a base. Of unordered changes to one path the later layer's stands, and the conflict is told. */
export function pile(
  base: Tree,
  layers: readonly TreeLayer[],
): { readonly tree: Tree; readonly conflicts: readonly WorkspaceConflict[] } {
  const tree = growingTree(base);
  const writers = new Map<string, Writer[]>();
  const collisions = new Map<string, Set<string>>();

  const collide = (path: string, one: string, other: string): void => {
    const tasks = collisions.get(path) ?? new Set();
    collisions.set(path, tasks.add(one).add(other));
  };
  for (const layer of layers) {
    for (const change of deletionsFirst(layer.files)) {
      for (const rival of rivals(layer, change, { writers: writers.get(change.path) ?? [], hash: tree.hashAt(change.path) })) {
        collide(change.path, rival.task, layer.task);
      }
      for (const path of tree.write(change)) {
        const owner = writers.get(path)?.at(-1);
        if (owner && owner.task !== layer.task && !layer.after?.includes(owner.task))
          collide(change.path, owner.task, layer.task);
      }
      writers.set(change.path, [...(writers.get(change.path) ?? []), { task: layer.task, hash: change.hash }]);
    }
  }

  const order = layers.map((layer) => layer.task);
  const isKnown = layers.every((layer) => layer.after !== undefined);
  const conflicts = [...collisions].map(([path, tasks]) => {
    const kept = writers.get(path)?.at(-1)?.task ?? "";
    return { path, tasks: order.filter((task) => tasks.has(task)), kept, settled: isKnown && !tasks.has(kept) };
  });
  return { tree: tree.files, conflicts: conflicts.toSorted((a, b) => byCodeUnits(a.path, b.path)) };
}

/** Orders texts by code units: the same everywhere, unlike the order of a language. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Writer {
  readonly task: string;
  readonly hash: string | null;
}

/** Who wrote another content to this path without this layer's task knowing. */
function rivals(
  layer: TreeLayer,
  change: FileChange,
  earlier: { readonly writers: readonly Writer[]; readonly hash: string | null },
): readonly Writer[] {
  const { after } = layer;
  if (after) return earlier.writers.filter((writer) => writer.hash !== change.hash && !after.includes(writer.task));
  const wasKnown = earlier.hash === change.baseHash || earlier.hash === change.hash;
  return wasKnown ? [] : earlier.writers.slice(-1);
}

function deletionsFirst(files: readonly FileChange[]): readonly FileChange[] {
  return [...files.filter((file) => file.hash === null), ...files.filter((file) => file.hash !== null)];
}

interface GrowingTree {
  readonly files: Tree;
  hashAt(path: string): string | null;
  /** Does a change and returns the paths that had to make way for it (T2). */
  write(change: FileChange): readonly string[];
}

function growingTree(base: Tree): GrowingTree {
  const files = new Map<string, FileEntry>();
  const folders = new Map<string, number>();
  const count = (path: string, step: number): void => {
    for (const folder of foldersOf(path)) folders.set(folder, (folders.get(folder) ?? 0) + step);
  };
  const put = (path: string, entry: FileEntry): void => {
    if (!files.has(path)) count(path, 1);
    files.set(path, entry);
  };
  const drop = (path: string): void => {
    if (files.delete(path)) count(path, -1);
  };
  for (const [path, entry] of base) put(path, entry);
  return {
    files,
    hashAt: (path) => files.get(path)?.hash ?? null,
    write({ path, hash, bytes, executable }) {
      if (hash === null) {
        drop(path);
        return [];
      }
      const above = foldersOf(path).filter((folder) => files.has(folder));
      const below = (folders.get(path) ?? 0) > 0 ? [...files.keys()].filter((other) => other.startsWith(`${path}/`)) : [];
      for (const other of [...above, ...below]) drop(other);
      put(path, { hash, bytes, executable });
      return [...above, ...below];
    },
  };
}

/** The folders above a path: `a`, `a/b` for `a/b/c`. */
function foldersOf(path: string): readonly string[] {
  const words = path.split("/");
  return words.slice(1).map((_, index) => words.slice(0, index + 1).join("/"));
}
