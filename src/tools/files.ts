// The file tools, bound to one workspace copy per call: read, write, edit and grep on the official toolset, glob on tinyglobby.
//   F1  Nothing outside the root is read, written or named; links count by where they lead.
//   F2  Deny rules hold for real paths, and for what a search finds.
//   F3  The model sees workspace-relative paths only.
// Left open: between the check and the use a process inside the workspace could swap a folder for a link. Only bash can
// do that, and bash alone can do more; a sandbox has to hold both.
import { readdir, readFile, realpath, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { PermissionRules } from "../protocol/command.ts";
import { defineTool, errorResult } from "./define-tool.ts";
import { deniedBy, placeOf, refuseSpecial, Refusal } from "./place.ts";
import type { Place, Toolset } from "./place.ts";
import type { Tool, ToolEnvironment, ToolResult } from "./port.ts";

/** Makes the five file tools; `rules` are those whose deny list guards the files. */
export function fileTools(rules: PermissionRules): readonly Tool[] {
  return [readTool(rules), writeTool(rules), editTool(rules), globTool(rules), grepTool(rules)];
}

const filePath = z.string().describe("Path of the file, relative to the workspace.");

function readTool(rules: PermissionRules): Tool {
  return defineTool({
    name: "read",
    description:
      "Reads a UTF-8 text file of the workspace. Files over 256 KiB need view_range; of more than 64 KiB of text only the beginning and the end are shown, so use view_range to see the middle.",
    class: "pure",
    input: z.strictObject({
      file_path: filePath,
      view_range: z
        .array(z.int())
        .length(2)
        .optional()
        .describe("First and last line, counted from 1; -1 as last line means to the end."),
    }),
    run: (input, environment) =>
      onPlace({ name: "read", path: input.file_path, rules, environment }, async (use) => ok(await use(input))),
  });
}

function writeTool(rules: PermissionRules): Tool {
  return defineTool({
    name: "write",
    description:
      "Creates a text file of the workspace, or replaces it whole. Missing folders are made. To change a part of a file use edit.",
    class: "idempotent",
    input: z.strictObject({ file_path: filePath, content: z.string().describe("The whole new content.") }),
    run: (input, environment) =>
      onPlace({ name: "write", path: input.file_path, rules, environment }, async (use, place) => {
        if (place.relative === ".") throw new Refusal("write: file_path names the workspace itself, not a file");
        if (environment.recovering) await clearCutWrites(place);
        return { ...ok(await use(input)), files: [place.relative] };
      }),
  });
}

function editTool(rules: PermissionRules): Tool {
  return defineTool({
    name: "edit",
    description:
      "Replaces a piece of text in a file of the workspace. old_string must be in the file exactly once, character for character (or use replace_all).",
    class: "verifiable",
    input: z.strictObject({
      file_path: filePath,
      old_string: z.string().min(1).describe("The text to replace, with enough around it to be unique."),
      new_string: z.string().describe("The text to put in its place."),
      replace_all: z.boolean().optional().describe("Replace every occurrence."),
    }),
    run: (input, environment) =>
      onPlace({ name: "edit", path: input.file_path, rules, environment }, async (use, place) => {
        if (environment.recovering) await clearCutWrites(place);
        if (environment.recovering && (await isApplied(place.real, input))) {
          return { ...ok(`edited ${place.relative} (the change was already there)`), files: [place.relative] };
        }
        return { ...ok(await use(input)), files: [place.relative] };
      }),
  });
}

function globTool(rules: PermissionRules): Tool {
  return defineTool({
    name: "glob",
    description:
      "Lists files of the workspace by a pattern such as src/**/*.ts, sorted by path, at most 200. Skips .git and node_modules.",
    class: "pure",
    input: z.strictObject({
      pattern: z.string().min(1).describe("Glob pattern, relative to path."),
      path: z.string().optional().describe("Folder to look in. Default: the whole workspace."),
    }),
    run: (input, environment) =>
      onPlace({ name: "glob", path: input.path ?? ".", rules, environment }, async (_use, place) => {
        await refuseSpecial("glob", place);
        const found = await filesMatching(input.pattern, place);
        const shown = found.filter((file) => deniedBy(rules, { tool: "glob", path: file }) === null);
        const more = shown.length > MOST_FILES ? [`(${shown.length - MOST_FILES} more files; use a narrower pattern)`] : [];
        return ok(shown.length > 0 ? [...shown.slice(0, MOST_FILES), ...more].join("\n") : "no matches");
      }),
  });
}

/** Workspace-relative paths, sorted. The official tool rests on Node's own glob, which warns of itself on Node 22. */
async function filesMatching(pattern: string, place: Place): Promise<readonly string[]> {
  const words = pattern.split(/[\\/]/);
  if (pattern.startsWith("/") || words.includes("..") || /^[A-Za-z]:/.test(pattern))
    throw new Refusal(`glob: the pattern ${JSON.stringify(pattern.slice(0, 200))} leads outside; use one relative to path`);
  const { glob } = await import("tinyglobby");
  const found = await glob(pattern, {
    cwd: place.real,
    dot: true,
    onlyFiles: true,
    followSymbolicLinks: false,
    expandDirectories: false,
    ignore: ["**/.git/**", "**/node_modules/**"],
  });
  // A pattern that spells out a linked folder is followed all the same; what lies behind a link is left out here.
  const folders = new Map<string, Promise<boolean>>();
  const isPlain = (folder: string): Promise<boolean> => {
    const real = path.join(place.real, folder);
    const known =
      folders.get(folder) ??
      realpath(real).then(
        (target) => target === real,
        () => false,
      );
    folders.set(folder, known);
    return known;
  };
  const plain = await Promise.all(found.map((file) => isPlain(path.dirname(file))));
  const inside = found.filter((_file, at) => plain[at]);
  return inside.map((file) => (place.relative === "." ? file : `${place.relative}/${file}`)).toSorted();
}

function grepTool(rules: PermissionRules): Tool {
  return defineTool({
    name: "grep",
    description:
      "Searches the files of the workspace for a regular expression; answers file:line:text. Skips .git and node_modules.",
    class: "pure",
    input: z.strictObject({
      pattern: z.string().min(1).describe("Regular expression, matched line by line."),
      path: z.string().optional().describe("File or folder to search. Default: the whole workspace."),
    }),
    run: (input, environment) =>
      onPlace({ name: "grep", path: input.path ?? ".", rules, environment }, async (use, place) => {
        await refuseSpecial("grep", place);
        const found = (await use({ ...input, path: place.real })).split("\n");
        const shown = found.filter((line) => deniedBy(rules, { tool: "read", path: line.split(/:\d+:/, 1)[0] || "." }) === null);
        return ok(shown.length > 0 ? byFile(shown).join("\n") : "no matches");
      }),
  });
}

/** Lines sorted by the file that they begin with; lines of one file keep their order, remarks stay last. */
function byFile(lines: readonly string[]): readonly string[] {
  const fileOf = (line: string): string => (/^[[(…]/.test(line) ? "\uffff" : (line.split(/:\d+:/, 1)[0] ?? line));
  return lines.toSorted((a, b) => (fileOf(a) < fileOf(b) ? -1 : fileOf(a) > fileOf(b) ? 1 : 0));
}

/** Most files that glob lists. */
const MOST_FILES = 200;

interface FileCall {
  readonly name: string;
  readonly path: string;
  readonly rules: PermissionRules;
  readonly environment: ToolEnvironment;
}

type Use = (input: Readonly<Record<string, unknown>>) => Promise<string>;

/** Finds the place of a call, hands the official tool to `act`, and turns what is thrown into an error result. */
async function onPlace(call: FileCall, act: (use: Use, place: Place) => Promise<ToolResult>): Promise<ToolResult> {
  const { signal } = call.environment;
  try {
    const toolset = await import("@anthropic-ai/sdk/tools/agent-toolset/node");
    const place = await placeOf(call, call.environment, { toolset, rules: call.rules });
    signal.throwIfAborted();
    return await act((input) => useOfficial(toolset, { call, place, input }), place);
  } catch (error) {
    signal.throwIfAborted();
    return errorResult(messageOf(error).replaceAll(call.environment.root || "\0", "."));
  }
}

async function useOfficial(
  toolset: Toolset,
  { call, place, input }: { readonly call: FileCall; readonly place: Place; readonly input: Readonly<Record<string, unknown>> },
): Promise<string> {
  const tool = toolset.betaAgentToolset20260401({ workdir: place.root }).find((one) => "name" in one && one.name === call.name);
  if (!tool) throw new Refusal(`${call.name}: the official toolset has no such tool`);
  // A border: of the context these tools read the signal only, and the rest of it belongs to a runner that we have not.
  const run = tool.run as (input: unknown, context: { readonly signal: AbortSignal }) => unknown;
  const checked = "file_path" in input ? { ...input, file_path: place.relative } : input;
  const content = await run(checked, { signal: call.environment.signal });
  if (typeof content !== "string") throw new Refusal(`${call.name}: the official tool answered with something other than text`);
  return call.name === "glob" || call.name === "grep" ? withoutRoot(content, place.root) : content;
}

function withoutRoot(text: string, root: string): string {
  const prefix = root.endsWith(path.sep) ? root : root + path.sep;
  return text
    .split("\n")
    .map((line) => (line.startsWith(prefix) ? line.slice(prefix.length) : line))
    .join("\n");
}

/** The official tools write beside the file first. A killed process leaves that piece behind, and it would be taken for work. */
async function clearCutWrites(place: Place): Promise<void> {
  const folder = path.dirname(place.real);
  const names = await readdir(folder).catch(() => []);
  const cut = names.filter((name) => /^\.tmp-\d+-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(name));
  await Promise.all(cut.map((name) => rm(path.join(folder, name), { force: true })));
}

/**
 * True when the change of an edit is in the file already: the new text is there, and no old text is left outside of it.
 * A file that held exactly that before the edit can't be told apart; the edit is then taken as done.
 */
async function isApplied(real: string, edit: { readonly old_string: string; readonly new_string: string }): Promise<boolean> {
  const text = await readFile(real, "utf8").catch(() => null);
  if (text === null) return false;
  const pieces = edit.new_string === "" ? [text] : text.split(edit.new_string);
  const isThere = edit.new_string === "" || pieces.length > 1;
  return isThere && pieces.every((piece) => !piece.includes(edit.old_string));
}

function ok(content: string): ToolResult {
  return { content, isError: false };
}
