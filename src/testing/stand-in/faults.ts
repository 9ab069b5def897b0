// What can go wrong with one request, as data. A fault changes the answer's content (message), its events (stream) or its
// way to the caller (wire); transmit.ts and events.ts carry it out.
import type { ApiErrorType } from "./wire.ts";

/** How `retry-after` is said: seconds, milliseconds (`retry-after-ms`), a date (milliseconds since 1970), or any text. */
export type RetryAfter =
  | { readonly seconds: number }
  | { readonly ms: number }
  | { readonly date: number }
  | { readonly raw: string };

/**
 * Where in an answer something happens: before the headers, after so many events or bytes, or after the last byte.
 * A JSON answer counts as four events of a quarter each.
 */
export type At = "headers" | "end" | { readonly events: number } | { readonly bytes: number };

/** One fault. Durations in milliseconds. */
export type Fault =
  /** An error status instead of an answer; the brain is not asked. Body: the API's error object unless said otherwise. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly type?: ApiErrorType;
      readonly message?: string;
      readonly body?: "json" | "html" | "empty";
      readonly retryAfter?: RetryAfter;
      readonly headers?: Readonly<Record<string, string>>;
    }
  /** The answer comes later. */
  | { readonly kind: "delay"; readonly delayMs: number }
  /** Nothing more comes until the caller hangs up; with `pingEveryMs`, pings go on (streams only). */
  | { readonly kind: "stall"; readonly at: At; readonly pingEveryMs?: number }
  /**
   * The answer breaks off: ended as if complete, connection closed (FIN), or reset (RST). A reset may destroy what the
   * caller has not read yet; `laterMs` gives it time to.
   */
  | { readonly kind: "cut"; readonly at: At; readonly how: "end" | "close" | "reset"; readonly laterMs?: number }
  /** An error event in the stream, then its end. A JSON answer becomes an error status. */
  | { readonly kind: "errorEvent"; readonly type: "overloaded_error" | "api_error"; readonly afterEvents: number }
  /** The stream ends well, but without message_stop. */
  | { readonly kind: "noMessageStop" }
  /** Status 200 (204 for `noContent`) with a body that is no answer. */
  | { readonly kind: "body"; readonly body: "html" | "empty" | "noContent" | "errorJson" }
  /** Another content type, or none. */
  | { readonly kind: "contentType"; readonly value: string | null }
  /** Another stop reason, known or not; `max_tokens` and `model_context_window_exceeded` also cut the content in half. */
  | { readonly kind: "stop"; readonly reason: string }
  /** No usage anywhere. */
  | { readonly kind: "noUsage" }
  /** Every event comes twice. */
  | { readonly kind: "twice" }
  /** One event's JSON is broken (a JSON answer: the whole body). */
  | { readonly kind: "brokenJson"; readonly afterEvents: number }
  /** All tool calls of the answer carry the first one's id; a single call comes twice. */
  | { readonly kind: "sameToolIds" }
  /** Redirect to another place. */
  | { readonly kind: "redirect"; readonly location: string };

/** A fault under a name, for tables and sweeps. */
export interface NamedFault {
  readonly name: string;
  readonly fault: Fault;
}

/** Every kind of fault at least once (except the redirect, which needs a place to go to). */
export function everyFault(): readonly NamedFault[] {
  return [...statusFaults(), ...wireFaults(), ...contentFaults()];
}

const usualType: Readonly<Record<number, ApiErrorType>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  408: "timeout_error",
  409: "conflict_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** The error type that goes with a status. */
export function errorTypeOf(status: number): ApiErrorType {
  return usualType[status] ?? (status >= 500 ? "api_error" : "invalid_request_error");
}

/** The headers that say a retry-after. */
export function retryAfterHeaders(retryAfter: RetryAfter | undefined): Record<string, string> {
  if (retryAfter === undefined) return {};
  if ("seconds" in retryAfter) return { "retry-after": String(retryAfter.seconds) };
  if ("ms" in retryAfter) return { "retry-after-ms": String(retryAfter.ms) };
  return { "retry-after": "date" in retryAfter ? new Date(retryAfter.date).toUTCString() : retryAfter.raw };
}

function statusFaults(): NamedFault[] {
  const plain = [400, 401, 402, 403, 404, 408, 409, 413, 500, 504, 529].map((status) => ({
    name: `status ${status}`,
    fault: { kind: "status", status } as const,
  }));
  return [
    ...plain,
    { name: "status 429, seconds", fault: { kind: "status", status: 429, retryAfter: { seconds: 1 } } },
    { name: "status 429, milliseconds", fault: { kind: "status", status: 429, retryAfter: { ms: 20 } } },
    { name: "status 429, date", fault: { kind: "status", status: 429, retryAfter: { date: 0 } } },
    { name: "status 429, garbage", fault: { kind: "status", status: 429, retryAfter: { raw: "soon" } } },
    { name: "status 502, html", fault: { kind: "status", status: 502, body: "html" } },
    { name: "status 503, empty", fault: { kind: "status", status: 503, body: "empty" } },
  ];
}

function wireFaults(): NamedFault[] {
  return [
    { name: "delay", fault: { kind: "delay", delayMs: 20 } },
    { name: "stall before headers", fault: { kind: "stall", at: "headers" } },
    { name: "stall in the body", fault: { kind: "stall", at: { events: 3 } } },
    { name: "stall with pings", fault: { kind: "stall", at: { events: 3 }, pingEveryMs: 20 } },
    { name: "stall after the end", fault: { kind: "stall", at: "end" } },
    { name: "reset before headers", fault: { kind: "cut", at: "headers", how: "reset" } },
    { name: "reset in the body", fault: { kind: "cut", at: { events: 3 }, how: "reset" } },
    { name: "reset after the end", fault: { kind: "cut", at: "end", how: "reset" } },
    { name: "close in the body", fault: { kind: "cut", at: { events: 3 }, how: "close" } },
    { name: "clean cut after events", fault: { kind: "cut", at: { events: 3 }, how: "end" } },
    { name: "clean cut after bytes", fault: { kind: "cut", at: { bytes: 300 }, how: "end" } },
    { name: "html with 200", fault: { kind: "body", body: "html" } },
    { name: "nothing with 200", fault: { kind: "body", body: "empty" } },
    { name: "204", fault: { kind: "body", body: "noContent" } },
    { name: "error object with 200", fault: { kind: "body", body: "errorJson" } },
    { name: "wrong content type", fault: { kind: "contentType", value: "text/plain" } },
    { name: "no content type", fault: { kind: "contentType", value: null } },
  ];
}

function contentFaults(): NamedFault[] {
  const reasons = ["refusal", "max_tokens", "pause_turn", "model_context_window_exceeded", "tired"];
  return [
    ...reasons.map((reason) => ({ name: `stop reason ${reason}`, fault: { kind: "stop", reason } as const })),
    { name: "overloaded in mid-stream", fault: { kind: "errorEvent", type: "overloaded_error", afterEvents: 3 } },
    { name: "api error in mid-stream", fault: { kind: "errorEvent", type: "api_error", afterEvents: 3 } },
    { name: "no message_stop", fault: { kind: "noMessageStop" } },
    { name: "no usage", fault: { kind: "noUsage" } },
    { name: "every event twice", fault: { kind: "twice" } },
    { name: "broken JSON", fault: { kind: "brokenJson", afterEvents: 3 } },
    { name: "tool calls with one id", fault: { kind: "sameToolIds" } },
  ];
}
