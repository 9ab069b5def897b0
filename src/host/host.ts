// The Host that embedders hold: a runtime, its journal and its end, the same for every kind of host.
import { attachTree } from "./attach.ts";
import { HostError } from "./errors.ts";
import type { Journal } from "./journal.ts";
import type { AttachedOptions, AttachOptions, Command, Host, HostClock, HostEnd, SendOptions } from "./port.ts";
import type { Runtime } from "./runtime.ts";
import { notJson } from "./values.ts";

/** What a host is made of. */
export interface HostParts {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly clock: HostClock;
  readonly idle: () => Promise<void>;
}

/** A Host over a runtime; closes the journal when the run ends. */
export class RunHost implements Host {
  readonly clock: HostClock;
  readonly idle: () => Promise<void>;
  readonly #runtime: Runtime;
  readonly #journal: Journal;
  readonly #ended: Promise<HostEnd>;
  #attached = false;

  constructor({ runtime, journal, clock, idle }: HostParts) {
    this.#runtime = runtime;
    this.#journal = journal;
    this.clock = clock;
    this.idle = idle;
    this.#ended = new Promise((resolve) => {
      runtime.onEnd((end) => {
        // A dying process closes nothing either.
        if (end.kind !== "crashed") journal.close();
        resolve(end);
      });
    });
  }

  get replaying(): boolean {
    return this.#runtime.replaying;
  }

  get seq(): number {
    return this.#runtime.seq;
  }

  attach<I>(options: AttachOptions<I> & { readonly input: I }): AttachedOptions<I>;
  attach(options?: Omit<AttachOptions<never>, "input">): AttachedOptions<never>;
  attach(options: AttachOptions<unknown> = {}): AttachedOptions<unknown> {
    if (this.#attached) throw new HostError("AlreadyAttached", "This host has a tree already. Make one host for each run.");
    const made = attachTree(this.#runtime, this.#journal, options);
    this.#attached = true;
    return made;
  }

  send(command: Command, options: SendOptions = {}): void {
    if (this.#runtime.ended) return;
    putCommand(this.#journal, command, options.id);
    this.#runtime.mail();
  }

  settled(): Promise<HostEnd> {
    return this.#ended;
  }

  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    if (graceMs > 0) this.#drain(graceMs);
    else this.#runtime.finish({ kind: "closed" });
    await this.#ended;
  }

  #drain(graceMs: number): void {
    this.#runtime.drain();
    if (!this.#runtime.ended) this.clock.setTimeout(() => this.#runtime.finish({ kind: "closed" }), graceMs);
  }
}

/** Checks a command and puts it into an inbox. Throws HostError `NotJson` or `ReservedEvent`; false when its id is known. */
export function putCommand(journal: Pick<Journal, "putInbox">, event: Command, id?: string): boolean {
  const found = notJson(event, "command");
  if (found) throw new HostError("NotJson", `The command is not plain JSON: ${found}. Send plain data.`);
  if (/^(xstate|effect|host)\./.test(event.type)) {
    throw new HostError(
      "ReservedEvent",
      `"${event.type}" is an event of the host itself. Give the command a type that begins otherwise.`,
    );
  }
  return journal.putInbox({ event, ...(id !== undefined && { id }) });
}
