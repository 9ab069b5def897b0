// A conversation in a test's own hands, as a root.
import { createActor } from "xstate";
import type { Actor } from "xstate";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import type { Policy } from "../../src/core/policy.ts";
import { createConversation } from "../../src/machines/conversation.ts";
import type { ConversationMachine } from "../../src/machines/conversation.ts";
import type { ConversationContext, ConversationInput, Decode } from "../../src/machines/conversation-state.ts";
import type { ConversationOutcome, DownwardMessage } from "../../src/protocol/message.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { talkInput } from "./cast.ts";
import { Hands } from "./hands.ts";

type Untimed<M> = M extends { readonly at: number } ? Omit<M, "at"> : never;

/** Answers in the format `count` are fine when they are whole numbers. */
export const decodeCount: Decode = (_format, text) =>
  /^\d+$/.test(text) ? { ok: true, value: Number(text) } : { ok: false, issues: [`"${text}" is no whole number.`] };

/** Answers must be in the format `count`. */
export const counting = {
  parameters: { ...talkInput().parameters, format: { name: "count", schema: { type: "integer" } } },
} satisfies Partial<ConversationInput>;

/** A conversation that only moves when the test says so. */
export class TalkByHand {
  readonly hands = new Hands();
  readonly machine: ConversationMachine;
  readonly actor: Actor<ConversationMachine>;

  constructor(more: Partial<ConversationInput> = {}, policy: Partial<Policy> = {}) {
    this.machine = createConversation(this.hands.actors, { policy: { ...DEFAULT_POLICY, ...policy }, decode: decodeCount });
    this.actor = createActor(this.machine, { input: talkInput(more) });
    this.actor.start();
  }

  get context(): ConversationContext {
    return this.actor.getSnapshot().context;
  }

  /** The state, such as `thinking` or `acting.calling`. */
  get state(): string {
    const { value } = this.actor.getSnapshot() as { value: unknown };
    return typeof value === "string"
      ? value
      : Object.entries(value as Record<string, string>)
          .flat()
          .join(".");
  }

  get outcome(): ConversationOutcome {
    const { output } = this.actor.getSnapshot();
    if (!output) throw new Error(`The conversation is not over: it is ${this.state}.`);
    return output;
  }

  /** The content of the last message of the last request, as text. */
  get lastSaid(): string {
    return JSON.stringify(this.hands.requests.at(-1)?.messages.at(-1)?.content ?? null);
  }

  answer(...answers: readonly ScriptedAnswer[]): void {
    for (const answer of answers) this.hands.answer(this.context.id, answer);
  }

  /** The open tool call gives a result. */
  result(content: string, isError = false): void {
    const [key] = this.hands.doing("toolCall");
    this.hands.give("toolCall", key ?? "", { content, isError });
  }

  /** A message from above. */
  tell(message: Untimed<DownwardMessage>): void {
    this.actor.send({ ...message, at: ++this.hands.now });
  }
}
