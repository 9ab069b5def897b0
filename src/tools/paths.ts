// Paths as words: what a path says, before any file system is asked. Pure and free of `node:`, since the machines ask
// the permission rules, too.

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
  const windows = roots.some((root) => DRIVE.test(root));
  const spoken = windows ? slashed(raw) : raw;
  const relative = spoken.startsWith("/") || DRIVE.test(spoken) ? insideOf(roots.map(windows ? slashed : same), spoken) : spoken;
  const words = relative === null ? null : folded(relative);
  if (words === null) return refused(`the path ${shown} is outside the workspace; use a path relative to it`);
  return { kind: "inside", path: words.join("/") || "." };
}

const DRIVE = /^[A-Za-z]:[\\/]/;
const longestPath = 4096;

function refused(reason: string): WorkspacePath {
  return { kind: "refused", reason };
}

const slashed = (text: string): string => text.replaceAll("\\", "/");

const same = (text: string): string => text;

/** The words of a relative path with `.` and `..` worked in; null when it leads above its beginning. */
function folded(relative: string): readonly string[] | null {
  const words: string[] = [];
  for (const word of relative.split("/")) {
    if (word === "" || word === ".") continue;
    if (word !== "..") words.push(word);
    else if (words.pop() === undefined) return null;
  }
  return words;
}

/** What is left of an absolute path below one of the roots; null outside of all. */
function insideOf(roots: readonly string[], raw: string): string | null {
  const normal = folded(raw)?.join("/");
  for (const root of roots) {
    const from = root === "" ? undefined : folded(root)?.join("/");
    if (from === undefined || normal === undefined) continue;
    if (normal === from) return ".";
    if (normal.startsWith(`${from}/`)) return normal.slice(from.length + 1);
  }
  return null;
}
