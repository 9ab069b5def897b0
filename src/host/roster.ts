// Who is there now, by name. A `Map` whose entries come and go is rebuilt again and again, and V8 links each table that it
// leaves to the next one: once an old table is among the old objects, all tables after it, with all that ever stood in
// them, live until the next full garbage collection. A plain object without a prototype has no such chain.

/** Entries by text, in the order in which they came; names must not be whole numbers. */
export class Roster<T> {
  readonly #present: Record<string, T> = Object.create(null) as Record<string, T>;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): T | undefined {
    return this.#present[name];
  }

  /** Adds or replaces. */
  set(name: string, entry: T): void {
    if (!(name in this.#present)) this.#size++;
    this.#present[name] = entry;
  }

  /** True when it was there. */
  delete(name: string): boolean {
    if (!(name in this.#present)) return false;
    this.#size--;
    return Reflect.deleteProperty(this.#present, name);
  }

  /** All that are there now. */
  values(): readonly T[] {
    return Object.values(this.#present);
  }
}
