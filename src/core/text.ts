// Untrusted text (model output, file names, tool results) made safe to show and to bound.

// oxlint-disable-next-line no-control-regex -- these are the characters to remove
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[P^_X][^\u001b]*(?:\u001b\\)?|[@-Z\\-_])?/g;
const CONTROLS =
  // oxlint-disable-next-line no-control-regex -- these are the characters to remove
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu;

/** Removes terminal escapes, control characters and what is invisible but means something (direction, tags); tab and newline stay. */
export function plainText(text: string): string {
  return text.replaceAll(ESCAPES, "").replaceAll(CONTROLS, "");
}

/** One line of at most `length` characters: plain text with white space folded, cut with an ellipsis (never inside a surrogate pair). */
export function oneLine(text: string, length = 120): string {
  const folded = plainText(text).replaceAll(/\s+/g, " ").trim();
  if (folded.length <= length) return folded;
  return length < 1 ? "" : `${headOf(folded, length - 1)}…`;
}

/** Keeps head and tail of a long text (`length` characters together at most) and says how much was left out between them. */
export function headAndTail(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = Math.floor(length / 2);
  const head = headOf(text, half);
  const tail = text.slice(isInsidePair(text, text.length - half) ? text.length - half + 1 : text.length - half);
  return `${head}\n… ${text.length - head.length - tail.length} characters left out …\n${tail}`;
}

/** The candidate that is nearest to a word by edit distance, if it is near enough to be meant. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }));
  const best = scored.toSorted((a, b) => a.distance - b.distance)[0];
  if (!best) return undefined;
  const { candidate, distance: steps } = best;
  const isNear = steps <= Math.max(2, Math.floor(candidate.length / 3)) && steps < Math.min(word.length, candidate.length);
  return isNear ? candidate : undefined;
}

/** The first characters; one less where the cut would halve a surrogate pair, which no API takes. */
function headOf(text: string, length: number): string {
  return text.slice(0, isInsidePair(text, length) ? length - 1 : length);
}

function isInsidePair(text: string, at: number): boolean {
  const isHalf = (index: number, from: number): boolean => (text.charCodeAt(index) & 0xfc00) === from;
  return at > 0 && at < text.length && isHalf(at - 1, 0xd800) && isHalf(at, 0xdc00);
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const swap = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(swap, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
