// Reads how long to wait from response headers. Garbage counts as absent.

/** Headers as fetch gives them. */
export type HeadersLike = Pick<Headers, "get">;

const LIMITS = ["requests", "input-tokens", "output-tokens", "tokens"] as const;

/** The wait that the server names in `retry-after-ms` or `retry-after` (seconds or a date), in ms; undefined when it names none. */
export function retryAfterMs(headers: HeadersLike, now: number): number | undefined {
  const precise = positive(headers.get("retry-after-ms"));
  if (precise !== undefined) return Math.ceil(precise);
  const named = headers.get("retry-after");
  const seconds = positive(named);
  if (seconds !== undefined) return Math.ceil(seconds * 1_000);
  return named === null ? undefined : untilMs(named, headers, now);
}

/** The longest wait until an exhausted limit (`anthropic-ratelimit-*-remaining: 0`) is filled again, in ms; undefined when none is exhausted. */
export function exhaustedMs(headers: HeadersLike, now: number): number | undefined {
  const waits = LIMITS.flatMap((limit) => {
    if (headers.get(`anthropic-ratelimit-${limit}-remaining`)?.trim() !== "0") return [];
    const reset = headers.get(`anthropic-ratelimit-${limit}-reset`);
    const wait = reset === null ? undefined : untilMs(reset, headers, now);
    return wait === undefined ? [] : [wait];
  });
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** Measured by the server's own clock where it tells the time, since ours may be wrong. */
function untilMs(moment: string, headers: HeadersLike, now: number): number | undefined {
  // Date.parse takes bare numbers for years; moments in headers are spelled with letters.
  const then = /[a-z]/i.test(moment) ? Date.parse(moment) : Number.NaN;
  const theirs = Date.parse(headers.get("date") ?? "");
  const wait = then - (Number.isNaN(theirs) ? now : theirs);
  return Number.isNaN(wait) ? undefined : Math.max(0, wait);
}

function positive(text: string | null): number | undefined {
  const value = text === null || !/^\s*\d+(\.\d+)?\s*$/.test(text) ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : undefined;
}
