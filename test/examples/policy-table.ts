// The supervision table as the documentation shows it, made from the policy itself.
import { FAILURES, FAILURE_CODES } from "../../src/core/failure.ts";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import type { AttemptStep, LastStep, RenewStep, TurnStep } from "../../src/core/policy.ts";

/** The default policy as a Markdown table, one row a failure code. */
export function policyTable(): string {
  const rows = FAILURE_CODES.map((code) => {
    const { turn, attempt, then } = DEFAULT_TABLE[code];
    return [`\`${code}\``, FAILURES[code].level, turnWords(turn), attemptWords(attempt), LAST[then]];
  });
  return table([["failure", "level", "same turn", "new attempt", "then"], ...rows]);
}

const LAST: Readonly<Record<LastStep, string>> = {
  fail: "the task fails",
  skip: "the task is skipped",
  ask: "a person decides",
  suspend: "the run is suspended",
  synthesize: "nothing new starts; the answer is written",
};

function turnWords(steps: readonly TurnStep[]): string {
  const words = steps.map((step) =>
    step.do === "append" ? "told what is wrong" : `again ${step.waitMs[1] > 0 ? `after ${seconds(step.waitMs)}` : "at once"}`,
  );
  const counted = [...new Set(words)].map((word) => {
    const times = words.filter((one) => one === word).length;
    return times > 1 ? `${word}, ${times} times` : word;
  });
  return counted.join("; ") || "–";
}

function attemptWords(steps: readonly AttemptStep[]): string {
  return steps.map(stepWords).join("; ") || "–";
}

function stepWords(step: AttemptStep): string {
  if (step.do === "redo") return "the later task is done again on top of the earlier";
  const wait = step.waitMs[1] > 0 ? ` after ${seconds(step.waitMs)}` : "";
  if (step.do === "renew") return `${changeWords(step.change)}${wait}`;
  return `${step.do === "split" ? "split into parts" : "worded anew"}${wait}`;
}

function changeWords({ effort, maxTokens, context, issues, model, worker }: RenewStep["change"]): string {
  const words = [
    ...(worker === undefined ? [] : [`by ${worker}`]),
    ...(model === "other" ? ["another model of its class"] : model === "orchestrator" ? ["the orchestrator's model"] : []),
    ...(effort ? [`${effort} effort`] : []),
    ...(maxTokens ? ["twice the output tokens"] : []),
    ...(context ? ["context cut to 60 %"] : []),
    ...(issues ? ["told what failed"] : []),
  ];
  return words.join(" and ") || "once more";
}

const seconds = ([from, to]: readonly [number, number]): string => `${from / 1_000}–${to / 1_000} s`;

/** Without padding: `flat` takes the formatter's out of the document. */
function table(rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(head.map(() => "-")), ...body.map(line)].join("\n");
}

/** A document with its tables unpadded. */
export const flat = (text: string): string => text.replaceAll(/ +\|/g, " |").replaceAll(/-{2,}(?= \|)/g, "-");
