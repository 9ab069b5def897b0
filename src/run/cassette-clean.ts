// What may stand in a recording: texts without secrets and without the places of the machine they come from.
//   K1  A secret becomes as many stars as it has characters: lengths, and with them what is cut where, stay as they were.
//   K2  Cleaning twice changes nothing more, so that what was cleaned can be compared with what is cleaned anew.
import os from "node:os";
import { isPlainObject } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { copyOf } from "../host/values.ts";
import { isSecretField, secretHider } from "../core/secrets.ts";

/** What is known to be hidden. */
export interface CleanOptions {
  /** Values that must not be in it, besides what looks like a secret. @default [] */
  readonly secrets?: readonly string[];
  /** What stands for a text of this machine, such as `<workspace>` for a folder. @default nothing */
  readonly places?: Readonly<Record<string, string>>;
}

/** Copies a value that is JSON; only its texts change. */
export type Clean = <T>(value: T) => T;

/** Makes a function that copies JSON without secrets and places. */
export function cleaner({ secrets = [], places = {} }: CleanOptions = {}): Clean {
  const hide = secretHider(secrets, stars);
  const known = Object.entries(places)
    .filter(([, place]) => place.length > 1)
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, place]) => ({ name, pattern: new RegExp(`${escaped(place)}(?![\\w-])`, "g") }));
  const clean = (text: string): string => hide(known.reduce((rest, { name, pattern }) => rest.replace(pattern, name), text));
  const copy = (value: Json): Json => {
    if (typeof value === "string") return clean(value);
    if (typeof value !== "object" || value === null) return value;
    if (isList(value)) return value.map(copy);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [
        clean(name),
        isSecretField(name) && typeof one === "string" ? stars(one) : copy(one),
      ]),
    );
  };
  return <T>(value: T) => copy(copyOf(value)) as T;
}

/** The places of a run: its workspace, its store, the home of its user, and its id where that was made up. */
export function placesOf({ runId, workspace, store }: RunPlaces): Readonly<Record<string, string>> {
  return {
    ...(workspace === null ? {} : { "<workspace>": workspace }),
    ...(store === "" ? {} : { "<store>": store }),
    "<home>": os.homedir(),
    ...(MADE_UP.test(runId) ? { [RUN]: runId } : {}),
  };
}

/** Where a run was. */
export interface RunPlaces {
  readonly runId: string;
  readonly workspace: string | null;
  /** "" for none. */
  readonly store: string;
}

/** What stands for an id that was made up. */
const RUN = "r-recorded";
const MADE_UP = /^r-[a-z0-9]{12,14}$/;

const stars = (secret: string): string => "*".repeat(secret.length);

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Array.isArray does not see that a readonly list is one. */
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** True for objects of JSON. */
export const isRecord = (value: unknown): value is { readonly [key: string]: Json } => isPlainObject(value);
