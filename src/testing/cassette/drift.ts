// What a replay of a cassette can find: kinds of drift, and the text that tells them.
import { plainText } from "../../core/text.ts";
import type { Outcome } from "../../protocol/run-event.ts";
import type { RunOutput } from "../../machines/run-events.ts";

/**
 * What drifted. `plan`: another plan is carried out; `prompt`: something else is asked of a model; `input`: something else of
 * another effect; `order`: effects start in another order; `missing`: something is asked that was never answered; `unused`:
 * something that was answered is not asked; `cost`: the same tokens cost something else; `result`: the run ends otherwise.
 */
export type DriftKind = (typeof DRIFT_KINDS)[number];

/** All kinds, in the order in which they are told: what may have caused the others comes first. */
export const DRIFT_KINDS = ["plan", "prompt", "input", "order", "missing", "unused", "cost", "result"] as const;

/** One thing that is otherwise than when the cassette was recorded. */
export interface Drift {
  readonly kind: DriftKind;
  /** The key of the effect, such as `t2#1/turn/1.0`; `run` for what concerns the whole. */
  readonly where: string;
  /** What it is, as a diff where there are two values: `-` recorded, `+` now. */
  readonly message: string;
  /** Keys of other effects that drifted in the very same way. */
  readonly also: readonly string[];
}

/** What a run came to. */
export interface CassetteTally {
  /** Null: it did not end. */
  readonly outcome: Outcome | null;
  readonly usd: number;
  readonly turns: number;
}

/** What the replay of a cassette came to. */
export interface CassetteReport {
  /** True without drifts. */
  readonly ok: boolean;
  readonly drifts: readonly Drift[];
  /** Drifts that the mode, or `ignore`, lets pass. */
  readonly tolerated: readonly Drift[];
  /** Of the replayed run; null where it did not end. */
  readonly output: RunOutput | null;
  readonly recorded: CassetteTally;
  readonly replayed: CassetteTally;
}

/** Most drifts that are told one by one. */
const MOST_TOLD = 20;

/** The drifts of a report as text, the likeliest causes first; "" when there is none. */
export function driftText({ drifts, recorded, replayed }: CassetteReport): string {
  if (drifts.length === 0) return "";
  const tally = ({ outcome, turns, usd }: CassetteTally): string =>
    `${outcome ?? "unfinished"}, ${turns} turns, $${usd.toFixed(4)}`;
  const more = drifts.length - MOST_TOLD;
  const text = [
    `${drifts.length === 1 ? "1 drift" : `${drifts.length} drifts`}; recorded: ${tally(recorded)}; now: ${tally(replayed)}`,
    ...drifts.slice(0, MOST_TOLD).map(told),
    ...(more > 0 ? [`… and ${more} more`] : []),
  ].join("\n");
  // Models and files wrote what is shown.
  return plainText(text);
}

function told({ kind, where, message, also }: Drift): string {
  const others =
    also.length === 0 ? "" : ` (also ${also.slice(0, 3).join(", ")}${also.length > 3 ? ` and ${also.length - 3} more` : ""})`;
  return `${kind} ${where}${others}\n${message}`;
}

/** Drifts of one kind that say the same become one; in the order in which they are told. */
export function gathered(drifts: readonly Drift[]): readonly Drift[] {
  const byText = new Map<string, Drift>();
  for (const drift of drifts) {
    const text = `${drift.kind}\n${drift.message}`;
    const known = byText.get(text);
    byText.set(text, known ? { ...known, also: [...known.also, drift.where] } : drift);
  }
  return [...byText.values()].toSorted((a, b) => DRIFT_KINDS.indexOf(a.kind) - DRIFT_KINDS.indexOf(b.kind));
}
