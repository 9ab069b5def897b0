// Mermaid state diagrams: nested states and the edges between siblings, as text. Who draws decides what is drawn.

/** One state to draw, with what is inside of it. */
export interface DiagramState {
  /** Letters, digits and underscores. */
  readonly id: string;
  /** What is written in it. @default its id */
  readonly label?: string;
  readonly isParallel?: boolean;
  /** A final state: an edge leads from it to the end. */
  readonly isEnd?: boolean;
  /** Ids of the states inside in which it begins. */
  readonly starts: readonly string[];
  readonly inner: readonly DiagramState[];
  /** Edges between the states inside. */
  readonly edges: readonly DiagramEdge[];
}

/** One arrow. */
export interface DiagramEdge {
  readonly from: string;
  readonly to: string;
  /** Empty for none. */
  readonly label: string;
}

/** The states inside of a root as Mermaid text, without a line break at its end. */
export function stateDiagram(root: DiagramState): string {
  return ["stateDiagram-v2", ...inside(root, "  "), ...ends(root, "  ")].join("\n");
}

function inside(state: DiagramState, indent: string): readonly string[] {
  return [
    ...state.starts.map((id) => `${indent}[*] --> ${id}`),
    ...state.inner.flatMap((one) => drawn(one, indent)),
    ...state.edges.map(({ from, to, label }) => `${indent}${from} --> ${to}${label === "" ? "" : ` : ${label}`}`),
  ];
}

function drawn(state: DiagramState, indent: string): readonly string[] {
  const { id, label, inner, isParallel } = state;
  const name = label === undefined ? [] : [`${indent}state "${label.replaceAll('"', "'")}" as ${id}`];
  if (inner.length === 0) return name;
  const body = isParallel
    ? inner.flatMap((region, at) => [...(at === 0 ? [] : [`${indent}  --`]), ...drawn(region, `${indent}  `)])
    : inside(state, `${indent}  `);
  return [...name, `${indent}state ${id} {`, ...body, `${indent}}`];
}

const ends = ({ inner }: DiagramState, indent: string): readonly string[] =>
  inner.filter(({ isEnd }) => isEnd).map(({ id }) => `${indent}${id} --> [*]`);
