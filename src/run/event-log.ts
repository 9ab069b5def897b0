// The events of one run for any number of watchers: each gets all of them from the first, in order, numbered.
import { ReplaySubject } from "rxjs";
import type { Observable } from "rxjs";
import type { NumberedEvent, RunEvent } from "../protocol/run-event.ts";

/** A stream of events that can also be walked with `for await`. Completes with the run; never errors. */
export type EventStream = Observable<NumberedEvent> & AsyncIterable<NumberedEvent>;

/** Collects and numbers events. */
export class EventLog {
  readonly stream: EventStream;
  readonly #subject = new ReplaySubject<NumberedEvent>();
  #row = -1;
  #place = 0;

  constructor() {
    this.stream = walkable(this.#subject.asObservable());
  }

  /** Adds an event that followed from a journal row; its number is the same in every replay. */
  add(event: RunEvent, row: number): void {
    this.#place = row === this.#row ? this.#place + 1 : 0;
    this.#row = row;
    this.#subject.next({ seq: `${row}.${this.#place}`, ...event });
  }

  /** No more events. */
  end(): void {
    this.#subject.complete();
  }
}

/** Makes an Observable walkable. Leaving the walk early unsubscribes. */
function walkable(source: Observable<NumberedEvent>): EventStream {
  return Object.assign(source, {
    async *[Symbol.asyncIterator](): AsyncGenerator<NumberedEvent, void, undefined> {
      const waiting: NumberedEvent[] = [];
      let wake = (): void => {};
      let done = false;
      const subscription = source.subscribe({
        next: (event) => {
          waiting.push(event);
          wake();
        },
        complete: () => {
          done = true;
          wake();
        },
      });
      try {
        for (;;) {
          const next = waiting.shift();
          if (next) yield next;
          else if (done) return;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        subscription.unsubscribe();
      }
    },
  });
}
