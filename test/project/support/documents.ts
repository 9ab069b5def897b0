// Reads Markdown as data: code fences, links, commands.
import path from "node:path";

/** A Markdown file, its path relative to the project. */
export interface Document {
  readonly path: string;
  readonly text: string;
}

/** A fenced block: ```` ```ts run ```` has language `ts` and mark `run`. */
export interface Fence {
  readonly document: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly marks: readonly string[];
  readonly code: string;
}

/** The fenced blocks of a document, in order; the indentation of the opening fence is taken off. */
export function fencesOf(document: Document): Fence[] {
  const found: Fence[] = [];
  let open:
    | {
        readonly indent: string;
        readonly marker: string;
        readonly info: readonly string[];
        readonly line: number;
        lines: string[];
      }
    | undefined;
  for (const [index, line] of document.text.split("\n").entries()) {
    const match = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line);
    if (open && match?.[2]?.startsWith(open.marker) && match[3]?.trim() === "") {
      const [language = "", ...marks] = open.info;
      found.push({ document: document.path, line: open.line, language, marks, code: `${open.lines.join("\n")}\n` });
      open = undefined;
    } else if (open) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line.trimStart());
    } else if (match) {
      const info = (match[3] ?? "").trim().split(/\s+/);
      open = { indent: match[1] ?? "", marker: match[2] ?? "```", info, line: index + 1, lines: [] };
    }
  }
  return found;
}

/** Relative links that lead to no file, or to no heading of their file. `exists` tells of any path of the project. */
export function brokenLinks(documents: readonly Document[], exists: (file: string) => boolean): string[] {
  const headings = new Map(documents.map((document) => [document.path, new Set(anchorsOf(document))]));
  return documents.flatMap((document) =>
    linksOf(document).flatMap((link) => {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? document.path : path.posix.join(path.posix.dirname(document.path), file);
      if (!exists(target)) return [`${document.path} links to ${link}, which does not exist`];
      const known = headings.get(target);
      return anchor === undefined || !known || known.has(anchor) ? [] : [`${document.path} links to ${link}: no such heading`];
    }),
  );
}

/** Commands of shell blocks and inline code that are neither a script of package.json nor a command of the command line. */
export function unknownCommands(
  document: Document,
  known: { scripts: ReadonlySet<string>; commands: ReadonlySet<string> },
): string[] {
  return commandLines(document).flatMap((line) => {
    const scripts = [...line.matchAll(/(?:^|[\s&|;(])npm run (?:-s |--silent )?([\w:-]+)/g)].map((match) => match[1] ?? "");
    const command =
      /^(?:npx )?quatrain ([a-z][\w-]*)/.exec(line)?.[1] ?? /npm run (?:-s )?quatrain -- ([a-z][\w-]*)/.exec(line)?.[1];
    return [
      ...scripts.filter((script) => !known.scripts.has(script)).map((script) => `${document.path}: npm run ${script}`),
      ...(command !== undefined && !known.commands.has(command) ? [`${document.path}: quatrain ${command}`] : []),
    ];
  });
}

function commandLines(document: Document): string[] {
  const shells = new Set(["sh", "bash", "shell", "console", "zsh"]);
  const blocks = fencesOf(document).filter((fence) => shells.has(fence.language));
  const inline = [...prose(document).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
  return [...blocks.flatMap((fence) => fence.code.split("\n")), ...inline].map((line) => line.replace(/^\s*(?:\$ )?/, ""));
}

function linksOf(document: Document): string[] {
  const text = prose(document).replaceAll(/`[^`\n]*`/g, "");
  const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g)].map((match) => match[1] ?? "");
  const referenced = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map((match) => match[1] ?? "");
  return [...inline, ...referenced].filter((link) => !/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(link)).map((link) => decodeURI(link));
}

/** Headings as a forge names them: lower case, punctuation dropped, blanks to hyphens, repeats numbered. */
function anchorsOf(document: Document): string[] {
  const counts = new Map<string, number>();
  return [...prose(document).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map((match) => {
    const plain = (match[1] ?? "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
    const anchor = plain
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-");
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    return count === 0 ? anchor : `${anchor}-${count}`;
  });
}

/** The text without its fenced blocks. */
function prose(document: Document): string {
  const fenced = new Set(
    fencesOf(document).flatMap((fence) =>
      Array.from({ length: fence.code.split("\n").length + 1 }, (_, index) => fence.line + index),
    ),
  );
  return document.text
    .split("\n")
    .map((line, index) => (fenced.has(index + 1) ? "" : line))
    .join("\n");
}
