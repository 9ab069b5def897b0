// The model port over the Messages API: one streamed call per turn, watched, checked, metered, classified.
//   A1  Every subscription ends in exactly one outcome, whatever the other side does; nothing is thrown.
//   A2  A turn counts from message_stop on: the outcome is emitted there and the connection dropped, whatever follows.
//   A3  What was generated is metered, also when the turn failed or was cancelled.
//   A4  Without a key nothing is sent. The key appears in no outcome.
import { catchError, concat, defer, fromEvent, map, merge, mergeMap, NEVER, of, takeWhile, tap } from "rxjs";
import type { Observable, SchedulerLike } from "rxjs";
import { messageOf } from "../core/errors.ts";
import { failure, type Failure } from "../core/failure.ts";
import { oneLine } from "../core/text.ts";
import { systemClock } from "../host/clocks.ts";
import type { TurnRequest } from "../protocol/turn.ts";
import { endpointMissing, keyMissing } from "./classify.ts";
import { connectionOf, hostOf, secretOf, type Connection, type Environment } from "./endpoints.ts";
import { framed } from "./frames.ts";
import { laneOf, signalOf, type Governor } from "./governor.ts";
import type { Endpoints } from "./models.ts";
import type { ModelPort, TurnContext, TurnEvent } from "./port.ts";
import type { PriceTable } from "./price-table.ts";
import { buildRequest } from "./request.ts";
import { schedulerFrom } from "./scheduler.ts";
import { CancelledError, TurnFold } from "./turn-fold.ts";
import { isProgress } from "./validate.ts";
import { watched, WATCHDOGS, type Watchdogs } from "./watchdog.ts";
import { openWire, type WireSignal } from "./wire.ts";

/** Settings of the client. */
export interface AnthropicOptions {
  /** Addresses and keys by endpoint name, as `resolveModels` gives them. @default the Anthropic API with the key of the environment */
  readonly endpoints?: Endpoints;
  /** Keeps the time of watchdogs and frames: `schedulerFrom(host.clock)`. @default the machine's clock */
  readonly scheduler?: SchedulerLike;
  readonly watchdogs?: Partial<Watchdogs>;
  /** Most bytes of a decoded body. @default 67_108_864 */
  readonly maxBodyBytes?: number;
  /** @default the global fetch */
  readonly fetch?: typeof fetch;
  /** Wall clock in ms, for dated prices and dates in headers. @default the scheduler's */
  readonly now?: () => number;
  /** Further prices, for answers of another model than the one asked. */
  readonly prices?: PriceTable;
  /** Is told what each call teaches about its lane, headers included. */
  readonly governor?: Pick<Governor, "learned">;
  /** Where ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and ANTHROPIC_BASE_URL are looked up, at each turn. @default process.env */
  readonly environment?: Environment;
}

const MAX_BODY_BYTES = 64 * 1_024 * 1_024;

/** A model port that talks to the Anthropic API and to servers that speak its language. The SDK is loaded by the first turn. */
export function anthropicModel(options: AnthropicOptions = {}): ModelPort {
  const { scheduler = schedulerFrom(systemClock()) } = options;
  return {
    turn: (request, context) =>
      defer(() => begin(request, context, { ...options, scheduler })).pipe(
        catchError((thrown: unknown) =>
          of(unsent(failure("Internal", `The turn could not be sent: ${oneLine(messageOf(thrown))}`))),
        ),
        framed(scheduler),
      ),
  };
}

type Settings = AnthropicOptions & { readonly scheduler: SchedulerLike };

function begin(request: TurnRequest, { signal }: TurnContext, options: Settings): Observable<TurnEvent> {
  const { choice } = request.parameters;
  if (signal?.aborted) return of(unsent(failure("Cancelled", "The turn was cancelled before it was sent.")));
  const connection = connectionOf(choice, options.endpoints ?? {}, environmentOf(options));
  if ("missing" in connection) return of(unsent(connection.missing === "key" ? keyMissing() : endpointMissing(choice.endpoint)));

  const now = options.now ? options.now() : options.scheduler.now();
  const scene = {
    host: hostOf(connection.baseURL),
    model: choice.model,
    endpoint: choice.endpoint,
    secret: secretOf(connection),
    now,
  };
  const fold = new TurnFold(request, scene, options.prices);
  const events = concat(
    call(request, connection, options).pipe(mergeMap((one) => fold.take(one))),
    defer(() => of(fold.ended())),
  );
  return merge(events, cancelled(signal)).pipe(
    catchError((thrown: unknown) => of(fold.failed(thrown))),
    takeWhile((event) => event.kind !== "outcome", true),
    tap((event) => {
      if (event.kind !== "outcome") return;
      const lesson = signalOf(event.outcome, fold.headers);
      if (lesson) options.governor?.learned(laneOf(choice), lesson);
    }),
  );
}

/** The wire under its watchdogs. */
function call(request: TurnRequest, connection: Connection, options: Settings): Observable<WireSignal> {
  const limits = { ...WATCHDOGS, ...options.watchdogs };
  const wire = openWire({
    connection,
    parameters: buildRequest(request, connection.features),
    maxBodyBytes: options.maxBodyBytes ?? MAX_BODY_BYTES,
    timeoutMs: limits.turnMs,
    fetch: options.fetch ?? fetch,
  });
  return wire.pipe(watched(limits, (one) => one.kind === "event" && isProgress(one.event), options.scheduler));
}

/** Errors when the caller's signal fires; else says nothing. */
function cancelled(signal: AbortSignal | undefined): Observable<never> {
  if (!signal) return NEVER;
  return fromEvent(signal, "abort").pipe(
    map(() => {
      throw new CancelledError();
    }),
  );
}

function unsent(why: Failure): TurnEvent {
  return { kind: "outcome", outcome: { kind: "failed", failure: why, usage: null, usd: null, requestId: null } };
}

function environmentOf({ environment }: AnthropicOptions): Environment {
  return environment ?? (typeof process === "undefined" ? {} : process.env);
}
