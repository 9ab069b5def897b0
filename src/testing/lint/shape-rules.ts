// Rules about the shape of a chart: states that can be reached, left, and ended in. Guards are taken to be open.
import type { Rule } from "./issue.ts";
import { field, pathOf, targetsOf, transitionsOf } from "./parts.ts";
import type { Node, Parts } from "./parts.ts";

/** States that no transition leads to. Of an unreachable state, those inside are not told again. */
export const unreachable: Rule = (parts) => {
  const reached = reachableIn(parts);
  return parts.nodes.flatMap((node) =>
    reached.has(node) || (node.parent && !reached.has(node.parent)) || node.type === "history"
      ? []
      : [
          {
            where: node.id,
            message: "No transition from the initial state leads here. Add the one that is missing, or take the state out.",
          },
        ],
  );
};

/** States that nothing leads out of, and that are no end. */
export const deadEnd: Rule = (parts) => {
  const reached = reachableIn(parts);
  return parts.nodes.flatMap((node) =>
    node.type === "atomic" && node.parent && reached.has(node) && !hasWayOut(node)
      ? [
          {
            where: node.id,
            message:
              'No event, child or guard leads out of it, and it is no end: who gets here hangs. Add a way out, or make it { type: "final" }.',
          },
        ]
      : [],
  );
};

/** A worker's machine that tells nothing at its end. Only asked with the option `worker`. */
export const noOutput: Rule = ({ machine }, { worker }) =>
  !worker || field(machine.config, "output") !== undefined
    ? []
    : [
        {
          where: machine.root.id,
          message:
            "A worker's machine outputs what came of it: give the root an output, { ok: true, output } or { ok: false, failure }.",
        },
      ];

/** A worker's machine that can't come to an end. Only asked with the option `worker`. */
export const noEnd: Rule = (parts, { worker }) => {
  const { machine } = parts;
  const reached = reachableIn(parts);
  return !worker || canEnd(machine.root, reached)
    ? []
    : [
        {
          where: machine.root.id,
          message:
            "A worker's machine must come to an end, and no final state of its root can be reached: the attempt would run until its time is up.",
        },
      ];
};

/** The nodes that transitions can lead to from the start. */
function reachableIn({ machine }: Parts): ReadonlySet<Node> {
  const reached = new Set<Node>();
  const open: Node[] = [];
  const enter = (node: Node): void => {
    for (const one of pathOf(node)) {
      if (reached.has(one)) continue;
      reached.add(one);
      open.push(one);
      // Whoever enters one region enters all.
      if (one.type === "parallel") for (const region of Object.values(one.states)) enter(region);
    }
    if (node.type === "compound") for (const first of targetsOf(node.initial)) enter(first);
    // What a history state recalls was reached before; what it falls back to may not have been.
    if (node.type === "history") for (const first of fallbackOf(node)) enter(first);
  };
  enter(machine.root);
  for (let node = open.pop(); node; node = open.pop()) {
    for (const transition of transitionsOf(node)) for (const target of targetsOf(transition)) enter(target);
  }
  return reached;
}

function fallbackOf(node: Node): readonly Node[] {
  const target = field(node.config, "target");
  const named = typeof target === "string" && node.parent ? node.parent.states[target.replace(/^\./, "")] : undefined;
  const byDefault = node.parent?.type === "compound" ? targetsOf(node.parent.initial) : [];
  return named ? [named] : byDefault;
}

/** True when a transition of the state, of one that it lies in, or of a region beside it leads out of it. */
function hasWayOut(state: Node): boolean {
  return pathOf(state).some((node) => {
    const whole = node.parent;
    if (transitionsOf(node).some((transition) => targetsOf(transition).some((target) => target !== state))) return true;
    return whole?.type === "parallel" && Object.values(whole.states).some((region) => region !== node && leaves(region, whole));
  });
}

/** True when something in a region leads out of what it is a region of. */
const leaves = (region: Node, whole: Node): boolean =>
  transitionsOf(region).some((transition) => targetsOf(transition).some((target) => !pathOf(target).includes(whole))) ||
  Object.values(region.states).some((inner) => leaves(inner, whole));

/** True when a node can be done: a final child that can be reached, or all regions done. */
function canEnd(node: Node, reached: ReadonlySet<Node>): boolean {
  const inner = Object.values(node.states);
  if (node.type === "parallel") return inner.every((region) => canEnd(region, reached));
  return inner.some((child) => child.type === "final" && reached.has(child));
}
