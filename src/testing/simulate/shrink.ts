// Makes a failing case smaller as long as it fails: fewer tasks, commands, faults and links, plainer options.
import { taskIdAt, taskIndex } from "../../core/ids.ts";
import type { RunOptions } from "../../machines/run-state.ts";
import { resolveBudget } from "../../protocol/budget.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { Command } from "../../protocol/command.ts";
import type { PromptCommand, SimulatedCase } from "./case.ts";
import type { SimulatedRun } from "./stage.ts";
import type { WorldScript } from "./world.ts";

/** Plays a candidate; undefined when it does not fail in the same way. */
export type StillFails = (candidate: SimulatedCase) => Promise<SimulatedRun | undefined>;

type Shrinker = (from: SimulatedCase) => readonly SimulatedCase[];

const PLAINER: readonly Partial<RunOptions>[] = [
  { review: false },
  { asks: "deny" },
  { hasWorkspace: false },
  { synthesis: false },
  { budget: resolveBudget() },
  { concurrency: 1 },
  { concurrency: 2 },
];

/** The smallest failing run found with at most `tries` plays; the given one where nothing smaller fails. */
export async function shrink(failing: SimulatedRun, stillFails: StillFails, tries: number): Promise<SimulatedRun> {
  let left = tries;
  let smallest = failing;
  const attempt = async (candidate: SimulatedCase): Promise<boolean> => {
    if (left <= 0) return false;
    left--;
    const run = await stillFails(candidate);
    if (run) smallest = run;
    return run !== undefined;
  };
  await attempt(asScript(failing));
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const shrinker of [fewerTasks, fewerCommands, fewerPrompts, fewerSleeps, fewerActs, fewerLinks, plainerOptions]) {
      if (await shrinkBy(shrinker, () => smallest.case, attempt)) isSmaller = true;
    }
  }
  return smallest;
}

/** Takes the first smaller case that fails, again and again. */
async function shrinkBy(
  shrinker: Shrinker,
  current: () => SimulatedCase,
  attempt: (candidate: SimulatedCase) => Promise<boolean>,
): Promise<boolean> {
  let hasShrunk = false;
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const candidate of shrinker(current())) {
      isSmaller = await attempt(candidate);
      if (isSmaller) break;
    }
    hasShrunk ||= isSmaller;
  }
  return hasShrunk;
}

/** The same run without a seed for its world, and with the plan that the model made. */
function asScript({ case: played, acts, snapshot }: SimulatedRun): SimulatedCase {
  const plan = played.plan ?? snapshot.context.plan;
  return { ...played, plan, mode: plan ? "orchestrate" : played.mode, world: { script: acts } };
}

const fewerCommands: Shrinker = (from) => without(from.commands).map((commands) => ({ ...from, commands }));

const fewerPrompts: Shrinker = (from) => without(from.prompts ?? []).map((prompts) => ({ ...from, prompts }));

const fewerSleeps: Shrinker = (from) => without(from.sleeps ?? []).map((sleeps) => ({ ...from, sleeps }));

const fewerActs: Shrinker = (from) => {
  if (!("script" in from.world)) return [];
  return without(Object.entries(from.world.script)).map((acts) => ({ ...from, world: { script: Object.fromEntries(acts) } }));
};

const fewerTasks: Shrinker = (from) => {
  const { plan } = from;
  if (!plan) return [];
  const positions = plan.tasks.map((_, at) => at);
  return without(positions).flatMap((kept) => (kept.length > 0 ? [withTasks(from, plan, kept)] : []));
};

const fewerLinks: Shrinker = (from) => {
  const { plan } = from;
  if (!plan || plan.tasks.length > 12) return [];
  return plan.tasks.flatMap((task, at) =>
    task.dependencies.map((link) => {
      const lighter = { ...task, dependencies: task.dependencies.filter((other) => other !== link) };
      return { ...from, plan: { ...plan, tasks: plan.tasks.with(at, lighter) } };
    }),
  );
};

const plainerOptions: Shrinker = (from) =>
  PLAINER.filter((plain) =>
    Object.entries(plain).every(([name, value]) => {
      const now = from.options[name as keyof RunOptions];
      return typeof value === "number" ? now !== undefined && Number(now) > value : now !== value;
    }),
  ).map((plain) => ({ ...from, options: { ...from.options, ...plain } }));

/** A list without its halves, its quarters, …, its single items. */
function without<T>(list: readonly T[]): readonly (readonly T[])[] {
  const smaller: (readonly T[])[] = [];
  for (let size = list.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < list.length; from += size) smaller.push([...list.slice(0, from), ...list.slice(from + size)]);
  }
  return smaller;
}

/** The case with some tasks only; ids, links, commands and acts follow. */
function withTasks(from: SimulatedCase, plan: Plan, kept: readonly number[]): SimulatedCase {
  const places = new Map(kept.map((at, place) => [String(taskIdAt(at)), taskIdAt(place)]));
  const tasks = kept.flatMap((at, place) => {
    const task = plan.tasks[at];
    if (!task) return [];
    const dependencies = task.dependencies.flatMap(({ task: other, kind }) => {
      const moved = places.get(other);
      return moved ? [{ task: moved, kind }] : [];
    });
    return [{ ...task, id: taskIdAt(place), dependencies }];
  });
  return {
    ...from,
    plan: { ...plan, tasks },
    commands: from.commands.flatMap((command) => movedCommand(command, places)),
    ...(from.prompts && { prompts: from.prompts.flatMap((prompt) => movedPrompt(prompt, places)) }),
    world: "script" in from.world ? { script: movedScript(from.world.script, places) } : from.world,
  };
}

function movedPrompt(prompt: PromptCommand, places: ReadonlyMap<string, string>): readonly PromptCommand[] {
  const task = prompt.task === undefined ? undefined : places.get(prompt.task);
  const isGone = prompt.task !== undefined && task === undefined;
  return isGone ? [] : movedCommand({ ...prompt, ...(task !== undefined && { task }) }, places);
}

function movedCommand<C extends { readonly event: Command }>(command: C, places: ReadonlyMap<string, string>): readonly C[] {
  const { event } = command;
  if (!("task" in event) || event.task === undefined) return [command];
  const task = places.get(event.task);
  // A command to a task that the plan never had stays as it is.
  if (task === undefined) return taskIndex(event.task) < places.size ? [] : [command];
  return [{ ...command, event: { ...event, task } }];
}

function movedScript(script: WorldScript, places: ReadonlyMap<string, string>): WorldScript {
  return Object.fromEntries(
    Object.entries(script).flatMap(([name, act]) => {
      const task = /^\w+ (t\d+)[#/]/.exec(name)?.[1];
      if (task === undefined) return [[name, act]];
      const moved = places.get(task);
      return moved === undefined ? [] : [[name.replace(` ${task}`, ` ${moved}`), act]];
    }),
  );
}
