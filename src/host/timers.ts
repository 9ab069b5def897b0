// All waiting of one run in one heap, ordered by due time and then by age.
//   T1  A cancelled timer never fires.
//   T2  Cancelled timers are at most half of the heap (plus a few), so long watchdogs cost no memory.

/** One wait. `fire` is called when it is due. */
export interface Timer {
  readonly dueAt: number;
  readonly order: number;
  readonly fire: () => void;
  /** Names it to whoever delivers by hand. */
  readonly label: string | undefined;
  cancelled: boolean;
}

/** A heap of timers that fires nothing by itself. */
export class Timers {
  #heap: Timer[] = [];
  #count = 0;
  #dead = 0;

  /** Adds a wait until `dueAt` (wall-clock ms; Infinity waits for ever). */
  add(dueAt: number, fire: () => void, label?: string): Timer {
    const timer: Timer = { dueAt, order: ++this.#count, fire, label, cancelled: false };
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Cancels; twice or after it fired is fine. */
  cancel(timer: Timer): void {
    if (timer.cancelled) return;
    timer.cancelled = true;
    this.#dead++;
    if (this.#dead > 32 && this.#dead * 2 > this.#heap.length) this.#compact();
  }

  /** The earliest due time, or undefined when nothing waits. */
  nextDueAt(): number | undefined {
    this.#dropDead();
    return this.#heap[0]?.dueAt;
  }

  /** Takes the earliest timer that is due at `now`; it counts as fired. */
  takeDue(now: number): Timer | undefined {
    this.#dropDead();
    const first = this.#heap[0];
    if (!first || first.dueAt > now) return undefined;
    this.#pop();
    first.cancelled = true;
    return first;
  }

  /** All that wait, in the order in which they will come; those that wait for ever are not among them. */
  inLine(): readonly Timer[] {
    const waiting = this.#heap.filter(({ cancelled, dueAt }) => !cancelled && dueAt < Number.POSITIVE_INFINITY);
    return waiting.toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** Forgets everything. */
  clear(): void {
    for (const timer of this.#heap) timer.cancelled = true;
    this.#heap = [];
    this.#dead = 0;
  }

  /** How many timers wait. */
  get size(): number {
    return this.#heap.length - this.#dead;
  }

  /** How many the heap holds, cancelled ones included (T2). */
  get held(): number {
    return this.#heap.length;
  }

  #dropDead(): void {
    while (this.#heap[0]?.cancelled) {
      this.#pop();
      this.#dead--;
    }
  }

  #compact(): void {
    this.#heap = this.#heap.filter((timer) => !timer.cancelled).toSorted((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#dead = 0;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (!last || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(start: number): void {
    for (let index = start; index > 0;) {
      const above = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, above)) return;
      index = above;
    }
  }

  #sink(start: number): void {
    for (let index = start; ;) {
      const left = index * 2 + 1;
      const right = left + 1;
      const a = this.#heap[left];
      const b = this.#heap[right];
      if (!a) return;
      const smaller = b && isBefore(b, a) ? right : left;
      if (!this.#swapIfBefore(smaller, index)) return;
      index = smaller;
    }
  }

  #swapIfBefore(first: number, second: number): boolean {
    const a = this.#heap[first];
    const b = this.#heap[second];
    if (!a || !b || !isBefore(a, b)) return false;
    this.#heap[first] = b;
    this.#heap[second] = a;
    return true;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
