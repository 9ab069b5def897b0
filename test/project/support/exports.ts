// Follows what a door exports to where it is declared, and says which declarations lack a doc comment.
import type { SourceFile } from "./source.ts";

/** Exports that a door reaches and whose declaration has no doc comment, and names that lead nowhere. */
export function undocumentedExports(files: readonly SourceFile[], door: string): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const found = new Set<string>();
  const seen = new Set<string>();
  // `name` undefined: every export of the file.
  const follow = (path: string, name: string | undefined): void => {
    if (seen.has(`${path} ${name}`)) return;
    seen.add(`${path} ${name}`);
    const file = byPath.get(path);
    if (!file) return void found.add(`${door}: exports from ${path}, which does not exist`);
    const matches = exportsOf(file).filter((one) => name === undefined || one.name === name || one.name === undefined);
    if (name !== undefined && matches.length === 0) found.add(`${door}: ${path} has no export ${name}`);
    for (const match of matches) judge(file, match, match.name ?? name);
  };
  const judge = (file: SourceFile, one: Exported, name: string | undefined): void => {
    const target = one.from === undefined ? undefined : targetOf(file, one.from);
    if (target !== undefined) return follow(target, one.name === undefined ? name : one.original);
    // A re-export from another package is documented there.
    if (one.from !== undefined) return;
    const local = one.original ?? one.name ?? "";
    const imported = importOf(file, local);
    if (imported) return void (imported.target !== undefined && follow(imported.target, imported.name));
    if (!isDocumented(file, local)) found.add(`${file.path}: ${local}`);
  };
  follow(door, undefined);
  return [...found];
}

interface Exported {
  /** Undefined for `export *`. */
  readonly name: string | undefined;
  /** The name at its origin; undefined for `export * as name`. */
  readonly original: string | undefined;
  readonly from: string | undefined;
}

function exportsOf(file: SourceFile): Exported[] {
  return file.parsed.module.staticExports
    .flatMap((statement) => statement.entries)
    .map((entry) => ({
      name: entry.exportName.name ?? (entry.moduleRequest ? undefined : "default"),
      original: entry.importName.name ?? entry.localName.name ?? undefined,
      from: entry.moduleRequest?.value,
    }));
}

function importOf(file: SourceFile, local: string): { target: string | undefined; name: string | undefined } | undefined {
  for (const statement of file.parsed.module.staticImports) {
    const entry = statement.entries.find((one) => one.localName.value === local);
    if (entry) return { target: targetOf(file, statement.moduleRequest.value), name: entry.importName.name ?? undefined };
  }
  return undefined;
}

function targetOf(file: SourceFile, specifier: string): string | undefined {
  return file.imports.find((edge) => edge.specifier === specifier)?.target;
}

/** True where one of the statements that declare the name (overloads, a type and a value) follows a doc comment. */
function isDocumented(file: SourceFile, name: string): boolean {
  return file.parsed.program.body.some((statement) => {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (!declaration || !declaredNames(declaration).includes(name)) return false;
    return file.comments.some(
      (comment) =>
        comment.type === "Block" &&
        /^\*\s*\S+\s+\S+/.test(comment.value) &&
        comment.end <= statement.start &&
        file.text.slice(comment.end, statement.start).trim() === "",
    );
  });
}

function declaredNames(node: SourceFile["parsed"]["program"]["body"][number]): string[] {
  if (node.type === "VariableDeclaration")
    return node.declarations.flatMap((one) => (one.id.type === "Identifier" ? [one.id.name] : []));
  return "id" in node && node.id?.type === "Identifier" ? [node.id.name] : [];
}
