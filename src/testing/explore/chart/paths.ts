// Ways through the chart, to be replayed on real actors: each is a test with a title.
import { checkExperiment } from "../../check/options.ts";
import { graphOf } from "./explore-run.ts";
import type { ExploreRunOptions } from "./explore-run.ts";
import { scriptOf } from "./chart-step.ts";
import type { ChartStep } from "./chart-step.ts";
import type { Graph } from "./graph.ts";

/** One way from the first state. Plain JSON. */
export interface ChartPath {
  /** Its steps to read and what they lead to: `t1 finishes → the synthesis is done ⇒ complete`. Good as the name of a test. */
  readonly title: string;
  readonly steps: readonly ChartStep[];
}

/** Which ways are wanted. */
export interface PathsOptions extends ExploreRunOptions {
  /** `ends`: to every state in which the run is over; `states`: to every state. @default "ends" */
  readonly to?: "ends" | "states";
  /** `shortest`: one to each; `simple`: all that visit no state twice, which are very many. @default "shortest" */
  readonly paths?: "shortest" | "simple";
  /** Most ways; those found first are kept. @default 1_000 */
  readonly most?: number;
}

/** The ways to the ends of a run, or to all its states. Explores first, so bounds and options are those of `exploreRun`. */
export function pathsOf(options: PathsOptions): readonly ChartPath[] {
  checkExperiment("pathsOf", options);
  const { to = "ends", paths = "shortest", most = 1_000 } = options;
  const { graph } = graphOf(options);
  const isWanted = (state: number): boolean => to === "states" || graph.ends.has(state);
  const found: ChartPath[] = [];
  for (const { state, steps } of paths === "simple" ? simpleWays(graph) : shortestWays(graph)) {
    if (found.length >= most) break;
    if (isWanted(state)) found.push({ title: titleOf(steps, graph.ends.get(state)), steps });
  }
  return found;
}

interface Way {
  readonly state: number;
  readonly steps: readonly ChartStep[];
}

function titleOf(steps: readonly ChartStep[], outcome: string | undefined): string {
  const script = steps.length === 0 ? "nothing happens" : scriptOf(steps);
  return outcome === undefined ? script : `${script} ⇒ ${outcome}`;
}

function* shortestWays(graph: Graph): Generator<Way> {
  for (let state = 0; state < graph.size; state++) yield { state, steps: graph.wayOf(state) };
}

/** Where a walk stands: the state, the step to it, and the ways on that are left. */
interface Place {
  readonly state: number;
  readonly by: ChartStep | null;
  readonly ways: ReturnType<Graph["waysFrom"]>;
}

/** Depth-first, without a recursion that many steps would break. */
function* simpleWays(graph: Graph): Generator<Way> {
  const visited = new Set([0]);
  const open: Place[] = [{ state: 0, by: null, ways: graph.waysFrom(0) }];
  yield { state: 0, steps: [] };
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const way = top.ways.next();
    if (way.done) {
      visited.delete(top.state);
      open.pop();
    } else if (!visited.has(way.value.to)) {
      const { to: state, by } = way.value;
      visited.add(state);
      open.push({ state, by, ways: graph.waysFrom(state) });
      yield { state, steps: open.flatMap((one) => one.by ?? []) };
    }
  }
}
