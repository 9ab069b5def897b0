// From whatever came in to tasks with every field of the right type: JSON found in text, fields left out filled in,
// fields of the wrong type reported and replaced, so that the later checks see the whole plan at once.
import { isPlainObject, parseJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { DraftTask } from "../protocol/plan.ts";
import { quote, suggester } from "./issues.ts";
import type { IssueList } from "./issues.ts";

/** A task of the draft with its input apart, which may be text or JSON. */
export interface ReadTask {
  readonly draft: DraftTask;
  readonly input: unknown;
  /** How messages name the task: by label, or by number where it has none. */
  readonly name: string;
  /** Fields that were of a wrong type: reported already, and set to their defaults. */
  readonly broken: ReadonlySet<string>;
}

/** The draft as far as it could be read. */
export interface ReadDraft {
  readonly rationale: string;
  readonly tasks: readonly ReadTask[];
  /** How many tasks the draft has, read or not. */
  readonly count: number;
}

/** Longest text in which a plan is looked for, in characters. */
const LONGEST_TEXT = 2_000_000;
/** Braces at which a plan is looked for in text around it. */
const MOST_STARTS = 10;
const MOST_ENTRIES = 1000;

const DEFAULTS: DraftTask = {
  label: "",
  worker: "",
  task: "",
  input: null,
  files: [],
  constraints: [],
  output_format: "",
  depends_on: [],
  after: [],
  writes: [],
  acceptance: [],
  optional: false,
  tier: null,
};
const FIELDS = Object.keys(DraftTask.shape);

/** Reads a draft; undefined where there is nothing that further checks could look at. At most `most` tasks are read. */
export function readDraft(source: unknown, most: number, issues: IssueList): ReadDraft | undefined {
  const value = typeof source === "string" ? jsonInText(source, issues) : plainCopy(source, issues);
  if (value === undefined) return undefined;
  if (!isPlainObject(value)) {
    issues.add("Schema", `The plan must be an object with "rationale" and "tasks"; it is ${quote(value)}.`);
    return undefined;
  }
  const { tasks, rationale } = value;
  if (!Array.isArray(tasks)) {
    issues.add("Schema", `"tasks" must be a list of tasks; it is ${quote(tasks)}.`);
    return undefined;
  }
  if (rationale !== undefined && rationale !== null && typeof rationale !== "string") {
    issues.add("Schema", `"rationale" must be a text; it is ${quote(rationale)}.`);
  }
  const suggest = suggester(FIELDS);
  return {
    rationale: typeof rationale === "string" ? rationale : "",
    tasks: tasks.slice(0, most).map((task: unknown, at) => readTask(task, at, { issues, suggest })),
    count: tasks.length,
  };
}

interface Reading {
  readonly issues: IssueList;
  readonly suggest: (word: string) => string;
}

interface TaskReading {
  readonly name: string;
  readonly label: string;
  readonly broken: Set<string>;
  readonly issues: IssueList;
}

function readTask(raw: unknown, at: number, reading: Reading): ReadTask {
  const { issues } = reading;
  const label = isPlainObject(raw) && typeof raw["label"] === "string" ? raw["label"] : "";
  const name = label === "" ? `Task number ${at + 1}` : `Task ${quote(label)}`;
  if (!isPlainObject(raw)) {
    issues.add("Schema", `${name} must be an object; it is ${quote(raw)}.`);
    return { draft: DEFAULTS, input: null, name, broken: new Set(FIELDS) };
  }
  const filled: Record<string, unknown> = { ...DEFAULTS };
  for (const [field, value] of Object.entries(raw)) {
    if (!Object.hasOwn(DEFAULTS, field)) {
      const hint = reading.suggest(field) || ` Fields are ${FIELDS.join(", ")}.`;
      issues.add("Schema", `${name} has a field ${quote(field)} that no task has.${hint}`, label);
    } else if (field !== "input" && value !== null) {
      filled[field] = Array.isArray(value) ? value.slice(0, MOST_ENTRIES) : value;
    }
  }
  const broken = new Set<string>();
  const draft = typed(filled, { name, label, broken, issues });
  return { draft, input: raw["input"] ?? null, name, broken };
}

/** The fields with each one of a wrong type reported and set to its default. */
function typed(filled: Record<string, unknown>, task: TaskReading): DraftTask {
  const first = DraftTask.safeParse(filled);
  if (first.success) return first.data;
  const mended = new Map(Object.entries(filled));
  for (const { path, message } of first.error.issues) {
    const field = String(path[0]);
    const entry = path[1];
    const found = mended.get(field);
    const given = Object.entries(filled).find(([key]) => key === field)?.[1];
    const value: unknown = Array.isArray(given) && typeof entry === "number" ? given[entry] : given;
    const place = typeof entry === "number" ? `${field}[${entry}]` : field;
    task.issues.add("Schema", `${task.name}: ${place} is ${quote(value)}. ${message}.`, task.label);
    task.broken.add(field);
    const fallback: unknown = Object.entries(DEFAULTS).find(([key]) => key === field)?.[1];
    mended.set(field, Array.isArray(found) ? found.filter((item) => typeof item === "string") : fallback);
  }
  const second = DraftTask.safeParse(Object.fromEntries(mended));
  return second.success ? second.data : DEFAULTS;
}

/** A copy as JSON: no getters, cycles, class instances or numbers that JSON lacks. */
function plainCopy(source: unknown, issues: IssueList): unknown {
  try {
    const text = JSON.stringify(source);
    if (text !== undefined && text.length <= LONGEST_TEXT) return JSON.parse(text);
    issues.add(
      text === undefined ? "NotJson" : "TooLong",
      text === undefined ? "The plan is no JSON value." : tooLong(text.length),
    );
  } catch {
    issues.add("NotJson", "The plan can't be written as JSON: it holds a cycle, a BigInt, or something that throws when read.");
  }
  return undefined;
}

/** The plan in a text: the whole of it, or the first object with tasks that stands in it, inside a fence or not. */
function jsonInText(text: string, issues: IssueList): unknown {
  if (text.length > LONGEST_TEXT) {
    issues.add("TooLong", tooLong(text.length));
    return undefined;
  }
  const whole = parseJson(text);
  if (whole !== undefined) return whole;
  let other: Record<string, unknown> | undefined;
  let start = text.indexOf("{");
  const first = start;
  for (let tries = 0; start >= 0 && tries < MOST_STARTS; tries++) {
    const end = endOfObject(text, start);
    const value = end === undefined ? undefined : parseJson(text.slice(start, end));
    if (isPlainObject(value)) {
      if (Object.hasOwn(value, "tasks")) return value;
      other ??= value;
      start = text.indexOf("{", end);
    } else {
      start = text.indexOf("{", start + 1);
    }
  }
  if (other === undefined) issues.add("NotJson", notJson(text, first));
  return other;
}

/** Where the object that begins at a brace ends (exclusive), by counting braces outside of strings. */
function endOfObject(text: string, start: number): number | undefined {
  let depth = 0;
  let inString = false;
  for (let at = start; at < text.length; at++) {
    const letter = text[at];
    if (inString) {
      if (letter === "\\") at += 1;
      else if (letter === '"') inString = false;
    } else if (letter === '"') inString = true;
    else if (letter === "{") depth += 1;
    else if (letter === "}" && --depth === 0) return at + 1;
  }
  return undefined;
}

function notJson(text: string, first: number): string {
  const begin = `It begins with ${quote(text.slice(0, 80))}.`;
  if (first < 0) return `The plan must be one JSON object; the text holds none. ${begin}`;
  const fault =
    endOfObject(text, first) === undefined
      ? "is never closed: the text was cut off, or a quote or brace is missing"
      : "is not valid JSON: look for missing commas and quotes, comments and trailing commas";
  return `The plan must be one JSON object; the one that begins at character ${first + 1} ${fault}. ${begin}`;
}

const tooLong = (length: number): string => `The plan has ${length} characters; at most ${LONGEST_TEXT} are read.`;

/** The input of a task as JSON: null where there is none; undefined where the text is no JSON. */
export function readInput(input: unknown): Json | undefined {
  if (typeof input !== "string") return asJson(input);
  return input.trim() === "" ? null : asJson(parseJson(input));
}

/** Everything in here came out of JSON.parse, so that it is JSON unless it is undefined. */
function asJson(value: unknown): Json | undefined {
  return value as Json | undefined;
}
