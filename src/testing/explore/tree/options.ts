// What an exploration of the tree is made with, what may happen in it by default, and what can be next in a state.
import { taskOfConversation } from "../../../core/ids.ts";
import type { RunOptions } from "../../../machines/run-state.ts";
import type { Budget } from "../../../protocol/budget.ts";
import type { Command } from "../../../protocol/command.ts";
import type { Plan } from "../../../protocol/plan.ts";
import type { DefinedPlan } from "../../../workers/define-plan.ts";
import type { Invariant } from "../../simulate/invariant.ts";
import type { RunSnapshot, StageOptions } from "../../simulate/stage.ts";
import type { WorldAct, WorldQuestion } from "../../simulate/world.ts";

/** What an effect may come to, the usual act first; at least one. It must not remember anything. */
export type Outcomes = (question: WorldQuestion) => readonly WorldAct[];

/** Options of `exploreHost`. */
export interface ExploreHostOptions extends Pick<StageOptions, "workers" | "policy" | "models" | "machine"> {
  /** The plan that is carried out, of `definePlan` or `planShapes`; null: the simulated model is asked for one. */
  readonly plan: Plan | DefinedPlan | null;
  /** What differs from the options that `orchestrate` would use: concurrency, asks, review. */
  readonly options?: Partial<Omit<RunOptions, "budget">>;
  /** Most money, tokens and time. States are told apart by sums then, so that there are more. @default no limits */
  readonly budget?: Budget;
  /** What effects may come to. @default `workMayFail`: the work of each attempt succeeds or fails; all else succeeds */
  readonly outcomes?: Outcomes;
  /** What a person may send at any moment, each at most once in a way. @default none */
  readonly commands?: readonly Command[];
  /** Most crashes in a way, at any moment. @default 1 */
  readonly crashes?: number;
  /** Most clean stops in a way, each with its resume. @default 0 */
  readonly stops?: number;
  /**
   * A timer may come before results that are in flight when it is due within so many virtual ms: effects take no longer
   * than that. Infinity: any timer may, also an attempt's time limit. @default 60_000
   */
  readonly longestEffectMs?: number;
  /** What must hold. @default all of `invariants` */
  readonly invariants?: readonly Invariant[];
  /** Where to stop, whatever is left. */
  readonly limits?: {
    /** Most states. @default 100_000 */
    readonly states?: number;
    /** Most steps of a way. @default 200 */
    readonly depth?: number;
  };
  /** What else tells two states apart, for invariants that read more of the past: any JSON. @default nothing */
  readonly key?: (snapshot: RunSnapshot) => unknown;
  /** Fields of the orchestrator's context that do not tell states apart, where you know that nothing reads them. @default none */
  readonly ignore?: readonly (keyof RunSnapshot["context"])[];
}

/** The default of `outcomes`: each function or first turn of an attempt succeeds, or fails so that it may be tried again. */
export const workMayFail: Outcomes = ({ effect, key }) => {
  if (effect === "performWork") return [{}, { fail: "WorkerCrashed" }];
  const isFirstTurn = effect === "modelTurn" && key.endsWith("/turn/1.0") && taskOfConversation(key.split("/")[0] ?? "");
  return isFirstTurn ? [{}, { answer: "GAVE UP: it can't be done." }] : [{}];
};
