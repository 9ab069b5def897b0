// Questions to a person: how they are worded and what their hash binds.
import { digestOf, stableStringify } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { oneLine } from "../core/text.ts";
import type { Ask } from "../protocol/command.ts";

/** The question whether a tool call may run. */
export function describeAsk(about: {
  readonly conversation: string;
  readonly call: { readonly id: string; readonly name: string; readonly input: Json };
  readonly turn: number;
  readonly at: number;
}): Ask {
  const { conversation, call, turn, at } = about;
  const detail = { tool: call.name, input: call.input };
  return {
    id: `${conversation}/${turn}/${call.id}`,
    kind: "permission",
    from: conversation,
    text: `May ${conversation} run ${summarizeCall(call)}?`,
    detail,
    hash: digestOf(stableStringify([conversation, detail])),
    at,
  };
}

/** A tool call in one line, such as `bash(npm test)`. */
export function summarizeCall(call: { readonly name: string; readonly input: Json }): string {
  const { input } = call;
  const fields = typeof input === "object" && input !== null && !Array.isArray(input) ? Object.values(input) : [];
  const first = fields.find((field) => typeof field === "string");
  return `${call.name}(${oneLine(typeof first === "string" ? first : "", 80)})`;
}
