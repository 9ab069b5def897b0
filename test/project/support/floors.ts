// The table of floors and the rules about who may import what. Each rule takes parsed files and returns its offenders, one a line.
import type { ImportEdge, SourceFile } from "./source.ts";

/** Ground floor first. An import goes to a lower floor or stays in its folder; ARCHITECTURE.md quotes this table. */
export const floors: readonly (readonly string[])[] = [
  ["core"],
  ["protocol", "host", "process"],
  ["queue", "prompts", "model", "tools", "workspace", "store"],
  ["actors", "workers"],
  ["machines"],
  ["run"],
  ["inspect", "testing", "engines"],
  ["cli"],
];

/** Folders and files without anything of Node: they run in a browser, or are pure. */
export const nodeFree: readonly string[] = [
  "src/core/",
  "src/protocol/",
  "src/queue/",
  "src/prompts/",
  "src/machines/",
  "src/host/port.ts",
  "src/model/prices.ts",
];

/** Who may import a package (by its start); a `types` folder only with `import type`. */
export const importers: readonly PackageRule[] = [
  { packages: /^@anthropic-ai\/sdk\/.*agent-toolset/, folders: ["tools"], types: [] },
  { packages: /^@anthropic-ai\/sdk(\/|$)/, folders: ["model"], types: ["testing"] },
  { packages: /^node:child_process$/, folders: ["process"], types: [] },
  { packages: /^xstate(\/|$)/, folders: ["host", "actors", "machines", "run", "inspect", "testing"], types: ["workers"] },
  { packages: /^rxjs$/, folders: impure(), types: [] },
  { packages: /^@statelyai\/inspect$/, folders: ["inspect"], types: [] },
  { packages: /^(ink|react|commander)(\/|$)/, folders: ["cli"], types: [] },
  { packages: /^vitest$/, folders: ["testing/vitest"], types: [] },
  { packages: /^(fast-check|vitest)(\/|$)/, folders: [], types: [] },
];

/** Files that load a module which only the user can name. */
const loadsOfUsers: ReadonlySet<string> = new Set(["src/cli/init/find-workers.ts"]);

/** What opening a door must not load: it is loaded by a dynamic import, when needed. */
export const heavy = /^(@anthropic-ai\/sdk|ink|react|commander)(\/|$)|^node:sqlite$|agent-toolset/;

/** What printing the version or the help must not load, on top of the heavy ones less the command parser. */
export const heavyForCommandLine = /^(@anthropic-ai\/sdk|ink|react|zod|xstate|rxjs)(\/|$)|^node:sqlite$|agent-toolset/;

interface PackageRule {
  readonly packages: RegExp;
  readonly folders: readonly string[];
  readonly types: readonly string[];
}

/** Every folder that is not pure by its job: streams may live there. */
function impure(): string[] {
  const pure = new Set(["core", "protocol", "queue", "prompts", "machines"]);
  return floors.flat().filter((folder) => !pure.has(folder));
}

/** Imports that go up or sideways, folders that the table does not know, and imports that leave src. */
export function upwardImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const folder = folderOf(file.path);
    if (folder === "") return file.path === "src/index.ts" ? [] : [`${file.path}: only index.ts may lie in src itself`];
    if (floorOf(folder) === undefined) return [`${file.path}: src/${folder} is missing in the table of floors`];
    return edges(file, (edge) => {
      if (/^quatrain(\/|$)/.test(edge.specifier)) return "the package's own name; use a relative path";
      if (edge.target === undefined) return undefined;
      if (!edge.target.startsWith("src/")) return "leaves src";
      return mayImport(folder, folderOf(edge.target)) ? undefined : "goes up or sideways";
    });
  });
}

/** Imports of a door from inside src. */
export function doorImports(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => edges(file, (edge) => (/(^|\/)index\.tsx?$/.test(edge.target ?? "") ? "is a door" : undefined)));
}

/** Packages in folders that may not know them, and packages that users would not get. */
export function strayPackages(files: readonly SourceFile[], installed: ReadonlySet<string>): string[] {
  return files.flatMap((file) =>
    edges(file, (edge) => {
      if (edge.target !== undefined) return undefined;
      if (edge.specifier === "(computed)" && loadsOfUsers.has(file.path)) return undefined;
      const liesIn = (folder: string) => file.path.startsWith(`src/${folder}/`);
      const rule = importers.find((one) => one.packages.test(edge.specifier));
      const allowed = !rule || rule.folders.some(liesIn) || (edge.kind === "type" && rule.types.some(liesIn));
      if (!allowed) return `belongs to ${rule.folders.map((one) => `src/${one}`).join(", ") || "no folder of src"}`;
      if (edge.specifier.startsWith("node:"))
        return nodeFree.some((one) => file.path.startsWith(one)) ? "must stay out here" : undefined;
      return installed.has(packageName(edge.specifier)) ? undefined : "is neither a dependency nor a peer";
    }),
  );
}

/** Values that machines import from actors; they may know only types of them. */
export function actorValuesInMachines(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => folderOf(file.path) === "machines")
    .flatMap((file) =>
      edges(file, (edge) =>
        edge.kind !== "type" && folderOf(edge.target ?? "") === "actors" ? "must be `import type`" : undefined,
      ),
    );
}

/** What the viewer's page imports of the package, types of the protocol aside. */
export function viewerImports(files: readonly SourceFile[]): string[] {
  return files
    .filter((file) => file.path.startsWith("viewer/"))
    .flatMap((file) =>
      edges(file, (edge) => {
        if (edge.target?.startsWith("viewer/") || !/^src\/|^quatrain/.test(edge.target ?? edge.specifier)) return undefined;
        return edge.kind === "type" && edge.target?.startsWith("src/protocol/") ? undefined : "only types of src/protocol";
      }),
    );
}

/** Import cycles, types and dynamic imports included: one line a knot, its files in order. */
export function cycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(files.map((file) => [file.path, file.imports.flatMap((edge) => edge.target ?? [])]));
  return knots(targets).map((knot) => knot.toSorted().join(" ↔ "));
}

/** Chains of static imports from a start to something it must not load. */
export function heavyChains(files: readonly SourceFile[], start: string, refused: RegExp): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const seen = new Set<string>();
  const found: string[] = [];
  const walk = (at: string, chain: readonly string[]): void => {
    if (seen.has(at)) return;
    seen.add(at);
    for (const edge of byPath.get(at)?.imports ?? []) {
      if (edge.kind !== "static") continue;
      if (edge.target !== undefined) walk(edge.target, [...chain, edge.target]);
      else if (refused.test(edge.specifier)) found.push([...chain, edge.specifier].join(" → "));
    }
  };
  walk(start, [start]);
  return found;
}

function edges(file: SourceFile, judge: (edge: ImportEdge) => string | undefined): string[] {
  return file.imports.flatMap((edge) => {
    const verdict = judge(edge);
    return verdict === undefined ? [] : [`${file.path}:${edge.line} imports "${edge.specifier}": ${verdict}`];
  });
}

function mayImport(from: string, to: string): boolean {
  const target = floorOf(to);
  return from === to || (target !== undefined && target < (floorOf(from) ?? -1));
}

function floorOf(folder: string): number | undefined {
  const floor = floors.findIndex((folders) => folders.includes(folder));
  return floor === -1 ? undefined : floor;
}

function folderOf(file: string): string {
  return /^src\/([^/]+)\//.exec(file)?.[1] ?? "";
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

/** Strongly connected groups of more than one file, and files that import themselves (Tarjan's algorithm). */
function knots(targets: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const enter = (file: string): number => {
    const index = order.size;
    order.set(file, index);
    open.push(file);
    let lowest = index;
    for (const target of targets.get(file) ?? []) {
      if (!targets.has(target)) continue;
      if (!order.has(target)) lowest = Math.min(lowest, enter(target));
      else if (open.includes(target)) lowest = Math.min(lowest, order.get(target) ?? lowest);
    }
    if (lowest === index) {
      const group = open.splice(open.indexOf(file));
      if (group.length > 1 || targets.get(file)?.includes(file)) found.push(group);
    }
    return lowest;
  };
  for (const file of targets.keys()) if (!order.has(file)) enter(file);
  return found;
}
