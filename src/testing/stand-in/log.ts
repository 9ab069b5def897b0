// What the stand-in remembers of the requests it saw. Never a key: of the headers only harmless ones are kept.
import type { MessagesRequest, Usage } from "./wire.ts";

/**
 * How a request was answered: a whole message; another whole body (count, models); an error status; a body that a fault had
 * changed beyond an answer (`odd`); broken off by a fault (`cut`, `stalled`); the caller hung up first (`aborted`); not yet.
 */
export type Answered = "message" | "other" | "error" | "odd" | "cut" | "stalled" | "aborted" | "pending";

/** One request, as the stand-in saw and answered it. */
export interface RecordedRequest {
  /** Number at this server, from 1. */
  readonly n: number;
  /** When it arrived (milliseconds since 1970, by the server's clock). */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  /** `anthropic-version`, `anthropic-beta`, `user-agent` and the SDK's retry count, where sent. */
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed JSON body; undefined when there was none, it was no JSON, or it is kept no longer. */
  readonly body: unknown;
  /** The body as a Messages request, when it looks like one. */
  readonly request: MessagesRequest | null;
  readonly answered: Answered;
  readonly status: number | null;
  /** What the answer says is wrong with the request, whatever refused it; null where nothing did. Faults are no refusals. */
  readonly refused: string | null;
  /** What the brain's answer used, delivered or not: what the API would bill. Null when the brain was not asked. */
  readonly usage: Usage | null;
  /** Id of the message that was made, delivered or not. */
  readonly messageId: string | null;
}

/** The record while its request is being served. */
export type OpenRecord = { -readonly [Key in keyof RecordedRequest]: RecordedRequest[Key] };

/**
 * What just happened to request `n`: it arrived; a piece of its answer left (`bytes` of the body so far; `isLast`: the
 * whole body, with a stream's message_stop, has left); a fault makes it wait for ever; its exchange is over, however.
 */
export type StandInMoment =
  | { readonly kind: "arrived" | "stalled" | "over"; readonly n: number }
  | { readonly kind: "sent"; readonly n: number; readonly bytes: number; readonly isLast: boolean };

/** A request that was refused, or that nobody expected. */
export interface Complaint {
  readonly n: number;
  readonly reason: string;
}

/** The memory of one server. */
export class StandInLog {
  readonly requests: OpenRecord[] = [];
  /** Requests that the API's rules refuse. */
  readonly invalid: Complaint[] = [];
  /** Requests that the brain did not expect or failed at. */
  readonly unexpected: Complaint[] = [];

  /** Opens the record of a request. */
  open(start: Pick<RecordedRequest, "at" | "method" | "path" | "requestId"> & { headers: HeaderSource }): OpenRecord {
    const record: OpenRecord = {
      ...start,
      headers: keptHeaders(start.headers),
      n: this.requests.length + 1,
      body: undefined,
      request: null,
      answered: "pending",
      status: null,
      refused: null,
      usage: null,
      messageId: null,
    };
    this.requests.push(record);
    return record;
  }
}

type HeaderSource = Readonly<Record<string, string | string[] | undefined>>;

const harmless = ["anthropic-version", "anthropic-beta", "user-agent", "x-stainless-retry-count"];

function keptHeaders(headers: HeaderSource): Record<string, string> {
  return Object.fromEntries(
    harmless.flatMap((name) => {
      const value = headers[name];
      return value === undefined ? [] : [[name, String(value)]];
    }),
  );
}
