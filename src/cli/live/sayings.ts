// What models are saying right now, for the live view. Pieces of answers come by the thousand; people read a few a second.
//   Y1  Bounded: of each conversation that is speaking its last characters, and of no more than a few conversations.
//   Y2  Pieces may be lost, facts never: nothing here is needed by anyone but who watches.

/** Most characters kept of a conversation, and most conversations. */
const MOST_CHARACTERS = 120;
const MOST_CONVERSATIONS = 64;

/** The ends of running answers, by conversation. */
export class Sayings {
  readonly #said = new Map<string, string>();
  #changed = false;

  /** A piece has come. What is not text is not for reading. */
  hear({ conversation, kind, text }: { readonly conversation: string; readonly kind: string; readonly text: string }): void {
    if (kind !== "text") return;
    const before = this.#said.get(conversation);
    if (before === undefined && this.#said.size >= MOST_CONVERSATIONS) return;
    this.#said.set(conversation, `${before ?? ""}${text.slice(-MOST_CHARACTERS)}`.slice(-MOST_CHARACTERS));
    this.#changed = true;
  }

  /** The answer of a conversation is there. */
  end(conversation: string): void {
    if (this.#said.delete(conversation)) this.#changed = true;
  }

  /** What is being said now; null when that has not changed since it was last taken. */
  take(): Readonly<Record<string, string>> | null {
    if (!this.#changed) return null;
    this.#changed = false;
    return Object.fromEntries(this.#said);
  }
}
