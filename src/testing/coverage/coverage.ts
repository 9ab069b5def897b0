// What runs and explorations have visited, and how often. Plain JSON: it can be kept, compared and summed.
import type { InspectionEvent } from "xstate";
import type { Failure } from "../../core/failure.ts";
import type { RunEvent } from "../../protocol/run-event.ts";
import { machineOf, transitionName } from "./chart.ts";

/** Counts by name; what was never visited is missing. */
export type Counts = Readonly<Record<string, number>>;

/** What of one machine was visited. */
export interface MachineCoverage {
  /** Times that a state was left standing after a step, by id of its node, such as `run.active.phase.dispatching`. */
  readonly states: Counts;
  /** Times that a transition was taken, by its name in `chartOf`, such as `run.active.phase.dispatching always[2]`. */
  readonly transitions: Counts;
}

/** Counts by name. */
export interface Coverage {
  /** Phases and activities of the orchestrator, such as `phase integrating`, and states of attempts, such as `task verifying`. */
  readonly states: Counts;
  /** Events of runs, by type. */
  readonly events: Counts;
  /** Failure codes that events named. */
  readonly failures: Counts;
  /** Entries of the policy table that were applied, by their name in `policyRowsOf`, such as `Overloaded turn[0] again`. */
  readonly rows: Counts;
  /** By id of the machine: `run`, `worker`, `conversation`, and those of your own. Empty where nobody inspected. */
  readonly machines: Readonly<Record<string, MachineCoverage>>;
}

/** Counts what events and inspections show. */
export class CoverageCounter {
  readonly #states = new Map<string, number>();
  readonly #events = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #rows = new Map<string, number>();
  readonly #begun = new WeakSet<object>();
  readonly #machines = new Map<string, { states: Map<string, number>; transitions: Map<string, number> }>();

  add(event: RunEvent): void {
    count(this.#events, event.type);
    if (event.type === "phase.entered") count(this.#states, `phase ${event.phase}`);
    if (event.type === "activity.changed") count(this.#states, `activity ${event.activity}`);
    if (event.type === "task.progressed") count(this.#states, `task ${event.state}`);
    if (event.type === "policy.applied") count(this.#rows, `${event.code} ${event.entry}`);
    const failed: Failure | null = "failure" in event ? event.failure : null;
    if (failed) count(this.#failures, failed.code);
  }

  /** Takes XState's inspection events; of machines it counts every microstep, whoever runs them. */
  inspect(event: InspectionEvent): void {
    if (event.type !== "@xstate.microstep") return;
    const machine = machineOf(event.snapshot);
    if (!machine) return;
    let counts = this.#machines.get(machine.id);
    if (!counts) this.#machines.set(machine.id, (counts = { states: new Map(), transitions: new Map() }));
    for (const transition of event._transitions) {
      count(counts.transitions, transitionName(transition));
      // Where a machine begins it stands before its first step: no step leads there.
      if (!this.#begun.has(event.actorRef)) count(counts.states, transition.source.id);
    }
    this.#begun.add(event.actorRef);
    for (const node of machine.nodes) count(counts.states, node);
  }

  get counts(): Coverage {
    const machines = [...this.#machines].map(([id, { states, transitions }]): readonly [string, MachineCoverage] => [
      id,
      { states: sorted(states), transitions: sorted(transitions) },
    ]);
    return {
      states: sorted(this.#states),
      events: sorted(this.#events),
      failures: sorted(this.#failures),
      rows: sorted(this.#rows),
      machines: Object.fromEntries(machines),
    };
  }
}

/** What several runs, explorations or suites have visited together. */
export function mergeCoverage(...coverages: readonly Coverage[]): Coverage {
  const ids = [...new Set(coverages.flatMap(({ machines }) => Object.keys(machines)))].toSorted();
  const ofMachine = (id: string): MachineCoverage => {
    const all = coverages.flatMap(({ machines }) => (Object.hasOwn(machines, id) ? (machines[id] ?? []) : []));
    return { states: summed(all.map(({ states }) => states)), transitions: summed(all.map(({ transitions }) => transitions)) };
  };
  return {
    states: summed(coverages.map(({ states }) => states)),
    events: summed(coverages.map(({ events }) => events)),
    failures: summed(coverages.map(({ failures }) => failures)),
    rows: summed(coverages.map(({ rows }) => rows)),
    machines: Object.fromEntries(ids.map((id) => [id, ofMachine(id)])),
  };
}

function summed(all: readonly Counts[]): Counts {
  const sums = new Map<string, number>();
  for (const counts of all) for (const [name, times] of Object.entries(counts)) sums.set(name, (sums.get(name) ?? 0) + times);
  return sorted(sums);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

const sorted = (counts: ReadonlyMap<string, number>): Counts =>
  Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
