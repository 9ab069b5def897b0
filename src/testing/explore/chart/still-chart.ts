// The orchestrator's chart as a pure function from a state and an event to the next state, fast: the same transitions
// that `transition` of XState and xstate/graph take, but over one scope that is used again (theirs makes a whole actor for
// each call), and with children that are made and not even initialised, since they are never started.
//   S1  Nothing is executed: no child starts, no timer, no effect. What is said (`emit`) is counted.
import { createActor } from "xstate";
import type { AnyActorLogic, AnyActorScope, AnyTransitionDefinition, InspectionEvent, StateNode } from "xstate";
import type { OrchestratorMachine } from "../../../machines/orchestrator.ts";
import type { RunInput } from "../../../machines/run-state.ts";
import type { RunEvent } from "../../../protocol/run-event.ts";
import { transitionName } from "../../coverage/chart.ts";
import { CoverageCounter } from "../../coverage/coverage.ts";
import type { Counts, Coverage } from "../../coverage/coverage.ts";
import type { RunSnapshot } from "../../simulate/stage.ts";

type Transition = OrchestratorMachine["transition"];

/** Children that are there and do nothing. */
const STILL = { status: "active" as const, output: undefined, error: undefined };
const still: AnyActorLogic = {
  transition: () => STILL,
  getInitialSnapshot: () => STILL,
  getPersistedSnapshot: () => STILL,
};

/** Walks one chart. */
export class StillChart {
  readonly #machine: OrchestratorMachine;
  readonly #scope: Parameters<Transition>[2];
  readonly #events = new CoverageCounter();
  readonly #transitions = new Map<AnyTransitionDefinition, number>();
  readonly #nodes = new Map<StateNode, number>();
  readonly #first: RunSnapshot;

  constructor(machine: OrchestratorMachine, input: RunInput) {
    const children = Object.fromEntries(Object.keys(machine.implementations.actors).map((name) => [name, still]));
    // To the types each name has its own logic; nobody looks into a child that is never started.
    this.#machine = machine.provide({ actors: children });
    this.#scope = this.#newScope(input);
    this.#first = this.#machine.getInitialSnapshot(this.#scope, input);
  }

  /** The state that a run begins in. */
  get first(): RunSnapshot {
    return this.#first;
  }

  /** The state after an event. Throws what an action or a guard throws. */
  next(snapshot: RunSnapshot, event: { readonly type: string }): RunSnapshot {
    return this.#machine.transition(snapshot, event as Parameters<Transition>[1], this.#scope);
  }

  /** What all steps so far have visited. */
  get coverage(): Coverage {
    const states = counted(this.#nodes, ({ id }) => id);
    const transitions = counted(this.#transitions, transitionName);
    return { ...this.#events.counts, machines: { [this.#machine.id]: { states, transitions } } };
  }

  #newScope(input: RunInput): Parameters<Transition>[2] {
    const self = createActor(this.#machine, { input });
    const scope: AnyActorScope = {
      self,
      id: "run",
      sessionId: "run",
      system: Object.assign({ ...self.system }, { _sendInspectionEvent: (event: InspectionEvent) => this.#inspect(event) }),
      logger: () => undefined,
      defer: () => undefined,
      stopChild: () => undefined,
      emit: () => undefined,
      // The machine's events are all that its actions send out; the rest are starts and stops of children.
      actionExecutor: ({ type, params }) => {
        if (type === "xstate.emit") this.#events.add((params as { readonly event: RunEvent }).event);
      },
    };
    return scope;
  }

  #inspect(event: InspectionEvent): void {
    if (event.type !== "@xstate.microstep") return;
    for (const transition of event._transitions) this.#transitions.set(transition, (this.#transitions.get(transition) ?? 0) + 1);
    // Of the snapshot of a machine, which its type does not say.
    const { _nodes: nodes } = event.snapshot as unknown as { readonly _nodes: readonly StateNode[] };
    for (const node of nodes) if (node.parent) this.#nodes.set(node, (this.#nodes.get(node) ?? 0) + 1);
  }
}

function counted<T>(counts: ReadonlyMap<T, number>, nameOf: (one: T) => string): Counts {
  const named = new Map<string, number>();
  for (const [one, count] of counts) named.set(nameOf(one), (named.get(nameOf(one)) ?? 0) + count);
  return Object.fromEntries([...named].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
