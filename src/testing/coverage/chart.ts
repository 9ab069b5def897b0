// A machine as a list of its states and transitions, each with a name that stays the same whoever provides what.
import type { AnyStateMachine, AnyTransitionDefinition, Snapshot } from "xstate";

type AnyNode = AnyStateMachine["root"];

/** One transition of a chart. */
export interface ChartTransition {
  /** Id of the source, the event (`always` for those without one), and the place among those with both the same. */
  readonly name: string;
  readonly source: string;
  readonly event: string;
  /** Ids of the targets; empty: it stays where it is. */
  readonly targets: readonly string[];
  /** Name of the guard; null where it has none. */
  readonly guard: string | null;
}

/** A machine as data. */
export interface Chart {
  readonly id: string;
  /** Ids of all state nodes but the root, in the order of the document. */
  readonly states: readonly string[];
  readonly transitions: readonly ChartTransition[];
}

/** Lists the states and transitions of a machine. */
export function chartOf(machine: AnyStateMachine): Chart {
  const nodes = withChildren(machine.root);
  return {
    id: machine.id,
    states: nodes.slice(1).map(({ id }) => id),
    transitions: nodes.flatMap((node) => transitionsOf(node).map(describe)),
  };
}

/** The name of a transition in `chartOf`. */
export function transitionName(transition: AnyTransitionDefinition): string {
  const known = names.get(transition);
  if (known !== undefined) return known;
  for (const each of transitionsOf(transition.source)) names.set(each, describe(each).name);
  return names.get(transition) ?? `${transition.source.id} ${transition.eventType || "always"}`;
}

/** Names are a function of the definition: remembering them changes nothing but the time it takes. */
const names = new WeakMap<AnyTransitionDefinition, string>();

/** The machine that a snapshot is of, and its active nodes but the root; undefined for other logic. */
export function machineOf(snapshot: Snapshot<unknown>): { readonly id: string; readonly nodes: readonly string[] } | undefined {
  if (!("machine" in snapshot) || !("_nodes" in snapshot)) return undefined;
  const { machine, _nodes } = snapshot as unknown as { readonly machine: AnyStateMachine; readonly _nodes: readonly AnyNode[] };
  return { id: machine.id, nodes: _nodes.filter(({ parent }) => parent !== undefined).map(({ id }) => id) };
}

const withChildren = (node: AnyNode): readonly AnyNode[] => [node, ...Object.values(node.states).flatMap(withChildren)];

const transitionsOf = (node: AnyNode): readonly AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
];

function describe(transition: AnyTransitionDefinition): ChartTransition {
  const { source } = transition;
  const targets: readonly { readonly id: string }[] = transition.target ?? [];
  const guard: unknown = transition.guard;
  const event = String(transition.eventType) || "always";
  const same = transitionsOf(source).filter((each) => (each.eventType || "always") === event);
  return {
    name: `${source.id} ${event}[${same.indexOf(transition)}]`,
    source: source.id,
    event,
    targets: targets.map(({ id }) => id),
    guard: guard === undefined || guard === null ? null : guardName(guard),
  };
}

function guardName(guard: unknown): string {
  if (typeof guard === "string") return guard;
  if (typeof guard === "function") return guard.name === "" ? "inline" : guard.name;
  return String(Reflect.get(guard as object, "type"));
}
