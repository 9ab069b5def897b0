// Our own check of every stream event and of the assembled answer. The SDK's raw stream accepts doubled events, cut
// answers and contradictions without a word; here they are malformed.
//   V1  Blocks come one after another, indexes 0, 1, 2 …; each is started, grown, stopped once.
//   V2  An answer exists from message_stop on, never before; then nothing may be open and a stop reason must be known.
//   V3  Tool calls are handed out only with complete input and distinct ids, and an answer that ends with tool_use has one.
//   V4  What is not known (events, deltas, blocks) is tolerated: newer servers stay usable.
import { isPlainObject } from "../core/json.ts";
import type { AssistantBlock, StopReason, TurnDelta } from "../protocol/turn.ts";
import { closeBlock, growBlock, openBlock, type ClosedBlock, type OpenBlock } from "./blocks.ts";
import { NOTHING_SAID, withSaid, type SaidUsage } from "./usage.ts";

/** A complete, checked answer. */
export interface Answer {
  readonly blocks: readonly AssistantBlock[];
  readonly stop: StopReason;
  readonly stopDetail: string | null;
  readonly model: string | null;
}

/** A piece of an answer worth showing. */
export type Piece = Pick<TurnDelta, "kind" | "text">;

/** What one event brought. */
export type Step =
  | { readonly kind: "nothing" }
  | { readonly kind: "delta"; readonly show: Piece }
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "malformed"; readonly why: string };

/** Stop reasons we know how to handle. */
const STOPS: Readonly<Record<StopReason, { readonly complete: boolean }>> = {
  end_turn: { complete: true },
  tool_use: { complete: true },
  pause_turn: { complete: true },
  stop_sequence: { complete: true },
  max_tokens: { complete: false },
  refusal: { complete: false },
  model_context_window_exceeded: { complete: false },
};
type Fields = Readonly<Record<string, unknown>>;

const NOTHING: Step = { kind: "nothing" };

/** True for the stop reasons of the closed set. */
export function isStopReason(value: unknown): value is StopReason {
  return typeof value === "string" && Object.hasOwn(STOPS, value);
}

/** True for events that show the model at work; pings and unknown events do not. */
export function isProgress(event: unknown): boolean {
  return isPlainObject(event) && /^(message_(start|delta|stop)|content_block_(start|delta|stop))$/.test(String(event["type"]));
}

/** Takes the events of one answer in order. One object per turn. */
export class Assembler {
  readonly #closed: ClosedBlock[] = [];
  #open: OpenBlock | null = null;
  #head: { readonly model: string | null } | null = null;
  #stop: { readonly reason: unknown; readonly detail: string | null } = { reason: null, detail: null };
  #said: SaidUsage = NOTHING_SAID;
  #received = 0;

  /** True once message_start came. */
  get started(): boolean {
    return this.#head !== null;
  }

  /** What was said about tokens so far. */
  get said(): SaidUsage {
    return this.#said;
  }

  /** Characters of text, thinking and tool input received so far. */
  get received(): number {
    return this.#received;
  }

  /** The model that answers, null until it is named. */
  get model(): string | null {
    return this.#head?.model ?? null;
  }

  /** Checks and takes one event. After an answer or a malformed event nothing more may be given to it. */
  take(event: unknown): Step {
    if (!isPlainObject(event)) return malformed("an event that is no object");
    const type = String(event["type"]);
    if (!isProgress(event)) return NOTHING;
    if (!this.#head && type !== "message_start") return malformed(`${type} before message_start`);
    switch (type) {
      case "message_start":
        return this.#start(event);
      case "content_block_start":
        return this.#startBlock(event);
      case "content_block_delta":
        return this.#grow(event);
      case "content_block_stop":
        return this.#stopBlock(event);
      case "message_delta":
        return this.#change(event);
      default:
        return this.#open
          ? malformed("message_stop while a block was open")
          : concluded(this.#closed, { ...this.#stop, model: this.model });
    }
  }

  #start(event: Fields): Step {
    if (this.#head) return malformed("a second message_start");
    const message = isPlainObject(event["message"]) ? event["message"] : {};
    this.#head = { model: typeof message["model"] === "string" && message["model"] !== "" ? message["model"] : null };
    this.#said = withSaid(this.#said, message["usage"], false);
    return NOTHING;
  }

  #startBlock(event: Fields): Step {
    if (this.#open || event["index"] !== this.#closed.length)
      return malformed(`block ${String(event["index"])} started out of order`);
    const opened = openBlock(event["content_block"]);
    if (typeof opened === "string") return malformed(opened);
    this.#open = opened;
    return this.#shown(typeof opened.raw["text"] === "string" ? { kind: "text", text: opened.raw["text"] } : null);
  }

  #grow(event: Fields): Step {
    if (!this.#open || event["index"] !== this.#closed.length)
      return malformed(`a delta for block ${String(event["index"])}, which is not open`);
    const grown = growBlock(this.#open, event["delta"]);
    if (typeof grown === "string") return malformed(grown);
    this.#open = grown.open;
    return this.#shown(grown.show);
  }

  #shown(show: Piece | null): Step {
    if (show === null || show.text === "") return NOTHING;
    this.#received += show.text.length;
    return { kind: "delta", show };
  }

  #stopBlock(event: Fields): Step {
    if (!this.#open || event["index"] !== this.#closed.length)
      return malformed(`block ${String(event["index"])} stopped without being open`);
    this.#closed.push(closeBlock(this.#open));
    this.#open = null;
    return NOTHING;
  }

  #change(event: Fields): Step {
    const delta = isPlainObject(event["delta"]) ? event["delta"] : {};
    this.#said = withSaid(this.#said, event["usage"], true);
    const { stop_reason: reason } = delta;
    if (reason === undefined || reason === null) return NOTHING;
    if (this.#open) return malformed("a stop reason while a block was open");
    if (this.#stop.reason !== null) return malformed("a second stop reason");
    this.#stop = { reason, detail: detailOf(delta["stop_details"]) };
    return NOTHING;
  }
}

/** V2 and V3 for the whole answer. */
function concluded(
  closed: readonly ClosedBlock[],
  { reason, detail, model }: { reason: unknown; detail: string | null; model: string | null },
): Step {
  if (!isStopReason(reason)) return malformed(`the unknown stop reason ${JSON.stringify(reason)}`);
  const calls = closed.flatMap(({ block }) => (block.type === "tool_use" ? [block.id] : []));
  if (new Set(calls).size < calls.length) return malformed("two tool calls with one id");
  if (reason === "tool_use" && calls.length === 0) return malformed("stop reason tool_use without a tool call");
  if ((reason === "end_turn" || reason === "stop_sequence") && calls.length > 0)
    return malformed(`tool calls, but stop reason ${reason}`);
  if (STOPS[reason].complete && closed.some(({ cut }) => cut)) return malformed("tool input that is no JSON object");
  // An answer that was cut short keeps what can be read; a cut tool call is never handed out.
  const blocks = closed.filter(({ cut }) => !cut).map(({ block }) => block);
  return { kind: "answer", answer: { blocks, stop: reason, stopDetail: detail, model } };
}

function detailOf(details: unknown): string | null {
  if (!isPlainObject(details)) return null;
  const parts = [details["category"], details["explanation"]].filter((part) => typeof part === "string" && part !== "");
  return parts.length === 0 ? null : parts.join(": ");
}

function malformed(why: string): Step {
  return { kind: "malformed", why };
}
