// What a scripted model says of a request that its script does not expect: who asked, what was scripted, what came
// instead, and where both differ.
import { nearest } from "../core/text.ts";
import type { Message, TurnRequest } from "../protocol/turn.ts";

/** What the texts of the last message must hold: a text, a pattern, or what a function accepts of the whole request. */
export type Expectation = string | RegExp | ((request: TurnRequest) => boolean);

/** What is known of a request and its script. */
export interface Mismatch {
  readonly role: string;
  readonly task: string | null;
  readonly attempt: number | null;
  readonly turn: number;
  /** Name of the script that was to answer; undefined: none fits. */
  readonly name: string | undefined;
  /** What that script is; a number: a list of so many answers. */
  readonly script: "none" | "function" | "single" | number;
  /** What the script expects of this turn. */
  readonly when: Expectation | undefined;
  readonly known: readonly string[];
}

/** Most lines and characters of a message that are shown. */
const MOST_LINES = 30;
const LONGEST_LINE = 200;

/** True when a request is as expected. */
export function isMatch(when: Expectation, request: TurnRequest): boolean {
  if (typeof when === "function") return when(request);
  const text = lastTextOf(request);
  return typeof when === "string" ? text.includes(when) : text.search(when) >= 0;
}

/** Words about an unexpected request. */
export function unexpectedText(request: TurnRequest, mismatch: Mismatch): string {
  const { conversation } = request;
  const { role, turn, task } = mismatch;
  const who = task === null ? `conversation "${conversation}"` : `conversation "${conversation}" (${role})`;
  const came = lastTextOf(request);
  const said = request.messages.at(-1)?.role ?? "nobody";
  return [
    `The script does not expect request ${turn} of ${who}.`,
    ...why(conversation, mismatch),
    ...(typeof mismatch.when === "string" ? differences(mismatch.when, came) : []),
    `The last message is the ${said === "user" ? "user's" : said}:`,
    ...shown(came).map((line) => (line === "" ? "" : `    ${line}`)),
  ].join("\n");
}

function why(conversation: string, { name, script, when, known, role }: Mismatch): readonly string[] {
  if (when !== undefined) {
    const wish =
      typeof when === "function" ? "what its function accepts" : typeof when === "string" ? JSON.stringify(when) : String(when);
    return [`Script "${name}" expects ${wish} here, and the last message does not have it.`];
  }
  if (script === "function") return [`Script "${name}" is a function, and it gave no answer.`];
  if (typeof script === "number") {
    const answers = script === 1 ? "1 answer" : `${script} answers`;
    return [`Script "${name}" has ${answers} for a conversation, and no more: add one, or find out why it is asked again.`];
  }
  const bare = conversation.replace(/#.*/, "");
  // Among names of one or two letters everything is near to everything.
  const long = known.filter((one) => one.length > 2);
  const near = nearest(bare, long) ?? nearest(role, long);
  const names = [...new Set([conversation, bare, role, "*"])].map((one) => `"${one}"`).join(", ");
  return [
    `No script is named ${names}; there are ${known.map((one) => `"${one}"`).join(", ") || "none"}.${near === undefined ? "" : ` Did you mean "${near}"?`}`,
  ];
}

/** Lines of the expected text that did not come, each with the line that is nearest to it. */
function differences(expected: string, came: string): readonly string[] {
  const lines = came.split("\n").map((line) => line.trim());
  return expected.split("\n").flatMap((line) => {
    const wanted = line.trim();
    if (wanted === "" || lines.some((one) => one.includes(wanted))) return [];
    const near = closest(wanted, lines);
    return [`  - ${short(wanted)}`, ...(near === undefined ? [] : [`  + ${short(near)}`])];
  });
}

/** The line that shares most words; undefined where none shares any. */
function closest(wanted: string, lines: readonly string[]): string | undefined {
  const words = new Set(wordsOf(wanted));
  let best: string | undefined;
  let most = 0;
  for (const line of lines) {
    const shared = new Set(wordsOf(line).filter((word) => words.has(word))).size;
    if (shared > most) [best, most] = [line, shared];
  }
  return best;
}

const wordsOf = (line: string): readonly string[] => line.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Head and tail of a text. */
function shown(text: string): readonly string[] {
  const lines = text.split("\n").map(short);
  if (lines.length <= MOST_LINES) return lines;
  const half = MOST_LINES / 2;
  return [...lines.slice(0, half), `… ${lines.length - MOST_LINES} lines …`, ...lines.slice(-half)];
}

const short = (line: string): string => (line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line);

/** All texts of the last message, tool results included. */
function lastTextOf({ messages }: TurnRequest): string {
  const last: Message | undefined = messages.at(-1);
  const texts = (last?.content ?? []).map((block) => {
    if (block.type === "text") return block.text;
    return block.type === "tool_result" ? block.content : JSON.stringify(block);
  });
  return texts.join("\n");
}
