// Seeded random runs over the real machines: plans, faults, latencies, commands and budgets from a seed; what every run
// must hold; and the smallest run that does not.
//   R1  The same options give the same report, byte by byte.
import type { InspectionEvent } from "xstate";
import type { RunOptions } from "../../machines/run-state.ts";
import { worstCaseUsd } from "../../model/prices.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { DefinedPlan } from "../../workers/define-plan.ts";
import { checkExperiment } from "../check/options.ts";
import { plainPlan } from "../check/plan.ts";
import { randomCase } from "./case.ts";
import type { CaseSpace, SimulatedCase } from "./case.ts";
import { CoverageCounter } from "../coverage/coverage.ts";
import type { Coverage } from "../coverage/coverage.ts";
import { Auditor } from "./invariant.ts";
import type { Broken, Invariant } from "./invariant.ts";
import { invariants as shipped } from "./invariants.ts";
import type { Badness } from "./random-world.ts";
import { scriptOf } from "./script.ts";
import { shrink } from "./shrink.ts";
import { Stage } from "./stage.ts";
import type { SimulatedRun, StageOptions } from "./stage.ts";

/** What random runs are made of, besides workers, policy, models and world. */
export interface RandomRunOptions extends StageOptions {
  /** First seed; each run has the next one. @default 1 */
  readonly seed?: number;
  /** The plan of every run, of `definePlan` or `planShapes`. @default random plans, some written by the simulated model */
  readonly plan?: Plan | DefinedPlan;
  /** Least and most tasks of a random plan; small ones are more frequent. @default [1, 12] */
  readonly tasks?: readonly [number, number];
  /** Highest shares (0 to 1) of turns and steps that fail; each run draws its own below. @default { turns: 0.3, steps: 0.2 } */
  readonly faults?: Partial<Badness>;
  /** What all runs have in common; what is not named is random (concurrency, review, asks, budget) or as usual. */
  readonly options?: Partial<RunOptions>;
  /** These cases instead of random ones; seed, plan, tasks, faults and options are ignored. */
  readonly cases?: readonly SimulatedCase[];
  /** What must hold. @default all of `invariants` */
  readonly invariants?: readonly Invariant[];
  /** `machines`: states and transitions of machines are counted, too, in `coverage.machines`. @default "events" */
  readonly coverage?: "events" | "machines";
}

/** Options of `simulateRuns`. */
export interface SimulateRunsOptions extends RandomRunOptions {
  /** How many. @default 100, or all cases */
  readonly runs?: number;
  /** Most commands of one run, at random moments: pause, resume, cancel, tell, skip, retry, answers. @default 5 */
  readonly commands?: number;
  /** Every how many runs one is played twice and compared, byte by byte; 0 for never. @default 20 */
  readonly repeatEvery?: number;
  /** Most plays to make a failing run smaller. @default 500 */
  readonly shrinkTries?: number;
  /** Told of every run, for example for progress. */
  readonly onRun?: (run: SimulatedRun) => void;
}

/** A broken promise. */
export interface Violation {
  readonly seed: number;
  /** Name of the invariant; `sameSeedSameJournal` for a run that differed when played again. */
  readonly invariant: string;
  /** What is broken, in the smallest failing run. */
  readonly message: string;
  /** The smallest failing run in words. */
  readonly script: string;
  /** The smallest failing run as data: `playCase(options, case)` plays it again, `simulateRuns({ …, cases: [case] })` judges it again. */
  readonly case: SimulatedCase;
}

/** What simulated runs came to. */
export interface SimulationReport {
  readonly runs: number;
  readonly tasks: number;
  /** Commands that were sent, those of helping persons not counted. */
  readonly commands: number;
  readonly turns: number;
  /** Events of all runs. */
  readonly events: number;
  /** Runs that were played twice. */
  readonly repeated: number;
  /** How many runs ended how; `none` for those that did not end. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly coverage: Coverage;
  readonly violations: readonly Violation[];
}

/** Failing runs that are made smaller; of more only the first lines are told. */
const MOST_SHRUNK = 3;
/** Runs with longer journals are not made smaller: each try would take seconds. */
const LONG_ROWS = 5_000;

/**
 * Plays seeded random runs of the real machines with your workers and policy in a simulated world, and checks every
 * invariant in each. No key, no network, virtual time. Machine workers run as they are; models and function workers are
 * simulated. Never rejects for a broken promise: look at `violations`. Throws QuatrainError for bad options,
 * workers, plans, models or policies.
 */
export async function simulateRuns(options: SimulateRunsOptions): Promise<SimulationReport> {
  checkExperiment("simulateRuns", options);
  const { commands = 5, repeatEvery = 20, shrinkTries = 500, invariants = Object.values(shipped), onRun } = options;
  const stage = new Stage(options);
  const cases = casesOf(options, stage, { runs: options.runs ?? 100, commands, sleeps: 2, budgets: true });
  const tally = new Tally();
  const inspect = options.coverage === "machines" ? tally.inspect : undefined;
  const violations: Violation[] = [];
  for (const [at, played] of cases.entries()) {
    const repeats = repeatEvery > 0 && at % repeatEvery === 0;
    const { run, broken } = await judge(stage, played, { invariants, repeats, inspect });
    tally.add(run, repeats);
    onRun?.(run);
    for (const one of broken) {
      const again = violations.length < MOST_SHRUNK && run.lines.length <= LONG_ROWS ? shrinkTries : 0;
      violations.push(await violationOf(stage, { run, broken: one, invariants }, again));
    }
  }
  return { ...tally.report, violations };
}

/** The cases that options name, or random ones. */
export function casesOf(
  options: RandomRunOptions,
  stage: Stage,
  { runs, budgets, ...most }: Pick<CaseSpace, "commands" | "sleeps"> & { readonly runs: number; readonly budgets: boolean },
): readonly SimulatedCase[] {
  if (options.cases) return options.cases;
  const { workers, plan = null, tasks = [1, 12], faults, seed = 1 } = options;
  const space: CaseSpace = {
    workers: workers.map(({ card }) => card),
    plan: plan && plainPlan(plan),
    tasks,
    faults: { turns: 0.3, steps: 0.2, ...faults },
    ...most,
    turnUsd: budgets ? worstCaseUsd(stage.models.worker, { knownPromptTokens: 0, newCharacters: 4_000 }) : null,
    options: options.options ?? {},
  };
  return Array.from({ length: runs }, (_, at) => randomCase(seed + at, space));
}

interface Judging {
  readonly invariants: readonly Invariant[];
  /** Whether it is played twice. */
  readonly repeats: boolean;
  /** Gets XState's inspection events. @default nobody */
  readonly inspect?: ((event: InspectionEvent) => void) | undefined;
}

/** Plays one case under the eyes of all invariants. */
async function judge(
  stage: Stage,
  played: SimulatedCase,
  { invariants, repeats, inspect }: Judging,
): Promise<{ readonly run: SimulatedRun; readonly broken: readonly Broken[] }> {
  const auditor = new Auditor(invariants);
  const run = await stage.play(played, { listener: auditor, ...(inspect && { inspect }) });
  const broken = auditor.verdict(run);
  return { run, broken: repeats ? [...broken, ...differences(run, await stage.play(played))] : broken };
}

function differences({ lines }: SimulatedRun, again: SimulatedRun): readonly Broken[] {
  const at = lines.findIndex((line, place) => line !== again.lines[place]);
  if (at < 0 && lines.length === again.lines.length) return [];
  const row = at < 0 ? lines.length : at;
  const message = `row ${row + 1} was ${lines[row]?.slice(0, 200)}, and is ${again.lines[row]?.slice(0, 200)}`;
  return [{ invariant: "sameSeedSameJournal", message }];
}

interface Failing {
  readonly run: SimulatedRun;
  readonly broken: Broken;
  readonly invariants: readonly Invariant[];
}

async function violationOf(stage: Stage, { run, broken, invariants }: Failing, tries: number): Promise<Violation> {
  const repeats = broken.invariant === "sameSeedSameJournal";
  const watching = invariants.filter(({ name }) => name === broken.invariant);
  let { message } = broken;
  const smallest = await shrink(
    run,
    async (candidate) => {
      const judged = await judge(stage, candidate, { invariants: watching, repeats });
      const same = judged.broken.find(({ invariant }) => invariant === broken.invariant);
      if (same) ({ message } = same);
      return same && judged.run;
    },
    tries,
  );
  const { seed } = run.case;
  return { seed, invariant: broken.invariant, message, script: scriptOf(smallest), case: smallest.case };
}

class Tally {
  readonly #outcomes = new Map<string, number>();
  readonly #coverage = new CoverageCounter();
  #runs = 0;
  #tasks = 0;
  #commands = 0;
  #turns = 0;
  #events = 0;
  #repeated = 0;

  add({ case: played, events, output, snapshot }: SimulatedRun, repeated: boolean): void {
    const outcome = output?.outcome ?? "none";
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
    for (const event of events) this.#coverage.add(event);
    this.#runs++;
    this.#tasks += snapshot.context.queue?.tasks.length ?? 0;
    this.#commands += played.commands.length;
    this.#turns += output?.spend.turns ?? 0;
    this.#events += events.length;
    this.#repeated += repeated ? 1 : 0;
  }

  /** Counts states and transitions of machines. */
  readonly inspect = (event: InspectionEvent): void => this.#coverage.inspect(event);

  get report(): Omit<SimulationReport, "violations"> {
    const outcomes = Object.fromEntries([...this.#outcomes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return {
      runs: this.#runs,
      tasks: this.#tasks,
      commands: this.#commands,
      turns: this.#turns,
      events: this.#events,
      repeated: this.#repeated,
      outcomes,
      coverage: this.#coverage.counts,
    };
  }
}
