// Plans that are given to simulations and explorations: plain data, so that anybody may have written them.
import { z } from "zod";
import { QuatrainError } from "../../core/errors.ts";
import { taskIdAt } from "../../core/ids.ts";
import { readGraph } from "../../queue/plan-graph.ts";
import { Tier } from "../../protocol/plan.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { DefinedPlan } from "../../workers/define-plan.ts";
import type { Worker } from "../../workers/define-worker.ts";

const texts = z.array(z.string());
const CheckedTask = z.object({
  id: z.string(),
  label: z.string(),
  worker: z.string(),
  task: z.string(),
  input: z.json(),
  files: texts,
  constraints: texts,
  outputFormat: z.string(),
  dependencies: z.array(z.object({ task: z.string(), kind: z.enum(["hard", "soft"]) })),
  writes: texts,
  acceptance: texts,
  optional: z.boolean(),
  tier: Tier.nullable(),
});
const CheckedPlan = z.object({ rationale: z.string(), tasks: z.array(CheckedTask).min(1) });

/** The plan itself, of what `definePlan` returns, too. */
export const plainPlan = (plan: Plan | DefinedPlan): Plan => ("plan" in plan ? plan.plan : plan);

/** Checks a plan against the workers that are to carry it out. Throws QuatrainError "BadPlan". */
export function checkPlanData(given: unknown, workers: readonly Worker[]): void {
  const isDefined = typeof given === "object" && given !== null && "plan" in given;
  const checked = CheckedPlan.safeParse(isDefined ? given.plan : given);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const where = ["plan", ...(issue?.path ?? [])].join(".");
    throw bad(`${where}: ${issue?.message ?? "it can't be read"}. Make it with definePlan or planShapes`);
  }
  const { tasks } = checked.data;
  const known = new Set<string>(tasks.map((_, at) => taskIdAt(at)));
  for (const [at, { id, worker, dependencies }] of tasks.entries()) {
    if (id !== taskIdAt(at)) throw bad(`task ${at + 1} has the id "${id}"; it must be "${taskIdAt(at)}"`);
    if (!workers.some(({ name }) => name === worker))
      throw bad(`${id} is for "${worker}", and there is no such worker; there are ${workers.map(({ name }) => name).join(", ")}`);
    const stranger = dependencies.find(({ task }) => !known.has(task));
    if (stranger) throw bad(`${id} depends on "${stranger.task}", which the plan does not contain`);
  }
  const positions = new Map([...known].map((id, at) => [id, at]));
  const edges = tasks.map(({ dependencies }) => dependencies.map(({ task }) => positions.get(task) ?? 0));
  const [cycle] = readGraph(edges).cycles;
  if (cycle) throw bad(`${[...cycle, ...cycle.slice(0, 1)].map(taskIdAt).join(" needs ")}: that is a cycle`);
}

const bad = (what: string): QuatrainError => new QuatrainError("BadPlan", `The plan can't be carried out: ${what}.`);
