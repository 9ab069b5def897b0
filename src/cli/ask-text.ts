// A question as a person has to see it: whole, since what is approved is exactly what runs. Pure.
import { isPlainObject } from "../core/json.ts";
import { headAndTail, plainText } from "../core/text.ts";
import { unreachable } from "../core/unreachable.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { Ask } from "../protocol/command.ts";
import { planLines } from "./plan-text.ts";
import { safe } from "./words.ts";

/** What is shown before the question, and the question itself, in one line. */
export interface AskText {
  readonly lines: readonly string[];
  readonly question: string;
}

/** Longest text of a tool call that is shown whole. */
const LONGEST = 4_000;

/** Words a question. */
export function askText(ask: Ask, context: RunContext): AskText {
  const who = ask.from === null ? "" : ` (${ask.from})`;
  switch (ask.kind) {
    case "plan":
      return { lines: planLines(context), question: "Carry out this plan?" };
    case "permission":
      return { lines: [`May this be run${who}?`, ...callLines(ask.detail)], question: "Run it?" };
    case "escalation":
      return { lines: [safe(ask.text, 600)], question: "Try it again?" };
    case "conflict":
      return { lines: [safe(ask.text, 1_200)], question: "Keep the later versions?" };
    default:
      return unreachable(ask.kind);
  }
}

function callLines(detail: Ask["detail"]): readonly string[] {
  if (!isPlainObject(detail)) return [plainText(JSON.stringify(detail))];
  const { tool, input } = detail;
  const fields = isPlainObject(input) ? Object.entries(input) : [["input", input] as const];
  return [
    `  ${plainText(typeof tool === "string" ? tool : JSON.stringify(tool))}`,
    ...fields.flatMap(([name, value]) => {
      const text = headAndTail(plainText(typeof value === "string" ? value : JSON.stringify(value)), LONGEST);
      const [first = "", ...rest] = text.split("\n");
      return [`    ${plainText(name)}: ${first}`, ...rest.map((line) => `      ${line}`)];
    }),
  ];
}
