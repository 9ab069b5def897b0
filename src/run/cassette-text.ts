// A cassette as text: a line of JSON for its head, one for each effect and arrival, one for its end. Made to be checked in
// and to be read in a diff; what is said again names the place where it was said first (cassette-repeats.ts).
//   X1  Equal cassettes give equal text, and a text that is read and written again is the same.
import { z } from "zod";
import { QuatrainError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { CASSETTE_FORMAT } from "./cassette.ts";
import type { Cassette, RecordedArrival, RecordedEffect } from "./cassette.ts";
import { isRecord } from "./cassette-clean.ts";
import { Repeats } from "./cassette-repeats.ts";

/** The text of a cassette, with a line end at its end. */
export function cassetteText({ head, effects, arrivals, end }: Cassette): string {
  const repeats = new Repeats();
  const lines: readonly object[] = [{ cassette: CASSETTE_FORMAT, ...head }, ...effects, ...arrivals, { end }];
  return lines.map((line) => `${JSON.stringify(shortened(line, repeats))}\n`).join("");
}

/** Fields of a line, each with its repetitions left out. */
function shortened(line: object, repeats: Repeats): Json {
  const place = nameOf(line);
  // A cassette is JSON.
  const fields = Object.entries(line as { readonly [name: string]: Json });
  return Object.fromEntries(fields.map(([name, value]) => [name, repeats.shorten(value, `${place} ${name}`)]));
}

function lengthened(text: string, repeats: Repeats): unknown {
  const line = parseJson(text);
  if (!isRecord(line)) return undefined;
  const place = nameOf(line);
  const fields = Object.entries(line).map(([name, value]) => [name, repeats.lengthen(value, `${place} ${name}`)] as const);
  return fields.some(([, value]) => value === undefined) ? undefined : Object.fromEntries(fields);
}

/** What the places in a line begin with. */
function nameOf(line: object): string {
  if ("cassette" in line) return "head";
  return "key" in line && typeof line.key === "string" ? line.key : "end";
}

const place = { at: z.number(), nth: z.number().int() };
const Failed = z.object({ code: z.string(), message: z.string(), retryable: z.boolean() });
const Ends = z.union([
  z.object({ ...place, result: z.json() }),
  z.object({ ...place, error: Failed }),
  z.object({ ...place, stopped: z.looseObject({ performed: z.boolean() }) }),
]);
const Effect = z.object({
  effect: z.string(),
  key: z.string(),
  path: z.string(),
  at: z.number(),
  input: z.json(),
  parts: z.array(z.object({ ...place, value: z.json() })),
  ends: Ends.nullable(),
});
const Arrival = z.union([
  z.object({ ...place, command: z.looseObject({ type: z.string() }), key: z.string() }),
  z.object({ ...place, gapMs: z.number() }),
]);
const Head = z.looseObject({
  quatrain: z.string(),
  versions: z.record(z.string(), z.string()),
  input: z.looseObject({
    runId: z.string(),
    at: z.number(),
    seed: z.number(),
    models: z.looseObject({ tiers: z.looseObject({}) }),
    options: z.looseObject({ maxTasks: z.number(), permissions: z.looseObject({}) }),
    world: z.looseObject({ workers: z.array(z.string()) }),
  }),
  policy: z.looseObject({}).nullable(),
  ownPrices: z.array(z.string()),
});
const End = z.object({
  end: z.looseObject({
    outcome: z.string().nullable(),
    plan: z.looseObject({}).nullable(),
    tasks: z.array(z.looseObject({ id: z.string() })),
    usd: z.number(),
    turns: z.number(),
  }),
});

/** Reads the text of a cassette. Throws QuatrainError "StoreTooNew" for a newer format, "StoreCorrupt" with the line that can't be read. */
export function parseCassette(text: string): Cassette {
  const given: unknown = text;
  if (typeof given !== "string")
    throw new QuatrainError("BadOption", "parseCassette reads the text of a cassette, and this is none. Read its file as utf8.");
  const repeats = new Repeats();
  const lines = text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => lengthened(line, repeats));
  const [first] = lines;
  const format = isRecord(first) ? first["cassette"] : undefined;
  if (typeof format === "number" && format > CASSETTE_FORMAT)
    throw new QuatrainError(
      "StoreTooNew",
      `The cassette has format ${format}; this version reads format ${CASSETTE_FORMAT}. Play it with the version that recorded it.`,
    );
  if (!isRecord(first) || format !== CASSETTE_FORMAT) throw broken(1, "is no head of a cassette");
  const { cassette: _format, ...head } = first;
  check(Head, head, 1);
  const effects: RecordedEffect[] = [];
  const arrivals: RecordedArrival[] = [];
  for (const [at, line] of lines.slice(1, -1).entries()) {
    if (line === undefined) throw broken(at + 2, "is no JSON, or names a place that no line before it has");
    if (isRecord(line) && "effect" in line) {
      if (check(Effect, line, at + 2)) effects.push(line);
    } else if (check(Arrival, line, at + 2)) arrivals.push(line);
  }
  const last = lines.at(-1);
  if (!check(End, last, lines.length)) throw broken(lines.length, "does not end the cassette");
  // The parts that a replay builds on were just checked; the rest is what the recorder wrote.
  return { head: head as unknown as Cassette["head"], effects, arrivals, end: last.end as unknown as Cassette["end"] };
}

/** Throws for what does not fit. The value itself is used, so that its fields keep their order (X1). */
function check<T>(schema: z.ZodType<T>, value: unknown, line: number): value is T {
  const found = schema.safeParse(value);
  if (found.success) return true;
  const [issue] = found.error.issues;
  throw broken(line, `can't be read (${issue?.path.join(".") || "the whole"}: ${issue?.message ?? "wrong"})`);
}

const broken = (line: number, what: string): QuatrainError =>
  new QuatrainError("StoreCorrupt", `Line ${line} of the cassette ${what}. Record the run again.`);
