// What the stand-in saw of one request, as data for a log and as a line for people. Never a key: headers are picked by the
// stand-in, and what looks like a secret in a body is hidden.
import { redactor } from "../../inspect/redact.ts";
import type { RecordedRequest } from "../../testing/stand-in/log.ts";
import type { StandIn } from "../../testing/stand-in/stand-in.ts";
import { plural, safe } from "../words.ts";

/**
 * What was wrong with a request: the API refuses it (its rules, the key, an unknown model or path); no rule of the script
 * expects it; it was over the rate limits.
 */
export interface Problem {
  readonly kind: "invalid" | "unexpected" | "limited";
  readonly reason: string;
}

/** One line of the log. */
export interface RequestLine {
  readonly type: "request";
  readonly n: number;
  /** When it arrived, ms since 1970, and how long it took. */
  readonly at: number;
  readonly ms: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly status: number | null;
  readonly answered: RecordedRequest["answered"];
  readonly model: string | null;
  /** Assistant messages in its history; null for requests that are no conversation. */
  readonly turn: number | null;
  readonly usage: RecordedRequest["usage"];
  readonly problem: Problem | null;
  readonly body: unknown;
}

/** How many requests went how. */
export interface Tally {
  requests: number;
  /** Answered as asked. */
  answered: number;
  /** Answered wrongly, or broken off, by a fault. */
  spoilt: number;
  /** The caller hung up first, or the stand-in ended. */
  aborted: number;
  /** How often each reason came. */
  readonly problems: Readonly<Record<Problem["kind"], Map<string, number>>>;
}

const TOO_MANY = 429;
const hide = redactor({ maxText: Number.POSITIVE_INFINITY });

/** The line of a request that is over. */
export function lineOf(record: RecordedRequest, { unexpected }: Pick<StandIn, "unexpected">, now: number): RequestLine {
  const { n, at, method, path, headers, status, answered, request, usage, body, refused } = record;
  const kindOf = (): Problem["kind"] =>
    unexpected.findLast((complaint) => complaint.n === n) ? "unexpected" : status === TOO_MANY ? "limited" : "invalid";
  return {
    type: "request",
    n,
    at,
    ms: Math.max(0, now - at),
    method,
    path,
    headers,
    status,
    answered,
    model: request?.model ?? null,
    turn: request === null ? null : request.messages.filter(({ role }) => role === "assistant").length,
    usage,
    problem: refused === null ? null : { kind: kindOf(), reason: refused },
    body: hide(body ?? null),
  };
}

/** Nothing yet. */
export const emptyTally = (): Tally => ({
  requests: 0,
  answered: 0,
  spoilt: 0,
  aborted: 0,
  problems: { invalid: new Map(), unexpected: new Map(), limited: new Map() },
});

/** Counts a request that is over. */
export function count(tally: Tally, { answered, problem }: RequestLine): void {
  tally.requests += 1;
  if (problem) {
    const reasons = tally.problems[problem.kind];
    reasons.set(problem.reason, (reasons.get(problem.reason) ?? 0) + 1);
  } else if (answered === "message" || answered === "other") tally.answered += 1;
  else if (answered === "aborted") tally.aborted += 1;
  else tally.spoilt += 1;
}

/** `#3 POST /v1/messages: 400, invalid: max_tokens: Field required`. */
export function requestText({ n, method, path, status, answered, model, turn, usage, problem }: RequestLine): string {
  const parts = [
    status ?? "no answer",
    WORDS[answered],
    model === null ? undefined : `${safe(model, 60)}, turn ${(turn ?? 0) + 1}`,
    usage === null ? undefined : `${inputOf(usage)} tokens in, ${usage.output_tokens} out`,
    problem === null ? undefined : `${problem.kind}: ${safe(problem.reason, 300)}`,
  ];
  return `#${n} ${safe(method, 10)} ${safe(path, 80)}: ${parts.filter((part) => part !== undefined).join(", ")}`;
}

/** What is told at the end: how many requests came, and what was wrong with which. */
export function summaryText({ requests, answered, spoilt, aborted, problems }: Tally): string {
  const { invalid, unexpected, limited } = problems;
  const parts: readonly (readonly [number, string])[] = [
    [answered, "answered"],
    [sum(invalid), "invalid"],
    [sum(unexpected), "unexpected"],
    [sum(limited), "over the limits"],
    [spoilt, "spoilt by faults"],
    [aborted, "left unanswered"],
  ];
  const shown = parts.flatMap(([times, what]) => (times > 0 ? [`${times} ${what}`] : []));
  return [
    `${plural(requests, "request")}${requests === 0 ? "" : `: ${shown.join(", ")}`}.`,
    ...reasonLines("invalid", invalid),
    ...reasonLines("unexpected", unexpected),
  ].join("\n");
}

/** Reasons of each kind that are shown at the end. */
const SHOWN = 10;

function reasonLines(kind: Problem["kind"], reasons: ReadonlyMap<string, number>): readonly string[] {
  const lines = [...reasons].map(([reason, times]) => `  ${kind}${times > 1 ? `, ${times} times` : ""}: ${safe(reason, 300)}`);
  if (lines.length <= SHOWN) return lines;
  return [...lines.slice(0, SHOWN), `  ${kind}: ${plural(lines.length - SHOWN, "other reason")}`];
}

const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((all, one) => all + one, 0);

const inputOf = (usage: NonNullable<RequestLine["usage"]>): number =>
  usage.input_tokens + usage.cache_read_input_tokens + usage.cache_creation_input_tokens;

const WORDS: Readonly<Partial<Record<RecordedRequest["answered"], string>>> = {
  odd: "spoilt by a fault",
  cut: "cut off by a fault",
  stalled: "stalled by a fault",
  aborted: "left unanswered",
};
