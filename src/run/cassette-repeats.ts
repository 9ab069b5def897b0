// What is said again in a cassette is not written again: a long value names the place where it was said first, such as
// `{"same":"t1#1/turn/1.0 input.request.messages"}`; a list that has grown adds what is new as `more`. A conversation only
// grows, and every answer comes back in the next turn, so that this is most of a recording.
//   W1  Writer and reader come across the same values at the same places, in the same order.
//   W2  Data that looks like such a mark is written as `{"plain": …}`.
import { isPlainObject } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { isList, isRecord } from "./cassette-clean.ts";

/** Longest JSON that is simply written again, in characters. */
const SHORT = 120;
/** How many new entries a list that has grown may have. */
const MOST_NEW = 8;
const MARK = /"(?:same|plain)":/;

/** Where long values were said first. One for each cassette, its values in order. */
export class Repeats {
  readonly #places = new Map<string, string>();
  readonly #values = new Map<string, Json>();

  /** A value as it is written. `place`: what it is called from now on. */
  shorten(value: Json, place: string): Json {
    const text = JSON.stringify(value);
    if (text.length <= SHORT) return MARK.test(text) ? { plain: value } : value;
    const known = this.#places.get(text);
    if (known !== undefined) return { same: known };
    if (isMark(value)) return { plain: value };
    const short = isList(value)
      ? this.#shortenList(value, place)
      : isRecord(value)
        ? mapped(value, (one, name) => this.shorten(one, `${place}.${name}`))
        : value;
    this.#keep(value, { text, place });
    return short;
  }

  /** The value that was written so. Undefined for a place that nothing before it has. */
  lengthen(short: Json, place: string): Json | undefined {
    if (isRecord(short) && "plain" in short) return short["plain"];
    const value = isMark(short) ? this.#referred(short, place) : this.#inside(short, place);
    if (value === undefined) return undefined;
    const text = JSON.stringify(value);
    if (text.length > SHORT && !(isMark(short) && !("more" in short))) this.#keep(value, { text, place });
    return value;
  }

  #shortenList(list: readonly Json[], place: string): Json {
    for (let known = list.length - 1; known >= Math.max(1, list.length - MOST_NEW); known--) {
      const same = this.#places.get(JSON.stringify(list.slice(0, known)));
      if (same === undefined) continue;
      return { same, more: list.slice(known).map((one, at) => this.shorten(one, `${place}[${known + at}]`)) };
    }
    return list.map((one, at) => this.shorten(one, `${place}[${at}]`));
  }

  #referred(mark: { readonly [name: string]: Json }, place: string): Json | undefined {
    const before = typeof mark["same"] === "string" ? this.#values.get(mark["same"]) : undefined;
    const { more } = mark;
    if (more === undefined || before === undefined) return before;
    if (!isList(before) || !isList(more)) return undefined;
    const added = more.map((one, at) => this.lengthen(one, `${place}[${before.length + at}]`));
    return isWhole(added) ? [...before, ...added] : undefined;
  }

  #inside(short: Json, place: string): Json | undefined {
    if (isList(short)) {
      const list = short.map((one, at) => this.lengthen(one, `${place}[${at}]`));
      return isWhole(list) ? list : undefined;
    }
    if (!isRecord(short)) return short;
    const fields = Object.entries(short).map(([name, one]) => [name, this.lengthen(one, `${place}.${name}`)] as const);
    return isWhole(fields.map(([, one]) => one)) ? (Object.fromEntries(fields) as Json) : undefined;
  }

  /** W1: the first at a place and of a text stays. */
  #keep(value: Json, { text, place }: { readonly text: string; readonly place: string }): void {
    if (this.#values.has(place) || this.#places.has(text)) return;
    this.#values.set(place, value);
    this.#places.set(text, place);
  }
}

const isMark = (value: Json): value is { readonly [name: string]: Json } =>
  isPlainObject(value) && (Object.hasOwn(value, "same") || Object.hasOwn(value, "plain"));

const isWhole = (list: readonly (Json | undefined)[]): list is readonly Json[] => !list.includes(undefined);

function mapped(value: { readonly [name: string]: Json }, change: (one: Json, name: string) => Json): Json {
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, change(one, name)]));
}
