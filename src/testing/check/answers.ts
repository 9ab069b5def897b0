// What scripts may answer: one shape for scripted models and for the worlds of simulations.
import { z } from "zod";
import { QuatrainError } from "../../core/errors.ts";
import { failureCode, shown } from "./given.ts";

const text = z.string().optional();

/** One answer of a scripted model. */
export const AnswerData = z.union([
  z.string(),
  z.strictObject({ json: z.json() }),
  z.strictObject({ calls: z.array(z.strictObject({ tool: z.string(), input: z.json(), id: text })), text }),
  z.strictObject({
    stop: z.enum(["end_turn", "tool_use", "pause_turn", "max_tokens", "stop_sequence", "refusal"]),
    text,
  }),
  z.strictObject({
    fail: failureCode(),
    message: text,
    retryable: z.boolean().optional(),
    retryAfterMs: z.number().nonnegative().optional(),
    usage: z.looseObject({}).optional(),
  }),
]);

/** Checks an answer before it is given. Throws QuatrainError "BadOption" naming its script. */
export function checkAnswer(name: string, answer: unknown): void {
  if (isAnswer(answer)) return;
  const ways = '"a text", { json }, { calls: [{ tool, input }] }, { stop: "max_tokens" } or { fail: "Overloaded" }';
  throw new QuatrainError("BadOption", `Script "${name}" answers ${shown(answer)}; answer ${ways}.`);
}

/** JSON is looked at only as deep as it goes: a cycle is none. */
function isAnswer(answer: unknown): boolean {
  try {
    return AnswerData.safeParse(answer).success;
  } catch {
    return false;
  }
}
