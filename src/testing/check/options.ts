// What the simulations and explorations may be given. What they share with `orchestrate` (models, policy) is checked where
// `orchestrate` does it: see `baseInput`.
import { z } from "zod";
import { messageOf, QuatrainError } from "../../core/errors.ts";
import { notJson } from "../../host/values.ts";
import type { OrchestratorMachine } from "../../machines/orchestrator.ts";
import { Command } from "../../protocol/command.ts";
import { checkWorkers } from "../../run/options.ts";
import type { Worker } from "../../workers/define-worker.ts";
import { AnswerData } from "./answers.ts";
import { aBoolean, aFunction, checkGiven, count, failureCode, listOf, most, number, oneOf, optionsOf, shown } from "./given.ts";
import { checkPlanData } from "./plan.ts";

const anything = z.unknown();

const aCommand = z.custom(
  (value) => Command.safeParse(value).success,
  'give commands such as { type: "run.pause" } or { type: "task.skip", task: "t1" }',
);

const invariantList = listOf(
  z.custom(
    (value) =>
      typeof value === "object" && value !== null && "name" in value && "watch" in value && typeof value.watch === "function",
    "make invariants with always, atEnd or throughout",
  ),
  "invariants, such as Object.values(invariants)",
);

/** What differs from the options of a run. Permissions and budgets are those of the run itself, resolved. */
const runOptions = optionsOf({
  concurrency: count(1, 1_000),
  estimatesMs: z.record(z.string(), number(0, Number.MAX_VALUE)),
  synthesis: aBoolean,
  review: aBoolean,
  asks: oneOf("deny", "wait"),
  permissions: z.looseObject({}, "give { allow, ask, deny }"),
  budget: z.looseObject({ task: z.looseObject({}), worker: z.looseObject({}) }, "give all limits of a run"),
  maxTasks: count(1, 100_000),
  hasWorkspace: aBoolean,
}).partial();

const shared = {
  workers: anything,
  plan: anything,
  policy: anything,
  models: anything,
  options: runOptions,
  invariants: invariantList,
};

const explored = {
  ...shared,
  machine: anything,
  commands: listOf(aCommand, "commands"),
  limits: optionsOf({ states: most, depth: most }).partial(),
  key: aFunction("a function that tells what else tells states apart"),
};

const chart = {
  ...explored,
  plans: listOf(anything, "plans"),
  outcomes: listOf(failureCode("crash"), 'failure codes or "crash"'),
  calls: listOf(failureCode(), "failure codes"),
  stale: aBoolean,
  mostAttempts: count(1),
  until: aFunction("a function that tells where to stop"),
};

const random = {
  ...shared,
  latency: z.record(z.string(), optionsOf({ medianMs: number(0, 1e12), spread: number(0, 10).optional() })),
  world: aFunction("a function that tells what an effect comes to"),
  machine: anything,
  seed: count(0),
  tasks: z.custom(
    (value) =>
      Array.isArray(value) &&
      value.length === 2 &&
      value.every((one) => Number.isInteger(one) && one > 0 && one <= 100) &&
      value[0] <= value[1],
    "give the least and the most tasks, such as [1, 12]",
  ),
  faults: optionsOf({
    turns: number(0, 1),
    steps: number(0, 1),
    codes: z.array(failureCode()).min(1, "name at least one code"),
  }).partial(),
  cases: listOf(
    z.object({
      seed: z.number(),
      mode: oneOf("auto", "direct", "orchestrate"),
      plan: anything,
      options: runOptions,
      commands: listOf(z.object({ afterMs: number(0, Number.MAX_VALUE), event: aCommand }), "commands"),
      world: z.looseObject({}, "give a world, as the case of a violation has it"),
    }),
    "cases, as a violation has them",
  ).min(1, "name at least one, or leave it out for random ones"),
  runs: count(1, 10_000_000),
  coverage: oneOf("events", "machines"),
};

const SCHEMAS = {
  exploreRun: optionsOf(chart).partial(),
  pathsOf: optionsOf({ ...chart, to: oneOf("ends", "states"), paths: oneOf("shortest", "simple"), most }).partial(),
  exploreHost: optionsOf({
    ...explored,
    budget: anything,
    outcomes: aFunction("a function that tells what an effect may come to, such as workMayFail"),
    crashes: count(0, 100),
    stops: count(0, 100),
    longestEffectMs: number(0, Number.POSITIVE_INFINITY),
    ignore: listOf(z.string(), "fields of the orchestrator's context"),
  }).partial(),
  simulateRuns: optionsOf({
    ...random,
    commands: count(0, 1_000),
    repeatEvery: count(0),
    shrinkTries: count(0),
    onRun: aFunction("a function that is told of each run"),
  }).partial(),
  crashSweep: optionsOf({
    ...random,
    mostStops: most,
    result: aFunction("a function that tells what must be the same"),
  }).partial(),
} as const;

/**
 * Checks the options of a simulation or exploration, its workers and its plans. Throws QuatrainError "BadOption",
 * "BadWorker", "BadPlan" or "UnknownTool".
 */
export function checkExperiment(who: keyof typeof SCHEMAS, given: Parts): void {
  checkGiven(who, SCHEMAS[who], given);
  const { workers, plan, plans, cases, invariants, latency } = given;
  checkWorkers(workers);
  const planned = [plan, ...(plans ?? []), ...(cases ?? []).map((one) => one.plan)];
  for (const one of planned) if (one !== null && one !== undefined) checkPlanData(one, workers);
  const known = ["*", ...workers.map(({ name }) => name)];
  const stranger = Object.keys(latency ?? {}).find((name) => !known.includes(name));
  if (stranger !== undefined)
    throw new QuatrainError("BadOption", `${who}: latency.${stranger}: there is no such worker; there are ${known.join(", ")}.`);
  const names = (invariants ?? []).map(({ name }) => name);
  const double = names.find((name, at) => names.indexOf(name) !== at);
  if (double !== undefined)
    throw new QuatrainError("BadOption", `${who}: two invariants are named "${double}"; only one would be told. Rename one.`);
}

/** What all that is checked has in common. */
interface Parts {
  readonly workers: readonly Worker[];
  readonly plan?: unknown;
  readonly plans?: readonly unknown[];
  readonly cases?: readonly { readonly plan: unknown }[];
  readonly latency?: object;
  readonly invariants?: readonly { readonly name: string }[];
}

const Orchestrator = z.custom<OrchestratorMachine>((made) => {
  const implementations: unknown = typeof made === "object" && made !== null ? Reflect.get(made, "implementations") : undefined;
  return z.object({ actors: z.looseObject({ conversation: z.unknown().nonoptional() }) }).safeParse(implementations).success;
});

/** Makes the orchestrator that options ask for. Throws QuatrainError "BadOption" for what is none. */
export function orchestratorFrom(make: () => OrchestratorMachine): OrchestratorMachine {
  let made: OrchestratorMachine;
  try {
    made = make();
  } catch (error) {
    if (QuatrainError.is(error)) throw error;
    throw new QuatrainError("BadOption", `machine could not be made: ${messageOf(error)}. Mend it.`, { cause: error });
  }
  // To the types it is one, whatever it is.
  if (Orchestrator.safeParse(made).success) return made;
  throw new QuatrainError("BadOption", `machine is ${shown(made)}; give an orchestrator, as createOrchestrator makes it.`);
}

const strictAct = z.strictObject({
  answer: AnswerData,
  outputTokens: count(0),
  fail: failureCode(),
  breaks: z.string(),
  holds: z.boolean(),
  result: z.object({ content: z.string(), isError: z.boolean() }),
  output: z.json(),
  files: z.array(z.looseObject({})),
  conflicts: z.array(z.looseObject({})),
  late: z.boolean(),
  decision: z.enum(["approve", "reject"]),
});
const Act = strictAct.partial();

/** Whether a value says what an effect comes to. */
export const isAct = (value: unknown): boolean => Act.safeParse(value).success;

/** Whether a value is JSON, or nothing. */
export const isJson = (value: unknown): boolean => value === undefined || notJson(value) === undefined;
