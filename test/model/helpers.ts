import { firstValueFrom, toArray } from "rxjs";
import type { TurnOutcome, TurnRequest } from "../../src/protocol/turn.ts";
import type { PlaceClock } from "../../src/model/governor.ts";
import type { ModelPort, TurnContext, TurnEvent } from "../../src/model/port.ts";
import { resolveModels } from "../../src/model/models.ts";

/** A day on which every current model has its price. */
export const NOW = Date.parse("2026-11-22T12:00:00Z");
export const KEY = "sk-ant-test-0123456789abcdef";
const { worker } = resolveModels({}, NOW);

/** A turn that asks one question; override what matters. */
export function turnRequest(parameters: Partial<TurnRequest["parameters"]> = {}, rest: Partial<TurnRequest> = {}): TurnRequest {
  return {
    conversation: "t1#1",
    turn: 1,
    parameters: { choice: worker, system: ["You are a worker."], tools: [], format: null, ...parameters },
    messages: [{ role: "user", content: [{ type: "text", text: "What is a quatrain?" }] }],
    ...rest,
  };
}

export const READ_TOOL = {
  name: "read",
  description: "Reads a file.",
  inputSchema: { type: "object", properties: { path: { type: "string" } }, required: ["path"], additionalProperties: false },
} as const;

/** All events of one turn. */
export async function eventsOf(port: ModelPort, request = turnRequest(), context: TurnContext = {}): Promise<TurnEvent[]> {
  return firstValueFrom(port.turn(request, context).pipe(toArray()));
}

/** The outcome of one turn; fails unless it is the one and only and comes last. */
export async function outcomeOf(port: ModelPort, request = turnRequest(), context: TurnContext = {}): Promise<TurnOutcome> {
  const events = await eventsOf(port, request, context);
  const outcomes = events.flatMap((event) => (event.kind === "outcome" ? [event.outcome] : []));
  const [outcome] = outcomes;
  if (outcomes.length !== 1 || outcome === undefined || events.at(-1)?.kind !== "outcome") {
    throw new Error(`expected one outcome at the end, got ${JSON.stringify(events)}`);
  }
  return outcome;
}

type Event = Readonly<Record<string, unknown>>;

export const USAGE = {
  input_tokens: 100,
  output_tokens: 1,
  cache_read_input_tokens: 40,
  cache_creation_input_tokens: 30,
  cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 0 },
};

export const messageStart = (usage: unknown = USAGE, model = "claude-sonnet-5-5"): Event => ({
  type: "message_start",
  message: { id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, usage },
});
export const textBlock = (index: number, ...pieces: string[]): Event[] => [
  { type: "content_block_start", index, content_block: { type: "text", text: "", citations: null } },
  ...pieces.map((text) => ({ type: "content_block_delta", index, delta: { type: "text_delta", text } })),
  { type: "content_block_stop", index },
];
export const toolBlock = (index: number, id: string, ...pieces: string[]): Event[] => [
  { type: "content_block_start", index, content_block: { type: "tool_use", id, name: "read", input: {} } },
  ...pieces.map((piece) => ({ type: "content_block_delta", index, delta: { type: "input_json_delta", partial_json: piece } })),
  { type: "content_block_stop", index },
];
export const messageEnd = (reason: string, usage: unknown = { output_tokens: 25 }, details: unknown = null): Event[] => [
  { type: "message_delta", delta: { stop_reason: reason, stop_sequence: null, stop_details: details }, usage },
  { type: "message_stop" },
];
/** A whole plain answer. */
export const plainAnswer = (text = "Four lines."): Event[] => [messageStart(), ...textBlock(0, text), ...messageEnd("end_turn")];

/** Events as they go over the wire. */
export function sse(events: readonly Event[]): string {
  return events.map((event) => `event: ${String(event["type"])}\ndata: ${JSON.stringify(event)}\n\n`).join("");
}

/** A fetch that answers with a fixed body and keeps what it was asked. */
export function fixedFetch(
  body: string,
  init: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): { fetch: typeof fetch; calls: { url: string; init: RequestInit }[] } {
  const calls: { url: string; init: RequestInit }[] = [];
  const answering: typeof fetch = (input, given = {}) => {
    calls.push({ url: String(input instanceof Request ? input.url : input), init: given });
    const headers = { "content-type": "text/event-stream", "request-id": "req_1", ...init.headers };
    return Promise.resolve(new Response(body, { ...init, headers }));
  };
  return { fetch: answering, calls };
}

/** A clock that a test moves by hand, and that knows its timers. */
export class FakeClock implements PlaceClock {
  #now: number;
  #next = 1;
  readonly #timers = new Map<number, { readonly due: number; readonly fn: () => void }>();

  constructor(now = NOW) {
    this.#now = now;
  }

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fn: () => void, ms: number): unknown {
    const handle = this.#next++;
    this.#timers.set(handle, { due: this.#now + ms, fn });
    return handle;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(Number(handle));
  }

  /** Moves time on, firing what falls due in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(([, { due }]) => due <= until).toSorted(([a, x], [b, y]) => x.due - y.due || a - b);
      if (!next) break;
      this.#timers.delete(next[0]);
      this.#now = Math.max(this.#now, next[1].due);
      next[1].fn();
    }
    this.#now = until;
  }
}
