// A statechart with how often each part of it was visited: as data for whoever draws it, and as a Mermaid diagram.
import type { AnyStateMachine } from "xstate";
import { chartOf } from "./chart.ts";
import type { ChartTransition } from "./chart.ts";
import type { Coverage } from "./coverage.ts";
import { stateDiagram } from "./state-diagram.ts";
import type { DiagramEdge, DiagramState } from "./state-diagram.ts";

type AnyNode = AnyStateMachine["root"];

/** One state of a chart. */
export interface CoveredNode {
  /** Such as `run.active.phase.dispatching`. */
  readonly id: string;
  /** Id of the state around it; that of the machine for the outermost. */
  readonly parent: string;
  /** As XState names them. */
  readonly type: "atomic" | "compound" | "parallel" | "final" | "history";
  /** Whether the state around it begins here. */
  readonly isInitial: boolean;
  /** Times that it was left standing after a step; 0: never. */
  readonly count: number;
}

/** One transition of a chart, and how often it was taken. */
export interface CoveredEdge extends ChartTransition {
  readonly count: number;
}

/** A chart with counts. Plain JSON. */
export interface CoveredChart {
  /** Id of the machine. */
  readonly id: string;
  /** In the order of the document: parents before children. */
  readonly nodes: readonly CoveredNode[];
  readonly edges: readonly CoveredEdge[];
}

/** The chart of a machine with what was visited of it. A machine that coverage does not know has counts of 0. */
export function coverageChart(machine: AnyStateMachine, coverage: Pick<Coverage, "machines">): CoveredChart {
  const { id, transitions } = chartOf(machine);
  const counts = Object.hasOwn(coverage.machines, id) ? coverage.machines[id] : undefined;
  return {
    id,
    nodes: childrenOf(machine.root).map((node) => ({
      id: node.id,
      parent: node.parent?.id ?? id,
      type: node.type,
      isInitial: node.parent?.type === "parallel" || startsOf(node.parent).includes(node),
      count: counts?.states[node.id] ?? 0,
    })),
    edges: transitions.map((edge) => ({ ...edge, count: counts?.transitions[edge.name] ?? 0 })),
  };
}

/**
 * A Mermaid state diagram of it. An edge says its event, its guard and how often it was taken; what was never visited says
 * `never`, and such states are dashed. Left out: transitions that lead nowhere. An edge into or out of a nested state is
 * drawn from rim to rim, since Mermaid can't cross one.
 */
export function drawCoverage(chart: CoveredChart): string {
  const parents = new Map(chart.nodes.map(({ id, parent }) => [id, parent]));
  const edges = chart.edges.flatMap((edge) =>
    edge.targets.map((target) => ({ ...between(edge.source, target, parents), label: labelOf(edge), target })),
  );
  const stateOf = (id: string, node?: CoveredNode): DiagramState => {
    const inner = chart.nodes.filter(({ parent }) => parent === id);
    return {
      id: nameOf(id),
      ...(node && { label: `${id.slice(id.lastIndexOf(".") + 1)} ${times(node.count)}`, isEnd: node.type === "final" }),
      isParallel: node?.type === "parallel",
      starts: inner.flatMap((one) => (one.isInitial ? [nameOf(one.id)] : [])),
      inner: inner.map((one) => stateOf(one.id, one)),
      edges: edges.flatMap(({ around, from, to, label }): readonly DiagramEdge[] =>
        around === id ? [{ from: nameOf(from), to: nameOf(to), label }] : [],
      ),
    };
  };
  const never = chart.nodes.filter(({ count, type }) => count === 0 && (type === "atomic" || type === "final"));
  const marks =
    never.length === 0
      ? []
      : ["  classDef never stroke-dasharray: 4 4,opacity: 0.6", `  class ${never.map(({ id }) => nameOf(id)).join(",")} never`];
  return [stateDiagram(stateOf(chart.id)), ...marks].join("\n");
}

/** The two siblings that an edge is drawn between, and the state that both are in. */
function between(
  source: string,
  target: string,
  parents: ReadonlyMap<string, string>,
): { readonly around: string; readonly from: string; readonly to: string } {
  const [up, down] = [pathTo(source, parents), pathTo(target, parents)];
  const shared = up.filter((id, at) => down[at] === id).length;
  // A state that leads to itself or into itself is its own sibling.
  const depth = Math.min(shared, up.length - 1, down.length - 1);
  return { around: up[depth - 1] ?? source, from: up[depth] ?? source, to: down[depth] ?? target };
}

/** From the machine down to a state, ids of both included. */
function pathTo(id: string, parents: ReadonlyMap<string, string>): readonly string[] {
  const parent = parents.get(id);
  return parent === undefined ? [id] : [...pathTo(parent, parents), id];
}

const labelOf = ({ event, guard, count }: CoveredEdge): string =>
  [event === "always" ? "" : wordOf(event), guard === null ? "" : `(${guard})`, times(count)]
    .filter((one) => one !== "")
    .join(" ");

/** `plan done` for `xstate.done.actor.plan`. */
function wordOf(event: string): string {
  const [, kind, id] = /^xstate\.(done|error)\.actor\.(.+)$/.exec(event) ?? [];
  return id === undefined ? event : `${id} ${kind === "done" ? "done" : "failed"}`;
}

const times = (count: number): string => (count === 0 ? "never" : `×${count}`);

/** A name that Mermaid can read. */
const nameOf = (id: string): string => id.replaceAll(/\W/g, "_");

const childrenOf = (node: AnyNode): readonly AnyNode[] =>
  Object.values(node.states).flatMap((child) => [child, ...childrenOf(child)]);

const startsOf = (node: AnyNode | undefined): readonly AnyNode[] =>
  node?.type === "compound" ? (node.initial.target ?? []) : [];
