// Reads sources as data for the project-wide checks: imports, comments, sizes. Paths are relative to the project, with `/`.
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "oxc-parser";
import type { Comment, ParseResult, VisitorObject } from "oxc-parser";

/** The folder that holds package.json. */
export const projectRoot = fileURLToPath(new URL("../../..", import.meta.url)).replace(/[\\/]$/, "");

/** One `import`, `export … from` or `import()` of a file. */
export interface ImportEdge {
  readonly specifier: string;
  /** The file that a relative specifier names, relative to the project; undefined for packages. */
  readonly target: string | undefined;
  readonly line: number;
  readonly kind: "static" | "dynamic" | "type";
}

/** A function with its name (or the kind of its node) and its lines of code. */
export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly codeLines: number;
}

/** One parsed source file. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly parsed: ParseResult;
  readonly imports: readonly ImportEdge[];
  readonly comments: readonly Comment[];
  /** Line numbers (from 1) that hold code: not blank, not only comment. */
  readonly codeLines: ReadonlySet<number>;
  lineAt(offset: number): number;
}

/** Parses one file; throws when it is not valid TypeScript. */
export function parseSource(file: string, text: string): SourceFile {
  const parsed = parseSync(file, text);
  const problem = parsed.errors[0];
  if (problem) throw new Error(`${file} does not parse: ${problem.message}`);
  const lineAt = lineFinder(text);
  return {
    path: file,
    text,
    parsed,
    imports: importsOf(file, text, { parsed, lineAt }),
    comments: parsed.comments,
    codeLines: codeLinesOf(text, parsed.comments),
    lineAt,
  };
}

/** Parses every file under the folders (relative to the project) with one of the extensions; a missing folder is empty. */
export function readSources(folders: readonly string[], extensions: readonly string[] = [".ts", ".tsx"]): SourceFile[] {
  return folders
    .flatMap((folder) => filesUnder(folder))
    .filter((file) => extensions.some((extension) => file.endsWith(extension)))
    .map((file) => parseSource(file, readText(file)));
}

/** Every file under a folder of the project, sorted; generated and installed folders left out. */
export function filesUnder(folder: string): string[] {
  const skipped = new Set(["node_modules", "dist", "fixtures", ".git", ".quatrain"]);
  return entriesOf(folder).flatMap((entry) => {
    const inside = `${folder}/${entry.name}`;
    if (skipped.has(entry.name)) return [];
    return entry.isDirectory() ? filesUnder(inside) : [inside];
  });
}

/** The text of a file of the project. */
export function readText(file: string): string {
  return readFileSync(path.join(projectRoot, file), "utf8");
}

/** Runs a visitor of oxc-parser over a file's syntax tree. */
export function visit(file: SourceFile, visitor: VisitorObject): void {
  new Visitor(visitor).visit(file.parsed.program);
}

/** The functions of a file with the lines of code they span, inner functions included. */
export function functionsOf(file: SourceFile): FunctionSize[] {
  const found: FunctionSize[] = [];
  const names = new Map<number, string>();
  const add = (node: { start: number; end: number; id?: { name: string } | null }) => {
    const [from, to] = [file.lineAt(node.start), file.lineAt(node.end)];
    const codeLines = [...file.codeLines].filter((line) => line >= from && line <= to).length;
    found.push({ name: node.id?.name ?? names.get(node.start) ?? "(anonymous)", line: from, codeLines });
  };
  visit(file, {
    VariableDeclarator: (node) => {
      if (node.init && node.id.type === "Identifier") names.set(node.init.start, node.id.name);
    },
    MethodDefinition: (node) => {
      if (node.key.type === "Identifier") names.set(node.value.start, node.key.name);
    },
    Property: (node) => {
      if (node.key.type === "Identifier") names.set(node.value.start, node.key.name);
    },
    FunctionDeclaration: add,
    FunctionExpression: add,
    ArrowFunctionExpression: (node) => add({ start: node.start, end: node.end }),
  });
  return found;
}

function entriesOf(folder: string) {
  try {
    const entries = readdirSync(path.join(projectRoot, folder), { withFileTypes: true });
    return entries.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  } catch {
    return [];
  }
}

function importsOf(file: string, text: string, known: Pick<SourceFile, "parsed" | "lineAt">): ImportEdge[] {
  const edge = (specifier: string, start: number, kind: ImportEdge["kind"]): ImportEdge => {
    const target = specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : undefined;
    return { specifier, target, line: known.lineAt(start), kind };
  };
  const kindAt = (start: number) =>
    /^(?:import|export)\s+type\b(?!\s+from\b)/.test(text.slice(start, start + 40)) ? "type" : "static";
  const { staticImports, staticExports, dynamicImports } = known.parsed.module;
  const reexports = staticExports.flatMap((statement) => {
    const request = statement.entries.find((entry) => entry.moduleRequest)?.moduleRequest;
    return request ? [edge(request.value, statement.start, kindAt(statement.start))] : [];
  });
  const typeQueries: ImportEdge[] = [];
  if (/\bimport\(/.test(text)) {
    new Visitor({
      TSImportType: (node) => void typeQueries.push(edge(node.source.value, node.start, "type")),
    }).visit(known.parsed.program);
  }
  return [
    ...staticImports.map((one) => edge(one.moduleRequest.value, one.start, kindAt(one.start))),
    ...reexports,
    ...dynamicImports.map((one) => {
      const written = text.slice(one.moduleRequest.start, one.moduleRequest.end);
      return edge(/^["'`].*["'`]$/s.test(written) ? written.slice(1, -1) : "(computed)", one.start, "dynamic");
    }),
    ...typeQueries,
  ];
}

function codeLinesOf(text: string, comments: readonly Comment[]): Set<number> {
  let bare = text;
  for (const { start, end } of comments) {
    bare = bare.slice(0, start) + bare.slice(start, end).replaceAll(/[^\n]/g, " ") + bare.slice(end);
  }
  return new Set(bare.split("\n").flatMap((line, index) => (line.trim() === "" ? [] : [index + 1])));
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0, ...[...text.matchAll(/\n/g)].map((match) => match.index + 1)];
  return (offset) => {
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low + 1;
  };
}
