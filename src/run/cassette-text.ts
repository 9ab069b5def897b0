// A cassette as text: a line of JSON for its head, one for each effect and arrival, one for its end. Made to be checked in
// and to be read in a diff.
//   X1  What a turn says again is not written again: a conversation only grows, and its parameters are frozen, so a turn
//       names the earlier one that said the same.
//   X2  Equal cassettes give equal text.
import { QuatrainError } from "../core/errors.ts";
import { parseJson, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { z } from "zod";
import { CASSETTE_FORMAT } from "./cassette.ts";
import type { Cassette, RecordedArrival, RecordedEffect } from "./cassette.ts";
import { isRecord } from "./cassette-clean.ts";

/** The text of a cassette, with a line end at its end. */
export function cassetteText({ head, effects, arrivals, end }: Cassette): string {
  const said = new Said();
  const lines: unknown[] = [
    { cassette: CASSETTE_FORMAT, ...head },
    ...effects.map((one) => ({ ...one, input: said.shorten(one) })),
    ...arrivals,
    { end },
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

const place = { at: z.number(), seq: z.number().int() };
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
  const lines = text.replace(/\n$/, "").split("\n");
  const first = parseJson(lines[0] ?? "");
  const format = isRecord(first) ? first["cassette"] : undefined;
  if (typeof format === "number" && format > CASSETTE_FORMAT)
    throw new QuatrainError(
      "StoreTooNew",
      `The cassette has format ${format}; this version reads format ${CASSETTE_FORMAT}. Play it with the version that recorded it.`,
    );
  if (format !== CASSETTE_FORMAT) throw broken(1, "is no head of a cassette");
  const { cassette: _format, ...head } = checked(Head, first, 1) as Record<string, unknown>;
  const { end } = checked(End, parseJson(lines.at(-1) ?? ""), lines.length);
  const said = new Said();
  const effects: RecordedEffect[] = [];
  const arrivals: RecordedArrival[] = [];
  for (const [at, line] of lines.slice(1, -1).entries()) {
    const value = parseJson(line);
    const number = at + 2;
    if (isRecord(value) && "effect" in value) {
      const short = checked(Effect, value, number) as RecordedEffect;
      effects.push({ ...short, input: said.lengthen(short, number) });
    } else arrivals.push(checked(Arrival, value, number) as RecordedArrival);
  }
  // The parts that a replay builds on were just checked; the rest is what the recorder wrote.
  return { head: head as unknown as Cassette["head"], effects, arrivals, end: end as unknown as Cassette["end"] };
}

/** What turns said so far (X1). */
class Said {
  readonly #turns = new Map<string, Turn>();
  /** The last turn of each conversation. */
  readonly #last = new Map<string, string>();

  /** The input as it is written. */
  shorten({ key, effect, input }: RecordedEffect): Json {
    const turn = effect === "modelTurn" ? turnIn(input) : undefined;
    if (!turn) return input;
    const parameters = Object.fromEntries(
      Object.entries(turn.parameters).map(([name, value]) => {
        const same = sizeable(value) ? [...this.#turns].find(([, before]) => isSame(before.parameters[name], value)) : undefined;
        return [name, same ? { as: same[0] } : value];
      }),
    );
    const last = this.#last.get(turn.conversation);
    const before = last === undefined ? undefined : this.#turns.get(last);
    const grown = before && isSame(turn.messages.slice(0, before.messages.length), before.messages);
    const messages = grown ? { after: last ?? "", more: turn.messages.slice(before.messages.length) } : turn.messages;
    this.#keep(key, turn);
    return withTurn(input, { parameters, messages });
  }

  /** The input as it was. */
  lengthen({ key, effect, input }: RecordedEffect, line: number): Json {
    const request = effect === "modelTurn" && isRecord(input) ? input["request"] : undefined;
    if (!isRecord(request) || !isRecord(request["parameters"])) return input;
    const known = (name: Json | undefined): Turn => {
      const turn = typeof name === "string" ? this.#turns.get(name) : undefined;
      if (turn) return turn;
      throw broken(line, `names the turn ${JSON.stringify(name)}, which no line before it has`);
    };
    const parameters = Object.fromEntries(
      Object.entries(request["parameters"]).map(([name, value]) => [
        name,
        isRecord(value) && typeof value["as"] === "string" ? (known(value["as"]).parameters[name] ?? null) : value,
      ]),
    );
    const { messages: told } = request;
    const more = isRecord(told) ? told["more"] : undefined;
    const messages = isRecord(told) && isList(more) ? [...known(told["after"]).messages, ...more] : told;
    const whole = withTurn(input, { parameters, messages: messages ?? [] });
    const turn = turnIn(whole);
    if (turn) this.#keep(key, turn);
    return whole;
  }

  #keep(key: string, turn: Turn): void {
    this.#turns.set(key, turn);
    this.#last.set(turn.conversation, key);
  }
}

/** What is looked at of a turn's request. */
interface Turn {
  readonly conversation: string;
  readonly parameters: { readonly [name: string]: Json };
  readonly messages: readonly Json[];
}

function turnIn(input: Json): Turn | undefined {
  const request = isRecord(input) ? input["request"] : undefined;
  if (!isRecord(request)) return undefined;
  const { conversation, parameters, messages } = request;
  return typeof conversation === "string" && isRecord(parameters) && isList(messages)
    ? { conversation, parameters, messages }
    : undefined;
}

function withTurn(input: Json, said: { readonly parameters: Json; readonly messages: Json }): Json {
  const request = isRecord(input) ? input["request"] : undefined;
  return isRecord(input) && isRecord(request) ? { ...input, request: { ...request, ...said } } : input;
}

const sizeable = (value: Json): boolean => JSON.stringify(value).length > 60;

const isSame = (a: Json | undefined, b: Json): boolean => a !== undefined && stableStringify(a) === stableStringify(b);

const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

function checked<T>(schema: z.ZodType<T>, value: unknown, line: number): T {
  const found = schema.safeParse(value);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw broken(line, `can't be read (${issue?.path.join(".") || "the whole"}: ${issue?.message ?? "wrong"})`);
}

const broken = (line: number, what: string): QuatrainError =>
  new QuatrainError("StoreCorrupt", `Line ${line} of the cassette ${what}. Record the run again.`);
