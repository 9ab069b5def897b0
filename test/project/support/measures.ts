// Rules about how files are written: sizes, escapes from the type system, suppressions, notes to self.
// Each takes parsed files and returns its offenders, one a line.
import { functionsOf, visit } from "./source.ts";
import type { SourceFile } from "./source.ts";

/** The functions that hold a chart's configuration, one long literal; excepted from the size of functions inside src/machines. */
export const chartFunctions: ReadonlySet<string> = new Set([
  "createOrchestrator",
  "createWorker",
  "createConversation",
  "orchestratorMachine",
  "orchestratorSetup",
  "workerMachine",
  "conversationMachine",
]);

/** Limits in lines of code (blank lines and comments don't count). */
export const limits = {
  file: { median: 120, p90: 300, max: 400 },
  function: { p99: 50, max: 60 },
  assertionsPerThousand: 5,
} as const;

/** Files over the limit, and the median and p90 where they are too high. */
export function bigFiles(files: readonly SourceFile[]): string[] {
  const sizes = files.map((file) => ({ name: file.path, codeLines: file.codeLines.size }));
  return tooBig(sizes, limits.file);
}

/** Functions over the limit, and the p99 where it is too high. */
export function bigFunctions(files: readonly SourceFile[]): string[] {
  const sizes = files.flatMap((file) =>
    functionsOf(file)
      .filter((one) => !(file.path.startsWith("src/machines/") && chartFunctions.has(one.name)))
      .map((one) => ({ name: `${file.path}:${one.line} ${one.name}`, codeLines: one.codeLines })),
  );
  return tooBig(sizes, limits.function);
}

/** Every `any`. */
export function anys(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) => {
    const found: string[] = [];
    visit(file, { TSAnyKeyword: (node) => void found.push(`${file.path}:${file.lineAt(node.start)} any`) });
    return found;
  });
}

/** Type assertions (`as const` aside), when there are more than allowed per thousand lines of code. */
export function assertions(files: readonly SourceFile[]): string[] {
  const found = files.flatMap((file) => assertionsOf(file));
  const lines = files.reduce((sum, file) => sum + file.codeLines.size, 0);
  const perThousand = (found.length / Math.max(lines, 1)) * 1000;
  if (perThousand <= limits.assertionsPerThousand) return [];
  return [`${found.length} assertions in ${lines} lines: ${perThousand.toFixed(1)} per thousand`, ...found];
}

/** Suppressions that do not say why: after the directive and its rules, `--` (for `@ts-` directives a space will do) and a few words. */
export function baselessSuppressions(files: readonly SourceFile[]): string[] {
  const directive = /(?:oxlint|eslint)-disable|@ts-(?:ignore|nocheck|expect-error)|(?:oxfmt|prettier|v8|c8|istanbul)[ -]ignore/;
  const reasoned = /--\s*\S+\s+\S+\s+\S+|@ts-[a-z-]+:?\s+\S+\s+\S+/;
  return files.flatMap((file) =>
    file.comments
      .filter((comment) => directive.test(comment.value) && !reasoned.test(comment.value))
      .map((comment) => `${file.path}:${file.lineAt(comment.start)} ${comment.value.trim()}`),
  );
}

/** Notes to self. */
export function notesToSelf(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    file.comments
      .filter((comment) => /\b(?:TODO|FIXME|XXX|HACK)\b/.test(comment.value))
      .map((comment) => `${file.path}:${file.lineAt(comment.start)} ${comment.value.trim().slice(0, 80)}`),
  );
}

/** Timed operators of rxjs that are given no scheduler: they would run on the real clock. */
export function unscheduledStreams(files: readonly SourceFile[]): string[] {
  const timed = /^(?:timer|interval|timeout|delay|(?:debounce|throttle|audit|sample|buffer|window)Time|timeInterval|timestamp)$/;
  return files.flatMap((file) => {
    const entries = file.parsed.module.staticImports
      .filter((one) => one.moduleRequest.value === "rxjs")
      .flatMap((one) => one.entries);
    const names = new Set(entries.filter((one) => timed.test(one.importName.name ?? "")).map((one) => one.localName.value));
    const found: string[] = [];
    if (names.size === 0) return found;
    visit(file, {
      CallExpression: (node) => {
        if (node.callee.type !== "Identifier" || !names.has(node.callee.name)) return;
        if (!/scheduler/i.test(file.text.slice(node.callee.end, node.end))) {
          found.push(`${file.path}:${file.lineAt(node.start)} ${node.callee.name}() without a scheduler`);
        }
      },
    });
    return found;
  });
}

function assertionsOf(file: SourceFile): string[] {
  const found: string[] = [];
  const add = (node: { start: number; end: number }) => {
    found.push(
      `${file.path}:${file.lineAt(node.start)} ${file.text.slice(node.start, node.end).replaceAll(/\s+/g, " ").slice(-60)}`,
    );
  };
  visit(file, {
    TSAsExpression: (node) => {
      const constant = file.text.slice(node.typeAnnotation.start, node.typeAnnotation.end) === "const";
      if (!constant) add(node);
    },
    TSTypeAssertion: add,
  });
  return found;
}

interface Sized {
  readonly name: string;
  readonly codeLines: number;
}

function tooBig(
  sizes: readonly Sized[],
  allowed: Readonly<Partial<Record<"median" | "p90" | "p99", number>> & { max: number }>,
): string[] {
  const sorted = sizes.toSorted((left, right) => right.codeLines - left.codeLines);
  const over = sorted.filter((one) => one.codeLines > allowed.max).map((one) => `${one.name}: ${one.codeLines} lines of code`);
  const shares = { median: 0.5, p90: 0.9, p99: 0.99 } as const;
  const quantiles = (["median", "p90", "p99"] as const).flatMap((name) => {
    const limit = allowed[name];
    const size = sorted[Math.floor((1 - shares[name]) * sorted.length)]?.codeLines ?? 0;
    if (limit === undefined || size <= limit) return [];
    const largest = sorted.filter((one) => one.codeLines > limit && one.codeLines <= allowed.max).slice(0, 20);
    return [`${name} is ${size}, allowed ${limit}`, ...largest.map((one) => `  ${one.name}: ${one.codeLines}`)];
  });
  return [...over, ...quantiles];
}
