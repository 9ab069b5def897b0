import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { defaultPermissions, parsePermissions, permit } from "../../src/tools/permissions.ts";
import { matchesPath } from "../../src/tools/wildcard.ts";

const none = { allow: [], ask: [], deny: [] };
const onPath = (name: string, path: string) => ({ name, input: { file_path: path } });
const onCommand = (command: string) => ({ name: "bash", input: { command } });

describe("the order of the lists", () => {
  it("is deny, ask, allow, and asking where nothing matches: every combination", () => {
    const pool = ["read", "read(a/**)", "read(b.txt)", "write"];
    const matching: Readonly<Record<string, readonly string[]>> = {
      "a/x": ["read", "read(a/**)"],
      "b.txt": ["read", "read(b.txt)"],
      c: ["read"],
    };
    const subsets = Array.from({ length: 2 ** pool.length }, (_, bits) => pool.filter((_rule, at) => (bits >> at) & 1));
    const hit = (list: readonly string[], path: string) => list.some((rule) => matching[path]?.includes(rule));
    const wrong = subsets.flatMap((allow) =>
      subsets.flatMap((ask) =>
        subsets.flatMap((deny) =>
          Object.keys(matching).filter((path) => {
            const expected = hit(deny, path) ? "deny" : hit(ask, path) ? "ask" : hit(allow, path) ? "allow" : "ask";
            return permit(onPath("read", path), { allow, ask, deny }).decision !== expected;
          }),
        ),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("names the rule that decided", () => {
    const rules = { allow: ["write"], ask: ["write(docs/**)"], deny: ["write(*.lock)"] };
    expect(permit(onPath("write", "deep/a.lock"), rules)).toEqual({ decision: "deny", rule: "write(*.lock)" });
    expect(permit(onPath("write", "docs/a.md"), rules)).toEqual({ decision: "ask", rule: "write(docs/**)" });
    expect(permit(onPath("write", "src/a.ts"), rules)).toEqual({ decision: "allow", rule: "write" });
    expect(permit(onPath("edit", "src/a.ts"), rules)).toEqual({ decision: "ask", rule: "no rule matches" });
  });

  it("never loses a deny to anything that is added", () => {
    const rule = fc.constantFrom("read", "read(a)", "read(a/**)", "read(*.md)", "bash", "bash(ls)", "bash(ls *)", "write(a/*)");
    const rules = fc.record({ allow: fc.array(rule), ask: fc.array(rule), deny: fc.array(rule, { minLength: 1 }) });
    const calls = [onPath("read", "a"), onPath("read", "a/b.md"), onPath("write", "a/c"), onCommand("ls"), onCommand("ls -l")];
    fc.assert(
      fc.property(rules, fc.constantFrom(...calls), (all, call) => {
        const alone = permit(call, { ...none, deny: all.deny }).decision;
        if (alone === "deny") expect(permit(call, all).decision).toBe("deny");
        else expect(permit(call, { ...all, deny: [] }).decision).toBe(permit(call, all).decision);
      }),
    );
  });
});

describe("a rule that can't be read", () => {
  it.each([
    "",
    "read(",
    "read)",
    "read()",
    "read (a)",
    "re ad",
    "read(a) ",
    "read(../a)",
    "read(a/../b)",
    "read(/etc/**)",
    "read(~/x)",
    "read({a,b})",
    "read([ab])",
    "read(!a)",
    "read(a\\b)",
    "read(a**)",
    "bash(*)",
    "bash( )",
    "bash(npm*)",
    "bash(npm * test)",
    "bash(* test)",
    "7",
  ])("denies everything and is named: %j", (bad) => {
    for (const rules of [
      { ...none, allow: ["read", bad] },
      { allow: ["read"], ask: [bad], deny: [] },
      { allow: ["read"], ask: [], deny: [bad] },
    ]) {
      const permission = permit(onPath("read", "a"), rules);
      expect(permission.decision).toBe("deny");
      expect(permission.rule).toContain(`unreadable rule ${JSON.stringify(bad)}`);
    }
    expect(() => parsePermissions({ allow: [bad] })).toThrow("permissions.allow.0: unreadable rule");
  });

  it("need not even be a text", () => {
    const rules = JSON.parse('{"allow":["read",null],"ask":[],"deny":[]}') as typeof none;
    expect(permit(onPath("read", "a"), rules).decision).toBe("deny");
    const shape = JSON.parse('{"allow":["read"],"ask":[],"deny":"read"}') as typeof none;
    expect(permit(onPath("read", "a"), shape).decision).toBe("deny");
  });
});

describe("paths", () => {
  const decide = (rule: string, path: string) => ({
    allows: permit(onPath("read", path), { ...none, allow: [rule] }).decision === "allow",
    denies: permit(onPath("read", path), { ...none, deny: [rule] }).decision === "deny",
  });
  const table: ReadonlyArray<readonly [string, string, boolean, boolean]> = [
    // rule, path, allows, denies
    ["read(src/**)", "src/a/b.ts", true, true],
    ["read(src/**)", "src", true, true],
    ["read(src/**)", "srcs/a", false, false],
    ["read(src/*)", "src/a", true, true],
    ["read(src/*)", "src/a/b", false, true],
    ["read(src)", "src/a", false, true],
    ["read(src/)", "src/a", true, true],
    ["read(./src/*)", "src/a", true, true],
    ["read(src/**)", "./src//x/../a", true, true],
    ["read(**/secret/**)", "a/secret/b", true, true],
    ["read(**/secret/**)", "secret/b", true, true],
    ["read(*.md)", "docs/deep/a.md", true, true],
    ["read(./*.md)", "docs/a.md", false, false],
    ["read(.env*)", ".env", true, true],
    ["read(.env*)", "packages/x/.env.local", true, true],
    ["read(.env*)", ".ENV", false, true],
    ["read(a?c)", "abc", true, true],
    ["read(a?c)", "ac", false, false],
    ["read(cafe\u0301)", "caf\u00e9", false, true],
    ["READ(src/**)", "src/a", true, true],
    ["read(**)", "anything/at/all", true, true],
    ["read(a/**/z)", "a/z", true, true],
    ["read(a/**/z)", "a/b/c/z", true, true],
  ];

  it.each(table)("%s and %s", (rule, path, ...expected) => {
    expect(Object.values(decide(rule, path))).toEqual(expected);
  });

  it.each(["../a", "/etc/passwd", "a/../../b", "", "a\0b", "/proc/self/root/srv/a"])(
    "outside are denied by themselves: %j",
    (path) => {
      expect(permit(onPath("read", path), { ...none, allow: ["read"] }, { root: "/work" }).decision).toBe("deny");
    },
  );

  it("may be absolute below the root", () => {
    const rules = { allow: ["read"], ask: [], deny: ["read(.env*)"] };
    expect(permit(onPath("read", "/srv/copy/a"), rules, { root: "/srv/copy" }).decision).toBe("allow");
    expect(permit(onPath("read", "/srv/copy/x/../.env"), rules, { root: "/srv/copy/" })).toEqual({
      decision: "deny",
      rule: "read(.env*)",
    });
    expect(permit(onPath("read", "/srv/copy-2/a"), rules, { root: "/srv/copy" }).decision).toBe("deny");
    expect(permit(onPath("read", "/srv/copy/a"), rules).decision).toBe("deny");
  });

  it("of searches are the folder searched", () => {
    const rules = { allow: ["grep(src/**)", "glob"], ask: [], deny: [] };
    expect(permit({ name: "grep", input: { pattern: "x", path: "src" } }, rules).decision).toBe("allow");
    expect(permit({ name: "grep", input: { pattern: "x" } }, rules).decision).toBe("ask");
    expect(permit({ name: "glob", input: { pattern: "x" } }, rules).decision).toBe("allow");
  });
});

describe("commands", () => {
  const allow = { ...none, allow: ["bash(npm test)", "bash(git log *)"] };

  it.each([
    ["npm test", "allow"],
    ["npm test ", "ask"],
    ["npm  test", "ask"],
    ["npm test -- --watch", "ask"],
    ["npm testing", "ask"],
    ["git log -3 --oneline", "allow"],
    ["git log", "ask"],
    ["git logs", "ask"],
    ...["; rm x", " && rm x", " | sh", " `id`", " $(id)", " > f", " < f", "\nrm x", "\rrm x", " & rm", " \0"].map((tail) => [
      `git log -3${tail}`,
      "ask",
    ]),
  ])("%j is %s", (command, decision) => {
    expect(permit(onCommand(command ?? ""), allow).decision).toBe(decision);
  });

  const guard = { allow: ["bash"], ask: ["bash(git push *)"], deny: ["bash(rm *)", "bash(reboot)"] };

  it.each([
    ["ls -l", "allow"],
    ["rm -rf x", "deny"],
    ["  rm\t-rf x", "deny"],
    ["rm", "deny"],
    ["rm x; ls", "deny"],
    ["reboot", "deny"],
    ["git push origin", "ask"],
    ["ls; rm x", "ask"],
    ["$(rm x)", "ask"],
    ["true\nreboot", "ask"],
  ])("past rules about beginnings: %j is %s", (command, decision) => {
    expect(permit(onCommand(command), guard).decision).toBe(decision);
  });

  it("is simply allowed where bash is, without rules about beginnings", () => {
    expect(permit(onCommand("a; b | c > d"), { ...none, allow: ["bash"] }).decision).toBe("allow");
  });
});

describe("defaults and configuration", () => {
  it.each([
    [onPath("read", "src/a.ts"), "allow"],
    [onPath("write", "src/a.ts"), "allow"],
    [onPath("edit", "src/a.ts"), "allow"],
    [{ name: "glob", input: { pattern: "*" } }, "allow"],
    [{ name: "grep", input: { pattern: "x" } }, "allow"],
    [onCommand("npm test"), "ask"],
    [{ name: "mcp__x__y", input: {} }, "ask"],
    ...["read", "write", "edit"].flatMap((tool) =>
      [".git", ".git/config", ".quatrain/runs", ".env", ".env.local", "packages/a/.env", "sub/.git/hooks/x", ".GIT/config"].map(
        (path) => [onPath(tool, path), "deny"] as const,
      ),
    ),
  ] as const)("%j is %s", (call, decision) => {
    expect(permit(call, defaultPermissions).decision).toBe(decision);
  });

  it("fills missing lists with the defaults, so that one command can be allowed", () => {
    expect(parsePermissions({})).toEqual(defaultPermissions);
    const rules = parsePermissions({ allow: ["read", "bash(npm test)"] });
    expect(rules.deny).toEqual(defaultPermissions.deny);
    expect(permit(onCommand("npm test"), rules).decision).toBe("allow");
    expect(permit(onCommand("npm run x"), rules).decision).toBe("ask");
  });

  it.each([[null], ["read"], [{ alow: [] }], [{ allow: "read" }], [{ deny: [1] }]])("refuses the shape %j", (value) => {
    expect(() => parsePermissions(value)).toThrow("permissions");
  });

  it("is total: never throws, and never allows without a rule", () => {
    fc.assert(
      fc.property(fc.string(), fc.anything(), fc.array(fc.string()), (name, input, rules) => {
        expect(permit({ name, input }, { allow: [], ask: rules, deny: rules }).decision).not.toBe("allow");
      }),
    );
  });
});

describe("wildcards", () => {
  it("agree with a plain recursive reading of the same rules", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 4 });
    const pattern = fc.array(fc.oneof(word, fc.constant("**")), { maxLength: 4 });
    const path = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(pattern, path, (words, names) => {
        expect(matchesPath(words, names)).toBe(slowPath(words, names));
      }),
      { numRuns: 1000 },
    );
  });

  it("don't run away", () => {
    const started = performance.now();
    const pattern = Array.from({ length: 50 }, () => "**");
    matchesPath(
      [...pattern, "x"],
      Array.from({ length: 2000 }, () => "a"),
    );
    matchesPath([`${"*a".repeat(50)}x`], ["a".repeat(4000)]);
    expect(performance.now() - started).toBeLessThan(2000);
  });
});

function slowPath(pattern: readonly string[], names: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return names.length === 0;
  if (first === "**") return slowPath(rest, names) || (names.length > 0 && slowPath(pattern, names.slice(1)));
  return names[0] !== undefined && slowName(first, names[0]) && slowPath(rest, names.slice(1));
}

function slowName(pattern: string, name: string): boolean {
  if (pattern === "") return name === "";
  if (pattern.startsWith("*")) return slowName(pattern.slice(1), name) || (name !== "" && slowName(pattern, name.slice(1)));
  return name !== "" && (pattern.startsWith("?") || pattern[0] === name[0]) && slowName(pattern.slice(1), name.slice(1));
}
