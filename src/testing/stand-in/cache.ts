// The prompt cache: which prefixes of which model are stored, until when. Models how the API bills, nothing is really cached.
//   C1  An entry is readable only after the first byte of the answer that wrote it (`open`).
//   C2  A breakpoint finds an entry at most 20 blocks back, itself included; the longest hit counts.
//   C3  Prefixes below the model's floor are neither written nor read, without an error.
//   C4  A read makes its entry last its full time again.
import type { StandInClock } from "./clock.ts";
import { link, type Segment } from "./render.ts";
import type { CacheControl, MessagesRequest } from "./wire.ts";

/** How a request's input tokens divide. */
export interface CacheSplit {
  readonly input: number;
  readonly read: number;
  readonly written5m: number;
  readonly written1h: number;
  /** Makes what this request wrote readable; called with the answer's first byte. */
  readonly open: () => void;
}

/** A breakpoint at a block of the row. */
export interface Breakpoint {
  readonly index: number;
  readonly ttl: "5m" | "1h";
}

interface Entry {
  readonly ttlMs: number;
  expiresAt: number;
  readable: boolean;
}

const lookBack = 20;
const ttlMs = { "5m": 300_000, "1h": 3_600_000 } as const;

/** The breakpoints of a request in row order, the automatic one (top-level `cache_control`) included. */
export function breakpointsOf(request: MessagesRequest, segments: readonly Segment[]): readonly Breakpoint[] {
  const explicit = segments.flatMap((segment, index) => segment.breakpoints.map((control) => ({ index, ttl: ttlOf(control) })));
  const last = segments.findLastIndex((segment) => segment.cacheable);
  if (!request.cache_control || last < 0 || explicit.some(({ index }) => index === last)) return explicit;
  return [...explicit, { index: last, ttl: ttlOf(request.cache_control) }].toSorted((a, b) => a.index - b.index);
}

/** The cache of all models of one server. */
export class PromptCache {
  readonly #clock: StandInClock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: StandInClock) {
    this.#clock = clock;
  }

  /** Looks a request up and notes what it writes. */
  use(request: MessagesRequest, segments: readonly Segment[], floor: number): CacheSplit {
    const breakpoints = breakpointsOf(request, segments);
    const hashes = prefixHashes(request, segments);
    const upTo = runningSum(segments);
    const hit = this.#longestHit(breakpoints, hashes);
    const fresh: Entry[] = [];
    const written = { "5m": 0, "1h": 0 };
    let done = upTo[hit] ?? 0;
    for (const { index, ttl } of breakpoints) {
      const tokens = upTo[index + 1] ?? 0;
      const hash = hashes[index];
      if (hash === undefined || index < hit || tokens < floor) continue; // C3
      written[ttl] += tokens - done;
      done = tokens;
      fresh.push(this.#write(hash, ttlMs[ttl]));
    }
    return {
      input: (upTo.at(-1) ?? 0) - done,
      read: upTo[hit] ?? 0,
      written5m: written["5m"],
      written1h: written["1h"],
      open: () => {
        for (const entry of fresh) entry.readable = true;
      },
    };
  }

  /** Number of blocks of the longest readable prefix. */
  #longestHit(breakpoints: readonly Breakpoint[], hashes: readonly string[]): number {
    let best = 0;
    for (const { index } of breakpoints) {
      for (let at = index; at > index - lookBack && at >= best; at--) {
        const entry = this.#entries.get(hashes[at] ?? "");
        if (entry === undefined || !entry.readable || entry.expiresAt <= this.#clock.now()) continue; // C1
        entry.expiresAt = this.#clock.now() + entry.ttlMs; // C4
        best = at + 1;
        break;
      }
    }
    return best;
  }

  #write(hash: string, forMs: number): Entry {
    const pending = this.#entries.get(hash);
    if (pending !== undefined && !pending.readable) return pending;
    const entry = { ttlMs: forMs, expiresAt: this.#clock.now() + forMs, readable: false };
    this.#entries.set(hash, entry);
    return entry;
  }
}

/** One hash per block over everything up to it; settings that change how a section is read are part of that section. */
function prefixHashes(request: MessagesRequest, segments: readonly Segment[]): readonly string[] {
  const settings = {
    tools: "",
    system: JSON.stringify(request.output_config?.format ?? null),
    messages: JSON.stringify([request.thinking?.type ?? null, request.tool_choice?.type ?? null]),
  };
  let chain = link("cache", request.model);
  let section = "";
  return segments.map((segment) => {
    if (segment.section !== section) {
      section = segment.section;
      chain = link(chain, section === "messages" ? settings.system + settings.messages : settings[segment.section]);
    }
    chain = link(chain, segment.text);
    return chain;
  });
}

/** Sums before each block, and after the last. */
function runningSum(segments: readonly Segment[]): readonly number[] {
  const sums = [0];
  let sum = 0;
  for (const segment of segments) sums.push((sum += segment.tokens));
  return sums;
}

function ttlOf(control: CacheControl): "5m" | "1h" {
  return control.ttl ?? "5m";
}
