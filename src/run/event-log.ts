// The events of one run for any number of watchers: each gets all of them from the first, in order, numbered.
//   E1  Memory grows by what events say, not by who watches: full chunks are kept as deflated JSON lines, only the
//       youngest events as objects. A watcher is a place in the log, however slow it is.
//   E2  A watcher is told of an event at once, synchronously, and of each exactly once.
import process from "node:process";
import { Observable } from "rxjs";
import type { Subscriber } from "rxjs";
import type { NumberedEvent, RunEvent } from "../protocol/run-event.ts";
import { Watched } from "./watched.ts";

/**
 * A stream of events that can also be walked with `for await`. Completes with the run; never errors. A watcher that
 * throws is dropped, and the process is warned once (code QUATRAIN_WATCHER).
 */
export type EventStream = Observable<NumberedEvent> & AsyncIterable<NumberedEvent>;

/** Events in a chunk. */
const CHUNK = 1_000;

/** Collects and numbers events. */
export class EventLog {
  readonly stream: EventStream;
  readonly #sealed: Uint8Array[] = [];
  readonly #tellers = new Set<() => void>();
  #open: NumberedEvent[] = [];
  #hasEnded = false;
  /** Set while a walk waits for more. */
  #growth: { readonly promise: Promise<void>; readonly come: () => void } | undefined;
  #row = -1;
  #place = 0;

  constructor() {
    const events = new Observable<NumberedEvent>((subscriber) => this.#watch(subscriber));
    this.stream = Object.assign(new Watched(events, "run.events"), { [Symbol.asyncIterator]: () => this.#walk() });
  }

  /** Adds an event that followed from a journal row; its number is the same in every replay. */
  add(event: RunEvent, row: number): void {
    this.#place = row === this.#row ? this.#place + 1 : 0;
    this.#row = row;
    this.#open.push({ seq: `${row}.${this.#place}`, ...event });
    if (this.#open.length === CHUNK) this.#seal();
    this.#tell();
  }

  /** No more events. */
  end(): void {
    this.#hasEnded = true;
    this.#tell();
  }

  /** E1: whoever is still reading the open chunk holds it; it is whole now. */
  #seal(): void {
    const lines = this.#open.map((event) => JSON.stringify(event)).join("\n");
    // A copy: what zlib gives lies in a larger buffer.
    this.#sealed.push(new Uint8Array(zlib().deflateRawSync(lines, { level: LEVEL })));
    this.#open = [];
  }

  #tell(): void {
    for (const tell of this.#tellers) tell();
    this.#growth?.come();
    this.#growth = undefined;
  }

  #watch(subscriber: Subscriber<NumberedEvent>): () => void {
    const next = this.#reader();
    let isTelling = false;
    const tell = (): void => {
      // What a watcher sets off itself comes after the event it is at.
      if (isTelling) return;
      isTelling = true;
      for (let event = next(); event && !subscriber.closed; event = next()) subscriber.next(event);
      isTelling = false;
      if (this.#hasEnded) subscriber.complete();
    };
    this.#tellers.add(tell);
    tell();
    return () => this.#tellers.delete(tell);
  }

  async *#walk(): AsyncGenerator<NumberedEvent, void, undefined> {
    const next = this.#reader();
    for (;;) {
      const event = next();
      if (event) yield event;
      else if (this.#hasEnded) return;
      else await (this.#growth ??= nextTime()).promise;
    }
  }

  /** A place in the log: each call gives the next event, undefined while there is none. Holds one chunk at most. */
  #reader(): () => NumberedEvent | undefined {
    let chunk = 0;
    let place = 0;
    let events = this.#chunk(0);
    return () => {
      if (place === CHUNK) {
        chunk += 1;
        place = 0;
        events = this.#chunk(chunk);
      }
      const event = events[place];
      if (event) place += 1;
      return event;
    };
  }

  /** A sealed chunk, or the open one, which grows. */
  #chunk(index: number): readonly NumberedEvent[] {
    const sealed = this.#sealed[index];
    if (!sealed) return this.#open;
    // Events are plain JSON, so they come back as they were.
    return zlib()
      .inflateRawSync(sealed)
      .toString()
      .split("\n")
      .map((line) => JSON.parse(line) as NumberedEvent);
  }
}

/** Quick: events are alike, so that more effort saves little. */
const LEVEL = 2;

/** Loaded when the first chunk is full: short runs need none. */
const zlib = () => process.getBuiltinModule("node:zlib");

/** A promise, and the function that settles it. */
function nextTime(): { readonly promise: Promise<void>; readonly come: () => void } {
  let come = (): void => {};
  const promise = new Promise<void>((resolve) => {
    come = resolve;
  });
  return { promise, come };
}
