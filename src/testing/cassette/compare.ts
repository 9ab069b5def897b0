// What a replayed run did otherwise than the recorded one. Pure. Both sides are cleaned in the same way before they are
// compared, so that what was hidden in the recording is no difference.
import { stableStringify } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import { oneLine } from "../../core/text.ts";
import { copyOf } from "../../host/values.ts";
import type { CassetteEnd, RecordedEffect } from "../../run/cassette.ts";
import { cleaner, isList, isRecord } from "../../run/cassette-clean.ts";
import { diffText, differences } from "./difference.ts";
import type { Difference } from "./difference.ts";
import type { Drift, DriftKind } from "./drift.ts";
import type { Asked } from "./tape.ts";

/** Differences of one effect's input that are told, at most. */
const MOST_OF_ONE = 3;

/** Names that a digest of the whole gives to parts of a prompt (src/prompts/fence.ts): the digest of what was cleaned is another one. */
const FENCE = /\bpart-[a-z0-9]{22}\b/g;

/**
 * What is asked of an effect, as it can be compared: times from the start on, without prices (they are no part of what is
 * asked) and without digests.
 */
function comparable(input: Json, startedAt: number): Json {
  if (!isRecord(input)) return input;
  if (typeof input["dueAt"] === "number" && Number.isFinite(input["dueAt"]))
    return { ...input, dueAt: input["dueAt"] - startedAt };
  const { request } = input;
  if (!isRecord(request) || !isRecord(request["parameters"]) || !isRecord(request["parameters"]["choice"])) return input;
  const { parameters } = request;
  const choice = { ...request["parameters"]["choice"], price: null };
  return { ...input, request: { ...request, parameters: { ...parameters, choice } } };
}

function fenceless(value: Json): Json {
  if (typeof value === "string") return value.replaceAll(FENCE, "part");
  if (isList(value)) return value.map(fenceless);
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fenceless(one)])) : value;
}

/** Effects that are asked for otherwise, and those that were never recorded. `startedAt`: virtual ms of the run's start. */
export function inputDrifts(asked: readonly Asked[], startedAt: number): readonly Drift[] {
  const clean = cleaner();
  return asked.flatMap(({ effect, key, input, recorded }): readonly Drift[] => {
    const before = recorded && comparable(recorded.input, 0);
    // Usually nothing differs, and nothing has to be copied or cleaned to see that.
    if (before && differences(before, comparable(input, startedAt), 1).length === 0) return [];
    const now = clean(comparable(copyOf(input), startedAt));
    if (!before) return [drift("missing", key, `  ${effect} has no recorded answer. It is asked: ${summaryOf(now)}`)];
    const found = differences(fenceless(before), fenceless(now), MOST_OF_ONE);
    return found.map((one) => drift(effect === "modelTurn" ? "prompt" : "input", key, diffText(one)));
  });
}

/** Recorded effects that nobody asked for. */
export function unusedDrift(unused: readonly RecordedEffect[]): readonly Drift[] {
  const [first, ...others] = unused;
  if (!first) return [];
  const message = `  recorded, and not asked for now: ${first.effect}${others.length > 0 ? ` and ${others.length} more` : ""}`;
  return [{ kind: "unused", where: first.key, message, also: others.map(({ key }) => key) }];
}

/** The first place at which effects start in another order, of those that both runs have. */
export function orderDrift(effects: readonly RecordedEffect[], asked: readonly Asked[]): readonly Drift[] {
  const now = asked.flatMap(({ recorded }) => recorded ?? []);
  const both = new Set(now);
  const before = effects.filter((one) => both.has(one));
  const at = before.findIndex((one, place) => one !== now[place]);
  const shown = (list: readonly RecordedEffect[]): string =>
    list
      .slice(Math.max(0, at - 1), at + 3)
      .map(({ effect, key }) => `${effect} ${key}`)
      .join(", ");
  const where = now[at]?.key ?? "run";
  return at < 0 ? [] : [drift("order", where, `  - … ${shown(before)} …\n  + … ${shown(now)} …`)];
}

/** How the ends of both runs differ: plan, cost and all else. `why`: what keeps the replayed run from its end. */
export function endDrifts(before: CassetteEnd, now: CassetteEnd, why: string | null): readonly Drift[] {
  const is = cleaner()(now);
  return [...planDrifts(before.plan, is.plan), ...costDrift(before, is), ...resultDrifts(before, is, why)];
}

function planDrifts(before: CassetteEnd["plan"], now: CassetteEnd["plan"]): readonly Drift[] {
  const found = differences(copyOf(before), copyOf(now), MOST_OF_ONE);
  return found.map((one) => drift("plan", "run", diffText({ ...one, path: one.path || "plan" })));
}

/** Amounts below this are the same. */
const SAME_USD = 1e-9;

function costDrift(before: CassetteEnd, now: CassetteEnd): readonly Drift[] {
  // Another number of turns is told by what is missing or unused.
  if (before.turns !== now.turns || Math.abs(before.usd - now.usd) <= SAME_USD) return [];
  const percent =
    before.usd === 0 ? "" : ` (${now.usd > before.usd ? "+" : ""}${(100 * (now.usd / before.usd - 1)).toFixed(1)} %)`;
  return [
    drift(
      "cost",
      "run",
      `  the same ${now.turns} turns cost $${now.usd.toFixed(6)}, recorded $${before.usd.toFixed(6)}${percent}`,
    ),
  ];
}

function resultDrifts(before: CassetteEnd, now: CassetteEnd, why: string | null): readonly Drift[] {
  const found = differences(resultIn(before), resultIn(now), MOST_OF_ONE);
  const reason = why === null ? "" : `\n  ${why}`;
  return found.map((one) => drift("result", whereOf(one), diffText(one) + reason));
}

function resultIn({ outcome, failure, answer, tasks, files, conflicts }: CassetteEnd): Json {
  const byId = Object.fromEntries(tasks.map(({ id, ...task }) => [id, task]));
  return copyOf({ outcome, failure, answer, tasks: byId, files, conflicts });
}

const whereOf = ({ path }: Difference): string => /^tasks\.(t\d+)/.exec(path)?.[1] ?? "run";

const drift = (kind: DriftKind, where: string, message: string): Drift => ({ kind, where, message, also: [] });

/** What is asked, in a line: of a turn the last message. */
function summaryOf(input: Json): string {
  const request = isRecord(input) ? input["request"] : undefined;
  const messages = isRecord(request) ? request["messages"] : undefined;
  const last = isList(messages) ? messages.at(-1) : undefined;
  return oneLine(stableStringify(last ?? input), 200);
}
