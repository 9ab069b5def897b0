// Puts all mutants of a file into one text: `($q(7) ? mutated : original)`. Which of them is active is decided while the
// tests run, so nothing is built twice. Lines stay where they are.
import { parseSync } from "oxc-parser";
import { mutationsOf } from "./mutators.mjs";

const OPEN = 0;

/** The text with its mutants from the number `first` on, and what they are: `{ id, line, code, from, to }`. */
export function instrument(code, file, first) {
  const { program, errors } = parseSync(file.replace(/\.ts$/, ".js"), code);
  if (errors.length > 0) throw new Error(`${file} is not understood: ${errors[0].message}`);
  const places = new Map();
  const mutants = [];
  walk(program, program, (node, parent) => {
    for (const { at, text, kind } of mutationsOf(node, parent, code)) {
      const key = `${kind} ${at.join(" ")}`;
      const place = places.get(key) ?? { kind, from: at[0], to: at[1], mutants: [], inner: [] };
      if (place.mutants.some((one) => one.text === text)) continue;
      places.set(key, place);
      const id = first + mutants.length;
      place.mutants.push({ id, text });
      mutants.push({ id, file, ...describe(code, at, { kind, text }) });
    }
  });
  const text = render(code, nest([...places.values()], code.length));
  return { text: `const $q = globalThis.mutation.reached;${text}`, mutants };
}

function describe(code, [from, to], { kind, text }) {
  const line = code.slice(0, from).split("\n").length;
  const start = code.lastIndexOf("\n", from) + 1;
  const end = code.indexOf("\n", from);
  const short = (part) => part.replaceAll(/\s+/g, " ").trim().slice(0, 100);
  const was = short(code.slice(from, to));
  const mutation = kind === "block" ? `{ ${was} } -> {}` : `${was} -> ${short(text)}`;
  return { line, code: short(code.slice(start, end < 0 ? code.length : end)), mutation };
}

function walk(node, parent, visit) {
  visit(node, parent);
  for (const [key, child] of Object.entries(node)) {
    if (key === "parent") continue;
    for (const one of Array.isArray(child) ? child : [child]) {
      if (one !== null && typeof one === "object" && typeof one.type === "string") walk(one, node, visit);
    }
  }
}

/** Places inside one another; a block that has the range of an expression would be around it. */
function nest(places, length) {
  const root = { kind: "root", from: OPEN, to: length, mutants: [], inner: [] };
  const open = [root];
  for (const place of places.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    while (open.at(-1).to < place.to || open.at(-1).to <= place.from) open.pop();
    open.at(-1).inner.push(place);
    open.push(place);
  }
  return root;
}

function render(code, { kind, from, to, mutants, inner }) {
  let text = "";
  let at = from;
  for (const place of inner) {
    text += code.slice(at, place.from) + render(code, place);
    at = place.to;
  }
  text += code.slice(at, to);
  if (kind === "block") return mutants.reduce((rest, { id }) => `if($q(${id})){}else{${rest}}`, text);
  if (kind === "root") return text;
  return `(${mutants.map(({ id, text: instead }) => `$q(${id})?(${instead.replaceAll("\n", " ")}):`).join("")}(${text}))`;
}
