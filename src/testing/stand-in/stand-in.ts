// The stand-in server: the Messages API on a loopback port, with a brain of the tester's own instead of a model. It speaks the
// real wire format, holds requests against the real rules, and breaks what it is told to break. Node only.
//   S1  Every request is recorded, in the order of arrival, before anything is decided about it.
//   S2  Nothing outlives `close()`: sockets are destroyed, waits end, timers are taken back.
//   S3  No key is ever kept.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import { aBoolean, aFunction, checkGiven, count, listOf, number, optionsOf } from "../check/given.ts";
import { idOf } from "./answer.ts";
import type { Brain } from "./brain.ts";
import { loadSchemas } from "./checks/schemas.ts";
import { systemClock, type StandInClock } from "./clock.ts";
import type { Fault } from "./faults.ts";
import type { RateLimits } from "./limits.ts";
import { StandInLog, type Complaint, type OpenRecord, type RecordedRequest, type StandInMoment } from "./log.ts";
import { errorPlan, type Plan } from "./replies.ts";
import { Service, type FaultScript, type StandInRules } from "./service.ts";
import { transmit } from "./transmit.ts";

/** How a stand-in behaves. */
export interface StandInOptions {
  /** What answers: `scriptedBrain`, `badBrain`, or any function. */
  readonly brain: Brain;
  /** What goes wrong: by request, or the n-th entry for the n-th request to `/v1/messages` (null: nothing). @default none */
  readonly faults?: FaultScript | readonly (Fault | null)[];
  /** Rules of the API to switch off. @default all on */
  readonly rules?: Partial<StandInRules>;
  /** Seeds ids and the brain's randomness. @default 1 */
  readonly seed?: number;
  /** Wait before the first byte, and per token written. @default 0 and 0 */
  readonly latency?: { readonly firstByteMs?: number; readonly perTokenMs?: number };
  /** @default 0, any free port */
  readonly port?: number;
  /** Keys that are accepted. @default any that is not empty */
  readonly apiKeys?: readonly string[];
  /** Model ids to accept besides the known ones. @default none */
  readonly models?: readonly string[];
  /** Rate limits to enforce, per model and minute. @default none, generous ones in the headers */
  readonly limits?: RateLimits;
  /** A ping after message_start. @default true */
  readonly pings?: boolean;
  /** False: of a request that is over its body is dropped, for servers that run for long. @default true */
  readonly keepBodies?: boolean;
  /** Time for waits, rate limits and the cache. @default the machine's */
  readonly clock?: StandInClock;
  /** Told of each request's moments as they happen, to act on one: kill the caller, let time pass. Must not throw. @default nobody */
  readonly onMoment?: (moment: StandInMoment) => void;
}

/** A running stand-in. */
export interface StandIn extends AsyncDisposable {
  /** Base URL for the SDK: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** Every request so far; entries change until they are answered. */
  readonly requests: readonly RecordedRequest[];
  /** Requests that the API's rules refused, with the reasons. */
  readonly invalid: readonly Complaint[];
  /** Requests that the brain did not expect, and failures of the stand-in itself. */
  readonly unexpected: readonly Complaint[];
  /** Ends everything at once. May be called twice. */
  close(): Promise<void>;
}

const OPTIONS = optionsOf({
  brain: aFunction("a brain, such as scriptedBrain(rules)"),
  faults: z
    .custom((given) => typeof given === "function" || Array.isArray(given), "give a function, or a list of faults")
    .optional(),
  rules: z.strictObject({ schema: aBoolean, history: aBoolean, parameters: aBoolean, binding: aBoolean }).partial().optional(),
  seed: count(0).optional(),
  latency: optionsOf({ firstByteMs: number(0, 1e9), perTokenMs: number(0, 1e9) })
    .partial()
    .optional(),
  port: count(0, 65_535).optional(),
  apiKeys: listOf(z.string(), "keys").optional(),
  models: listOf(z.string(), "models").optional(),
  limits: z.looseObject({}).optional(),
  pings: aBoolean.optional(),
  keepBodies: aBoolean.optional(),
  clock: z.looseObject({}).optional(),
  onMoment: aFunction("a function that is told of moments").optional(),
});

/**
 * Starts a stand-in on the loopback interface. Rejects with QuatrainError "BadOption" for bad options, and when the port
 * is taken.
 *
 * ```ts
 * const server = await standIn({ brain: scriptedBrain([{ answer: { content: ["hello"] } }]) });
 * const client = new Anthropic({ apiKey: "any", baseURL: server.url, maxRetries: 0 });
 * ```
 */
export async function standIn(options: StandInOptions): Promise<StandIn> {
  checkGiven("standIn", OPTIONS, options);
  const log = new StandInLog();
  const clock = options.clock ?? systemClock;
  const service = new Service({
    brain: options.brain,
    fault: faultScript(options.faults),
    rules: { schema: true, history: true, parameters: true, binding: true, ...options.rules },
    seed: options.seed ?? 1,
    models: options.models ?? [],
    apiKeys: options.apiKeys,
    limits: options.limits,
    pings: options.pings ?? true,
    clock,
    log,
    schemas: await loadSchemas(),
  });
  const end = new AbortController();
  const server = createServer((request, response) => {
    void serve({ request, response }, { service, log, clock, options, end: end.signal });
  });
  const port = await listen(server, options.port ?? 0);
  const close = async (): Promise<void> => {
    end.abort();
    server.closeAllConnections();
    if (!server.listening) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  return {
    url: `http://127.0.0.1:${port}`,
    requests: log.requests,
    invalid: log.invalid,
    unexpected: log.unexpected,
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Serving {
  readonly service: Service;
  readonly log: StandInLog;
  readonly clock: StandInClock;
  readonly options: StandInOptions;
  readonly end: AbortSignal;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const largestBody = 32 * 1024 * 1024;

async function serve({ request, response }: Exchange, serving: Serving): Promise<void> {
  const { service, log, clock, options, end } = serving;
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const requestId = idOf("req", `${options.seed ?? 1} ${log.requests.length + 1}`);
  const method = request.method ?? "";
  const record = log.open({ at: clock.now(), method, path: url.pathname, requestId, headers: request.headers });
  const { n } = record;
  const tell = options.onMoment ?? (() => {});
  tell({ kind: "arrived", n });
  const gone = goneSignal(response, end);
  const body = await readBody(request);
  if (body === undefined) {
    finish(record, undefined, "aborted");
    return tell({ kind: "over", n });
  }
  const incoming = { method, path: url.pathname, query: url.searchParams, headers: request.headers, body };
  const plan = body.length > largestBody ? tooLarge(requestId) : await service.plan(incoming, record);
  const sent = await transmit(response, plan.reply, {
    clock,
    signal: gone,
    firstByteMs: plan.delayMs + (plan.kind === "message" ? (options.latency?.firstByteMs ?? 0) : 0),
    perTokenMs: options.latency?.perTokenMs ?? 0,
    fault: plan.fault,
    onFirstByte: plan.onFirstByte,
    onSent: (bytes, isLast) => tell({ kind: "sent", n, bytes, isLast }),
    onStalled: () => tell({ kind: "stalled", n }),
  });
  finish(record, plan, sent);
  tell({ kind: "over", n });
  if (options.keepBodies === false) Object.assign(record, { body: undefined, request: null });
}

function finish(record: OpenRecord, plan: Plan | undefined, sent: "whole" | "cut" | "stalled" | "aborted"): void {
  record.status = plan?.reply.status ?? null;
  record.answered = sent === "whole" ? (plan?.kind ?? "aborted") : sent;
}

function tooLarge(requestId: string): Plan {
  return errorPlan({ requestId, headers: { "request-id": requestId } }, 413, "Request exceeds the maximum size");
}

/** Aborted when the connection is gone or the server closes. */
function goneSignal(response: ServerResponse, end: AbortSignal): AbortSignal {
  const gone = new AbortController();
  const abort = (): void => {
    end.removeEventListener("abort", abort);
    gone.abort();
  };
  if (end.aborted) abort();
  else end.addEventListener("abort", abort);
  response.once("close", abort);
  return gone.signal;
}

/** The body's text; longer ones are read to their end but not kept. Undefined when the caller went away. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of request as AsyncIterable<Buffer>) {
      size += part.length;
      if (size <= largestBody) parts.push(part);
    }
  } catch {
    return undefined;
  }
  return size > largestBody ? " ".repeat(largestBody + 1) : Buffer.concat(parts).toString("utf8");
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function faultScript(faults: StandInOptions["faults"]): FaultScript {
  if (faults === undefined) return () => undefined;
  if (typeof faults === "function") return faults;
  let next = 0;
  return () => faults[next++] ?? undefined;
}
