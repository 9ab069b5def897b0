// A follow-up: a new request on top of what an ended run came to. It knows the request, plan and reports before it, and
// works on the files that they led to.
import { QuatrainError } from "../core/errors.ts";
import { headAndTail, oneLine } from "../core/text.ts";
import { runOutput } from "../machines/run-events.ts";
import type { RunContext } from "../machines/run-state.ts";
import type { EarlierRun, Lineage } from "../protocol/lineage.ts";
import { takeResult } from "../workspace/inherit.ts";
import type { BuiltIn } from "../workers/built-in.ts";
import type { DefinedPlan } from "../workers/define-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import { momentOf } from "./fork.ts";
import type { OrchestrateOptions } from "./options.ts";
import { begin } from "./orchestrate.ts";
import { prepareRun } from "./prepare.ts";
import { recordOf, workersOf } from "./records.ts";
import type { StoreOptions } from "./records.ts";
import type { Run } from "./run.ts";

/** Options of `continueRun`: those of `orchestrate`; the store is that of the run before, the workspace too unless given. */
export interface ContinueOptions<W extends readonly Worker[] = BuiltIn>
  extends Omit<OrchestrateOptions<W>, "store" | "mode">, StoreOptions {}

/** Runs before that are still told, longest texts of theirs in characters. */
const MOST_EARLIER = 5;
const LONGEST_REQUEST = 20_000;
const LONGEST_ANSWER = 8_000;

/**
 * Begins a follow-up of an ended run: always planned, by a planner that is told the request, plan and reports before it. Its
 * files are the result of that run; once that result was applied, they are the workspace as it is now. `apply()` carries over
 * what is not there yet, of both runs. Rejects with QuatrainError "UnknownRun", "BadOption" (the run has not ended) and as
 * `orchestrate` throws.
 */
export async function continueRun<const W extends readonly Worker[] = BuiltIn>(
  id: string,
  request: string | DefinedPlan<W>,
  options: ContinueOptions<W> = {},
): Promise<Run<W>> {
  const record = recordOf(id, options);
  const { input, info, store } = record;
  if (info.ended?.kind !== "done")
    throw new QuatrainError("BadOption", `Run "${id}" has not ended, so nothing can follow it up: resume it first, or fork it.`);
  const workers = workersOf(record, typeof request === "string" ? options : { ...options, workers: request.workers });
  const { tools, policy } = options;
  const { context, seq } = await momentOf(record, { workers, ...(tools ? { tools } : {}), ...(policy ? { policy } : {}) });
  const workspace = options.workspace ?? input.world.workspace ?? undefined;
  const prepared = prepareRun(request, {
    ...options,
    workers,
    store,
    mode: "orchestrate",
    ...(workspace === undefined ? {} : { workspace }),
  });
  const lineage: Lineage = {
    parent: { run: id, seq, as: "follow-up" },
    route: null,
    told: [],
    base: null,
    reuse: [],
    earlier: [...(context.lineage?.earlier ?? []), earlierOf(context)].slice(-MOST_EARLIER),
  };
  const source = prepared.input.world.workspace;
  if (source !== null) await takeResult({ state: store, from: id, run: prepared.id, source });
  return begin({ ...prepared, input: { ...prepared.input, lineage } }, options) as unknown as Run<W>;
}

function earlierOf(context: RunContext): EarlierRun {
  const { runId, outcome, answer, tasks } = runOutput(context);
  return {
    run: runId,
    request: headAndTail(context.request, LONGEST_REQUEST),
    outcome,
    answer: headAndTail(answer, LONGEST_ANSWER),
    tasks: tasks.map(({ label, worker, status, summary, failure }, at) => ({
      label,
      worker,
      status,
      task: oneLine(context.plan?.tasks[at]?.task ?? "", 300),
      summary: oneLine(failure?.message ?? summary, 600),
    })),
  };
}
