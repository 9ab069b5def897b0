// Paths of a draft: relative to the workspace, inside it, in one spelling. What a task may write is compared as a tree:
// a path covers everything below it, and a pattern counts as the directory before its first wildcard.
import { hasControls, hasShapeless } from "./labels.ts";

/** Longest path that is looked at. */
const LONGEST_PATH = 1024;
const MOST_COMPARISONS = 200_000;

/** A path in our spelling, or why it is none. */
export type PathReading =
  | { readonly path: string }
  | { readonly fault: string; readonly code: "PathOutside" | "EmptyText" | "TooLong" | "ControlCharacters" };

/** Reads a path: no `..`, nothing absolute, forward slashes, single ones, no `./`. A trailing slash stays; the workspace itself is `.`. */
export function readPath(raw: string): PathReading {
  if (raw.trim() === "") return { code: "EmptyText", fault: "is empty" };
  if (raw.length > LONGEST_PATH)
    return { code: "TooLong", fault: `has ${raw.length} characters; at most ${LONGEST_PATH} are allowed` };
  if (hasControls(raw) || hasShapeless(raw))
    return { code: "ControlCharacters", fault: "holds control, direction or invisible characters" };
  const fault = placeFault(raw);
  if (fault) return { code: "PathOutside", fault };
  const segments = raw.split("/").filter((segment) => segment !== "" && segment !== ".");
  if (segments.length === 0) return { path: "." };
  return { path: segments.join("/") + (raw.endsWith("/") ? "/" : "") };
}

/** True when everything that `path` names lies inside what `owner` names. A pattern holds itself and plain paths below its folder. */
export function covers(owner: string, path: string): boolean {
  if (owner === path) return true;
  if (/[*?{]/.test(path) && /[*?{]/.test(owner)) return false;
  const [whole, below] = [coverOf(owner), coverOf(path)];
  return whole.every((segment, at) => below[at] === segment);
}

/** A pair of owners whose paths overlap, the lower one first, and one path of each. */
export interface Overlap {
  readonly first: number;
  readonly second: number;
  readonly paths: readonly [string, string];
}

/**
 * The pairs of owners of which one may write what the other may write, each pair once. Pairs that are ordered may.
 * Stops after `most` pairs and after two hundred thousand comparisons.
 */
export function overlapsOf(
  owners: readonly { readonly paths: readonly string[] }[],
  isOrdered: (first: number, second: number) => boolean,
  most: number,
): readonly Overlap[] {
  const root: Branch = { claims: new Map(), below: new Map() };
  for (const [owner, { paths }] of owners.entries()) {
    for (const path of paths) {
      const { claims } = branchOf(root, path);
      if (!claims.has(owner)) claims.set(owner, path);
    }
  }
  const found = new Map<number, Overlap>();
  let comparisons = 0;
  const compare = (one: Claim, two: Claim): void => {
    const [lower, higher] = one[0] < two[0] ? [one, two] : [two, one];
    const [first, second] = [lower[0], higher[0]];
    const key = first * owners.length + second;
    comparisons += 1;
    if (first === second || found.has(key) || isOrdered(first, second)) return;
    found.set(key, { first, second, paths: [lower[1], higher[1]] });
  };
  for (const [claim, other] of touchingClaims(root)) {
    if (found.size >= most || comparisons >= MOST_COMPARISONS) break;
    compare(claim, other);
  }
  return [...found.values()];
}

type Claim = readonly [owner: number, path: string];

/** Every pair of claims of which one covers the other, once. */
function* touchingClaims(root: Branch): Generator<readonly [Claim, Claim]> {
  const open: { readonly branch: Branch; readonly above: readonly Claim[] }[] = [{ branch: root, above: [] }];
  // The list grows while it is walked, from the root downwards.
  for (const { branch, above } of open) {
    const claims = [...branch.claims];
    for (const [at, claim] of claims.entries()) {
      for (const other of above) yield [other, claim];
      for (const other of claims.slice(at + 1)) yield [claim, other];
    }
    const covering = claims.length > 0 ? [...above, ...claims] : above;
    for (const below of branch.below.values()) open.push({ branch: below, above: covering });
  }
}

interface Branch {
  /** By owner, the path it claims here. */
  readonly claims: Map<number, string>;
  readonly below: Map<string, Branch>;
}

/** The branch where a path stands; branches on the way there are grown where they are missing. */
function branchOf(root: Branch, path: string): Branch {
  let branch = root;
  for (const segment of coverOf(path)) {
    const next = branch.below.get(segment) ?? { claims: new Map<number, string>(), below: new Map<string, Branch>() };
    branch.below.set(segment, next);
    branch = next;
  }
  return branch;
}

/** The segments that a path covers everything below of. Square brackets are no wildcard: routers put them into file names. */
function coverOf(path: string): string[] {
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  const wild = segments.findIndex((segment) => /[*?{]/.test(segment));
  return (wild < 0 ? segments : segments.slice(0, wild)).map((segment) => segment.normalize("NFC").toUpperCase().toLowerCase());
}

function placeFault(raw: string): string | undefined {
  if (raw.includes("\\")) return "holds a backslash; write / between folders";
  if (raw.startsWith("/")) return "is absolute; write it relative to the workspace";
  if (/^[A-Za-z]:/.test(raw)) return "names a drive; write it relative to the workspace";
  if (raw.startsWith("~")) return "begins in a home folder; write it relative to the workspace";
  if (raw.split("/").includes("..")) return "goes up with ..; write it relative to the workspace, inside it";
  return undefined;
}
