// Every path of the tree: the real actors on the simulated host, and whatever can happen next in each of their states.
//   E1  The search goes by breadth: the first way found to a state or to a broken promise is a shortest one.
//   E2  A state is reached by playing its way, from the start or from what survived its last crash: nothing else is copied,
//       nothing of another way can shine through.
//   E3  The same options give the same report.
import { checkBudget } from "../../../run/budget.ts";
import { checkedAnswers } from "../../check/given.ts";
import { checkExperiment, isAct, isJson } from "../../check/options.ts";
import { plainPlan } from "../../check/plan.ts";
import { CoverageCounter } from "../../coverage/coverage.ts";
import type { Broken } from "../../simulate/invariant.ts";
import { invariants as shipped } from "../../simulate/invariants.ts";
import { Stage } from "../../simulate/stage.ts";
import type { SimulatedCase } from "../../simulate/case.ts";
import type { Exploration, Witness } from "../report.ts";
import { leftAfter, nextSteps } from "./next-steps.ts";
import type { Left } from "./next-steps.ts";
import { workMayFail } from "./options.ts";
import type { ExploreHostOptions } from "./options.ts";
import { Player } from "./player.ts";
import type { Checkpoint, Played } from "./player.ts";
import { stateKey } from "./state-key.ts";
import { scriptOf } from "./steps.ts";
import type { TreeStep } from "./steps.ts";

/** Promises that are checked of every way, whatever `invariants` are given. */
const ALWAYS = [
  "durableBeforeVisible",
  "noWordAfterTheReport",
  "sameAfterResume",
  "sameWayAgain",
  "recordedIsDone",
  "repeatsAreTold",
  "onceMeansOnce",
];

const LONGEST_EFFECT_MS = 60_000;
const MOST_STATES = 100_000;
const MOST_STEPS = 200;

/**
 * Explores the real actors, your `machine` workers included, over every order of results, parts and timers, every outcome
 * that may be, commands, stops and crashes at any moment. Broken promises are reported, not thrown, each with a shortest
 * way to it. Throws QuatrainError for bad options, workers, plans, models or policies.
 */
export async function exploreHost(options: ExploreHostOptions): Promise<Exploration<TreeStep>> {
  const search = new Search(checkedOptions(options));
  await search.run();
  return search.report();
}

/** Options whose functions are looked at. Throws QuatrainError for what can't be explored. */
export function checkedOptions(options: ExploreHostOptions): ExploreHostOptions {
  checkExperiment("exploreHost", options);
  const { outcomes, key } = options;
  const acts = {
    name: "outcomes",
    fits: (answer: unknown) => Array.isArray(answer) && answer.length > 0 && answer.every(isAct),
    advice: 'answer a list of acts, the usual one first, such as [{}, { fail: "WorkerCrashed" }]',
  };
  return {
    ...options,
    ...(outcomes && { outcomes: checkedAnswers(outcomes, acts) }),
    ...(key && { key: checkedAnswers(key, { name: "key", fits: isJson, advice: "answer JSON" }) }),
  };
}

/** The player of an exploration's ways. */
export function playerOf(options: ExploreHostOptions): Player {
  const { workers, policy, models, machine, plan, budget, outcomes = workMayFail, invariants = Object.values(shipped) } = options;
  const stage = new Stage({
    workers,
    ...(policy && { policy }),
    ...(models && { models }),
    ...(machine && { machine }),
  });
  const scope = { workers: workers.map(({ name }) => name), inUse: [] };
  const played: Omit<SimulatedCase, "world"> = {
    seed: 1,
    mode: "orchestrate",
    plan: plan ? plainPlan(plan) : null,
    options: { ...options.options, ...(budget !== undefined && { budget: checkBudget(budget, scope) }) },
    commands: [],
  };
  return new Player({ stage, case: played, invariants, usual: (question) => outcomes(question)[0] ?? {} });
}

/** What tells the state that a way led to from all others. */
export function keyOf({ life, pending }: Played, left: Left, { key, ignore = [], budget }: ExploreHostOptions): string {
  const { host, actor } = life;
  const more = key?.(actor.getSnapshot()) ?? null;
  const budgets = [left.crashes, left.stops, ...left.commands.map(({ type }) => type)];
  return stateKey(
    { root: actor, now: host.clock.now(), pending: [...pending, ...host.waiting], timers: host.timers, left: budgets, more },
    { money: budget !== undefined, ignore },
  );
}

type Steps = readonly TreeStep[];

/** A state that was found, and how. */
interface Node {
  readonly parent: number;
  readonly steps: readonly TreeStep[];
  readonly depth: number;
  readonly left: Left;
  /** Where its process was resumed last, and the steps since then. */
  readonly from: Checkpoint | undefined;
  readonly since: readonly TreeStep[];
  /** Where its process may die. */
  here: Checkpoint | undefined;
}

/** What is still to be looked at: steps that lead on from a node. */
interface Work {
  readonly at: number;
  readonly next: readonly Steps[];
}

type Found = Pick<Node, "parent" | "steps" | "depth" | "left">;

class Search {
  readonly #options: ExploreHostOptions;
  readonly #player: Player;
  readonly #coverage = new CoverageCounter();
  readonly #nodes: Node[] = [];
  readonly #known = new Set<string>();
  /** What is to be looked at, by the depth of where it leads on from. */
  readonly #levels: Work[][] = [];
  readonly #ends = new Map<string, number>();
  readonly #violations = new Map<string, Witness<TreeStep>>();
  #transitions = 0;
  #isCut: "states" | "depth" | undefined;

  constructor(options: ExploreHostOptions) {
    this.#options = options;
    this.#player = playerOf(options);
  }

  async run(): Promise<void> {
    const { commands = [], crashes = 1, stops = 0 } = this.#options;
    const left: Left = { crashes, stops, commands };
    this.#postpone(0, await this.#look({ parent: -1, steps: [], depth: 0, left }));
    for (let depth = 0; depth < this.#levels.length && this.#isCut !== "states"; depth++) {
      // What is found by a level lies deeper.
      for (const { at, next } of this.#levels[depth] ?? []) await this.#expand(at, next);
      this.#levels[depth] = [];
    }
  }

  /** What follows on a node, and what its last step might have been instead: at once, or a level later where it is longer. */
  async #expand(at: number, next: readonly Steps[]): Promise<void> {
    const node = this.#nodes[at];
    if (!node) return;
    const most = this.#options.limits?.depth ?? MOST_STEPS;
    const open = [...next];
    for (let steps = open.shift(); steps; steps = open.shift()) {
      if (this.#isCut === "states") return;
      if (node.depth + steps.length > most) {
        this.#isCut = "depth";
        continue;
      }
      const depth = node.depth + steps.length;
      const siblings = await this.#look({ parent: at, steps, depth, left: leftAfter(node.left, steps) });
      open.push(...siblings.filter(({ length }) => length === steps.length));
      const longer = siblings.filter(({ length }) => length > steps.length);
      this.#postpone(at, longer);
    }
    node.here = undefined;
  }

  /** Steps that are longer than one are looked at when other ways of their length are (E1). */
  #postpone(at: number, next: readonly Steps[]): void {
    const [steps] = next;
    const node = this.#nodes[at];
    if (steps && node) this.#plan(node.depth + steps.length - 1, { at, next });
  }

  #plan(depth: number, work: Work): void {
    (this.#levels[depth] ??= []).push(work);
  }

  /** Plays one way. Returns what else its last step might have been, as is known only now. */
  async #look(found: Found): Promise<readonly Steps[]> {
    const { parent, steps, left } = found;
    if (parent >= 0) this.#transitions++;
    const { from, since } = this.#startOf(found);
    const played = await this.#player.play(since, { ...(from && { from }), coverage: this.#coverage, last: steps.length });
    const { outcomes = workMayFail, longestEffectMs = LONGEST_EFFECT_MS } = this.#options;
    const { movers, interruptions, siblings } = nextSteps(played, { steps, left, outcomes, longestEffectMs });
    const end = played.end ?? (movers.length === 0 ? ({ kind: "stalled" } as const) : undefined);
    const broken = end ? [...played.broken, ...played.life.auditor.verdict(played.run(end))] : played.broken;
    for (const one of broken) await this.#witness(one, [...this.#wayTo(parent), ...steps]);
    const key = keyOf(played, left, this.#options);
    const next = broken.length > 0 ? [] : [...movers, ...interruptions];
    if (!this.#known.has(key)) {
      const here = left.crashes > 0 && next.length > 0 ? played.checkpoint() : undefined;
      const { resumed } = played;
      const later = since.slice(since.findLastIndex((step) => "crash" in step || "stop" in step) + 1);
      const node: Node = { ...found, from: resumed ?? from, since: resumed ? later : since, here };
      this.#add(key, node, end && (played.life.actor.getSnapshot().output?.outcome ?? end.kind));
      if (next.length > 0 && this.#isCut !== "states") this.#plan(found.depth, { at: this.#nodes.length - 1, next });
    }
    return broken.length > 0 ? [] : siblings;
  }

  /** A crash needs no more than what survives it; else the steps since the last interruption are played again. */
  #startOf({ parent, steps }: Found): Pick<Node, "from" | "since"> {
    const before = this.#nodes[parent];
    const [step] = steps;
    if (before?.here && step && "crash" in step && step.crash === "rest") return { from: before.here, since: [] };
    return { from: before?.from, since: [...(before?.since ?? []), ...steps] };
  }

  #add(key: string, node: Node, outcome: string | undefined): void {
    if (this.#nodes.length >= (this.#options.limits?.states ?? MOST_STATES)) {
      this.#isCut = "states";
      return;
    }
    this.#known.add(key);
    this.#nodes.push(node);
    if (outcome !== undefined) this.#ends.set(outcome, (this.#ends.get(outcome) ?? 0) + 1);
  }

  #wayTo(at: number): readonly TreeStep[] {
    const parts: (readonly TreeStep[])[] = [];
    for (let node = this.#nodes[at]; node; node = this.#nodes[node.parent]) parts.push(node.steps);
    return parts.toReversed().flat();
  }

  async #witness({ invariant, message }: Broken, steps: readonly TreeStep[]): Promise<void> {
    if (this.#violations.has(invariant)) return;
    const { words, broken } = await this.#player.play(steps, { words: true });
    // Played in one go it can tell more.
    const again = broken.find((one) => one.invariant === invariant);
    this.#violations.set(invariant, { invariant, message: again?.message ?? message, steps, script: scriptOf(words) });
  }

  report(): Exploration<TreeStep> {
    const { invariants = Object.values(shipped) } = this.#options;
    return {
      level: "tree",
      states: this.#nodes.length,
      transitions: this.#transitions,
      ends: Object.fromEntries([...this.#ends].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      depth: this.#nodes.reduce((most, { depth }) => Math.max(most, depth), 0),
      isExhausted: this.#isCut === undefined && this.#violations.size === 0,
      limits: this.#limits(),
      checked: [...ALWAYS, ...invariants.map(({ name }) => name)],
      coverage: this.#coverage.counts,
      violations: [...this.#violations.values()],
    };
  }

  #limits(): readonly string[] {
    const { crashes = 1, stops = 0, commands = [], limits = {}, budget, longestEffectMs = LONGEST_EFFECT_MS } = this.#options;
    const { states = MOST_STATES, depth = MOST_STEPS } = limits;
    return [
      ...(this.#isCut === "states" ? [`Not exhausted: it ended at ${states} states.`] : []),
      ...(this.#isCut === "depth" ? [`Not exhausted: ways are cut after ${depth} steps.`] : []),
      ...(this.#violations.size > 0 ? ["What follows after a broken promise was not looked at."] : []),
      `Most in one way: crashes ${crashes}, clean stops ${stops}, commands ${commands.length} (each once).`,
      `A timer comes before results in flight only when it is due within ${longestEffectMs} ms.`,
      "Promises about the past are checked along the way by which a state was first reached.",
      "Random waits are those of one seed; of moments only their order tells states apart.",
      ...(budget ? [] : ["There is no limit of money, tokens or time: sums do not tell states apart."]),
    ];
  }
}
