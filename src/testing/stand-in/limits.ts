// Rate limits per model: what the headers say, and whether a request still fits. One minute is one window.
import type { StandInClock } from "./clock.ts";

/** Most of each in one minute, per model. */
export interface RateLimits {
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

interface Window {
  readonly endsAt: number;
  requests: number;
  inputTokens: number;
  outputTokens: number;
}

const windowMs = 60_000;
/** What the headers say where nothing is limited. */
export const GENEROUS_LIMITS: RateLimits = { requests: 4000, inputTokens: 4_000_000, outputTokens: 800_000 };

/** Counts the requests and tokens of one server. Only limits that were asked for are enforced. */
export class RateMeter {
  readonly #clock: StandInClock;
  readonly #limits: RateLimits;
  readonly #isEnforced: boolean;
  readonly #windows = new Map<string, Window>();

  constructor(clock: StandInClock, limits: RateLimits | undefined) {
    this.#clock = clock;
    this.#limits = limits ?? GENEROUS_LIMITS;
    this.#isEnforced = limits !== undefined;
  }

  /** Milliseconds until a request of a model may be tried again; 0 when it fits now, and is counted. */
  admit(model: string, inputTokens: number): number {
    const window = this.#window(model);
    const { requests, inputTokens: most, outputTokens } = this.#limits;
    const fits = window.requests < requests && window.inputTokens + inputTokens <= most && window.outputTokens < outputTokens;
    if (this.#isEnforced && !fits) return window.endsAt - this.#clock.now();
    window.requests += 1;
    window.inputTokens += inputTokens;
    return 0;
  }

  /** Counts what a model wrote. */
  wrote(model: string, outputTokens: number): void {
    this.#window(model).outputTokens += outputTokens;
  }

  /** The rate-limit headers of a reply. */
  headers(model: string): Record<string, string> {
    const window = this.#window(model);
    const reset = new Date(window.endsAt).toISOString();
    const row = (name: string, limit: number, used: number): Record<string, string> => ({
      [`anthropic-ratelimit-${name}-limit`]: String(limit),
      [`anthropic-ratelimit-${name}-remaining`]: String(Math.max(0, limit - used)),
      [`anthropic-ratelimit-${name}-reset`]: reset,
    });
    return {
      ...row("requests", this.#limits.requests, window.requests),
      ...row("input-tokens", this.#limits.inputTokens, window.inputTokens),
      ...row("output-tokens", this.#limits.outputTokens, window.outputTokens),
    };
  }

  #window(model: string): Window {
    const now = this.#clock.now();
    const current = this.#windows.get(model);
    if (current !== undefined && current.endsAt > now) return current;
    const fresh = { endsAt: now + windowMs, requests: 0, inputTokens: 0, outputTokens: 0 };
    this.#windows.set(model, fresh);
    return fresh;
  }
}
