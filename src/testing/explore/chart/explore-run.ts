// exploreRun: every state that the orchestrator's chart can come to with a plan, whatever its workers report, in whatever
// order, and whoever interferes; what must hold in each; and the shortest way to where it does not.
import type { FailureCode } from "../../../core/failure.ts";
import { DEFAULT_POLICY } from "../../../core/policy.ts";
import type { Policy } from "../../../core/policy.ts";
import { createOrchestrator } from "../../../machines/create-orchestrator.ts";
import type { MachineOptions } from "../../../machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../../machines/orchestrator.ts";
import type { RunInput, RunOptions } from "../../../machines/run-state.ts";
import type { ModelOptions } from "../../../model/models.ts";
import type { Command } from "../../../protocol/command.ts";
import type { Plan } from "../../../protocol/plan.ts";
import type { DefinedPlan } from "../../../workers/define-plan.ts";
import type { Worker } from "../../../workers/define-worker.ts";
import { checkedAnswers } from "../../check/given.ts";
import { checkExperiment, isJson, orchestratorFrom } from "../../check/options.ts";
import { baseInput } from "../../simulate/base-input.ts";
import type { Invariant } from "../../simulate/invariant.ts";
import type { RunSnapshot } from "../../simulate/stage.ts";
import type { Exploration, Witness } from "../report.ts";
import { eventOf, Possibilities } from "./chart-events.ts";
import type { Possible } from "./chart-events.ts";
import { attemptsHold, chartInvariants } from "./chart-invariants.ts";
import { scriptOf } from "./chart-step.ts";
import type { ChartStep } from "./chart-step.ts";
import { endless, firstUnlike } from "./graph-checks.ts";
import { Graph } from "./graph.ts";
import { StateKeys } from "./state-key.ts";
import { StillChart } from "./still-chart.ts";

/** What is explored. */
export interface ExploreRunOptions {
  readonly workers: readonly Worker[];
  /** The plan, by hand or of `planShapes`; null: the run routes and plans first, and the planner answers with one of `plans`. */
  readonly plan: Plan | DefinedPlan | null;
  /** What the planner may answer; only where `plan` is null. @default none: planning fails only */
  readonly plans?: readonly Plan[];
  /** Parts of the policy that differ from the default. */
  readonly policy?: Partial<Policy>;
  /** Models by role, as for `orchestrate`. */
  readonly models?: ModelOptions;
  /** What differs from the options that `orchestrate` would use: concurrency, asks, review, hasWorkspace … */
  readonly options?: Partial<RunOptions>;
  /** Another orchestrator than `createOrchestrator` makes: a ready one, or how to make it. */
  readonly machine?: OrchestratorMachine | ((options: MachineOptions) => OrchestratorMachine);
  /** How attempts may end besides well: failure codes, or that the worker breaks. @default ["WorkspaceFailed", "crash"] */
  readonly outcomes?: readonly (FailureCode | "crash")[];
  /** Codes that the run's own conversations and the integration may fail with; mendings too. @default ["HistoryBroken"] */
  readonly calls?: readonly FailureCode[];
  /** Whether every attempt that is over may report success once more, in every state. @default true */
  readonly stale?: boolean;
  /** What people may send in every state. A run that asks is answered, and one that is suspended resumed, all the same. @default none */
  readonly commands?: readonly Command[];
  /** More that must hold in every state (made by `always`); those that remember are named in `limits` and not checked. */
  readonly invariants?: readonly Invariant[];
  /**
   * Most attempts of a task. Where people may approve or demand more, say how many you mean.
   * @default what the policy allows, mendings included; at most 4
   */
  readonly mostAttempts?: number;
  /** Nothing is explored beyond a state of which this is true: for charts that could go on for ever. */
  readonly until?: (snapshot: RunSnapshot) => boolean;
  /** Where the exploration stops. */
  readonly limits?: {
    /** Most states. @default 200_000 */
    readonly states?: number;
    /** Most steps of a way. @default no limit */
    readonly depth?: number;
  };
  /** What else tells states apart, for a chart that decides by more than ours does. */
  readonly key?: (snapshot: RunSnapshot) => string;
}

/** Cut into parts, and put in other words: each mending allows one more attempt. */
const MENDINGS = 2;
/** More attempts than that are a mistake, whatever a policy says. */
const MOST_ATTEMPTS = 4;
const MOST_STATES = 200_000;

/** Promises about ways and about all states together; `exploreRun` always looks at them. */
const OF_THE_GRAPH = ["nothingBreaks", "everyWaitHasAWakeUp", "everyRunCanEnd", "sameKeySameFuture"] as const;

/**
 * Explores the orchestrator's chart exhaustively, in these bounds: pure transitions, no actor started, results of workers
 * fed as events, time standing still. Synchronous: some thousand states a second. Never throws for a broken promise: look
 * at `violations`. Throws QuatrainError for bad options, workers, plans, models or policies.
 */
export function exploreRun(options: ExploreRunOptions): Exploration<ChartStep> {
  checkExperiment("exploreRun", options);
  const { graph, chart, invariants, possibilities, how } = graphOf(options);
  // What is looked at once more below is no part of what the exploration visited.
  const { coverage } = chart;
  const isExhausted = !graph.isCutByStates && !graph.isCutByDepth;
  if (isExhausted) {
    const stuck = endless(graph);
    if (stuck !== undefined)
      graph.note({ invariant: "everyRunCanEnd", message: "no end can be reached from here", at: stuck, by: null });
  }
  const unlike = firstUnlike(graph, { possibilities, ...how });
  if (unlike) graph.note({ invariant: "sameKeySameFuture", message: unlike.message, at: unlike.state, by: null });
  return {
    level: "chart",
    states: graph.size,
    transitions: graph.wayTo.length,
    ends: tally(graph.ends.values()),
    depth: graph.depths.reduce((most, depth) => Math.max(most, depth), 0),
    isExhausted,
    limits: limitsOf(options, graph),
    checked: [...invariants.flatMap(({ name, step }) => (step ? [name] : [])), ...OF_THE_GRAPH].filter(
      (name) => isExhausted || name !== "everyRunCanEnd",
    ),
    coverage,
    violations: [...graph.broken.values()].map((broken) => witnessOf(graph, broken)),
  };
}

/** The graph of an exploration and what it was made with. */
export function graphOf(options: ExploreRunOptions) {
  const { limits = {} } = options;
  const until = untilOf(options);
  const possible = possibleOf(options);
  const possibilities = new Possibilities(possible);
  const chart = new StillChart(machineOf(options), inputOf(options));
  const keys = new StateKeys(stateKeyOf(options));
  const invariants = invariantsOf(options);
  const how = {
    next: (snapshot: RunSnapshot, step: ChartStep) => chart.next(snapshot, eventOf(step, snapshot, possible.plans)),
    keyOf: (snapshot: RunSnapshot) => keys.of(snapshot),
  };
  const bounds = { mostStates: limits.states ?? MOST_STATES, mostDepth: limits.depth ?? Number.POSITIVE_INFINITY };
  const graph = new Graph({ first: chart.first, possibilities, ...how, invariants, until, ...bounds });
  return { graph, chart, invariants, possible, possibilities, how, keys };
}

/** What else tells states apart, as options say. */
export const stateKeyOf = ({ key }: ExploreRunOptions) =>
  key && checkedAnswers(key, { name: "key", fits: isJson, advice: "give a text" });

const untilOf = ({ until = () => false }: ExploreRunOptions) =>
  checkedAnswers(until, {
    name: "until",
    fits: (answer) => answer === undefined || typeof answer === "boolean",
    advice: "answer true or false",
  });

/** The orchestrator that options ask for. Throws QuatrainError "BadOption" for what is none. */
export function machineOf({ machine = createOrchestrator, workers, policy }: ExploreRunOptions): OrchestratorMachine {
  return orchestratorFrom(() => (typeof machine === "function" ? machine({ workers, ...(policy && { policy }) }) : machine));
}

/** What the run is started with. */
export function inputOf({ workers, policy, models, plan, options }: ExploreRunOptions): RunInput {
  const base = baseInput({ workers, policy, models });
  const estimates = plan && "plan" in plan ? { estimatesMs: plan.estimatesMs } : {};
  return { ...base, plan: plan && "plan" in plan ? plan.plan : plan, options: { ...base.options, ...estimates, ...options } };
}

function possibleOf({ outcomes, calls, stale = true, commands = [], plans = [] }: ExploreRunOptions): Possible {
  return { outcomes: outcomes ?? ["WorkspaceFailed", "crash"], calls: calls ?? ["HistoryBroken"], stale, commands, plans };
}

function invariantsOf({ invariants = [], policy, mostAttempts }: ExploreRunOptions): readonly Invariant[] {
  const allowed = (policy?.attempts ?? DEFAULT_POLICY.attempts) + MENDINGS;
  const most = mostAttempts ?? Math.min(allowed, MOST_ATTEMPTS);
  const own = [...Object.values<Invariant>(chartInvariants), attemptsHold(most)];
  const named = new Set(own.map(({ name }) => name));
  return [...own, ...invariants.filter(({ name }) => !named.has(name))];
}

function witnessOf(
  graph: Graph,
  { invariant, message, at, by }: NonNullable<ReturnType<Graph["broken"]["get"]>>,
): Witness<ChartStep> {
  const steps = [...graph.wayOf(at), ...(by ? [by] : [])];
  return { invariant, message, steps, script: scriptOf(steps) };
}

/** What was bounded, and what this level does not look at. */
function limitsOf(options: ExploreRunOptions, graph: Graph): readonly string[] {
  const { limits = {}, until, invariants = [] } = options;
  const { outcomes, calls, stale, commands } = possibleOf(options);
  const forgetful = invariants.filter(({ step }) => !step).map(({ name }) => name);
  const depth = limits.depth === undefined ? [] : [reached(`Ways of at most ${limits.depth} steps`, graph.isCutByDepth)];
  return [
    reached(`At most ${limits.states ?? MOST_STATES} states`, graph.isCutByStates),
    ...depth,
    ...(until ? ["Nothing was explored beyond the states that `until` names."] : []),
    ...(graph.broken.size > 0 ? ["Nothing was explored beyond a state that breaks a promise."] : []),
    `Attempts end well${outcomes.length > 0 ? `, or as ${outcomes.join(", ")}` : ""}${stale ? "; those that are over may report once more" : ""}. What workers do inside is not looked at.`,
    `The run's own conversations end well${calls.length > 0 ? `, or as ${calls.join(", ")}` : ""}.`,
    commands.length > 0
      ? `People send ${commands.map((command) => JSON.stringify(command)).join(", ")} at any moment, and nothing else.`
      : "Nobody interferes, but questions are answered and suspended runs resumed.",
    "Time stands still: waits end in any order, and no deadline passes.",
    "No turn is taken, so no money is spent and no budget is reached.",
    "The process does not crash.",
    `That the same key has the same future was looked at in ${graph.twins.length} of ${graph.merges} cases.`,
    ...(forgetful.length > 0 ? [`Not looked at, since they need a history: ${forgetful.join(", ")}.`] : []),
  ];
}

const reached = (bound: string, isReached: boolean): string =>
  isReached ? `${bound}: reached, so that there are more.` : `${bound}: not reached.`;

function tally(names: Iterable<string>): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
