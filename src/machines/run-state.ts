// The orchestrator's context and its first value. Plain JSON that reads well in an inspector; the decisions on it stand
// in the files beside this one (dispatch, settle, money, calls, commands), the chart in orchestrator.ts.
import { failure } from "../core/failure.ts";
import type { Failure } from "../core/failure.ts";
import { attemptId, parseAttemptId, taskIndex, workerActorId } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Policy, Remedy } from "../core/policy.ts";
import { resolveBudget } from "../protocol/budget.ts";
import type { LimitName, RunBudget, WorstCase } from "../protocol/budget.ts";
import type { Ask, PermissionRules } from "../protocol/command.ts";
import type { Lineage } from "../protocol/lineage.ts";
import type { Plan, Tier } from "../protocol/plan.ts";
import type { Outcome } from "../protocol/run-event.ts";
import { NO_SPEND } from "../protocol/spend.ts";
import type { SpendTotals } from "../protocol/spend.ts";
import type { ModelChoice, ToolDeclaration } from "../protocol/turn.ts";
import type { ChangedFile, Conflict, Report, WorkerCard } from "../protocol/work.ts";
import { createQueue } from "../queue/queue.ts";
import type { Queue } from "../queue/queue.ts";
import type { checkPlan } from "../queue/check-plan.ts";
import type { SplitBounds } from "../queue/check-split.ts";

/** The models of a run, by what they do. */
export interface RunModels {
  readonly orchestrator: ModelChoice;
  readonly router: ModelChoice;
  readonly worker: ModelChoice;
  readonly tiers: Readonly<Record<Tier, ModelChoice>>;
}

/** What a run may do and how it is done. */
export interface RunOptions {
  /** Most tasks at once. */
  readonly concurrency: number;
  /** Durations known beforehand, in ms, by task id: they order what starts first. What is not known is learnt. @default none */
  readonly estimatesMs?: Readonly<Record<string, number>>;
  /** Whether a model writes the answer; else it lists what the tasks came to. */
  readonly synthesis: boolean;
  /** Whether a person approves the plan before anything starts. */
  readonly review: boolean;
  /** `deny`: questions are answered with no at once; `wait`: a person will answer. */
  readonly asks: "deny" | "wait";
  readonly permissions: PermissionRules;
  /** Most money, tokens and time: of the run, of each task, of workers by name. */
  readonly budget: RunBudget;
  /** Most tasks a plan may have. */
  readonly maxTasks: number;
  readonly hasWorkspace: boolean;
}

/** What a run is started with. */
export interface RunInput {
  readonly runId: string;
  readonly request: string;
  /** `auto`: a cheap call decides between one worker and a plan. */
  readonly mode: "auto" | "direct" | "orchestrate";
  /** A checked plan written by hand; null to have the model make one. */
  readonly plan: Plan | null;
  readonly models: RunModels;
  readonly options: RunOptions;
  /** What a resume needs to build the same world again; the machine does not look at it. */
  readonly world: RunWorld;
  /** What a fork or a follow-up takes over from the run before it. @default nothing */
  readonly lineage?: Lineage;
  /** Host time of the start, ms. */
  readonly at: number;
  readonly seed: number;
}

/** Where a run works and with whom. */
export interface RunWorld {
  /** Absolute path of the user's folder; null for text only. */
  readonly workspace: string | null;
  /** Names of the workers, in order. */
  readonly workers: readonly string[];
  /** What each worker is, as a digest: a fork tells by it whose work still stands. @default not known */
  readonly workerDigests?: Readonly<Record<string, string>>;
}

/** The run's own conversations. */
export type CallName = "route" | "plan" | "synthesis";

/** How far one of the run's own conversations got. */
export interface CallState {
  /** Conversations started so far. */
  readonly tried: number;
  /** Last turn seen; the next conversation counts on. */
  readonly turns: number;
  /** Model of the next try, where a retry changed it. */
  readonly choice: ModelChoice | null;
}

/** What the next attempt of a task does differently. */
export interface Adjustment {
  readonly choice: ModelChoice | null;
  readonly trimmed: boolean;
  /** What was tried and why it failed, for the next worker. */
  readonly issues: readonly string[];
  /** What changed, for people. */
  readonly changes: readonly string[];
}

/** An attempt that failed, and what was changed after it. */
export interface FailedAttempt {
  readonly attempt: number;
  readonly code: Failure["code"];
  /** One line, cut when long. */
  readonly message: string;
  /** What the next attempt does differently, in words; empty when there was none, or it changed nothing. */
  readonly changes: readonly string[];
}

/** A task that the orchestrator's model looks at after an attempt failed: it is cut into parts or worded anew. */
export interface Mend {
  /** Names the conversation and its child: `mend:t3#1`. */
  readonly id: string;
  readonly task: TaskId;
  readonly attempt: number;
  readonly step: "split" | "reword";
  readonly why: Failure;
  /** What is tried when this fails. */
  readonly rest: Remedy;
  /** False while its wait is on. */
  readonly begun: boolean;
}

/** What was mended of a task so far. */
export interface Mended {
  /** Conversations held about it. */
  readonly calls: number;
  /** What was tried; each once. */
  readonly asked: readonly Mend["step"][];
  /** The tasks that it was cut into; empty while it is whole. */
  readonly parts: readonly TaskId[];
  readonly reworded: boolean;
}

/** How far the folding of all changes got. */
export interface Integration {
  /** Times it was begun. */
  readonly tried: number;
  /** Failures since it last worked. */
  readonly failed: number;
  /** Times that tasks were done again because their changes collided. */
  readonly redone: number;
  /** Whether a person was asked about what still collides. */
  readonly asked: boolean;
}

/** Money and tokens of one live conversation. */
export interface Account {
  readonly usd: number;
  readonly reservedUsd: number;
  readonly reservedInputTokens: number;
  readonly reservedOutputTokens: number;
  /** True between `turn.started` and the end of that turn, or its orphan. */
  readonly inFlight: boolean;
  /** The turn sent last and its model; "" before the first. */
  readonly turn: number;
  readonly model: string;
}

/** What was used of what can be limited. */
export type Use = { readonly [Name in LimitName]: number };

/** What tasks (by position in the plan) and workers (by name) have used so far; kept only where they have a limit of their own. */
export interface OwnUse {
  readonly tasks: readonly (Use | null)[];
  readonly workers: Readonly<Record<string, Use>>;
}

/** Time that does not count towards any limit. */
export interface Standstill {
  /** Gaps in the clock, as the host told them: in durations they are left out, too. */
  readonly sleptMs: number;
  /** Time spent paused or suspended. */
  readonly heldMs: number;
  /** Since when the run is paused or suspended; null while it runs. */
  readonly since: number | null;
}

/** The one timer of all deadlines. */
export interface Alarm {
  /** Timers set so far; the last is the child `wake:limit/<count>`. */
  readonly count: number;
  /** When it goes off; null while none is set. */
  readonly dueAt: number | null;
}

/** The orchestrator's context. */
export interface RunContext {
  readonly runId: string;
  readonly request: string;
  readonly mode: RunInput["mode"];
  readonly workers: readonly WorkerCard[];
  readonly models: RunModels;
  readonly options: RunOptions;
  /** Latest host time seen, ms. */
  readonly now: number;
  readonly startedAt: number;
  readonly standstill: Standstill;
  readonly alarm: Alarm;
  readonly seed: number;
  /** The run before this one; null for a run of its own. */
  readonly lineage: Lineage | null;
  readonly route: { readonly mode: "direct" | "orchestrate"; readonly worker: string | null; readonly reason: string } | null;
  readonly plan: Plan | null;
  readonly queue: Queue | null;
  /** Reports of finished tasks, by position in the plan. */
  readonly reports: readonly (Report | null)[];
  readonly adjustments: Readonly<Record<string, Adjustment>>;
  /** Attempts that failed, by task id, in their order. */
  readonly history: Readonly<Record<string, readonly FailedAttempt[]>>;
  /** Tasks that are being mended now. */
  readonly mending: readonly Mend[];
  /** What was mended, by task id. */
  readonly mended: Readonly<Record<string, Mended>>;
  readonly calls: Readonly<Record<CallName, CallState>>;
  /** The run's own conversation that is alive. */
  readonly talking: CallName | null;
  /** What of the run's own is to be tried again (a conversation, or the folding), and whether its wait is over. */
  readonly returning: { readonly call: CallName | "integrate"; readonly woken: boolean } | null;
  readonly integration: Integration;
  /** Money by conversation (`plan`, `t3#1` …); an entry goes when its conversation is over and nothing is in flight. */
  readonly accounts: Readonly<Record<string, Account>>;
  /** Turns that wait for money that others have reserved. */
  readonly funding: readonly { readonly from: string; readonly worst: WorstCase }[];
  readonly spend: SpendTotals;
  readonly use: OwnUse;
  /** The limit of the run that refused a turn last. */
  readonly refusedBy: LimitName | null;
  /** The limit of the run that is used up: nothing new starts. */
  readonly broke: LimitName | null;
  readonly asks: readonly Ask[];
  /** What a person said, for every worker started later. */
  readonly told: readonly string[];
  readonly conflicts: readonly Conflict[];
  readonly files: readonly ChangedFile[];
  /** Times of recent restarts, for the restart intensity. */
  readonly restarts: readonly number[];
  /** Dead letters: what came too late or fits nowhere. */
  readonly letters: { readonly count: number; readonly last: readonly string[] };
  /** Why the run is to be suspended. */
  readonly suspension: Failure | null;
  readonly failure: Failure | null;
  readonly answer: string | null;
  readonly outcome: Outcome | null;
}

/** What orchestrator machines close over: constant. */
export interface RunRules {
  readonly policy: Policy;
  readonly cards: readonly WorkerCard[];
  readonly tools: Readonly<Record<string, ToolDeclaration>>;
  /** Checks a draft plan against the workers; issues are worded for a model. */
  readonly checkPlan: (draft: unknown) => ReturnType<typeof checkPlan>;
  /** Checks the parts that a task was cut into. */
  readonly checkSplit: (draft: unknown, bounds: SplitBounds) => ReturnType<typeof checkPlan>;
}

const NO_CALL: CallState = { tried: 0, turns: 0, choice: null };
const NO_MODEL: ModelChoice = { endpoint: "default", model: "", effort: null, maxTokens: 0, price: null };

/** The models of a run that was given none. */
export const NO_MODELS: RunModels = {
  orchestrator: NO_MODEL,
  router: NO_MODEL,
  worker: NO_MODEL,
  tiers: { haiku: NO_MODEL, sonnet: NO_MODEL, opus: NO_MODEL },
};

const NOTHING: RunInput = {
  runId: "run",
  request: "",
  mode: "auto",
  plan: null,
  models: NO_MODELS,
  options: {
    concurrency: 8,
    review: false,
    synthesis: true,
    asks: "deny",
    permissions: { allow: [], ask: [], deny: [] },
    budget: resolveBudget(),
    maxTasks: 40,
    hasWorkspace: false,
  },
  world: { workspace: null, workers: [] },
  at: 0,
  seed: 0,
};

/** The first context. Safe on undefined input, since explorers build machines without any. */
export function startRun(input: RunInput | undefined, { cards }: RunRules): RunContext {
  const { plan, at, world: _world, lineage = null, ...given } = input ?? NOTHING;
  const empty: RunContext = {
    ...given,
    workers: cards,
    now: at,
    startedAt: at,
    standstill: { sleptMs: 0, heldMs: 0, since: null },
    alarm: { count: 0, dueAt: null },
    lineage,
    route: lineage?.route ?? givenRoute(input ?? NOTHING, cards),
    plan: null,
    queue: null,
    reports: [],
    adjustments: {},
    history: {},
    mending: [],
    mended: {},
    calls: { route: NO_CALL, plan: NO_CALL, synthesis: NO_CALL },
    talking: null,
    returning: null,
    integration: { tried: 0, failed: 0, redone: 0, asked: false },
    accounts: {},
    funding: [],
    spend: NO_SPEND,
    use: { tasks: [], workers: {} },
    refusedBy: null,
    broke: null,
    asks: [],
    told: lineage?.told ?? [],
    conflicts: [],
    files: [],
    restarts: [],
    letters: { count: 0, last: [] },
    suspension: null,
    failure: strangerIn(plan, cards),
    answer: null,
    outcome: null,
  };
  return plan ? withPlan(empty, plan) : empty;
}

/** The context with a plan and its fresh queue. */
export function withPlan(context: RunContext, plan: Plan): RunContext {
  const caps = Object.fromEntries(context.workers.flatMap(({ name, cap }) => (cap === null ? [] : [[name, cap]])));
  const queue = createQueue(plan, {
    concurrency: context.options.concurrency,
    caps,
    estimates: context.options.estimatesMs ?? {},
  });
  return { ...context, plan, queue, reports: plan.tasks.map(() => null), use: { ...context.use, tasks: [] } };
}

/** The worker actor that does an attempt right now, as `{ task, attempt }`; undefined for anything late or foreign. */
export function liveAttempt(context: RunContext, id: string): { readonly task: TaskId; readonly attempt: number } | undefined {
  const named = parseAttemptId(id);
  const state = named && context.queue?.tasks[taskIndex(named.task)];
  return state?.status === "running" && state.attempts === named?.attempt ? named : undefined;
}

/** The child actor behind a conversation that is alive; undefined when it is gone. */
export function childOf(context: RunContext, from: string): string | undefined {
  const attempt = liveAttempt(context, from);
  if (attempt) return workerActorId(attempt.task, attempt.attempt);
  const isMend = context.mending.some(({ id, begun }) => id === from && begun);
  return isMend || context.talking === from ? from : undefined;
}

/** The conversations that are alive now. */
export function liveConversations(context: RunContext): readonly string[] {
  const { queue, talking, mending } = context;
  const running = queue ? queue.running.flatMap((at) => queue.tasks[at] ?? []) : [];
  return [
    ...running.map(({ id, attempts }) => attemptId(id, attempts)),
    ...mending.flatMap(({ id, begun }) => (begun ? [id] : [])),
    ...(talking ? [talking] : []),
  ];
}

/** A plan written by hand may ask for a worker that nobody has: better said at once than waited for. */
function strangerIn(plan: Plan | null, cards: readonly WorkerCard[]): Failure | null {
  const stranger = plan?.tasks.find(({ worker }) => !cards.some(({ name }) => name === worker));
  if (!stranger) return null;
  const known = cards.map(({ name }) => name).join(", ");
  return failure("PlanInvalid", `Task "${stranger.label}" asks for the worker "${stranger.worker}"; there are ${known}.`);
}

function givenRoute({ mode, plan }: RunInput, cards: readonly WorkerCard[]): RunContext["route"] {
  if (plan) return { mode: "orchestrate", worker: null, reason: "the plan was given" };
  if (mode === "direct") return { mode, worker: cards[0]?.name ?? null, reason: "direct was asked for" };
  if (mode === "orchestrate") return { mode, worker: null, reason: "orchestrate was asked for" };
  return cards.length === 1 ? { mode: "direct", worker: cards[0]?.name ?? null, reason: "there is only one worker" } : null;
}
