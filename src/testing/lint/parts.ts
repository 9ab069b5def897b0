// A machine as the lint rules read it: its nodes, what its words refer to, and the children that can be seen in it.
// XState types most of this loosely, so everything is read as unknown and narrowed here.
import type { AnyStateMachine, AnyTransitionDefinition } from "xstate";
import { transitionName } from "../coverage/chart.ts";

/** A state node of any machine. */
export type Node = AnyStateMachine["root"];

/** A place where an action or a guard is named, or written down. */
export interface Use {
  /** Id of the state with `entry` or `exit`, or the name of the transition. */
  readonly where: string;
  readonly node: Node;
  /** Event of the transition; null for `always`, entry and exit. */
  readonly event: string | null;
  /** A name, `{ type, params }`, or a function. */
  readonly ref: unknown;
}

/** A child that a state invokes or an action spawns. */
export interface Child {
  readonly where: string;
  readonly node: Node;
  readonly isInvoked: boolean;
  /** Null: worked out when it is spawned. */
  readonly id: string | null;
  /** Name of its logic; null for inline logic. */
  readonly src: string | null;
  readonly logic: unknown;
  readonly systemId: unknown;
}

/** A machine, read once for all rules. */
export interface Parts {
  readonly machine: AnyStateMachine;
  /** In the order of the document, the root first. */
  readonly nodes: readonly Node[];
  readonly actions: readonly Use[];
  readonly guards: readonly Use[];
  readonly children: readonly Child[];
  readonly implementations: {
    readonly actions: Readonly<Record<string, unknown>>;
    readonly guards: Readonly<Record<string, unknown>>;
    readonly actors: Readonly<Record<string, unknown>>;
  };
}

/** Reads a machine. */
export function partsOf(machine: AnyStateMachine): Parts {
  const nodes = withChildren(machine.root);
  const actions = nodes.flatMap(actionsOf);
  const guards = nodes.flatMap((node) => transitionsOf(node).flatMap(guardsOf));
  const implementations = {
    actions: recordOf(field(machine.implementations, "actions")),
    guards: recordOf(field(machine.implementations, "guards")),
    actors: recordOf(field(machine.implementations, "actors")),
  };
  const spawned = actions.flatMap((use) => spawnedBy(use, implementations));
  return {
    machine,
    nodes,
    actions,
    guards,
    implementations,
    children: [...nodes.flatMap((node) => invokedBy(node, implementations)), ...spawned],
  };
}

/** All transitions of a node, `always` last. */
export const transitionsOf = (node: Node): readonly AnyTransitionDefinition[] => [
  ...[...node.transitions.values()].flat(),
  ...(node.always ?? []),
];

/** The states that a transition leads to; none: it stays where it is. */
export const targetsOf = ({ target }: AnyTransitionDefinition): readonly Node[] => target ?? [];

/** A node and those that it lies in, the root last. */
export function pathOf(node: Node): readonly Node[] {
  const path: Node[] = [];
  for (let at: Node | undefined = node; at; at = at.parent) path.push(at);
  return path;
}

/** A field of anything. */
export const field = (value: unknown, name: string): unknown =>
  (typeof value === "object" && value !== null) || typeof value === "function" ? Reflect.get(value, name) : undefined;

/** The name of an action or a guard; undefined for one that is written down in place. */
export function nameOf(ref: unknown): string | undefined {
  if (typeof ref === "string") return ref;
  const type = typeof ref === "object" ? field(ref, "type") : undefined;
  return typeof type === "string" ? type : undefined;
}

/** What an action or a guard does in the end: itself, or what its name stands for. */
export function bodyOf(ref: unknown, implementations: Readonly<Record<string, unknown>>): unknown {
  const name = nameOf(ref);
  if (name === undefined) return ref;
  return Object.hasOwn(implementations, name) ? implementations[name] : undefined;
}

/** True where one of XState's descriptors hears an event. */
export function hears(descriptor: string, event: string): boolean {
  if (descriptor === "*" || descriptor === event) return true;
  return descriptor.endsWith(".*") && `${event}.`.startsWith(descriptor.slice(0, -1));
}

const withChildren = (node: Node): readonly Node[] => [node, ...Object.values(node.states).flatMap(withChildren)];

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

function actionsOf(node: Node): readonly Use[] {
  const config: unknown = node.config;
  // The node's own lists also hold what `after` is made of.
  const on = (moment: "entry" | "exit") =>
    listOf(field(config, moment)).map((ref) => ({ where: `${node.id} ${moment}`, node, event: null, ref }));
  const taken = transitionsOf(node).flatMap((transition) =>
    listOf(transition.actions).map((ref) => ({ ...placeOf(transition), ref })),
  );
  const initial = listOf(field(field(config, "initial"), "actions")).map((ref) => ({
    where: `${node.id} initial`,
    node,
    event: null,
    ref,
  }));
  return [...on("entry"), ...on("exit"), ...initial, ...taken];
}

const placeOf = (transition: AnyTransitionDefinition): Omit<Use, "ref"> => ({
  where: transitionName(transition),
  node: transition.source,
  event: transition.eventType === "" ? null : String(transition.eventType),
});

/** The guard of a transition; of `and`, `or` and `not` those inside. */
function guardsOf(transition: AnyTransitionDefinition): readonly Use[] {
  const inside = (ref: unknown): readonly unknown[] => {
    const inner = field(ref, "guards");
    if (Array.isArray(inner)) return inner.flatMap(inside);
    // `stateIn` reads as prose.
    return ref === undefined || ref === null || field(ref, "stateValue") !== undefined ? [] : [ref];
  };
  return inside(transition.guard).map((ref) => ({ ...placeOf(transition), ref }));
}

function invokedBy(node: Node, { actors }: Parts["implementations"]): readonly Child[] {
  const configs = listOf(field(node.config, "invoke"));
  return node.invoke.map(({ id, systemId }, at) => {
    const src: unknown = typeof configs[at] === "string" ? configs[at] : field(configs[at], "src");
    const name = typeof src === "string" ? src : null;
    return { where: node.id, node, isInvoked: true, id, src: name, logic: name === null ? src : actors[name], systemId };
  });
}

function spawnedBy({ where, node, ref }: Use, { actions, actors }: Parts["implementations"]): readonly Child[] {
  const body = bodyOf(ref, actions);
  if (field(body, "type") !== "xstate.spawnChild") return [];
  const src = field(body, "src");
  const id = field(body, "id");
  const name = typeof src === "string" ? src : null;
  const logic = name === null ? src : actors[name];
  return [
    {
      where,
      node,
      isInvoked: false,
      id: typeof id === "string" ? id : null,
      src: name,
      logic,
      systemId: field(body, "systemId"),
    },
  ];
}
