// The grammar of permission rules: `tool` or `tool(pattern)`. Reading a rule never throws.

/** A rule that was understood. */
export type Rule =
  | { readonly kind: "tool"; readonly text: string; readonly tool: string }
  | { readonly kind: "path"; readonly text: string; readonly tool: string; readonly words: readonly string[] }
  | { readonly kind: "command"; readonly text: string; readonly tool: string; readonly command: string; readonly open: boolean }
  | { readonly kind: "pattern"; readonly text: string; readonly tool: string };

/** A rule, or why it can't be read. */
export type ReadRule = { readonly kind: "rule"; readonly rule: Rule } | { readonly kind: "unreadable"; readonly reason: string };

/** The tools whose pattern is a path. */
export const pathTools: readonly string[] = ["read", "write", "edit", "glob", "grep"];

/**
 * Reads one rule. Tool names are matched without regard to case. For file tools the pattern is a path relative to the
 * workspace (`**`, `*`, `?`; without a slash it means that name at any depth); for bash it is the exact command, or a
 * beginning that ends in ` *`. What looks like more than that (`{a,b}`, `[ab]`, `!`, `..`, absolute) is unreadable.
 */
export function readRule(text: unknown): ReadRule {
  if (typeof text !== "string") return unreadable(text, "a rule is a text such as read or write(docs/**)");
  const match = /^([A-Za-z][A-Za-z0-9_-]*)(?:\(([^]+)\))?$/.exec(text);
  const tool = match?.[1]?.toLowerCase();
  if (tool === undefined) return unreadable(text, "a rule is `tool` or `tool(pattern)`");
  const pattern = match?.[2];
  if (pattern === undefined) return { kind: "rule", rule: { kind: "tool", text, tool } };
  if (tool === "bash") return readCommand(text, pattern);
  if (pathTools.includes(tool)) return readPathPattern(text, { tool, pattern });
  return { kind: "rule", rule: { kind: "pattern", text, tool } };
}

function readCommand(text: string, pattern: string): ReadRule {
  const open = pattern.endsWith(" *");
  const command = open ? pattern.slice(0, -2) : pattern;
  if (command.trim() === "") return unreadable(text, "the command is empty; write `bash` for every command");
  if (command.includes("*")) return unreadable(text, "`*` may stand only at the end, after a space");
  return { kind: "rule", rule: { kind: "command", text, tool: "bash", command, open } };
}

function readPathPattern(text: string, { tool, pattern }: { readonly tool: string; readonly pattern: string }): ReadRule {
  if (/[{}[\]\\]|^!/.test(pattern))
    return unreadable(text, "only `**`, `*` and `?` are understood (`?` stands for any one character)");
  if (pattern.startsWith("/") || pattern.startsWith("~")) return unreadable(text, "patterns are relative to the workspace");
  const words = pattern.split("/").filter((word) => word !== "" && word !== ".");
  if (words.length === 0) return unreadable(text, `the pattern is empty; write \`${tool}\` for every path`);
  if (words.includes("..")) return unreadable(text, "`..` leads out of the workspace");
  if (words.some((word) => word.includes("**") && word !== "**"))
    return unreadable(text, "`**` stands for whole folders: `a/**/b`");
  const anyDepth = words.length === 1 && !pattern.includes("/") && words[0] !== "**";
  const whole = pattern.endsWith("/") ? [...words, "**"] : words;
  return { kind: "rule", rule: { kind: "path", text, tool, words: anyDepth ? ["**", ...whole] : whole } };
}

function unreadable(text: unknown, reason: string): ReadRule {
  return { kind: "unreadable", reason: `unreadable rule ${JSON.stringify(text) ?? String(text)}: ${reason}` };
}
