// Errors and failures in the words of the command line: where a message names an option of the library, people here have a flag.
import { messageOf, QuatrainError } from "../core/errors.ts";
import type { Failure } from "../core/failure.ts";
import { plainText } from "../core/text.ts";
import { safe } from "./words.ts";

/** A message with the library's options replaced by flags. */
export function inFlags(message: string): string {
  return WORDS.reduce((text, [pattern, flag]) => text.replaceAll(pattern, flag), plainText(message));
}

/** What to print for anything thrown. An error that nobody foresaw comes with its place in the code. */
export function errorText(error: unknown): string {
  const known = QuatrainError.is(error) || (error instanceof Error && "code" in error);
  if (known || !(error instanceof Error)) return inFlags(messageOf(error));
  return `unexpected error: ${plainText(error.stack ?? messageOf(error))}`;
}

/** A failure in one line: code and message. */
export const failureText = (failure: Failure, length = 300): string =>
  `${failure.code}: ${safe(inFlags(failure.message), length)}`;

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/with the option store\b/g, "with --state-dir"],
  [/in the option models \([^)]*\)/g, "with --model-orchestrator, --model-worker or --model-router"],
  [/Check the baseURL\b/g, "Check --base-url or ANTHROPIC_BASE_URL"],
  [/models\.\w+(\.\w+)?\.baseURL is\b/g, "--base-url is"],
  [/, or endpoints\.default\.apiKey/g, ""],
  [/, or pass endpoints\.default\.apiKey/g, ""],
  [/Set the apiKey of the endpoint "[^"]*"/g, "Set QUATRAIN_API_KEY, which goes with --base-url"],
  [/pass it with its baseURL in the endpoints of the model client/g, "give its address again with --base-url"],
  [
    /Give its prices, or run without a budget[^)]*\)/g,
    "Leave out --budget and --task-budget, or choose a model whose price is known",
  ],
  [
    / at \S+, and models names no such address; give the models it was started with/g,
    " at an endpoint of your own; give the same --base-url again",
  ],
  [/\bworkers is empty\b/g, "--workers is empty"],
  [
    /(Wait, stop that process, or send the run a command) with openInbox\(\)/g,
    "$1 with: quatrain tell, answer, pause, cancel, skip or retry",
  ],
  [/\bfork the run from there\b/g, "go on from there with: quatrain fork"],
  [/\bor fork the run\b/g, "or go on from it with: quatrain fork"],
  [/\bresume it first, or fork it\b/g, "resume it first, or go another way with: quatrain fork"],
  [/ See listRuns\(\{ file \}\) for those it has\./g, " See them with: quatrain runs"],
];
