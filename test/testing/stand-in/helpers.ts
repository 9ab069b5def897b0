// What the stand-in's tests share: a client, a plain request, a clock that only moves when told to.
import Anthropic from "@anthropic-ai/sdk";
import { expect } from "vitest";
import type { StandInClock } from "../../../src/testing/stand-in/clock.ts";
import type { StandIn } from "../../../src/testing/stand-in/stand-in.ts";

/** A request that is fine. */
export const plain = {
  model: "claude-sonnet-5-5",
  max_tokens: 1000,
  messages: [{ role: "user" as const, content: "hello" }],
};

/** The official client, without retries of its own. */
export function clientOf(server: StandIn, options: ConstructorParameters<typeof Anthropic>[0] = {}): Anthropic {
  return new Anthropic({ apiKey: "test-key", baseURL: server.url, maxRetries: 0, ...options });
}

/** A request as raw HTTP. */
export function post(server: StandIn, body: unknown, options: { path?: string; signal?: AbortSignal } = {}): Promise<Response> {
  return fetch(`${server.url}${options.path ?? "/v1/messages"}`, {
    method: "POST",
    headers: { authorization: "Bearer test-key", "anthropic-version": "2026-10-21", "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    redirect: "manual",
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** The text of the error that a request gets; "accepted" when it gets none. */
export async function complaintAbout(server: StandIn, body: unknown): Promise<string> {
  const response = await post(server, body);
  const text = await response.text();
  if (response.status === 200) return "accepted";
  const parsed = JSON.parse(text) as { type: string; error: { type: string; message: string }; request_id: string };
  if (parsed.type !== "error" || parsed.request_id !== response.headers.get("request-id")) return `no API error: ${text}`;
  return `${response.status} ${parsed.error.type} ${parsed.error.message}`;
}

/** Expects what will soon be so. */
export function soon<Value>(read: () => Value) {
  return expect.poll(read, { interval: 3 });
}

/** A clock for tests: time moves by `advance`, which first waits until somebody waits on it. */
export class TestClock implements StandInClock {
  #now = 1_800_000_000_000;
  readonly #timers = new Set<{ at: number; run: () => void }>();
  #arrived: (() => void) | undefined;

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.#timers.add(timer);
    this.#arrived?.();
    return () => void this.#timers.delete(timer);
  }

  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves time at once. */
  move(byMs: number): void {
    this.#now += byMs;
    const due = [...this.#timers].filter(({ at }) => at <= this.#now);
    for (const timer of due) {
      this.#timers.delete(timer);
      timer.run();
    }
  }

  /** Waits for a timer, then moves time. */
  async advance(byMs: number): Promise<void> {
    if (this.#timers.size === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    this.move(byMs);
  }
}
