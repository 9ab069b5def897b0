// Where a run comes from: what a fork or a follow-up run is given of the run before it. Part of the run's input, plain JSON.
import type { Report } from "./work.ts";

/** The run before, and the journal row up to which it counts. */
export interface Parent {
  readonly run: string;
  readonly seq: number;
  /** `fork`: the same request, another way from that row on. `follow-up`: a new request on top of its result. */
  readonly as: "fork" | "follow-up";
}

/** Finished work that need not be done again where the same is asked for. */
export interface ReuseEntry {
  /** What it was made from, by content. */
  readonly key: string;
  /** The run that did it. */
  readonly from: string;
  /** What it cost there. */
  readonly usd: number;
  readonly report: Report;
}

/** A run whose result a follow-up run builds on. */
export interface EarlierRun {
  readonly run: string;
  readonly request: string;
  readonly outcome: string;
  /** Its final answer, cut when long. */
  readonly answer: string;
  readonly tasks: readonly {
    readonly label: string;
    readonly worker: string;
    readonly task: string;
    readonly status: string;
    readonly summary: string;
  }[];
}

/** What a run takes over from the one before it. */
export interface Lineage {
  readonly parent: Parent;
  /** The way that was chosen; null: to be chosen anew. */
  readonly route: { readonly mode: "direct" | "orchestrate"; readonly worker: string | null; readonly reason: string } | null;
  /** What people said to the run before. */
  readonly told: readonly string[];
  /** Names the files that all work builds on; null without files. */
  readonly base: string | null;
  readonly reuse: readonly ReuseEntry[];
  /** The runs that this one follows up, oldest first. */
  readonly earlier: readonly EarlierRun[];
}
