// Plans for the tests of the machines: by hand from a few words.
import { taskIdAt } from "../../src/core/ids.ts";
import type { Json } from "../../src/core/json.ts";
import type { Plan, Task, Tier } from "../../src/protocol/plan.ts";

/** A task by what makes it differ; `needs` and `after` are labels of hard and soft dependencies. */
export interface TaskShape {
  readonly worker?: string;
  readonly needs?: readonly string[];
  readonly after?: readonly string[];
  readonly optional?: boolean;
  readonly tier?: Tier;
  readonly input?: Json;
  readonly files?: readonly string[];
  readonly writes?: readonly string[];
  readonly acceptance?: readonly string[];
}

/** A checked plan; tasks are `t1` … in the order of the labels. */
export function planOf(shapes: Readonly<Record<string, TaskShape>>): Plan {
  const labels = Object.keys(shapes);
  const idOf = (label: string) => taskIdAt(labels.indexOf(label));
  const tasks = Object.entries(shapes).map(([label, shape], at): Task => {
    const hard = (shape.needs ?? []).map((one) => ({ task: idOf(one), kind: "hard" as const }));
    const soft = (shape.after ?? []).map((one) => ({ task: idOf(one), kind: "soft" as const }));
    return {
      id: taskIdAt(at),
      label,
      worker: shape.worker ?? "backend",
      task: `do ${label}`,
      input: shape.input ?? null,
      files: shape.files ?? [],
      constraints: [],
      outputFormat: "a line",
      dependencies: [...hard, ...soft],
      writes: shape.writes ?? [],
      acceptance: shape.acceptance ?? [],
      optional: shape.optional ?? false,
      tier: shape.tier ?? null,
    };
  });
  return { rationale: "because", tasks };
}

/** a before b and c, both before d. */
export const diamond = planOf({ a: {}, b: { needs: ["a"] }, c: { needs: ["a"] }, d: { needs: ["b", "c"] } });
