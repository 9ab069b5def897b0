// One lane of the governor: the calls of all workers to one model line of one endpoint. Plain state and pure rules;
// governor.ts keeps the queue and the timers.
import { unreachable } from "../core/unreachable.ts";
import { exhaustedMs, retryAfterMs, type HeadersLike } from "./headers.ts";

/** What a finished call teaches about its lane. */
export interface LaneSignal {
  /** `limited`: 429; `overloaded`: 529; `failed`: the server or the network failed; `ok`: answered. */
  readonly kind: "ok" | "limited" | "overloaded" | "failed";
  readonly retryAfterMs?: number;
  readonly headers?: HeadersLike;
}

/** Settings of a governor. */
export interface GovernorOptions {
  /** Most calls of one lane at a time. @default 8 */
  readonly concurrency?: number;
  /** Failures in a row, over all callers, that open the breaker. @default 5 */
  readonly breakAfter?: number;
  /** How long an open breaker lets nobody through. @default 30_000 */
  readonly openMs?: number;
  /** Pause after a 429 that names no wait. @default 5_000 */
  readonly limitedMs?: number;
  /** Longest pause taken from rate-limit headers of good answers; after it a 429 may tell more. @default 60_000 */
  readonly exhaustedMs?: number;
}

/** A lane as watchers see it. Moments are ms of the host's clock. */
export interface LaneState {
  readonly lane: string;
  readonly concurrency: number;
  /** Calls allowed at a time now: less than `concurrency` after an overload, one more with each success. */
  readonly allowed: number;
  readonly inFlight: number;
  readonly waiting: number;
  /** Nobody starts before this moment; null when there is no pause. */
  readonly pausedUntil: number | null;
  readonly breaker: "closed" | "open" | "half-open";
  /** When an open breaker lets one probe through; null unless open. */
  readonly openUntil: number | null;
  /** Failures since the last success. */
  readonly failuresInARow: number;
}

/** The options with their defaults. */
export function settingsFrom(options: GovernorOptions): Required<GovernorOptions> {
  return { concurrency: 8, breakAfter: 5, openMs: 30_000, limitedMs: 5_000, exhaustedMs: 60_000, ...options };
}

/** A lane that nobody used. */
export function freshLane(lane: string, { concurrency }: Required<GovernorOptions>): LaneState {
  return {
    lane,
    concurrency,
    allowed: concurrency,
    inFlight: 0,
    waiting: 0,
    pausedUntil: null,
    breaker: "closed",
    openUntil: null,
    failuresInARow: 0,
  };
}

/** Lets time pass: pauses end, an open breaker becomes half-open. */
export function atMoment(state: LaneState, now: number): LaneState {
  const pausedUntil = state.pausedUntil !== null && state.pausedUntil > now ? state.pausedUntil : null;
  const opens = state.breaker === "open" && (state.openUntil ?? 0) <= now;
  if (pausedUntil === state.pausedUntil && !opens) return state;
  return opens ? { ...state, pausedUntil, breaker: "half-open", openUntil: null } : { ...state, pausedUntil };
}

/** True when one more call may start now (after `atMoment`). A half-open breaker lets a single probe through. */
export function hasRoom(state: LaneState): boolean {
  if (state.pausedUntil !== null || state.breaker === "open") return false;
  return state.inFlight < (state.breaker === "half-open" ? 1 : state.allowed);
}

/** The moment at which waiting for time alone may help; null when only a finished call can. */
export function nextMoment(state: LaneState): number | null {
  const moments = [state.pausedUntil, state.openUntil].filter((moment) => moment !== null);
  return moments.length === 0 ? null : Math.max(...moments);
}

/** The lane after a lesson. */
export function taught(
  state: LaneState,
  signal: LaneSignal,
  { now, settings }: { now: number; settings: Required<GovernorOptions> },
): LaneState {
  const paused = { ...state, pausedUntil: latest(state.pausedUntil, pauseOf(signal, now, settings)) };
  switch (signal.kind) {
    case "ok":
      return {
        ...paused,
        allowed: Math.min(state.concurrency, state.allowed + 1),
        breaker: "closed",
        openUntil: null,
        failuresInARow: 0,
      };
    case "limited":
      return paused;
    case "overloaded":
      return failed({ ...paused, allowed: Math.max(1, Math.floor(state.concurrency / 2)) }, now, settings);
    case "failed":
      return failed(paused, now, settings);
    default:
      return unreachable(signal.kind);
  }
}

function failed(state: LaneState, now: number, settings: Required<GovernorOptions>): LaneState {
  const failuresInARow = state.failuresInARow + 1;
  const opens = state.breaker === "half-open" || (state.breaker === "closed" && failuresInARow >= settings.breakAfter);
  return opens ? { ...state, failuresInARow, breaker: "open", openUntil: now + settings.openMs } : { ...state, failuresInARow };
}

function pauseOf(
  { kind, retryAfterMs: named, headers }: LaneSignal,
  now: number,
  settings: Required<GovernorOptions>,
): number | null {
  const asked = named ?? (kind === "ok" || !headers ? undefined : retryAfterMs(headers, now));
  if (asked !== undefined) return now + asked;
  const exhausted = headers ? exhaustedMs(headers, now) : undefined;
  if (exhausted !== undefined) return now + Math.min(exhausted, settings.exhaustedMs);
  return kind === "limited" ? now + settings.limitedMs : null;
}

function latest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
