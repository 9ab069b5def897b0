// Turns with tool calls: sound ones, and the ways in which models get them wrong.
import { unreachable } from "../../../core/unreachable.ts";
import type { BrainAnswer, BrainPart } from "../brain.ts";
import { blocksOf, type MessagesRequest, type RequestBlock, type RequestTool } from "../wire.ts";
import { orElse, type Dice } from "./dice.ts";
import { instanceOf, nearlyInstanceOf } from "./instance.ts";

/** What is wrong with a turn of tool calls. */
export type ToolFlaw = "wrongInput" | "unknownTool" | "sameIds" | "many" | "empty" | "noCall" | "contradiction" | "notStopped";

/** Every flaw. */
export const toolFlaws: readonly [ToolFlaw, ...ToolFlaw[]] = [
  "wrongInput",
  "unknownTool",
  "sameIds",
  "many",
  "empty",
  "noCall",
  "contradiction",
  "notStopped",
];

/** A turn that calls the request's own tools; one to three calls, sound unless a flaw is asked for. */
export function toolTurn(tools: readonly RequestTool[], flaw: ToolFlaw | null, dice: Dice): BrainAnswer {
  const call = (): BrainPart => callOf(dice.pick(orElse(tools, {})), dice);
  switch (flaw) {
    case null:
      return { content: [...thought(dice), ...Array.from({ length: 1 + dice.below(3) }, call)] };
    case "wrongInput":
      return { content: [callOf(dice.pick(orElse(tools, {})), dice, nearlyInstanceOf)] };
    case "unknownTool":
      return { content: [{ tool: "summon", input: { what: "help" } }] };
    case "sameIds": {
      const twice = { tool: nameOf(tools[0]), input: {}, id: `toolu_same${dice.below(1_000_000)}` };
      return { content: [twice, twice] };
    }
    case "many":
      return { content: Array.from({ length: 12 + dice.below(14) }, call) };
    case "empty":
      return { content: [], stop: "end_turn" };
    case "noCall":
      return { content: ["I am calling the tool now."], stop: "tool_use" };
    case "contradiction":
      return { content: ["Everything is finished; no further tool call is needed.", call()] };
    case "notStopped":
      return { content: ["One moment.", call()], stop: "end_turn" };
    default:
      return unreachable(flaw);
  }
}

/** The calls of the last turn once more, word for word: what a stubborn model does after an error. */
export function sameAgain(request: MessagesRequest): BrainAnswer | undefined {
  const results = blocksOf(request.messages.at(-1)?.content);
  if (!results.some((block) => block.is_error === true)) return undefined;
  const before = request.messages.findLast(({ role }) => role === "assistant");
  const calls = blocksOf(before?.content).filter((block) => block.type === "tool_use");
  return calls.length === 0 ? undefined : { content: calls.map((block) => repeated(block)) };
}

function repeated(block: RequestBlock): BrainPart {
  return { tool: block.name ?? "summon", input: block.input ?? {} };
}

function callOf(tool: RequestTool, dice: Dice, inputFor: typeof instanceOf = instanceOf): BrainPart {
  return { tool: nameOf(tool), input: inputFor(tool.input_schema ?? { type: "object" }, dice) };
}

function nameOf(tool: RequestTool | undefined): string {
  return tool?.name ?? "summon";
}

function thought(dice: Dice): BrainPart[] {
  if (dice.chance(0.5)) return [{ thinking: "Look first, then act." }];
  return dice.chance(0.5) ? ["I will look at this."] : [];
}
