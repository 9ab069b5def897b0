// Numbers as people read them, and text as terminals measure it.
import { oneLine } from "../core/text.ts";

/** `0.3 s`, `12 s`, `1 m 05 s`, `2 h 03 m`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} m ${two(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

/** `$0`, `$0.0042`, `$0.04`, `$12.30`. */
export function moneyText(usd: number): string {
  if (usd === 0) return "$0";
  return usd < 0.01 ? `$${usd.toFixed(4)}` : `$${usd.toFixed(2)}`;
}

/** `950`, `3.2k`, `1.4M`. */
export function countText(count: number): string {
  if (count < 1_000) return String(Math.round(count));
  return count < 999_950 ? `${(count / 1_000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

/** `1 task`, `3 tasks`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** Text of others in one line that can be shown anywhere. */
export const safe = (text: string, length = 200): string => oneLine(text, length);

/** Terminal cells that a line of text takes. */
export function cellsOf(text: string): number {
  if (ASCII.test(text)) return text.length;
  let cells = 0;
  for (const { segment } of graphemes(text)) cells += cellsOfGrapheme(segment);
  return cells;
}

/** The text cut to so many cells, with an ellipsis where something is missing. */
export function cutToCells(text: string, cells: number): string {
  if (cells <= 0) return "";
  if (cellsOf(text) <= cells) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of graphemes(text)) {
    const wide = cellsOfGrapheme(segment);
    if (used + wide > cells - 1) break;
    kept += segment;
    used += wide;
  }
  return `${kept}…`;
}

/** The text cut or filled to exactly so many cells. */
export function fitToCells(text: string, cells: number): string {
  const cut = cutToCells(text, cells);
  return cut + " ".repeat(Math.max(0, cells - cellsOf(cut)));
}

const ASCII = /^[\u0020-\u007e]*$/;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u;
const NOTHING = /^[\p{Mark}\p{Default_Ignorable_Code_Point}\p{Control}]*$/u;

function cellsOfGrapheme(grapheme: string): number {
  if (NOTHING.test(grapheme)) return 0;
  return WIDE.test(grapheme) ? 2 : 1;
}

const graphemes = (text: string): Intl.Segments => new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text);

const two = (value: number): string => String(value).padStart(2, "0");
