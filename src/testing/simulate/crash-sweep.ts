// Crashes at every moment: a run is stopped before each append to its journal, after it, and after each effect before its
// result is known; taken up again, it must come to the same result, and nothing may be repeated silently.
//   C1  What was seen before the crash is seen again: nothing is told of what was not recorded.
//   C2  An effect whose result is recorded is not performed again.
//   C3  An effect that is performed again was told that it may have run; a `once` effect is not performed again at all.
import { FAILURE_CODES } from "../../core/failure.ts";
import { stableStringify } from "../../core/json.ts";
import type { Row } from "../../host/journal.ts";
import { memoryJournal } from "../../host/memory-journal.ts";
import type { RunOutput } from "../../machines/run-events.ts";
import type { Performed } from "../simulated-ports.ts";
import { checkedAnswers } from "../check/given.ts";
import { checkExperiment, isJson } from "../check/options.ts";
import type { SimulatedCase } from "./case.ts";
import { FirstLife } from "./first-life.ts";
import { Auditor } from "./invariant.ts";
import type { Broken, Invariant } from "./invariant.ts";
import { invariants as shipped } from "./invariants.ts";
import { scriptOf } from "./script.ts";
import { casesOf } from "./simulate-runs.ts";
import type { RandomRunOptions, Violation } from "./simulate-runs.ts";
import { CoverageCounter } from "../coverage/coverage.ts";
import type { Coverage } from "../coverage/coverage.ts";
import { Stage } from "./stage.ts";
import type { PlayOptions, SimulatedRun } from "./stage.ts";

/** Options of `crashSweep`. */
export interface CrashSweepOptions extends RandomRunOptions {
  /** How many random cases, without commands and budgets. @default 1, or all cases */
  readonly runs?: number;
  /**
   * What must be the same as without a crash. Leave out what may depend on the order of results, for example after a
   * command in the middle. @default outcome, answer, code of the failure, files, and each task's status and output
   */
  readonly result?: (output: RunOutput) => unknown;
  /** Most moments of a case at which it is stopped, the first ones. Each costs the whole run once more. @default 2_000 */
  readonly mostStops?: number;
}

/** A promise that a crash broke. */
export interface CrashViolation extends Violation {
  /** Where the run was stopped, counted over all moments of the run, and in words: `playCase(options, case, stop)`. */
  readonly stop: number;
  readonly moment: string;
}

/** What a crash sweep came to. */
export interface CrashReport {
  readonly cases: number;
  /** False where a case has more moments than `mostStops`: those were not looked at. */
  readonly isExhausted: boolean;
  /** Times that a run was stopped and taken up again, in all and by moment. */
  readonly stops: number;
  readonly moments: { readonly beforeCommit: number; readonly afterCommit: number; readonly beforeResult: number };
  /** Effects in flight at a crash that were performed again, and told so. */
  readonly performedAgain: number;
  /** `once` effects in flight at a crash: not performed again, their answer says that it is unknown whether they ran. */
  readonly inDoubt: number;
  /** What was visited, after the crashes, too. */
  readonly coverage: Coverage;
  readonly violations: readonly CrashViolation[];
}

/**
 * Stops each run at every moment, takes it up again over the same journal, and compares. Nothing of a crashed run goes
 * on: what comes after the moment was never done. Throws QuatrainError for bad options, workers,
 * plans, models or policies.
 */
export async function crashSweep(options: CrashSweepOptions): Promise<CrashReport> {
  checkExperiment("crashSweep", options);
  const { invariants = Object.values(shipped), mostStops = MOST_STOPS } = options;
  const result = checkedAnswers(options.result ?? resultOf, RESULT);
  const stage = new Stage(options);
  const faults = { codes: ORDERLY, ...options.faults };
  const cases = casesOf({ ...options, faults }, stage, { runs: options.runs ?? 1, commands: 0, sleeps: 0, budgets: false });
  const sweep = new Sweep(stage, { result, invariants, mostStops, inspects: options.coverage === "machines" });
  for (const played of cases) await sweep.sweep(played);
  return sweep.report;
}

const RESULT = { name: "result", fits: isJson, advice: "answer what must be the same, as JSON" };

const MOST_STOPS = 2_000;

/** Once the budget is used up nothing new starts: what has started by then depends on the order of results. */
const ORDERLY = FAILURE_CODES.filter((code) => code !== "BudgetExceeded");

/** What must be the same, where nothing else is said: no times, no money. */
function resultOf({ outcome, answer, failure, files, tasks }: RunOutput): unknown {
  const ends = tasks.map(({ id, status, output, files: changed }) => ({ id, status, output, files: changed }));
  return { outcome, answer, failure: failure?.code ?? null, files, tasks: ends };
}

interface Rules {
  readonly result: (output: RunOutput) => unknown;
  readonly invariants: readonly Invariant[];
  readonly mostStops: number;
  /** Whether states and transitions of machines are counted, too. */
  readonly inspects: boolean;
}

/** The stop of a promise that is broken without any. */
const UNDISTURBED = -1;

class Sweep {
  readonly #stage: Stage;
  readonly #rules: Rules;
  readonly #violations: CrashViolation[] = [];
  readonly #coverage = new CoverageCounter();
  readonly #inspect: Pick<PlayOptions, "inspect">;
  readonly #moments = { beforeCommit: 0, afterCommit: 0, beforeResult: 0 };
  #cases = 0;
  #isExhausted = true;
  #performedAgain = 0;
  #inDoubt = 0;

  constructor(stage: Stage, rules: Rules) {
    this.#stage = stage;
    this.#rules = rules;
    this.#inspect = rules.inspects ? { inspect: (event) => this.#coverage.inspect(event) } : {};
  }

  get report(): CrashReport {
    const { beforeCommit, afterCommit, beforeResult } = this.#moments;
    return {
      cases: this.#cases,
      isExhausted: this.#isExhausted,
      stops: beforeCommit + afterCommit + beforeResult,
      moments: this.#moments,
      performedAgain: this.#performedAgain,
      inDoubt: this.#inDoubt,
      coverage: this.#coverage.counts,
      violations: this.#violations,
    };
  }

  async sweep(played: SimulatedCase): Promise<void> {
    this.#cases++;
    const auditor = new Auditor(this.#rules.invariants);
    const undisturbed = await this.#stage.play(played, { listener: auditor, ...this.#inspect });
    for (const event of undisturbed.events) this.#coverage.add(event);
    // A run that breaks by itself has no moments to be stopped at: that must not look like success.
    for (const broken of auditor.verdict(undisturbed))
      this.#note(broken, { stop: UNDISTURBED, moment: "never", run: undisturbed });
    const expected = stableStringify(this.#essenceOf(undisturbed));
    for (let stop = 0; await this.#stopAt(played, stop, expected); stop++) {
      if (stop + 1 < this.#rules.mostStops) continue;
      this.#isExhausted = false;
      break;
    }
  }

  #essenceOf({ end, output }: SimulatedRun): unknown {
    return { end: end.kind, result: output ? this.#rules.result(output) : null };
  }

  /** False: the run ended before there was such a moment. */
  async #stopAt(played: SimulatedCase, stop: number, expected: string): Promise<boolean> {
    const journal = memoryJournal();
    const life = new FirstLife(stop);
    const { crash, performing } = life;
    const first = await this.#stage.play(played, { journal, crash, performing });
    if (first.end.kind !== "crashed") return false;
    this.#moments[life.kind]++;
    const recorded = journal.read();
    const after: Performed[] = [];
    const auditor = new Auditor(this.#rules.invariants);
    const watching = { listener: auditor, performing: (one: Performed) => after.push(one), ...this.#inspect };
    const second = await this.#stage.play(played, { journal, ...watching });
    for (const event of second.events.slice(first.events.length)) this.#coverage.add(event);
    const found = [
      ...auditor.verdict(second),
      ...sameResult(expected, stableStringify(this.#essenceOf(second))),
      ...seenAgain(first, second),
      ...nothingRepeated({ before: life.performed, after, recorded }),
    ];
    this.#performedAgain += after.filter(({ lost }) => lost > 0).length;
    this.#inDoubt += inDoubtOf(recorded, second.rows, life.performed);
    for (const broken of found) this.#note(broken, { stop, moment: life.moment, run: second });
    return true;
  }

  /** Of each case the first of a kind is kept. */
  #note(
    { invariant, message }: Broken,
    at: { readonly stop: number; readonly moment: string; readonly run: SimulatedRun },
  ): void {
    const { stop, moment, run } = at;
    if (this.#violations.some((known) => known.invariant === invariant && known.case === run.case)) return;
    const how = stop === UNDISTURBED ? "without a stop" : `stopped ${moment}, and taken up again`;
    const script = `${how}\n${scriptOf(run)}`;
    this.#violations.push({ seed: run.case.seed, invariant, message, script, case: run.case, stop, moment });
  }
}

function sameResult(expected: string, actual: string): readonly Broken[] {
  return actual === expected ? [] : [{ invariant: "sameResult", message: `undisturbed ${expected}; taken up again ${actual}` }];
}

/** C1. */
function seenAgain({ events: before }: SimulatedRun, { events: after }: SimulatedRun): readonly Broken[] {
  const at = before.findIndex((event, place) => stableStringify(event) !== stableStringify(after[place] ?? null));
  if (at < 0) return [];
  const message = `event ${at + 1} was ${stableStringify(before[at])}; taken up again it is ${stableStringify(after[at] ?? null)}`;
  return [{ invariant: "whatWasSeenStays", message }];
}

/** C2 and C3, of a run that was interrupted once or more often. `recorded`: the rows at the last interruption. */
export function nothingRepeated(lives: {
  readonly before: readonly Performed[];
  readonly after: readonly Performed[];
  readonly recorded: readonly Row[];
}): readonly Broken[] {
  const { before, after, recorded } = lives;
  const closed = new Set(recorded.flatMap(({ kind, key }) => (CLOSING.has(kind) && key !== undefined ? [key] : [])));
  const done = new Set(before.map(nameOf));
  const broken = (invariant: string, { effect, key }: Performed, how: string): Broken => ({
    invariant,
    message: `${effect} ${key} was performed again${how}`,
  });
  return after.flatMap((again) => {
    if (!done.has(nameOf(again))) return [];
    if (again.class === "once") return [broken("onceMeansOnce", again, ", and may only run once")];
    if (closed.has(again.key)) return [broken("recordedIsDone", again, ", though its result was recorded")];
    return again.lost === 0 ? [broken("repeatsAreTold", again, " without being told that it was in flight at the crash")] : [];
  });
}

/** `once` effects that were in flight at the crash and have an answer all the same. */
function inDoubtOf(recorded: readonly Row[], rows: readonly Row[], performed: readonly Performed[]): number {
  const once = new Set(performed.flatMap((one) => (one.class === "once" ? [one.key] : [])));
  const closings = rows.slice(recorded.length).filter(({ kind, key = "" }) => CLOSING.has(kind) && once.has(key));
  return closings.length;
}

const CLOSING: ReadonlySet<string> = new Set(["result", "error", "cancelled"]);

const nameOf = ({ effect, key }: Performed): string => `${effect} ${key}`;
