// Draws the orchestrator's chart as a Mermaid state diagram, from the machine itself, into README.md between its markers.
//   npm run -s build && node tools/node.mjs tools/draw-machine.mjs            writes
//   npm run -s build && node tools/node.mjs tools/draw-machine.mjs --print    prints only
// What is drawn: the states down to those of the two regions. Left out: the states inside of these, and states that are
// passed without a stop (an edge through them is drawn from where it comes to where it stops).
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const START = "<!-- machine: drawn by tools/draw-machine.mjs -->";
const END = "<!-- /machine -->";

/**
 * The machine as Mermaid text, by `stateDiagram` of src/testing/coverage. Takes any XState machine whose regions are at most
 * one level below the root.
 */
export function drawMachine({ root }, stateDiagram) {
  const all = descendantsOf(root);
  const drawn = new Set(all.filter((node) => node.path.length <= depthOf(root, node) && !isPassed(node)));
  return stateDiagram(stateOf(root, { drawn, edges: edgesBetween(root, all, drawn) }));
}

/** The text with the drawing between its markers. Throws where the markers are missing. */
export function withDrawing(text, drawing) {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`The markers ${START} and ${END} are missing.`);
  return `${text.slice(0, from)}${START}\n\n\`\`\`mermaid\n${drawing}\n\`\`\`\n\n${text.slice(to)}`;
}

/** A state with what is drawn inside of it. */
function stateOf(node, { drawn, edges }) {
  const inner = Object.values(node.states).filter((child) => drawn.has(child));
  return {
    id: nameOf(node),
    isParallel: node.type === "parallel",
    isEnd: node.type === "final",
    starts:
      inner.length > 0 && node.type === "compound"
        ? stopsOf(node.initial.target[0], drawn).map(([target]) => nameOf(target))
        : [],
    inner: inner.map((child) => stateOf(child, { drawn, edges })),
    edges: edges
      .filter(({ from }) => from.parent === node)
      .map(({ from, to, labels }) => ({ from: nameOf(from), to: nameOf(to), label: labels.join(", ") })),
  };
}

/** Edges between drawn states, one for each pair; an edge that leaves a composite state is drawn from its rim. */
function edgesBetween(root, all, drawn) {
  const found = new Map();
  for (const node of [root, ...all].filter((one) => !isPassed(one))) {
    const from = node === root ? root.initial.target[0] : shown(node, drawn);
    for (const transition of transitionsOf(node)) {
      for (const target of transition.target ?? []) {
        for (const [to, label] of stopsOf(target, drawn, { label: labelOf(transition) })) addEdge(found, { from, to, label });
      }
    }
  }
  return [...found.values()];
}

function addEdge(found, { from, to, label }) {
  let source = from;
  while (source && source.parent !== to.parent) source = source.parent;
  if (!source || source === to) return;
  const key = `${source.id} ${to.id}`;
  const edge = found.get(key) ?? { from: source, to, labels: [] };
  if (label !== "" && !edge.labels.includes(label)) edge.labels.push(label);
  found.set(key, edge);
}

/** Where one stops that enters a state, and what decided it: the state itself, or where it passes on to. `via`: passed so far. */
function stopsOf(node, drawn, { label = "", via = [] } = {}) {
  if (via.includes(node)) return [];
  const passed = [...via, node];
  if (node.type === "compound" && !drawn.has(node)) return stopsOf(node.initial.target[0], drawn, { label, via: passed });
  if (!isPassed(node)) return [[shown(node, drawn), label]];
  return transitionsOf(node).flatMap((transition) =>
    (transition.target ?? []).flatMap((target) => {
      const own = labelOf(transition);
      return stopsOf(target, drawn, { label: own === "" && target.type !== "final" ? label : own, via: passed });
    }),
  );
}

/** True for a state that nobody rests in: it passes on at once, in every case. */
function isPassed(node) {
  const always = node.always ?? [];
  return (
    node.type === "atomic" &&
    node.invoke.length === 0 &&
    always.some(({ guard }) => !guard) &&
    always.every(({ target }) => target)
  );
}

const shown = (node, drawn) => (drawn.has(node) || !node.parent ? node : shown(node.parent, drawn));

const transitionsOf = (node) => [...[...node.transitions.values()].flat(), ...(node.always ?? [])];

/** `plan done`, `run.cancel`, or the name of the guard of a transition without an event. */
function labelOf({ eventType, guard }) {
  const name = typeof guard === "string" ? guard : (guard?.type ?? "");
  if (eventType === "") return name;
  const done = /^xstate\.(done|error)\.actor\.(.+)$/.exec(eventType);
  const event = done ? `${done[2]} ${done[1] === "done" ? "done" : "failed"}` : eventType;
  return name === "" ? event : `${event} (${name})`;
}

/** States of a region are drawn, what is inside of them is not. */
const depthOf = (root, { path: [first] }) => (root.states[first].type === "parallel" ? 3 : 1);
const nameOf = (node) => node.key;

function descendantsOf(node) {
  return Object.values(node.states).flatMap((child) => [child, ...descendantsOf(child)]);
}

async function main() {
  const { createOrchestrator } = await import("../dist/machines/index.js");
  const { BUILT_IN } = await import("../dist/workers/index.js");
  const { stateDiagram } = await import("../dist/testing/coverage/state-diagram.js");
  const drawing = drawMachine(createOrchestrator({ workers: BUILT_IN }), stateDiagram);
  if (process.argv.includes("--print")) return console.log(drawing);
  const readme = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), "README.md");
  writeFileSync(readme, withDrawing(readFileSync(readme, "utf8"), drawing));
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
