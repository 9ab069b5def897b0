// What an exploration came to, at either level: the chart (explore-run.ts) and the tree (explore-host.ts).
import type { Coverage } from "../coverage/coverage.ts";

/** What one exploration came to. The same options give the same report. */
export interface Exploration<Step> {
  /**
   * `chart`: the orchestrator's pure transitions, workers only as what they report. `tree`: the real actors, workers and
   * conversations included, on the simulated host.
   */
  readonly level: "chart" | "tree";
  /** Different states, by the key that they are told apart with. */
  readonly states: number;
  /** Ways that lead on from them: each is one event, delivery, command, stop or crash. */
  readonly transitions: number;
  /** States in which the run is over, by outcome. */
  readonly ends: Readonly<Record<string, number>>;
  /** Steps of the longest of all shortest ways. */
  readonly depth: number;
  /** True when every state in these bounds was visited. */
  readonly isExhausted: boolean;
  /** Which bounds were set, and which of them were reached: what the numbers above do not speak for. One sentence each. */
  readonly limits: readonly string[];
  /** Names of the promises that were looked at, each at every state or step. */
  readonly checked: readonly string[];
  readonly coverage: Coverage;
  /** One for each broken promise, with the shortest way to it. Empty: all were kept. */
  readonly violations: readonly Witness<Step>[];
}

/** The shortest way found to a broken promise. */
export interface Witness<Step> {
  /** Name of the invariant. */
  readonly invariant: string;
  /** What is wrong, in words. */
  readonly message: string;
  /** The way as data, plain JSON: it can be replayed. */
  readonly steps: readonly Step[];
  /** The way to read: `t1 fails → t2 finishes → crash → resume`. */
  readonly script: string;
}
