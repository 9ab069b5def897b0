// The waiting room between registration and performing: the gate first, then admission.
//   W1  Entries are tried in the order in which they became ready; those the gate held come first.
//   W2  Who waits holds nothing: no admission, no intent row.
//   W3  A wake-up that reaches nobody (its entry is gone or held) is passed on to the others of the same admission.
import type { Entry } from "./entry.ts";
import type { HostClock } from "./port.ts";

/** What the launcher needs from its runtime. */
export interface LauncherOptions {
  readonly clock: HostClock;
  /** Something may be admitted now. */
  readonly wake: () => void;
  /** The input or the admission of an entry is broken: settle it. */
  readonly refuse: (entry: Entry, code: "EffectInput" | "Internal", reason: unknown) => void;
}

/** Decides which registered effects may begin. */
export class Launcher {
  readonly #options: LauncherOptions;
  #ready: Entry[] = [];
  #held: Entry[] = [];
  readonly #asleep = new Set<Entry>();

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  add(entry: Entry): void {
    this.#ready.push(entry);
  }

  /** Takes the entries that may begin now. `hold`: the gate is closed. */
  take(hold: boolean): readonly Entry[] {
    if (!hold && this.#held.length > 0) {
      this.#ready = [...this.#held, ...this.#ready];
      this.#held = [];
    }
    if (this.#ready.length === 0) return [];
    const tried = this.#ready;
    this.#ready = [];
    return tried.filter((entry) => this.#admits(entry, hold));
  }

  #admits(entry: Entry, hold: boolean): boolean {
    if (!isWaiting(entry)) return false;
    const { job, gated } = entry.effect;
    const fault = job.inputFault();
    if (fault !== undefined) {
      this.#options.refuse(entry, "EffectInput", fault);
      return false;
    }
    if (gated && hold) {
      this.#held.push(entry);
      return false;
    }
    return job.enter ? this.#enters(entry, job.enter) : true;
  }

  #enters(entry: Entry, enter: NonNullable<Entry["effect"]["job"]["enter"]>): boolean {
    try {
      entry.place ??= { wake: () => this.#wake(entry), clock: this.#options.clock };
      entry.leave = enter(entry.place);
    } catch (thrown) {
      this.#options.refuse(entry, "Internal", thrown);
      return false;
    }
    if (!entry.leave) this.#asleep.add(entry);
    return entry.leave !== undefined;
  }

  #wake(entry: Entry): void {
    const found = this.#asleep.delete(entry);
    if (found && isWaiting(entry)) this.#ready.push(entry);
    else this.#wakeOthers(entry);
    this.#options.wake();
  }

  /** W3. */
  #wakeOthers(entry: Entry): void {
    for (const other of this.#asleep) {
      if (other.effect.job.admission !== entry.effect.job.admission) continue;
      this.#asleep.delete(other);
      this.#ready.push(other);
    }
  }
}

function isWaiting(entry: Entry): boolean {
  return entry.phase === "waiting" && !entry.stopped;
}
