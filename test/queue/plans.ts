// Plans for the tests of the queue: by hand from a few letters, and at random.
import fc from "fast-check";
import { taskIdAt } from "../../src/core/ids.ts";
import type { Plan, Task } from "../../src/protocol/plan.ts";

/** A task that needs (`hard`) or only waits for (`soft`) tasks at positions of the plan. */
export interface TaskShape {
  readonly worker?: string;
  readonly hard?: readonly number[];
  readonly soft?: readonly number[];
}

/** A checked plan of a shape. Labels are `a`, `b`, … or `n27` and so on. */
export function planOf(shapes: readonly TaskShape[]): Plan {
  return { rationale: "", tasks: shapes.map(taskOf) };
}

/** A random acyclic plan of up to `size` tasks over three workers, with hard and soft edges, in any order of its tasks. */
export function randomPlan(size = 60): fc.Arbitrary<Plan> {
  const edge = fc.record({ from: fc.nat(), to: fc.nat(), soft: fc.boolean() });
  const shape = fc.record({
    workers: fc.array(fc.constantFrom("api", "docs", "__proto__"), { minLength: 1, maxLength: size }),
    edges: fc.array(edge, { maxLength: size * 2 }),
    seed: fc.array(fc.nat(), { minLength: size, maxLength: size }),
  });
  return shape.map(({ workers, edges, seed }) => {
    // A random ranking decides the direction of each edge, so that plan order and topological order differ.
    const rank = workers.map((_, at) => (seed[at] ?? 0) * 1000 + at);
    const hard = workers.map(() => new Set<number>());
    const soft = workers.map(() => new Set<number>());
    for (const { from, to, soft: isSoft } of edges) {
      const one = from % workers.length;
      const two = to % workers.length;
      if (one === two) continue;
      const [first, later] = rank[one]! < rank[two]! ? [one, two] : [two, one];
      if (hard[later]!.has(first) || soft[later]!.has(first)) continue;
      (isSoft ? soft : hard)[later]!.add(first);
    }
    return planOf(workers.map((worker, at) => ({ worker, hard: [...hard[at]!], soft: [...soft[at]!] })));
  });
}

function taskOf(shape: TaskShape, at: number): Task {
  return {
    id: taskIdAt(at),
    label: at < 26 ? String.fromCodePoint(97 + at) : `n${at}`,
    worker: shape.worker ?? "api",
    task: "do it",
    input: null,
    files: [],
    constraints: [],
    outputFormat: "",
    dependencies: [
      ...(shape.hard ?? []).map((to) => ({ task: taskIdAt(to), kind: "hard" as const })),
      ...(shape.soft ?? []).map((to) => ({ task: taskIdAt(to), kind: "soft" as const })),
    ],
    writes: [],
    acceptance: [],
    optional: false,
    tier: null,
  };
}
