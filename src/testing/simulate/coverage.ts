// What simulated runs have visited: states, events and failure codes, and how often.
import type { Failure } from "../../core/failure.ts";
import type { RunEvent } from "../../protocol/run-event.ts";

/** Counts by name. */
export interface Coverage {
  /** Phases and activities of the orchestrator, such as `phase integrating`, and states of attempts, such as `task verifying`. */
  readonly states: Readonly<Record<string, number>>;
  /** Events of runs, by type. */
  readonly events: Readonly<Record<string, number>>;
  /** Failure codes that events named. */
  readonly failures: Readonly<Record<string, number>>;
}

/** Counts what events show. */
export class CoverageCounter {
  readonly #states = new Map<string, number>();
  readonly #events = new Map<string, number>();
  readonly #failures = new Map<string, number>();

  add(event: RunEvent): void {
    count(this.#events, event.type);
    if (event.type === "phase.entered") count(this.#states, `phase ${event.phase}`);
    if (event.type === "activity.changed") count(this.#states, `activity ${event.activity}`);
    if (event.type === "task.progressed") count(this.#states, `task ${event.state}`);
    const failed: Failure | null = "failure" in event ? event.failure : null;
    if (failed) count(this.#failures, failed.code);
  }

  get counts(): Coverage {
    return { states: sorted(this.#states), events: sorted(this.#events), failures: sorted(this.#failures) };
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const sorted = (counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
