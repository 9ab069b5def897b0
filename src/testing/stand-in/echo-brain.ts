// The stand-in's simplest brain: it says again what it was told, in the form that was asked for.
import { badBrain } from "./bad-brain/bad-brain.ts";
import { lastText, type Brain } from "./brain.ts";

/**
 * A brain that repeats the last message. Where JSON is asked for it answers with a value that fits the schema. It never
 * calls a tool. The same request gets the same answer.
 */
export function echoBrain(): Brain {
  const wellBehaved = badBrain({ seed: 1, badness: 0 });
  return (request, context) => {
    if ((request.output_config?.format ?? null) !== null) return wellBehaved({ ...request, tools: [] }, context);
    return { content: [lastText(request).trim() || "(nothing was said)"] };
  };
}
