// The matchers for vitest's `expect`, and their types.
import type { AnyActorLogic } from "xstate";
import { lintMachine, lintText } from "../lint/lint-machine.ts";
import type { LintOptions } from "../lint/lint-machine.ts";
import { judgeCost, judgeDependencies, judgeSettling, judgeViolations } from "./judge.ts";
import type { CostLimit, SettleOptions, Verdict } from "./judge.ts";

/** What `expect` can say about runs, reports and machines. Those about runs are asynchronous: await them. */
export interface QuatrainMatchers<R> {
  /**
   * A run comes to its end, to `outcome` where that is given. Takes a run, its result, a simulated run, the
   * orchestrator's actor, or a promise of one. A live run is waited for; else the message tells what it waits for.
   */
  toSettle(options?: SettleOptions): Promise<void>;
  /** Every task of a run started after the tasks it needs had finished. Takes a run, a simulated run, or a list of events. */
  toRespectDependencies(): Promise<void>;
  /** A run that has ended cost at most so many USD, or USD and tokens. Turns of models without a price fail it. */
  toCostAtMost(limit: number | CostLimit): Promise<void>;
  /** A report of `simulateRuns`, `crashSweep`, `exploreRun` or `exploreHost` tells of no broken promise; else its scripts are shown. */
  toHaveNoViolations(): R;
  /** `lintMachine` finds nothing in a machine. */
  toBeClean(options?: LintOptions): R;
}

/** The matchers as `expect.extend` takes them. */
export const matchers = {
  toSettle: (subject: unknown, options: SettleOptions = {}): Promise<Verdict> => judgeSettling(subject, options),
  toRespectDependencies: (subject: unknown): Promise<Verdict> => judgeDependencies(subject),
  toCostAtMost: (subject: unknown, limit: number | CostLimit): Promise<Verdict> => judgeCost(subject, limit),
  toHaveNoViolations: (subject: unknown): Verdict => judgeViolations(subject),
  toBeClean: (machine: AnyActorLogic, options?: LintOptions): Verdict => {
    const issues = lintMachine(machine, options);
    const message = (): string =>
      issues.length === 0 ? "Expected the machine to have issues, and lintMachine finds none." : lintText(issues);
    return { pass: issues.length === 0, message };
  },
};

declare module "vitest" {
  // oxlint-disable-next-line typescript/no-empty-object-type -- merging takes an interface; its members stand above
  interface Matchers<R, T> extends QuatrainMatchers<R> {}
}
