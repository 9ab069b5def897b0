// The first life of a run that is to die: it counts the moments at which a process may be killed, and ends at one of them.
import type { Row } from "../../host/journal.ts";
import type { Performed } from "../simulated-ports.ts";

/** Before or after rows are committed, and when an effect was performed and its result is not yet recorded. */
type MomentKind = "beforeCommit" | "afterCommit" | "beforeResult";

/** The first life of a run, until its nth moment, counted from 0. */
export class FirstLife {
  readonly #stop: number;
  readonly performed: Performed[] = [];
  moment = "";
  kind: MomentKind = "beforeCommit";
  #moments = 0;
  #isDead = false;

  constructor(stop: number) {
    this.#stop = stop;
  }

  readonly crash = ({ when, append, rows }: { when: "before" | "after"; append: number; rows: readonly Row[] }): boolean => {
    const what = rows.map(({ kind, id = "" }) => `${kind} ${id}`.trim()).join(", ");
    this.#pass(when === "before" ? "beforeCommit" : "afterCommit", `${when} append ${append} (${what})`);
    return this.#isDead;
  };

  /** An effect was performed. What a dead process would perform after that is not done. */
  readonly performing = (performed: Performed): void => {
    if (this.#isDead) return;
    this.performed.push(performed);
    this.#pass("beforeResult", `after the effect ${performed.key}, before its result`);
  };

  #pass(kind: MomentKind, moment: string): void {
    if (this.#isDead || this.#moments++ !== this.#stop) return;
    this.#isDead = true;
    this.kind = kind;
    this.moment = moment;
  }
}
