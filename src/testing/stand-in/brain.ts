// What thinks behind the stand-in: a function from a request to an answer, and the scripted one that tests use most.
import { z } from "zod";
import { checkGiven, listOf } from "../check/given.ts";
import type { Json } from "../../core/json.ts";
import type { Fault } from "./faults.ts";
import { blocksOf, type MessagesRequest, type RequestBlock, type StopReason, type Usage } from "./wire.ts";

/** A piece of an answer: text, a tool call (its id is made up unless given), or thinking. */
export type BrainPart =
  | string
  | { readonly tool: string; readonly input: Json; readonly id?: string }
  | { readonly thinking: string };

/** What a brain says to one request. */
export interface BrainAnswer {
  readonly content: readonly BrainPart[];
  /** @default "tool_use" when there is a tool call, else "end_turn"; "max_tokens" when the request allows less */
  readonly stop?: StopReason;
  /** Overrides the estimate. */
  readonly usage?: Partial<Usage>;
  /** Extra wait before the first byte. @default 0 */
  readonly delayMs?: number;
  /** Comes before a fault of the server's own script. */
  readonly fault?: Fault;
}

/** What a brain knows besides the request. */
export interface BrainContext {
  /** Number of this request at the server, from 1, all endpoints counted. */
  readonly n: number;
  /** Turns already in the history (assistant messages). */
  readonly turn: number;
  /** Numbers in [0, 1), seeded by the server's seed and the request's content. */
  readonly random: () => number;
}

/** Answers requests. A throw becomes a 400 that nobody retries, and is noted in `server.unexpected`. */
export type Brain = (request: MessagesRequest, context: BrainContext) => BrainAnswer | Promise<BrainAnswer>;

/** One line of a script. */
export interface ScriptRule {
  /** Which requests it answers. @default all */
  readonly when?: (request: MessagesRequest) => boolean;
  /** An answer, a function, or a list that is used up one by one; a used-up list no longer matches. */
  readonly answer:
    | BrainAnswer
    | readonly BrainAnswer[]
    | ((request: MessagesRequest, context: BrainContext) => BrainAnswer | Promise<BrainAnswer>);
}

/** A request that no rule of a script expects. */
export class UnexpectedRequest extends Error {
  override readonly name = "UnexpectedRequest";
}

const RULES = listOf(
  z.looseObject({ answer: z.unknown().nonoptional("say what is answered") }, "give { when, answer }"),
  "rules { when, answer }",
);

/**
 * A brain that follows rules; the first that matches answers. A request that none matches goes to `otherwise`; without it
 * it fails loudly.
 *
 * ```ts
 * scriptedBrain([
 *   { when: (request) => request.output_config?.format != null, answer: { content: ['{"tasks":[]}'] } },
 *   { answer: [{ content: [{ tool: "read", input: { path: "a.txt" } }] }, { content: ["done"] }] },
 * ]);
 * ```
 */
export function scriptedBrain(rules: readonly ScriptRule[], otherwise?: Brain): Brain {
  checkGiven("scriptedBrain: rules", RULES, rules);
  const lines = rules.map(({ when, answer }) => ({ when, answer, used: 0 }));
  return (request, context) => {
    for (const line of lines) {
      if (line.when?.(request) === false) continue;
      const { answer } = line;
      if (typeof answer === "function") return answer(request, context);
      if (!isList(answer)) return answer;
      const next = answer[line.used];
      if (next === undefined) continue;
      line.used += 1;
      return next;
    }
    if (otherwise) return otherwise(request, context);
    throw new UnexpectedRequest(
      `No rule of the script expects request ${context.n} (turn ${context.turn}, model ${request.model}): ${gist(request)}`,
    );
  };
}

/** The texts of a request's last message, tool results included; for `when` in scripts. */
export function lastText(request: MessagesRequest): string {
  const last = request.messages.at(-1);
  return last === undefined ? "" : textIn(last.content);
}

/** All texts of the system prompt; for `when` in scripts. */
export function systemText(request: MessagesRequest): string {
  return textIn(request.system);
}

function textIn(content: string | readonly RequestBlock[] | undefined): string {
  const texts = blocksOf(content).map((block) => block.text ?? (block.content === undefined ? "" : textIn(block.content)));
  return texts.join("\n");
}

function gist(request: MessagesRequest): string {
  const text = lastText(request);
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

function isList(answer: ScriptRule["answer"]): answer is readonly BrainAnswer[] {
  return Array.isArray(answer);
}
