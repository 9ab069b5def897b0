// What the documents say is true: TypeScript blocks compile (marked `run`: are executed, too), links lead somewhere, commands exist.
//   ```ts       is type-checked as a module of its own
//   ```ts run   is type-checked and executed
//   ```ts skip  is neither (a fragment, a signature)
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { brokenLinks, fencesOf, unknownCommands } from "./support/documents.ts";
import type { Document, Fence } from "./support/documents.ts";
import { readPackage } from "./support/package.ts";
import { filesUnder, projectRoot, readSources, readText } from "./support/source.ts";

const documents: Document[] = [...filesUnder("."), ...filesUnder("docs")]
  .map((file) => file.replace(/^\.\//, ""))
  .filter((file, index, all) => /^(?:[^/]+|docs\/.+)\.md$/.test(file) && all.indexOf(file) === index)
  .map((file) => ({ path: file, text: readText(file) }));
const fences = documents.flatMap((document) => fencesOf(document)).filter((fence) => isTypeScript(fence));

let scratch = "";

beforeAll(() => {
  // Outside of the project, so that no other check stumbles over it; the link makes packages resolve as they do in the project.
  scratch = realpathSync(mkdtempSync(path.join(tmpdir(), "quatrain-docs-")));
  symlinkSync(path.join(projectRoot, "node_modules"), path.join(scratch, "node_modules"), "dir");
  writeFileSync(path.join(scratch, "package.json"), JSON.stringify({ type: "module" }));
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
});

describe("the documents", () => {
  it("have TypeScript blocks that compile", async () => {
    const report = fences.length === 0 ? "" : await compile("docs", fences);
    expect(report).toBe("");
  });

  it.each(fences.filter((fence) => fence.marks.includes("run")))("$document:$line runs", async (fence) => {
    const log = vi.spyOn(console, "log").mockImplementation(() => undefined);
    // What a document leaves in the temporary folder goes away with the scratch.
    vi.stubEnv("TMPDIR", scratch);
    try {
      await import(/* @vite-ignore */ pathToFileURL(write("run", fence)).href);
    } finally {
      log.mockRestore();
      vi.unstubAllEnvs();
    }
  });

  it("link only to what exists", () => {
    expect(brokenLinks(documents, (file) => existsSync(path.join(projectRoot, file)))).toEqual([]);
  });

  it("name only commands that exist", () => {
    const known = { scripts: new Set(Object.keys(readPackage().scripts)), commands: commandsOfCommandLine() };
    if (known.commands.size === 0) return;
    expect(documents.flatMap((document) => unknownCommands(document, known))).toEqual([]);
  });
});

describe("the rules find what was planted", () => {
  const document = (text: string): Document => ({ path: "docs/a.md", text });
  const known = { scripts: new Set(["build"]), commands: new Set(["run"]) };

  it("a block that does not compile", async () => {
    const [fence] = fencesOf(document("# A\n\n```ts\nconst a: number = 'no';\nexport {};\n```\n"));
    expect(await compile("planted", fence ? [fence] : [])).toMatch(/docs\/a\.md:4.*not assignable/);
  });

  it("blocks with their language, marks and lines, also indented or nested", () => {
    const found = fencesOf(document("````md\n```ts\n```\n````\n- x\n  ```ts run\n  f();\n  ```\n"));
    expect(found.map(({ line, language, marks, code }) => ({ line, language, marks, code }))).toEqual([
      { line: 1, language: "md", marks: [], code: "```ts\n```\n" },
      { line: 6, language: "ts", marks: ["run"], code: "f();\n" },
    ]);
  });

  it("links to a missing file and to a missing heading", () => {
    const text = "# The `one` & only\n[a](gone.md) [b](#the-one--only) [c](#two) [d](https://x.y) `[e](gone.md)`";
    expect(brokenLinks([document(text)], (file) => file === "docs/a.md")).toEqual([
      "docs/a.md links to gone.md, which does not exist",
      "docs/a.md links to #two: no such heading",
    ]);
  });

  it("scripts and commands that do not exist", () => {
    const text = "`npm run build` `npm run gone`\n```sh\n$ quatrain run x\nquatrain fly\nnpm run build && npm run -s away\n```\n";
    expect(unknownCommands(document(text), known).toSorted()).toEqual([
      "docs/a.md: npm run away",
      "docs/a.md: npm run gone",
      "docs/a.md: quatrain fly",
    ]);
  });
});

function isTypeScript(fence: Fence): boolean {
  return /^(?:ts|tsx|typescript)$/.test(fence.language) && !fence.marks.includes("skip");
}

/** Writes a block so that the lines of its file are those of its document. */
function write(folder: string, fence: Fence): string {
  const name = `${fence.document.replaceAll(/[^\w]+/g, "-")}-${fence.line}.${fence.language === "tsx" ? "tsx" : "ts"}`;
  mkdirSync(path.join(scratch, folder), { recursive: true });
  const file = path.join(scratch, folder, name);
  writeFileSync(file, `${"\n".repeat(fence.line)}${fence.code}export {};\n`);
  return file;
}

/** Type-checks all blocks in one call; returns the compiler's words with documents in place of files. */
async function compile(folder: string, blocks: readonly Fence[]): Promise<string> {
  const files = new Map(blocks.map((fence) => [path.basename(write(folder, fence)), fence.document]));
  const source = (inside: string) => path.join(projectRoot, "src", inside);
  const options = {
    extends: path.join(projectRoot, "tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      allowImportingTsExtensions: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
      typeRoots: [path.join(projectRoot, "node_modules/@types")],
      paths: { quatrain: [source("index.ts")], "quatrain/*": [source("*/index.ts")] },
    },
    include: [`${folder}/*`],
  };
  const config = path.join(scratch, `tsconfig.${folder}.json`);
  writeFileSync(config, JSON.stringify(options));
  const output = await tsc(config);
  return output.replaceAll(/(?:^|(?<=\n))\S*?([\w-]+\.tsx?)\((\d+),\d+\)/g, (whole, name: string, line: string) => {
    const named = files.get(name);
    return named === undefined ? whole : `${named}:${line}`;
  });
}

function tsc(config: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const launcher = path.join(projectRoot, "tools/node.mjs");
    const child = spawn(process.execPath, [launcher, "tsc", "-p", config], {
      cwd: projectRoot,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject);
    child.on("close", () => resolve(output));
  });
}

/** The commands that the command line declares, read from its sources: `.command("run <request>")`. */
function commandsOfCommandLine(): ReadonlySet<string> {
  const text = readSources(["src/cli"])
    .map((file) => file.text)
    .join("\n");
  return new Set([...text.matchAll(/(?:\.command|new Command)\(\s*["'`]([a-z][\w-]*)/g)].map((match) => match[1] ?? ""));
}
