// Questions of a run that a function answers. Whatever the function does, the run gets an answer and nothing is thrown.
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { stableStringify } from "../core/json.ts";
import { headAndTail } from "../core/text.ts";
import type { Host } from "../host/port.ts";
import type { Ask } from "../protocol/command.ts";
import type { Answer } from "./options.ts";

/** Longest text of an answer, in characters; longer ones are cut in the middle. */
const LONGEST_TEXT = 19_000;

const Given = z.union([
  z.enum(["approve", "reject"]).transform((decision) => ({ decision, text: undefined })),
  z.object({ decision: z.enum(["approve", "reject"]), text: z.string().optional() }),
]);

/** Asks the function and sends its answer; a throw, or something that is no answer, is a no that says so. Never rejects. */
export async function answerWith(answer: (ask: Ask) => Answer | Promise<Answer>, host: Host, ask: Ask): Promise<void> {
  try {
    const { decision, text } = await decisionOf(answer, ask);
    const said = text === undefined ? {} : { text: headAndTail(text, LONGEST_TEXT) };
    // The hash binds the answer to what was asked: asked again after a resume, it is sent once.
    host.send({ type: "ask.answer", ask: ask.id, hash: ask.hash, decision, ...said }, { id: `answer/${ask.id}/${ask.hash}` });
  } catch {
    // The host is gone or its store broke, which the run's result tells; the question stays open for a resume.
  }
}

async function decisionOf(answer: (ask: Ask) => Answer | Promise<Answer>, ask: Ask): Promise<z.output<typeof Given>> {
  try {
    const given: unknown = await answer(ask);
    const checked = Given.safeParse(given);
    if (checked.success) return checked.data;
    return { decision: "reject", text: `the asks function answered ${stableStringify(given)}, not approve or reject` };
  } catch (error) {
    return { decision: "reject", text: `the asks function threw: ${messageOf(error)}` };
  }
}
