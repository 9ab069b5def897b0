// The JSON Schemas made from the SDK's types (schemas/messages.json, by tools/schemas/generate.mjs), and their verdicts as one
// readable line. Loaded at first use: the file is large.
import { z } from "zod";
import { isPlainObject } from "../../../core/json.ts";

/** What can be checked: requests (`create`, `count`), a whole answer, one stream event, an entry of the model list. */
export type SchemaName = "create" | "count" | "message" | "event" | "model";

/** Checks values against the API's schemas. */
export interface Schemas {
  /** Version of the SDK that the schemas were made from. */
  readonly sdk: string;
  /** The first problem as `path: message`, or nothing. */
  check(name: SchemaName, value: unknown): string | undefined;
}

/** Loads the schemas. Each is compiled when it is first asked for. */
export async function loadSchemas(): Promise<Schemas> {
  const { default: file } = await import("../schemas/messages.json", { with: { type: "json" } });
  const compiled = new Map<SchemaName, z.ZodType>();
  const source: unknown = file.$defs;
  const compile = (name: SchemaName): z.ZodType => {
    // The file is ours and a test compiles all of it; its literal type is too large to be of use.
    const schema = z.fromJSONSchema({ $ref: file.refs[name], $defs: source as Record<string, z.core.JSONSchema.JSONSchema> });
    compiled.set(name, schema);
    return schema;
  };
  return {
    sdk: file.sdk,
    check: (name, value) => {
      const outcome = (compiled.get(name) ?? compile(name)).safeParse(value);
      return outcome.success ? undefined : describe(outcome.error.issues, value);
    },
  };
}

type Issue = z.core.$ZodIssue;
interface Found {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function describe(issues: readonly Issue[], value: unknown): string {
  const { path, message } = firstOf(issues, value);
  return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
}

function firstOf(issues: readonly Issue[], value: unknown): Found {
  const issue = issues[0];
  return issue === undefined ? { path: [], message: "Input is not valid" } : foundIn(issue, value);
}

function foundIn(issue: Issue, value: unknown): Found {
  const inner = at(value, issue.path);
  if (issue.code === "invalid_union") {
    const { path, message } = fromUnion(issue.errors, inner);
    return { path: [...issue.path, ...path], message };
  }
  if (issue.code === "unrecognized_keys") {
    return { path: [...issue.path, issue.keys[0] ?? ""], message: "Extra inputs are not permitted" };
  }
  return { path: issue.path, message: inner === undefined ? "Field required" : plainMessage(issue) };
}

function plainMessage(issue: Issue): string {
  if (issue.code === "invalid_type") return `Input should be a valid ${issue.expected}`;
  return issue.code === "invalid_value" ? shouldBe(issue.values) : issue.message;
}

/** Of a union's branches the one that was meant: the first whose kind, type or role fits. */
function fromUnion(branches: readonly (readonly Issue[])[], value: unknown): Found {
  if (value === undefined) return { path: [], message: "Field required" };
  const meant = branches.find((issues) => !issues.some(isOtherBranch));
  if (meant !== undefined) return firstOf(meant, value);
  const tags = branches.flatMap((issues) => issues.flatMap((issue) => tagIssue(issue)));
  const [tag] = tags;
  if (tag === undefined || !isPlainObject(value)) return { path: [], message: shouldBeOneOf(branches) };
  if (value[tag.name] === undefined) return { path: [tag.name], message: "Field required" };
  return { path: [tag.name], message: shouldBe(tags.flatMap(({ values }) => values)) };
}

/** True for an issue that shows that a branch is about another kind of thing. */
function isOtherBranch(issue: Issue): boolean {
  if (issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value")) return true;
  if (issue.code === "invalid_union" && issue.path.length === 0) return issue.errors.every((inner) => inner.some(isOtherBranch));
  return tagIssue(issue).length > 0;
}

/** What an issue says about the tag of a union's branch: its name and the values that the branch would take. */
function tagIssue(issue: Issue): { name: string; values: readonly unknown[] }[] {
  const [name] = issue.path;
  const isTag = issue.path.length === 1 && (name === "type" || name === "role");
  if (issue.code === "invalid_value" && isTag) return [{ name, values: issue.values }];
  if (issue.code !== "invalid_union") return [];
  if (isTag) return [{ name, values: literalsIn(issue) }];
  return issue.path.length === 0 ? issue.errors.flatMap((inner) => inner.flatMap((one) => tagIssue(one))) : [];
}

function literalsIn(issue: Issue): readonly unknown[] {
  if (issue.code === "invalid_value") return issue.values;
  return issue.code === "invalid_union" ? issue.errors.flat().flatMap((inner) => literalsIn(inner)) : [];
}

function shouldBeOneOf(branches: readonly (readonly Issue[])[]): string {
  const here = branches.flat().filter((issue) => issue.path.length === 0);
  const values = here.flatMap((issue) => literalsIn(issue));
  if (values.length > 0) return shouldBe(values);
  const expected = here.flatMap((issue) => (issue.code === "invalid_type" ? [issue.expected] : []));
  return `Input should be a valid ${[...new Set(expected)].join(" or ") || "value"}`;
}

function shouldBe(values: readonly unknown[]): string {
  return `Input should be ${[...new Set(values)].map((value) => `'${String(value)}'`).join(", ")}`;
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return inner[Number(key)];
    return isPlainObject(inner) ? inner[String(key)] : undefined;
  }, value);
}
