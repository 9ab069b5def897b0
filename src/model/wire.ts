// The one place where the Anthropic SDK runs: a cold Observable of what comes down the wire in one streamed call.
//   W1  Nothing is loaded or sent before somebody subscribes; one subscription is one request (the SDK never retries).
//   W2  Unsubscribing aborts the request and closes the socket, whatever it is doing.
//   W3  Redirects are refused: a prompt never goes to a host that was not named.
//   W4  Not more than `maxBodyBytes` of a decoded body are read.
import type Anthropic from "@anthropic-ai/sdk";
import type { MessageCreateParamsStreaming } from "@anthropic-ai/sdk/resources/messages/messages";
import { Observable, type Subscriber } from "rxjs";
import { secretOf, type Connection } from "./endpoints.ts";

/** What comes down the wire. */
export type WireSignal =
  /** The headers are there. */
  | { readonly kind: "opened"; readonly status: number; readonly contentType: string | null; readonly headers: Headers }
  /** A piece of the body is there, pings included. */
  | { readonly kind: "bytes"; readonly count: number }
  /** A parsed stream event, unchecked; pings are left out. */
  | { readonly kind: "event"; readonly event: unknown };

/** A call, ready to be made. */
export interface Call {
  readonly connection: Connection;
  readonly parameters: MessageCreateParamsStreaming;
  readonly maxBodyBytes: number;
  /** Longest wait for headers, in ms. */
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
}

/** The body is longer than allowed. */
export class OversizeError extends Error {
  override readonly name = "OversizeError";
  readonly maxBodyBytes: number;

  constructor(maxBodyBytes: number) {
    super(`more than ${maxBodyBytes} bytes`);
    this.maxBodyBytes = maxBodyBytes;
  }
}

/** Longest wait that one timer can hold. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Makes the call. Errors with whatever the SDK or the network threw; completes when the stream ends, in whatever state. */
export function openWire(call: Call): Observable<WireSignal> {
  return new Observable((subscriber) => {
    const controller = new AbortController();
    pump(call, subscriber, controller.signal).then(
      () => subscriber.complete(),
      (thrown: unknown) => subscriber.error(thrown),
    );
    return () => controller.abort();
  });
}

async function pump(call: Call, subscriber: Subscriber<WireSignal>, signal: AbortSignal): Promise<void> {
  const { default: Client } = await import("@anthropic-ai/sdk");
  if (subscriber.closed) return;
  const client = clientFor(Client, call, subscriber);
  const events = await client.messages.create(call.parameters, { signal });
  for await (const event of events) {
    subscriber.next({ kind: "event", event });
    if (subscriber.closed) return;
  }
}

/** A client per call costs microseconds and lets its `fetch` report to this call alone. */
function clientFor(Client: typeof Anthropic, call: Call, subscriber: Subscriber<WireSignal>): Anthropic {
  const { baseURL, credential, foreign } = call.connection;
  return new Client({
    baseURL,
    ...credential,
    maxRetries: 0,
    timeout: Math.min(call.timeoutMs, LONGEST_TIMER_MS),
    // The SDK would print broken events, which are model output, to the console.
    logLevel: "off",
    fetchOptions: { redirect: "error" },
    ...(foreign ? { defaultHeaders: foreignHeaders(call.connection) } : {}),
    fetch: async (url, init) => {
      const { fetch } = call;
      const response = await fetch(url, init);
      const { status, headers } = response;
      subscriber.next({ kind: "opened", status, contentType: headers.get("content-type"), headers });
      return counted(response, call.maxBodyBytes, (count) => subscriber.next({ kind: "bytes", count }));
    },
  });
}

/** Older servers look for the key in x-api-key. Headers that the environment adds for Anthropic stay at home. */
function foreignHeaders(connection: Connection): Record<string, string | null> {
  const lines = ((typeof process === "undefined" ? undefined : process.env["ANTHROPIC_CUSTOM_HEADERS"]) ?? "")
    .split("\n")
    .filter((line) => line.includes(":"));
  const removed = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).trim(), null]));
  const secret = secretOf(connection);
  return { ...removed, Authorization: `Bearer ${secret}`, "x-api-key": secret };
}

/** The same response with its body counted and capped. */
function counted(response: Response, maxBodyBytes: number, count: (bytes: number) => void): Response {
  // The SDK throws on a response without a body; an empty one is told apart by what it is.
  if (response.body === null) return response.ok ? new Response("", { headers: response.headers }) : response;
  let read = 0;
  const meter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      read += chunk.byteLength;
      count(chunk.byteLength);
      if (read > maxBodyBytes) controller.error(new OversizeError(maxBodyBytes));
      else controller.enqueue(chunk);
    },
  });
  const { status, statusText, headers } = response;
  return new Response(response.body.pipeThrough(meter), { status, statusText, headers });
}
