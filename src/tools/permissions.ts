// What is allowed, asked and denied: rules as data and one pure function that fails closed.
//   R1  Deny beats ask beats allow; what no rule matches is asked.
//   R2  One rule that can't be read denies everything: a typing error never opens a door.
//   R3  Deny and ask rules match generously (case, folders with all inside), allow rules exactly.
//   R4  A command that a shell would take apart is never allowed by its beginning, nor past a rule about a beginning.
import { z } from "zod";
import { QuatrainError } from "../core/errors.ts";
import type { PermissionRules } from "../protocol/command.ts";
import { readPath } from "./paths.ts";
import { pathTools, readRule } from "./rules.ts";
import type { Rule } from "./rules.ts";
import { matchesPath } from "./wildcard.ts";

/** What the rules say about a call, and which rule said it. */
export interface Permission {
  readonly decision: "allow" | "ask" | "deny";
  /** The rule as written, or a sentence where no rule decided. */
  readonly rule: string;
}

const guarded = [".git", ".quatrain", ".env*"];

/**
 * Files may be read and changed (in the task's copy), all else is asked: bash, too, as no rule names it. Denied at any
 * depth are `.git`, `.quatrain` and `.env*`.
 */
export const defaultPermissions: PermissionRules = {
  allow: ["read", "glob", "grep", "write", "edit"],
  ask: [],
  deny: ["read", "write", "edit"].flatMap((tool) => guarded.map((pattern) => `${tool}(${pattern})`)),
};

/**
 * Decides about a call. Total: never throws, whatever the input or the rules are. Paths are taken as words (relative, or
 * absolute below `root`); the toolbox asks again with the real path, after links are resolved.
 */
export function permit(
  call: { readonly name: string; readonly input: unknown },
  rules: PermissionRules,
  options: { readonly root?: string } = {},
): Permission {
  const read = { deny: readAll(rules.deny), ask: readAll(rules.ask), allow: readAll(rules.allow) };
  const broken = [read.deny, read.ask, read.allow].find((list) => list.unreadable !== null);
  if (broken?.unreadable) return { decision: "deny", rule: broken.unreadable };

  const tool = call.name.toLowerCase();
  const subject = subjectOf(tool, call.input, options.root);
  if (subject.kind === "refused") return { decision: "deny", rule: subject.reason };
  const about = (list: ReadRules): readonly Rule[] => list.rules.filter((rule) => rule.tool === tool);
  const denied = about(read.deny).find((rule) => matchesWidely(rule, subject));
  if (denied) return { decision: "deny", rule: denied.text };
  const asked = about(read.ask).find((rule) => matchesWidely(rule, subject));
  if (asked) return { decision: "ask", rule: asked.text };
  const evaded = subject.kind === "command" && isComplex(subject.command) && [...about(read.deny), ...about(read.ask)][0];
  if (evaded) return { decision: "ask", rule: `the command is too complex to be checked against ${evaded.text}` };
  const allowed = about(read.allow).find((rule) => matchesExactly(rule, subject));
  if (allowed) return { decision: "allow", rule: allowed.text };
  return { decision: "ask", rule: "no rule matches" };
}

/**
 * Reads permission rules from configuration; a missing list is the default one. Throws `BadOption` for a wrong shape or
 * a rule that can't be read.
 */
export function parsePermissions(value: unknown): PermissionRules {
  const parsed = Configuration.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${["permissions", ...issue.path].join(".")}: ${issue.message}`);
  throw new QuatrainError("BadOption", issues.join("; "));
}

const rule = z.string().superRefine((text, context) => {
  const read = readRule(text);
  if (read.kind === "unreadable") context.addIssue({ code: "custom", message: read.reason });
});
const list = z.array(rule);
const Configuration = z.strictObject({
  allow: list.default([...defaultPermissions.allow]),
  ask: list.default([...defaultPermissions.ask]),
  deny: list.default([...defaultPermissions.deny]),
});

type Subject =
  | { readonly kind: "path"; readonly words: readonly string[] }
  | { readonly kind: "command"; readonly command: string }
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly reason: string };

interface ReadRules {
  readonly rules: readonly Rule[];
  readonly unreadable: string | null;
}

function readAll(texts: readonly string[]): ReadRules {
  if (!Array.isArray(texts)) return { rules: [], unreadable: "unreadable rules: a list of texts was expected" };
  const read = texts.map((text: unknown) => readRule(text));
  const broken = read.find((one) => one.kind === "unreadable");
  return { rules: read.flatMap((one) => (one.kind === "rule" ? [one.rule] : [])), unreadable: broken?.reason ?? null };
}

function subjectOf(tool: string, input: unknown, root: string | undefined): Subject {
  const isFileTool = pathTools.includes(tool);
  if (!isFileTool && tool !== "bash") return { kind: "none" };
  const fields: Readonly<Record<string, unknown>> = typeof input === "object" && input !== null ? { ...input } : {};
  if (tool === "bash") {
    const command = fields["command"];
    return typeof command === "string"
      ? { kind: "command", command }
      : { kind: "refused", reason: "bash: command must be a text" };
  }
  const isSearch = tool === "glob" || tool === "grep";
  const raw = isSearch ? (fields["path"] ?? ".") : fields["file_path"];
  if (typeof raw !== "string") return { kind: "refused", reason: `${tool}: ${isSearch ? "path" : "file_path"} must be a text` };
  const place = readPath(raw, root === undefined ? [] : [root]);
  if (place.kind === "refused") return { kind: "refused", reason: `${tool}: ${place.reason}` };
  return { kind: "path", words: place.path === "." ? [] : place.path.split("/") };
}

function matchesWidely(one: Rule, subject: Subject): boolean {
  if (one.kind === "path" && subject.kind === "path") {
    const pattern = one.words.map(folded);
    const words = subject.words.map(folded);
    return matchesPath(pattern, words) || words.some((_, length) => length > 0 && matchesPath(pattern, words.slice(0, length)));
  }
  if (one.kind === "command" && subject.kind === "command") {
    const said = spaced(subject.command);
    const ruled = spaced(one.command);
    return said === ruled || (one.open && said.startsWith(`${ruled} `));
  }
  return true;
}

function matchesExactly(one: Rule, subject: Subject): boolean {
  if (one.kind === "tool") return true;
  if (one.kind === "path" && subject.kind === "path") return matchesPath(one.words, subject.words);
  if (one.kind !== "command" || subject.kind !== "command") return false;
  if (!one.open) return subject.command === one.command;
  return subject.command.startsWith(`${one.command} `) && !isComplex(subject.command);
}

function folded(word: string): string {
  return word.toLowerCase().normalize("NFC");
}

function spaced(command: string): string {
  return command.trim().replaceAll(/\s+/g, " ");
}

/** True where a shell would see more than one plain command. */
function isComplex(command: string): boolean {
  return ["$(", ..."`;&|<>\n\r\0".split("")].some((sign) => command.includes(sign));
}
