// The list of what is wrong with a draft while it grows, and how values of the draft are shown in it. Drafts are
// untrusted: what is quoted is cut short and has its invisible characters spelled out.
import { nearest, oneLine } from "../core/text.ts";
import type { PlanIssue } from "../protocol/plan.ts";
import { foldLooks } from "./labels.ts";

/** More issues of one code than this are not listed: nobody repairs from a thousand lines. */
const MOST_PER_CODE = 200;
/** Suggestions cost an edit distance per candidate, so that only this many words get one. */
const MOST_SUGGESTIONS = 30;
/** Values nested deeper than this are neither read nor shown: writing them as JSON could exhaust the stack. */
const DEEPEST = 64;
const MOST_NAMES = 50;

const INVISIBLE = /[^\P{Zs} ]|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** Collects issues, at most 200 of each code. */
export class IssueList {
  readonly #issues: PlanIssue[] = [];
  readonly #counts = new Map<PlanIssue["code"], number>();

  /** Adds an issue about the plan as a whole, or about the task of that label. */
  add(code: PlanIssue["code"], message: string, label?: string): void {
    const count = (this.#counts.get(code) ?? 0) + 1;
    this.#counts.set(code, count);
    if (count > MOST_PER_CODE) return;
    const shown = oneLine(label ?? "", 60).replaceAll(/\p{Cs}/gu, "\ufffd");
    this.#issues.push(shown ? { code, task: shown, message } : { code, message });
  }

  /** True while nothing is wrong. */
  get isEmpty(): boolean {
    return this.#issues.length === 0;
  }

  /** What was added, in that order. */
  get all(): readonly PlanIssue[] {
    return this.#issues;
  }
}

/** A value as JSON on one line, cut to `length` characters, with invisible characters spelled out. */
export function quote(value: unknown, length = 60): string {
  if (isTooNested(value)) return "a value nested more than 64 deep";
  const text = typeof value === "string" ? JSON.stringify(value.slice(0, length + 1)) : (JSON.stringify(value) ?? "nothing");
  const cut = text.length > length + 2 ? `${text.slice(0, length)}…` : text;
  return cut.replaceAll(INVISIBLE, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`);
}

/** True for JSON that is nested more than 64 deep. */
export function isTooNested(value: unknown, depth = 0): boolean {
  if (typeof value !== "object" || value === null) return false;
  return depth >= DEEPEST || Object.values(value).some((inner) => isTooNested(inner, depth + 1));
}

/** Names as a list, the first fifty of them. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map((name) => quote(name));
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}

/** Answers ` Did you mean "x"?` for a word that looks like one of the candidates or is near it, else an empty text. */
export function suggester(candidates: readonly string[]): (word: string) => string {
  const known = new Map<string, string>();
  const short = candidates.slice(0, 4 * MOST_NAMES).map((candidate) => candidate.slice(0, 80));
  const byLooks = new Map(short.map((candidate) => [foldLooks(candidate), candidate]));
  const find = (word: string): string | undefined => {
    const twin = byLooks.get(foldLooks(word));
    // Among words of one or two letters everything is near to everything.
    if (twin !== undefined || word.length < 3) return twin;
    return nearest(
      word,
      short.filter((candidate) => Math.abs(candidate.length - word.length) <= Math.max(2, candidate.length / 3)),
    );
  };
  return (word) => {
    const before = known.get(word);
    if (before !== undefined) return before;
    if (known.size >= MOST_SUGGESTIONS) return "";
    const found = find(word.slice(0, 80));
    const text = found === undefined ? "" : ` Did you mean ${quote(found)}?`;
    known.set(word, text);
    return text;
  };
}

/** The issues as a text that asks for a corrected plan; at most fifty of them, each on one line. */
export function describeIssues(issues: readonly PlanIssue[]): string {
  const lines = issues.slice(0, MOST_NAMES).map(({ code, message }) => `- ${code}: ${message}`);
  const rest = issues.length - lines.length;
  const more = rest > 0 ? [`- … and ${rest} more of these kinds.`] : [];
  const count = issues.length === 1 ? "one issue" : `${issues.length} issues`;
  return [`The plan has ${count}. Mend all of it and write the whole plan again.`, ...lines, ...more].join("\n");
}
