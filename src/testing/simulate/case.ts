// A simulated run as data: plain JSON that can be kept, read, shrunk and played again.
import { randomFrom } from "../../core/random.ts";
import type { RunOptions } from "../../machines/run-state.ts";
import { resolveBudget } from "../../protocol/budget.ts";
import type { Budget, Limits } from "../../protocol/budget.ts";
import type { Command } from "../../protocol/command.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { RunEvent } from "../../protocol/run-event.ts";
import type { WorkerCard } from "../../protocol/work.ts";
import { defaultPermissions } from "../../tools/permissions.ts";
import { randomPlan } from "./random-plan.ts";
import type { Badness } from "./random-world.ts";
import type { WorldScript } from "./world.ts";

/** A command and when it comes, in virtual ms after the start. */
export interface TimedCommand {
  readonly afterMs: number;
  readonly event: Command;
}

/** A command that comes right after an event, before anything else is delivered: a person who acts on what they see. */
export interface PromptCommand {
  readonly after: RunEvent["type"];
  /** Only events of this task. @default any */
  readonly task?: string;
  /** After which of them. @default 1, the first */
  readonly nth?: number;
  readonly event: Command;
}

/** The machine sleeps: the wall clock jumps, and nothing happens meanwhile. In virtual ms; above 30 s the run is told. */
export interface TimedSleep {
  readonly afterMs: number;
  readonly ms: number;
}

/** One experiment. The same case gives the same run, byte by byte. */
export interface SimulatedCase {
  /** Decides latencies, the order of results, what people answer, and what a random world does. */
  readonly seed: number;
  readonly mode: "auto" | "direct" | "orchestrate";
  /** Null: the simulated model makes one. */
  readonly plan: Plan | null;
  /** What differs from the options that `orchestrate` would use. */
  readonly options: Partial<RunOptions>;
  readonly commands: readonly TimedCommand[];
  /** @default none */
  readonly prompts?: readonly PromptCommand[];
  /** @default none */
  readonly sleeps?: readonly TimedSleep[];
  /** How bad a random world is, or what a scripted one does. */
  readonly world: Badness | { readonly script: WorldScript };
}

/** What random cases are made of. */
export interface CaseSpace {
  readonly workers: readonly WorkerCard[];
  readonly plan: Plan | null;
  readonly tasks: readonly [number, number];
  readonly faults: Badness;
  /** Most commands of one run. */
  readonly commands: number;
  /** Most sleeps of the machine in one run. */
  readonly sleeps: number;
  /** The worst case of one turn in USD: budgets are some turns of it. Null: no budgets. */
  readonly turnUsd: number | null;
  /** What all cases have in common. */
  readonly options: Partial<RunOptions>;
}

type Random = () => number;

/** The case of a seed. */
export function randomCase(seed: number, space: CaseSpace): SimulatedCase {
  const random = randomFrom(seed);
  const kind = random();
  const planned = space.plan !== null || kind < 0.6;
  const plan = planned ? (space.plan ?? randomPlan(random, space.workers, space.tasks)) : null;
  return {
    seed,
    mode: planned || kind < 0.75 ? "orchestrate" : kind < 0.8 ? "direct" : "auto",
    plan,
    options: { ...randomOptions(random, space), ...space.options },
    commands: randomCommands(random, space.commands, plan?.tasks.length ?? 8),
    world: { ...space.faults, turns: random() * space.faults.turns, steps: random() * space.faults.steps },
    sleeps: randomSleeps(random, space.sleeps),
    prompts: randomPrompts(random, space.commands, plan?.tasks.length ?? 8),
  };
}

function randomOptions(random: Random, { turnUsd, workers }: CaseSpace): Partial<RunOptions> {
  return {
    concurrency: 1 + Math.floor(random() * 6),
    review: random() < 0.2,
    asks: random() < 0.5 ? "wait" : "deny",
    hasWorkspace: random() < 0.7,
    budget: resolveBudget(turnUsd === null || random() < 0.4 ? {} : randomBudget(random, { turnUsd, workers })),
    ...(random() < 0.5 ? { permissions: COMMANDS_ALLOWED } : random() < 0.3 ? { permissions: SECRETS_KEPT } : {}),
  };
}

/** Limits of any kind, from next to nothing to more than a run takes; most runs have one or two. */
function randomBudget(
  random: Random,
  { turnUsd, workers }: { readonly turnUsd: number; readonly workers: readonly WorkerCard[] },
): Budget {
  const limits = (turns: number, share: number): Limits => ({
    ...(random() < share && { usd: (0.2 + random() ** 2 * turns) * turnUsd }),
    ...(random() < share && { tokens: Math.floor((0.2 + random() ** 2 * turns) * TURN_TOKENS) }),
    ...(random() < share && { ms: 1 + Math.floor(random() ** 2 * turns * TURN_MS) }),
  });
  const { name } = workers[Math.floor(random() * workers.length)] ?? { name: "" };
  return {
    ...limits(30, 0.35),
    ...(random() < 0.3 && { task: limits(10, 0.5) }),
    ...(random() < 0.3 && { worker: { [name]: limits(10, 0.5) } }),
  };
}

/** About the worst case of a turn in tokens, and how long one takes. */
const TURN_TOKENS = 40_000;
const TURN_MS = 2_000;

const COMMANDS_ALLOWED: RunOptions["permissions"] = {
  ...defaultPermissions,
  allow: [...defaultPermissions.allow, "bash"],
};

const SECRETS_KEPT: RunOptions["permissions"] = {
  ...defaultPermissions,
  deny: [...defaultPermissions.deny, "write(secret)"],
};

function randomCommands(random: Random, most: number, tasks: number): readonly TimedCommand[] {
  const count = random() < 0.5 ? 0 : Math.floor(random() * (most + 1));
  return Array.from({ length: count }, () => ({
    afterMs: Math.floor(random() ** 2 * 20_000),
    event: randomCommand(random, `t${1 + Math.floor(random() * tasks)}`),
  }));
}

/** In a fifth of the runs somebody is impatient. Most of what they want concerns the task that they hear of. */
function randomPrompts(random: Random, most: number, tasks: number): readonly PromptCommand[] {
  const count = most === 0 || random() < 0.8 ? 0 : 1 + Math.floor(random() * 3);
  return Array.from({ length: count }, (): PromptCommand => {
    const task = `t${1 + Math.floor(random() * tasks)}`;
    const after = HEARD[Math.floor(random() * HEARD.length)] ?? "task.finished";
    const nth = 1 + Math.floor(random() ** 2 * 3);
    const kind = random();
    const event: Command = kind < 0.5 ? { type: "task.retry", task } : randomCommand(random, task);
    return after.startsWith("task.") && random() < 0.7 ? { after, task, nth, event } : { after, nth, event };
  });
}

/** What impatient people act on. */
const HEARD: readonly RunEvent["type"][] = [
  "task.finished",
  "task.failed",
  "task.skipped",
  "task.started",
  "task.retrying",
  "task.mending",
  "task.invalidated",
  "task.revived",
  "plan.accepted",
  "plan.amended",
  "phase.entered",
  "phase.retrying",
  "activity.changed",
  "ask.opened",
  "ask.closed",
  "budget.reached",
  "conflict.found",
  "turn.started",
  "turn.failed",
];

/** From just above what runs are told of, up to a night. */
function randomSleeps(random: Random, most: number): readonly TimedSleep[] {
  const count = most === 0 || random() < 0.7 ? 0 : 1 + Math.floor(random() * most);
  return Array.from({ length: count }, () => ({
    afterMs: Math.floor(random() ** 2 * 20_000),
    ms: 31_000 + Math.floor(random() ** 4 * 30_000_000),
  }));
}

function randomCommand(random: Random, task: string): Command {
  const kinds: readonly Command[] = [
    { type: "run.pause" },
    { type: "run.resume" },
    { type: "run.cancel", reason: "enough" },
    { type: "run.tell", text: "hurry" },
    { type: "run.tell", text: "slowly", task },
    { type: "ask.answer", ask: "t1#1/1/call_1_0", decision: "approve" },
    { type: "task.skip", task },
    { type: "task.skip", task, reason: "not needed" },
    { type: "plan.edit", plan: { rationale: "", tasks: [] } },
    { type: "task.retry", task },
    { type: "task.retry", task: "t1" },
  ];
  return kinds[Math.floor(random() * kinds.length)] ?? { type: "run.pause" };
}
