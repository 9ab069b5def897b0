// Streams whose watchers can't hurt the run.
//   W1  A watcher that throws is dropped: it is told nothing more, the others and the run go on.
//   W2  It is reported once, as a process warning with the code QUATRAIN_WATCHER; never as an unhandled error.
import process from "node:process";
import { Observable, Subscriber, takeWhile } from "rxjs";
import type { Observer, Operator, Subscription } from "rxjs";
import { messageOf } from "../core/errors.ts";

/** An Observable that keeps W1 and W2, also for what is piped from it. `name` is how a warning calls it. */
export class Watched<T> extends Observable<T> {
  readonly #inner: Observable<T>;
  readonly #name: string;

  constructor(inner: Observable<T>, name: string) {
    super((subscriber) => inner.subscribe(subscriber));
    this.#inner = inner;
    this.#name = name;
  }

  override subscribe(
    watcher?: Partial<Observer<T>> | ((value: T) => void) | null,
    onError?: ((error: unknown) => void) | null,
    onComplete?: (() => void) | null,
  ): Subscription {
    // An operator of rxjs: it passes errors down, to a watcher of what `lift` made.
    if (watcher instanceof Subscriber) return super.subscribe(watcher);
    const { next, error, complete } =
      typeof watcher === "object" && watcher !== null
        ? bound(watcher)
        : { next: watcher ?? undefined, error: onError ?? undefined, complete: onComplete ?? undefined };
    let isDropped = false;
    const drop = (why: unknown): void => {
      isDropped = true;
      warn(this.#name, why);
    };
    const tell = (act: () => void): void => {
      if (isDropped) return;
      try {
        act();
      } catch (thrown) {
        drop(thrown);
      }
    };
    return this.#inner.pipe(takeWhile(() => !isDropped)).subscribe({
      next: (value) => tell(() => next?.(value)),
      error: (why: unknown) => (error ? tell(() => error(why)) : drop(why)),
      complete: () => tell(() => complete?.()),
    });
  }

  // The one place where rxjs makes what is piped; without it a watcher of that would not be guarded.
  // oxlint-disable-next-line typescript/no-deprecated -- internal to rxjs 7, public in its types; version 8 has another
  override lift<R>(operator?: Operator<T, R>): Observable<R> {
    // oxlint-disable-next-line typescript/no-deprecated -- the same, on the side of the base class
    return new Watched(super.lift(operator), this.#name);
  }
}

function bound<T>(watcher: Partial<Observer<T>>): Partial<Observer<T>> {
  return {
    next: (value) => watcher.next?.(value),
    ...(watcher.error && { error: (why: unknown) => watcher.error?.(why) }),
    complete: () => watcher.complete?.(),
  };
}

function warn(name: string, why: unknown): void {
  const detail = why instanceof Error && why.stack !== undefined ? { detail: why.stack } : {};
  process.emitWarning(`A watcher of ${name} threw and is told nothing more: ${messageOf(why)}`, {
    type: "QuatrainWarning",
    code: "QUATRAIN_WATCHER",
    ...detail,
  });
}
