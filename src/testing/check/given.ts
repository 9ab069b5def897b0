// What is given to the functions of `quatrain/testing`, checked in one place and in one voice: which field, which value,
// what to do. Types say the same; this is for JavaScript, for JSON, and for what types can't say (NaN, a misspelt name).
import { z } from "zod";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import { FAILURE_CODES } from "../../core/failure.ts";
import { nearest } from "../../core/text.ts";

/** Checks what was given to a function. Throws QuatrainError "BadOption" that lists what is wrong, at most five things. */
export function checkGiven(who: string, schema: z.ZodType, given: unknown): void {
  const checked = schema.safeParse(given);
  if (checked.success) return;
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const said = checked.error.issues.slice(0, 5).map((issue) => sentenceOf(issue, { who, given, fields }));
  throw new QuatrainError("BadOption", [...new Set(said)].join(" "));
}

interface Given {
  readonly who: string;
  readonly given: unknown;
  /** Names of the options themselves; those of deeper objects are told by their own advice. */
  readonly fields: readonly string[];
}

function sentenceOf(issue: z.core.$ZodIssue, { who, given, fields }: Given): string {
  const where = issue.path.join(".");
  if (issue.code === "unrecognized_keys") {
    const [name = ""] = issue.keys;
    const near = issue.path.length === 0 ? nearest(name, fields) : undefined;
    const place = where === "" ? "" : ` in ${where}`;
    return `${who}: there is no "${name}"${place}; ${near === undefined ? "leave it out." : `did you mean "${near}"?`}`;
  }
  const value = valueAt(given, issue.path);
  const isLeftOut = value === undefined && issue.message.startsWith("Invalid input");
  return `${who}: ${where === "" ? "what is given" : where} is ${shown(value)}; ${isLeftOut ? "it can't be left out" : issue.message}.`;
}

function valueAt(given: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    given,
  );
}

/** A value in a message, shortened. Never throws. */
export function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "function") return "a function";
  if (value instanceof Promise) return "a promise";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  const text = jsonOf(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "an object that is no JSON";
  }
}

/** An object with these options and no others. */
export const optionsOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, { error: (issue) => (issue.code === "invalid_type" ? "give an object with options" : undefined) });

/** A whole number within bounds. */
export const count = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  z.custom<number>(
    (value) => Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most,
    most === Number.MAX_SAFE_INTEGER ? `give a whole number from ${least} on` : `give a whole number from ${least} to ${most}`,
  );

/** A number within bounds, both included; Infinity where it is the upper bound. */
export const number = (least: number, most: number) =>
  z.custom<number>(
    (value) => typeof value === "number" && value >= least && value <= most,
    most === Number.POSITIVE_INFINITY ? `give a number from ${least} on` : `give a number from ${least} to ${most}`,
  );

/** Most of something: from 1 on; Infinity for no limit. */
export const most = z.custom<number>(
  (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && Number(value) >= 1),
  "give a whole number from 1 on, or Infinity",
);

export const aFunction = (what: string) => z.custom((value) => typeof value === "function", `give ${what}`);

export const oneOf = (...known: readonly string[]) =>
  z.custom((value) => typeof value === "string" && known.includes(value), `use ${known.join(" or ")}`);

export const aBoolean = z.boolean({ error: "use true or false" });

/** A list; `what` says of what. */
export const listOf = (item: z.ZodType, what: string) => z.array(item, { error: `give a list of ${what}` });

/** A failure code, or another word. */
export const failureCode = (...also: readonly string[]) =>
  z.custom(
    (value) => typeof value === "string" && [...FAILURE_CODES, ...also].includes(value),
    `use a failure code${also.map((word) => ` or "${word}"`).join("")}, such as WorkspaceFailed`,
  );

/** What is expected of a function of the caller's. */
export interface Expected {
  /** Such as `exploreRun: until`. */
  readonly name: string;
  readonly fits: (answer: unknown) => boolean;
  readonly advice: string;
}

/** A function of the caller's, whose answers are looked at: QuatrainError "BadOption" where it throws or answers nonsense. */
export const checkedAnswers =
  <Asked extends readonly unknown[], Answer>(ask: (...asked: Asked) => Answer, { name, fits, advice }: Expected) =>
  (...asked: Asked): Answer => {
    const answer = answerOf(name, () => ask(...asked));
    if (fits(answer)) return answer;
    throw new QuatrainError("BadOption", `${name} answered ${shown(answer)}; ${advice}.`);
  };

function answerOf<Answer>(name: string, ask: () => Answer): Answer {
  try {
    return ask();
  } catch (error) {
    throw new QuatrainError("BadOption", `${name} threw: ${messageOf(error)}. Mend it, or leave it out.`, { cause: error });
  }
}
