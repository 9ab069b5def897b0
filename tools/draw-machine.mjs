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

/** The machine as Mermaid text. Takes any XState machine whose regions are at most one level below the root. */
export function drawMachine({ root }) {
  const all = descendantsOf(root);
  const drawn = new Set(all.filter((node) => node.path.length <= depthOf(root, node) && !isPassed(node)));
  const edges = edgesBetween(root, all, drawn);
  const lines = Object.values(root.states).flatMap((node) => drawState(node, { drawn, edges, indent: "  " }));
  const start = stopsOf(root.initial.target[0], drawn).map(([target]) => `  [*] --> ${nameOf(target)}`);
  const outer = edges.filter(({ from }) => from.parent === root).map((edge) => `  ${drawEdge(edge)}`);
  const ends = [...drawn]
    .filter((node) => node.parent === root && node.type === "final")
    .map((node) => `  ${nameOf(node)} --> [*]`);
  return ["stateDiagram-v2", ...start, ...lines, ...outer, ...ends].join("\n");
}

/** The text with the drawing between its markers. Throws where the markers are missing. */
export function withDrawing(text, drawing) {
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from === -1 || to < from) throw new Error(`The markers ${START} and ${END} are missing.`);
  return `${text.slice(0, from)}${START}\n\n\`\`\`mermaid\n${drawing}\n\`\`\`\n\n${text.slice(to)}`;
}

function drawState(node, { drawn, edges, indent }) {
  if (!drawn.has(node)) return [];
  const inner = Object.values(node.states).filter((child) => drawn.has(child));
  if (inner.length === 0) return [];
  const deeper = { drawn, edges, indent: `${indent}  ` };
  if (node.type === "parallel") {
    const regions = inner.flatMap((region, at) => [...(at === 0 ? [] : [`${indent}  --`]), ...drawState(region, deeper)]);
    return [`${indent}state ${nameOf(node)} {`, ...regions, `${indent}}`];
  }
  const start = stopsOf(node.initial.target[0], drawn).map(([target]) => `${indent}  [*] --> ${nameOf(target)}`);
  const inside = edges.filter(({ from }) => from.parent === node).map((edge) => `${indent}  ${drawEdge(edge)}`);
  return [`${indent}state ${nameOf(node)} {`, ...start, ...inside, `${indent}}`];
}

const drawEdge = ({ from, to, labels }) =>
  `${nameOf(from)} --> ${nameOf(to)}${labels.length > 0 ? ` : ${labels.join(", ")}` : ""}`;

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
  const drawing = drawMachine(createOrchestrator({ workers: BUILT_IN }));
  if (process.argv.includes("--print")) return console.log(drawing);
  const readme = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), "README.md");
  writeFileSync(readme, withDrawing(readFileSync(readme, "utf8"), drawing));
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) await main();
