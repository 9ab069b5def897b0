// How a conversation begins: its parameters as plain data, and the first thing it is told.
import type { FrozenParameters } from "../protocol/turn.ts";
import type { ConversationInput } from "./conversation-state.ts";

/** Parameters and first message. Contexts hold plain data; a prompt's format works itself out on reading. */
export function opening(
  { format, ...parameters }: FrozenParameters,
  text: string,
): Pick<ConversationInput, "parameters" | "messages"> {
  const plain = format && { name: format.name, schema: format.schema };
  return { parameters: { ...parameters, format: plain }, messages: [{ role: "user", content: [{ type: "text", text }] }] };
}
