// What can be said about the edges of a draft: references that lead somewhere, no circles, no long chains, and no two
// tasks that write the same file without an order between them.
import type { Dependency } from "../protocol/plan.ts";
import type { CheckedTask } from "./check-task.ts";
import { quote, suggester } from "./issues.ts";
import type { IssueList } from "./issues.ts";
import type { PlanLimits } from "./limits.ts";
import { overlapsOf } from "./paths.ts";
import type { GraphReading } from "./plan-graph.ts";
import type { ReadDraft, ReadTask } from "./read-draft.ts";

/** A dependency that was resolved, by position. */
export interface DraftEdge {
  readonly at: number;
  readonly kind: Dependency["kind"];
}

const MOST_CONFLICTS = 100;
/** Tasks of a long path that are spelled out, at either end. */
const HALF_PATH = 20;

/** For each task the edges that lead somewhere; the others are reported. A label that stands twice means its first task. */
export function resolveEdges(read: ReadDraft, issues: IssueList): ReadonlyArray<readonly DraftEdge[]> {
  const positions = new Map<string, number>();
  for (const [at, task] of read.tasks.entries()) {
    if (!positions.has(task.draft.label)) positions.set(task.draft.label, at);
  }
  const suggest = suggester([...positions.keys()]);
  const isWhole = read.count === read.tasks.length;
  return read.tasks.map((task, at) => {
    const { label, depends_on: hard, after: soft } = task.draft;
    const edges = new Map<number, DraftEdge>();
    const entries = [...hard.map((to) => ({ to, kind: "hard" as const })), ...soft.map((to) => ({ to, kind: "soft" as const }))];
    for (const { to, kind } of entries) {
      const target = positions.get(to);
      const field = kind === "hard" ? "depends_on" : "after";
      if (target === undefined) {
        const message = `${task.name}: ${field} names ${quote(to)}, which is the label of no task.${suggest(to)}`;
        if (isWhole) issues.add("UnknownDependency", `${message} Use the label of a task, or leave it out.`, label);
      } else if (target === at) {
        issues.add("SelfDependency", `${task.name} names itself in ${field}. Leave that out.`, label);
      } else if (edges.has(target)) {
        issues.add("DuplicateDependency", `${task.name} names ${quote(to)} twice in depends_on and after. Name it once.`, label);
      } else {
        edges.set(target, { at: target, kind });
      }
    }
    return [...edges.values()];
  });
}

/** Reports circles, or else chains that are too long. */
export function checkGraph(
  read: ReadDraft,
  graph: GraphReading,
  checking: { readonly limits: PlanLimits; readonly issues: IssueList },
): void {
  const { limits, issues } = checking;
  for (const cycle of graph.cycles) {
    const path = pathText(read, [...cycle, cycle[0] ?? 0]);
    const label = read.tasks[cycle[0] ?? 0]?.draft.label;
    issues.add(
      "Cycle",
      `Tasks wait for each other in a circle: ${path} (each depends on the next). Remove one of these dependencies.`,
      label,
    );
  }
  const depth = graph.longestChain.length;
  if (graph.cycles.length === 0 && depth > limits.depth) {
    const message = `${depth} tasks wait for each other in a row; at most ${limits.depth} may: ${pathText(read, graph.longestChain)}`;
    issues.add("TooDeep", `${message} (each comes before the next). Merge tasks or let them run side by side.`);
  }
}

/** Reports pairs of tasks that may write the same file in any order. */
export function checkWrites(
  read: ReadDraft,
  checked: readonly CheckedTask[],
  checking: { readonly graph: GraphReading; readonly issues: IssueList },
): void {
  const { graph, issues } = checking;
  const owners = checked.map((task) => ({ paths: task.writes }));
  for (const { first, second, paths } of overlapsOf(owners, (one, two) => graph.isOrdered(one, two), MOST_CONFLICTS)) {
    const [one, two] = [nameOf(read.tasks[first]), nameOf(read.tasks[second])];
    const [onePath, twoPath] = paths;
    const what =
      onePath === twoPath ? `both write ${quote(onePath)}` : `write ${quote(onePath)} and ${quote(twoPath)}, which overlap,`;
    const message = `Tasks ${one} and ${two} ${what} and neither waits for the other.`;
    const mend = `Order them (put ${one} into depends_on of ${two}), or let only one of them write it.`;
    issues.add("WriteConflict", `${message} ${mend}`, read.tasks[second]?.draft.label);
  }
}

function nameOf(task: ReadTask | undefined): string {
  return task?.draft.label ? quote(task.draft.label) : (task?.name.toLowerCase() ?? "");
}

/** Labels along a path; the middle of a very long one is left out. */
function pathText(read: ReadDraft, path: readonly number[]): string {
  const names = path.map((at) => {
    const label = read.tasks[at]?.draft.label ?? "";
    return /^[\w.-]+$/.test(label) ? label.slice(0, 60) : quote(label);
  });
  if (names.length <= 2 * HALF_PATH + 1) return names.join(" -> ");
  return [...names.slice(0, HALF_PATH), `… ${names.length - 2 * HALF_PATH} more …`, ...names.slice(-HALF_PATH)].join(" -> ");
}
