// The workspace by copies: each attempt works in a copy of the base with the changes of its dependencies on top.
//   W1  A copy is a function of the run's base and its layers (T1); the base is captured once per run.
//   W2  The user's folder is only read, until `apply`.
//   W3  Folders appear whole: a crash leaves a `.partial-` folder, never half a copy under a good name.
import { lstat, mkdir, realpath, rm, stat } from "node:fs/promises";
import path from "node:path";
import { QuatrainError } from "../core/errors.ts";
import { applyChanges } from "./apply.ts";
import { captureBase } from "./base.ts";
import { forEach, hashFile, hashOf, placeAt, privateFolder, writeWhole } from "./disk.ts";
import { workspaceErrorOf, WorkspaceError } from "./errors.ts";
import { materialize } from "./materialize.ts";
import type { Materials } from "./materialize.ts";
import { objectsIn } from "./objects.ts";
import type { Objects } from "./objects.ts";
import type { AttemptOptions, Layer, SkippedFile, WorkspaceChanges, WorkspacePort } from "./port.ts";
import { changesText, parseChanges, readEarlier, readIfThere, treeOf } from "./records.ts";
import type { Manifest } from "./records.ts";
import { defaultLimits, scanFolder } from "./scan.ts";
import type { Scan, WorkspaceLimits } from "./scan.ts";
import { chained, difference, pile } from "./tree.ts";
import type { FileEntry, Tree, TreeLayer } from "./tree.ts";

/** Where a workspace is and where its copies go. */
export interface CopyWorkspaceOptions {
  /** The user's folder. */
  readonly path: string;
  /** Folder for copies and contents. @default `.quatrain` in the user's folder */
  readonly state?: string;
  /** @default 64 MiB a file, 200,000 files */
  readonly limits?: Partial<WorkspaceLimits>;
  /**
   * Whether copies link to the user's `node_modules`, so that tests run without an installation. A command that installs
   * or removes packages in a copy then changes the user's. @default "link"
   */
  readonly modules?: "link" | "none";
}

/**
 * Makes a workspace that copies. Left out are `.git`, `.quatrain` and the state; links that lead inside are copied as
 * links, others skipped and told; links that a task makes are not carried over. Nothing is touched before the first call.
 */
export function copyWorkspace(options: CopyWorkspaceOptions): WorkspacePort {
  const desk = deskOf(options);
  return {
    prepare: (attempt) => guarded(() => prepare(desk, attempt)),
    rootOf: ({ run, attempt }) => desk.attemptFolder(run, attempt),
    commit: (attempt) => guarded(() => commit(desk, attempt)),
    changes: (ref) => guarded(() => readChanges(desk.objects, ref)),
    integrate: (run) => guarded(() => integrate(desk, run)),
    apply: ({ run }) => guarded(() => apply(desk, run)),
    discard: ({ run, attempt }) => guarded(() => discard(desk, run, attempt)),
  };
}

/** Where the result folder of a run is (or would be), with all files as the run left them. */
export const resultTree = ({ state, run }: { readonly state: string; readonly run: string }): string =>
  treeIn(resultIn(state, run));

/** Where everything of a run is. */
export const folderOf = (state: string, run: string): string => path.join(state, "runs", safeName(run));

/** Where the result of a run is: `tree/` with its files, `changes.json`, and `applied` once it was carried over. */
export const resultIn = (state: string, run: string): string => path.join(folderOf(state, run), "result");

const treeIn = (folder: string): string => path.join(folder, "tree");

/** What the methods share: places, contents, and the base of each run. */
interface Desk {
  readonly source: string;
  readonly objects: Objects;
  readonly limits: WorkspaceLimits;
  runFolder(run: string): string;
  attemptFolder(run: string, attempt: string): string;
  resultFolder(run: string): string;
  base(run: string): Promise<Materials>;
  forget(run: string): void;
}

function deskOf(options: CopyWorkspaceOptions): Desk {
  const source = path.resolve(options.path);
  const state = path.resolve(options.state ?? path.join(source, ".quatrain"));
  if (state === source)
    throw new QuatrainError("BadOption", `The state of a workspace can't be kept in ${source} itself. Name another folder.`);
  const limits = { ...defaultLimits, ...options.limits };
  const objects = objectsIn(path.join(state, "objects"));
  const runFolder = (run: string): string => folderOf(state, run);
  // The first attempts of a run start at once: they share one capture.
  const captures = new Map<string, Promise<Materials>>();

  const capture = async (run: string): Promise<Materials> => {
    await prepareState(source, state);
    const folder = path.join(runFolder(run), "base");
    await privateFolder(runFolder(run));
    const manifest = await captureBase({ source, folder, except: await realpath(state), limits });
    const modulesFrom = options.modules === "none" ? null : await realpath(source);
    return { manifest, baseTree: path.join(folder, "tree"), base: treeOf(manifest), objects, modulesFrom };
  };
  return {
    source,
    objects,
    limits,
    runFolder,
    attemptFolder: (run, attempt) => path.join(runFolder(run), "attempts", safeName(attempt)),
    resultFolder: (run) => resultIn(state, run),
    base(run) {
      const known = captures.get(run);
      if (known) return known;
      const capturing = capture(run);
      captures.set(run, capturing);
      capturing.catch(() => captures.delete(run));
      return capturing;
    },
    forget: (run) => captures.delete(run),
  };
}

async function prepare(desk: Desk, options: AttemptOptions) {
  const materials = await desk.base(options.run);
  options.signal?.throwIfAborted();
  const { tree, conflicts } = await pileOf(materials, options.layers);
  const folder = desk.attemptFolder(options.run, options.attempt);
  await privateFolder(path.dirname(folder));
  await materialize(tree, folder, { materials, ...signalOf(options) });
  return { root: folder, conflicts, skipped: materials.manifest.skipped };
}

async function commit(desk: Desk, options: AttemptOptions) {
  const materials = await desk.base(options.run);
  const { tree } = await pileOf(materials, options.layers);
  const folder = desk.attemptFolder(options.run, options.attempt);
  await mustExist(folder, options);
  const scan = await scanFolder(folder, { limits: desk.limits, ...signalOf(options) });
  const found = new Map<string, FileEntry>();
  await forEach(
    scan.files,
    async (file) => {
      const place = placeAt(folder, file.path);
      const { hash, bytes } = await hashFile(place, file.bytes);
      const isKnown = tree.get(file.path)?.hash === hash;
      found.set(file.path, { ...(isKnown ? { hash, bytes } : await desk.objects.putFile(place)), executable: file.executable });
    },
    options.signal,
  );
  const skipped = [...scan.skipped, ...keepBehindLinks(scan, { found, tree, manifest: materials.manifest })];
  const files = difference(tree, found);
  return { ref: await desk.objects.putText(changesText(files)), files, skipped };
}

async function integrate(
  desk: Desk,
  options: { readonly run: string; readonly changes: readonly Layer[]; readonly signal?: AbortSignal },
) {
  const materials = await desk.base(options.run);
  const { tree, conflicts } = await pileOf(materials, options.changes);
  const files = difference(materials.base, tree);
  const folder = desk.resultFolder(options.run);
  const root = treeIn(folder);
  await privateFolder(folder);
  // The list goes first and comes last: with a list there is always the whole tree that belongs to it.
  await rm(path.join(folder, "changes.json"), { force: true });
  await materialize(tree, root, { materials, ...signalOf(options) });
  await writeWhole(path.join(folder, "changes.json"), changesText(files));
  return { root, files, conflicts };
}

async function apply(desk: Desk, run: string): Promise<{ readonly files: readonly string[] }> {
  const file = path.join(desk.resultFolder(run), "changes.json");
  const text = await readIfThere(file);
  if (text === undefined)
    throw new WorkspaceError("ResultMissing", `Run ${run} has no result to apply. Integrate its changes first.`);
  // What it built on and was not carried over yet goes along.
  const earlier = await readEarlier(path.join(desk.runFolder(run), "base", "earlier.json"));
  const files = chained([...earlier.map((before) => before.files), parseChanges(text, file)]);
  await applyChanges(files, { from: treeIn(desk.resultFolder(run)), target: desk.source });
  for (const one of [...earlier.map((before) => before.run), run]) await markApplied(desk.resultFolder(one));
  return { files: files.map((change) => change.path) };
}

/** Notes that a result is in the user's folder, by the hash of its list of changes. */
async function markApplied(folder: string): Promise<void> {
  const text = await readIfThere(path.join(folder, "changes.json"));
  if (text !== undefined) await writeWhole(path.join(folder, "applied"), hashOf(text));
}

async function discard(desk: Desk, run: string, attempt: string | undefined): Promise<void> {
  if (attempt === undefined) desk.forget(run);
  const folder = attempt === undefined ? desk.runFolder(run) : desk.attemptFolder(run, attempt);
  await rm(folder, { recursive: true, force: true });
}

async function readChanges(objects: Objects, ref: string): Promise<WorkspaceChanges> {
  return { ref, files: parseChanges(await objects.getText(ref), `The change set ${ref}`) };
}

async function pileOf(materials: Materials, layers: readonly Layer[]): Promise<ReturnType<typeof pile>> {
  const read: TreeLayer[] = [];
  for (const { ref, ...layer } of layers) read.push({ ...layer, files: (await readChanges(materials.objects, ref)).files });
  return pile(materials.base, read);
}

/** Links that a task made are not carried over: what they hide stays as it was, and each is told. */
function keepBehindLinks(
  scan: Scan,
  { found, tree, manifest }: { readonly found: Map<string, FileEntry>; readonly tree: Tree; readonly manifest: Manifest },
): readonly SkippedFile[] {
  const known = new Map(manifest.links.map((link) => [link.path, link.target]));
  const made = scan.links.filter((link) => known.get(link.path) !== link.target);
  for (const link of made) {
    for (const [file, entry] of tree) if (file === link.path || file.startsWith(`${link.path}/`)) found.set(file, entry);
  }
  return made.map((link) => ({ path: link.path, reason: "a link that the task made; links are not carried over" }));
}

async function prepareState(source: string, state: string): Promise<void> {
  if (!(await stat(source).catch(() => null))?.isDirectory()) {
    throw new WorkspaceError("WorkspaceMissing", `${source} is not a folder. Name the folder that the run shall work on.`);
  }
  await mkdir(state, { recursive: true, mode: 0o700 });
  // Copies of a repository inside that repository: git shall not see them.
  const ignore = path.join(state, ".gitignore");
  if (!(await lstat(ignore).catch(() => null))) await writeWhole(ignore, "*\n");
}

async function mustExist(folder: string, { run, attempt }: AttemptOptions): Promise<void> {
  if ((await stat(folder).catch(() => null))?.isDirectory()) return;
  throw new WorkspaceError("AttemptMissing", `Attempt ${attempt} of run ${run} has no copy. Prepare it first.`);
}

/** Ids become names of folders; `#` would end a URL, and tools make URLs of paths. */
function safeName(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._#-]{0,127}$/.test(id)) return id.replaceAll("#", "@");
  throw new WorkspaceError("BadName", `${JSON.stringify(id)} can't name a folder. Use letters, digits, ".", "_", "-" and "#".`);
}

function signalOf(options: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal };
}

async function guarded<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw workspaceErrorOf(error);
  }
}
