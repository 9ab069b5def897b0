// What a worker is, what it is given (brief) and what it returns (report). All plain JSON.
import { z } from "zod";
import type { Failure } from "../core/failure.ts";
import type { TaskId } from "../core/ids.ts";
import type { Json } from "../core/json.ts";
import type { Tier } from "./plan.ts";
import type { SpendTotals } from "./spend.ts";

/** What must be shown before a report's success is believed. */
export const EvidenceKind = z.enum(["schema", "files", "commands"]);
/** What must be shown before a report's success is believed. */
export type EvidenceKind = z.infer<typeof EvidenceKind>;

/** A worker as the orchestrator knows it: its definition without functions. */
export interface WorkerCard {
  readonly name: string;
  /** What it is good at; the planner chooses by it. */
  readonly description: string;
  /** Who does the work: a model with instructions, a function, or a machine of the user's. */
  readonly kind: "model" | "perform" | "machine";
  readonly instructions: string;
  readonly tools: readonly string[];
  readonly evidence: EvidenceKind;
  /** Commands that must exit 0 after each task of this worker, besides the task's own. */
  readonly acceptance: readonly string[];
  readonly tier: Tier;
  /** JSON schemas of input and output; null for free text. */
  readonly inputSchema: Json;
  readonly outputSchema: Json;
  /** Most of its tasks at once; null for no cap of its own. */
  readonly cap: number | null;
  readonly maxTurns: number;
  /** Longest time of one attempt, in ms. */
  readonly maxMs: number;
}

/** A file that a task created, changed or deleted. */
export interface ChangedFile {
  readonly path: string;
  readonly kind: "added" | "modified" | "deleted";
}

/** What a task changed, by reference: the workspace port knows the contents. */
export interface ChangeSet {
  readonly ref: string;
  readonly files: readonly ChangedFile[];
}

/** What reaches a worker from a task it depends on. */
export interface DependencyOutput {
  readonly task: TaskId;
  readonly label: string;
  readonly worker: string;
  /** Text, or JSON where the worker declares an output; cut when long. */
  readonly output: Json;
}

/** All that a worker is given. Nothing else reaches it. */
export interface Brief {
  readonly task: string;
  readonly files: readonly string[];
  readonly constraints: readonly string[];
  readonly output_format: string;
  readonly input: Json;
  readonly dependencies: readonly DependencyOutput[];
  /** What earlier attempts of this task tried and why they failed. */
  readonly issues: readonly string[];
}

/** One thing that was looked at before success was believed. */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly what: string;
  readonly ok: boolean;
  readonly detail?: string;
}

/** What a worker returns when it did its task. */
export interface Report {
  readonly worker: string;
  readonly success: true;
  /** A reference to the whole output (an artifact), its size in characters, and the text itself where it is short (4,000 characters). */
  readonly output: { readonly ref: string; readonly bytes: number; readonly value: Json };
  readonly summary: string;
  readonly changes: ChangeSet;
  readonly evidence: readonly Evidence[];
}

/** How a worker actor ends: its report, or why there is none. `at` is host time in ms. */
export type WorkerOutcome =
  | { readonly kind: "finished"; readonly report: Report; readonly spend: SpendTotals; readonly at: number }
  | { readonly kind: "failed"; readonly failure: Failure; readonly spend: SpendTotals; readonly at: number };

/** A file that two tasks changed without one being after the other. */
export interface Conflict {
  readonly path: string;
  readonly tasks: readonly string[];
  /** The task whose version stands in the result. */
  readonly kept: string;
}
