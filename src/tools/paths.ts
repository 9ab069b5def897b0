// Paths as words: what a path says, before any file system is asked. Pure.
import path from "node:path";

/** A path inside the workspace, relative, with `/`, normalised (`.` for the workspace itself), or why it is none. */
export type WorkspacePath =
  | { readonly kind: "inside"; readonly path: string }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * Reads a path that a model gave. Absolute paths must begin with one of the roots as written: a detour such as
 * `/proc/self/root/...` is refused even where it leads back inside. `..` is taken as words, before links are followed.
 */
export function readPath(raw: string, roots: readonly string[] = []): WorkspacePath {
  const shown = JSON.stringify(raw.length > 200 ? `${raw.slice(0, 200)}...` : raw);
  if (raw === "") return refused("the path is empty; name a file inside the workspace");
  if (raw.length > longestPath) return refused(`the path ${shown} is longer than ${longestPath} characters`);
  if (raw.includes("\0")) return refused(`the path ${shown} contains a null character`);
  const relative = path.isAbsolute(raw) ? insideOf(roots, raw) : path.normalize(raw);
  if (relative === null) return refused(`the path ${shown} is outside the workspace; use a path relative to it`);
  const words = relative.split(path.sep).filter((word) => word !== "" && word !== ".");
  if (words[0] === "..") return refused(`the path ${shown} is outside the workspace; use a path relative to it`);
  return { kind: "inside", path: words.join("/") || "." };
}

const longestPath = 4096;

function refused(reason: string): WorkspacePath {
  return { kind: "refused", reason };
}

function insideOf(roots: readonly string[], raw: string): string | null {
  const normal = path.normalize(raw);
  for (const root of roots) {
    const from = root === "" ? null : path.normalize(root).replace(/[/\\]$/, "");
    if (from === null) continue;
    if (normal === from || normal === from + path.sep) return ".";
    if (normal.startsWith(from + path.sep)) return normal.slice(from.length + 1);
  }
  return null;
}
