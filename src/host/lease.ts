// Who owns a run. One owner at a time; each ownership has a higher epoch than the one before.
//   L1  Taking over is one transaction: of many who try at once, one wins.
//   L2  An owner that finds another epoch stops: it writes nothing more.
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { HostError } from "./errors.ts";
import { holderAt } from "./owner.ts";
import { transaction } from "./sqlite-file.ts";

/** What a lease is about. */
export interface LeaseOptions {
  readonly run: string;
  readonly owner: string;
  /** How long it holds without being renewed. */
  readonly leaseMs: number;
  /** Wall-clock ms. */
  readonly now: () => number;
}

/** A held lease. */
export class Lease {
  readonly epoch: number;
  /** Wall-clock ms at which the owner before was last seen alive; undefined when there was none. */
  readonly aliveAt: number | undefined;
  readonly #options: LeaseOptions;
  readonly #renew: StatementSync;
  readonly #release: StatementSync;

  /** Takes the lease of a run. Throws HostError `LeaseHeld`. */
  constructor(database: DatabaseSync, options: LeaseOptions) {
    this.#options = options;
    ({ epoch: this.epoch, aliveAt: this.aliveAt } = transaction(database, () => take(database, options)));
    this.#renew = database.prepare("UPDATE host_leases SET until = ? WHERE run = ? AND epoch = ?");
    this.#release = database.prepare("UPDATE host_leases SET owner = '', until = ? WHERE run = ? AND epoch = ?");
  }

  /** Holds on for another term. Throws HostError `LeaseLost` (L2). */
  renew(): void {
    const { run, now, leaseMs } = this.#options;
    if (this.#renew.run(now() + leaseMs, run, this.epoch).changes === 0) throw leaseLost(run);
  }

  release(): void {
    this.#release.run(this.#options.now(), this.#options.run, this.epoch);
  }
}

/** The error of an owner that is none any more. */
export function leaseLost(run: string): HostError {
  return new HostError(
    "LeaseLost",
    `Run "${run}" has another owner now: this host has stopped and written nothing more. Watch the run, or send it commands.`,
  );
}

/** L1; inside a transaction. A lease that was given back has no owner. */
function take(database: DatabaseSync, { run, owner, leaseMs, now }: LeaseOptions): Pick<Lease, "epoch" | "aliveAt"> {
  const held = database.prepare("SELECT owner, epoch, until FROM host_leases WHERE run = ?").get(run);
  const until = Number(held?.["until"] ?? 0);
  const holder = holderAt(held, now());
  if (holder !== null) {
    throw new HostError(
      "LeaseHeld",
      `Run "${run}" is owned by ${holder} until ${new Date(until).toISOString()}. Wait, stop that process, or send the run a command with openInbox().`,
    );
  }
  const epoch = Number(held?.["epoch"] ?? 0) + 1;
  database.prepare("INSERT OR REPLACE INTO host_leases VALUES (?, ?, ?, ?)").run(run, owner, epoch, now() + leaseMs);
  return { epoch, aliveAt: held && Math.min(until, now()) };
}
