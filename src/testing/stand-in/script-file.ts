// A script of the stand-in as JSON: what `quatrain stand-in --script` reads, and what tests in other languages can share.
//   J1  The whole script is checked before the first request; each issue names its rule and field.
//   J2  What it says is what a script in code can say: rules, answers used up one by one, faults by name or in full.
import { z } from "zod";
import { QuatrainError } from "../../core/errors.ts";
import type { Json } from "../../core/json.ts";
import { nearest } from "../../core/text.ts";
import { lastText, systemText, type BrainAnswer, type BrainPart, type ScriptRule } from "./brain.ts";
import { everyFault, type Fault } from "./faults.ts";
import type { MessagesRequest } from "./wire.ts";

/**
 * Rules for `scriptedBrain` from a script as JSON.
 *
 * ```json
 * { "rules": [
 *   { "when": { "system": "/plan(ner)?/i" }, "answer": { "json": { "tasks": [] } } },
 *   { "when": { "tool": "read", "turn": 0 }, "answer": { "tools": [{ "name": "read", "input": { "path": "a.txt" } }] } },
 *   { "answer": [{ "fault": "status 529" }, "It is done."] }
 * ] }
 * ```
 *
 * A rule without `when` answers every request; `when` holds texts to find (or `/patterns/flags`) in the last message
 * (`text`), the system prompt (`system`) or the model's id (`model`), a declared `tool`, the `turn` (assistant messages so
 * far) and whether `json` is asked for; all that are given must fit. Throws QuatrainError "BadOption" with every issue.
 */
export function scriptFromJson(script: unknown): readonly ScriptRule[] {
  const checked = Script.safeParse(script);
  if (checked.success) return checked.data.rules.map(({ when, answer }) => ({ ...(when && { when }), answer }));
  const issues = checked.error.issues.map(({ path, message }) => `  ${placeOf(path)}: ${message}`);
  throw new QuatrainError(
    "BadOption",
    `The script has ${issues.length} wrong ${issues.length === 1 ? "place" : "places"}:\n${issues.join("\n")}`,
  );
}

const named: ReadonlyMap<string, Fault> = new Map(everyFault().map(({ name, fault }) => [name, fault]));
const count = z.int().min(0);
const milliseconds = z.number().min(0);

/** Judges a value by the schema that is chosen for it, so that issues speak of what was meant. */
function meant<Value>(choose: (value: unknown) => z.ZodType<Value>) {
  return z.unknown().transform((value, context): Value => {
    const judged = choose(value).safeParse(value);
    if (judged.success) return judged.data;
    for (const { path, message } of judged.error.issues) context.issues.push({ code: "custom", message, input: value, path });
    return z.NEVER;
  });
}

const RetryAfter = z.union(
  [
    z.strictObject({ seconds: milliseconds }),
    z.strictObject({ ms: milliseconds }),
    z.strictObject({ date: milliseconds }),
    z.strictObject({ raw: z.string() }),
  ],
  { error: 'say when: { "seconds": 2 }, { "ms": 20 }, { "date": 1767225600000 } or { "raw": "soon" }' },
);
const At = z.union([z.enum(["headers", "end"]), z.strictObject({ events: count }), z.strictObject({ bytes: count })], {
  error: 'say where: "headers", "end", { "events": 3 } or { "bytes": 300 }',
});
const ErrorType = z.enum([
  "invalid_request_error",
  "authentication_error",
  "billing_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
  "timeout_error",
  "conflict_error",
  "api_error",
  "overloaded_error",
]);

const WholeFault: z.ZodType<Fault> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("status"),
    status: z.int().min(400).max(599),
    type: ErrorType.exactOptional(),
    message: z.string().exactOptional(),
    body: z.enum(["json", "html", "empty"]).exactOptional(),
    retryAfter: RetryAfter.exactOptional(),
    headers: z.record(z.string(), z.string()).exactOptional(),
  }),
  z.strictObject({ kind: z.literal("delay"), delayMs: milliseconds }),
  z.strictObject({ kind: z.literal("stall"), at: At, pingEveryMs: z.number().min(1).exactOptional() }),
  z.strictObject({
    kind: z.literal("cut"),
    at: At,
    how: z.enum(["end", "close", "reset"]),
    laterMs: milliseconds.exactOptional(),
  }),
  z.strictObject({ kind: z.literal("errorEvent"), type: z.enum(["overloaded_error", "api_error"]), afterEvents: count }),
  z.strictObject({ kind: z.literal("noMessageStop") }),
  z.strictObject({ kind: z.literal("body"), body: z.enum(["html", "empty", "noContent", "errorJson"]) }),
  z.strictObject({ kind: z.literal("contentType"), value: z.string().nullable() }),
  z.strictObject({ kind: z.literal("stop"), reason: z.string().min(1) }),
  z.strictObject({ kind: z.literal("noUsage") }),
  z.strictObject({ kind: z.literal("twice") }),
  z.strictObject({ kind: z.literal("brokenJson"), afterEvents: count }),
  z.strictObject({ kind: z.literal("sameToolIds") }),
  z.strictObject({ kind: z.literal("redirect"), location: z.string().min(1) }),
]);

const NamedFault = z.string().transform((name, context): Fault => {
  const fault = named.get(name);
  if (fault) return fault;
  const near = nearest(name, [...named.keys()]);
  const message = `"${name}" is no fault; ${near ? `did you mean "${near}"?` : `known are: ${[...named.keys()].join("; ")}`}`;
  context.issues.push({ code: "custom", message, input: name });
  return z.NEVER;
});

const WholeAnswer = z
  .strictObject({
    thinking: z.string().exactOptional(),
    text: z.string().exactOptional(),
    json: z.json().exactOptional(),
    tools: z
      .array(z.strictObject({ name: z.string().min(1), input: z.json().default({}), id: z.string().min(1).exactOptional() }))
      .default([]),
    stop: z
      .enum(["end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"])
      .exactOptional(),
    usage: z
      .strictObject({
        input_tokens: count.exactOptional(),
        output_tokens: count.exactOptional(),
        cache_read_input_tokens: count.exactOptional(),
        cache_creation_input_tokens: count.exactOptional(),
      })
      .exactOptional(),
    delayMs: milliseconds.exactOptional(),
    fault: meant((value) => (typeof value === "string" ? NamedFault : WholeFault)).optional(),
  })
  .refine(({ text, json }) => text === undefined || json === undefined, { error: "has both text and json; give one of them" })
  .refine(saysSomething, { error: "says nothing; give text, json, tools, thinking, stop or fault" })
  .transform(({ thinking, text, json, tools, fault, ...rest }): BrainAnswer => {
    const said: readonly BrainPart[] = [
      ...(thinking === undefined ? [] : [{ thinking }]),
      ...(text === undefined ? [] : [text]),
      ...(json === undefined ? [] : [JSON.stringify(json)]),
      ...tools.map(({ name, input, id }) => ({ tool: name, input: input as Json, ...(id === undefined ? {} : { id }) })),
    ];
    return { content: said, ...rest, ...(fault && { fault }) };
  });

const TextAnswer = z.string().transform((text): BrainAnswer => ({ content: [text] }));
const Answer = meant((value) => (typeof value === "string" ? TextAnswer : WholeAnswer));
const Answers = meant<BrainAnswer | readonly BrainAnswer[]>((value) =>
  Array.isArray(value) ? z.array(Answer).min(1, "is an empty list; give at least one answer") : Answer,
);

type Finder = (text: string) => boolean;

/** `/pattern/flags`, or a text to find as it stands. */
const Pattern = z.string().transform((given, context): Finder => {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(given) ?? [];
  if (source === undefined) return (text) => text.includes(given);
  try {
    // Without g and y, so that it remembers nothing between two requests.
    const pattern = new RegExp(source, flags?.replaceAll(/[gy]/g, ""));
    return (text) => pattern.test(text);
  } catch (error) {
    context.issues.push({ code: "custom", message: `${given} is no pattern: ${String(error)}`, input: given });
    return z.NEVER;
  }
});

const When = z
  .strictObject({
    text: Pattern.exactOptional(),
    system: Pattern.exactOptional(),
    model: Pattern.exactOptional(),
    tool: z.string().min(1).exactOptional(),
    turn: count.exactOptional(),
    json: z.boolean().exactOptional(),
  })
  .transform(({ text, system, model, tool, turn, json }) => (request: MessagesRequest): boolean => {
    const turns = (): number => request.messages.filter(({ role }) => role === "assistant").length;
    return (
      (text?.(lastText(request)) ?? true) &&
      (system?.(systemText(request)) ?? true) &&
      (model?.(request.model) ?? true) &&
      (tool === undefined || (request.tools ?? []).some(({ name }) => name === tool)) &&
      (turn === undefined || turns() === turn) &&
      (json === undefined || ((request.output_config?.format ?? null) !== null) === json)
    );
  });

const Script = z.strictObject({
  rules: z.array(z.strictObject({ when: When.optional(), answer: Answers })).min(1, "is an empty list; give at least one rule"),
});

function saysSomething({ tools, thinking, text, json, stop, fault }: Readonly<Record<string, unknown>>): boolean {
  return [thinking, text, json, stop, fault].some((part) => part !== undefined) || (Array.isArray(tools) && tools.length > 0);
}

/** `rule 2, answer 3, fault.status`: numbers as people count. */
function placeOf(path: readonly PropertyKey[]): string {
  const words: Readonly<Record<string, string>> = { rules: "rule", answer: "answer", tools: "tool" };
  const parts: string[] = [];
  for (const [index, key] of path.entries()) {
    const word = words[String(path[index - 1])];
    if (typeof key === "number" && word) parts[parts.length - 1] = `${word} ${key + 1}`;
    else if (index > 0 && typeof path[index - 1] === "string" && parts.length > 0) parts[parts.length - 1] += `.${String(key)}`;
    else parts.push(String(key));
  }
  return parts.join(", ") || "the script";
}
