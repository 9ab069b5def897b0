// A recorded run as others can play it: what it was begun with, each effect with its input and what came of it, what
// people did, and how it ended. Plain JSON; its text form is cassette-text.ts, how it is made cassette-record.ts.
import type { Json } from "../core/json.ts";
import type { Policy } from "../core/policy.ts";
import type { Command } from "../host/port.ts";
import { runOutput } from "../machines/run-events.ts";
import type { RunContext, RunInput } from "../machines/run-state.ts";
import type { Plan } from "../protocol/plan.ts";
import type { Outcome } from "../protocol/run-event.ts";
import type { ChangedFile, Conflict } from "../protocol/work.ts";

/** Version of the format that this code writes and reads. */
export const CASSETTE_FORMAT = 1;

/** A recorded run. All times are ms after its first moment; keys, secrets, machine paths and dates are not in it. */
export interface Cassette {
  readonly head: CassetteHead;
  /** In the order in which they were started. */
  readonly effects: readonly RecordedEffect[];
  /** What came from outside besides results, in its order. */
  readonly arrivals: readonly RecordedArrival[];
  readonly end: CassetteEnd;
}

/** What the run was begun with. */
export interface CassetteHead {
  /** Version of Quatrain that recorded it. */
  readonly quatrain: string;
  /** Versions of machines, prompts, protocol and workers. */
  readonly versions: Readonly<Record<string, string>>;
  /** As the orchestrator got it, its `at` as an offset, without the place of its workspace. */
  readonly input: RunInput;
  /** Parts of the policy that differed from the default; null: none. */
  readonly policy: Partial<Policy> | null;
  /** Models whose prices were not those of the dated table. */
  readonly ownPrices: readonly string[];
}

/** One effect. */
export interface RecordedEffect {
  /** Its name, such as `modelTurn`. */
  readonly effect: string;
  /** Its own key, such as `t1#1/turn/2.0`. */
  readonly key: string;
  /** Actor ids from below the root to it, joined by `/`. */
  readonly path: string;
  /** When it was started. */
  readonly at: number;
  readonly input: Json;
  /** What it told meanwhile. */
  readonly parts: readonly { readonly at: number; readonly nth: number; readonly value: Json }[];
  /** How it ended; null: not before the recording did. */
  readonly ends: RecordedEnd | null;
}

/** How an effect ended. `nth`: which delivery of the run it was, from 1; it orders what came at the same moment. */
export type RecordedEnd = { readonly at: number; readonly nth: number } & Ending;

/** What came of an effect. */
export type Ending = { readonly result: Json } | { readonly error: RecordedError } | { readonly stopped: Stopped };

/** It was stopped before: what came of it all the same, if it had begun. */
export interface Stopped {
  readonly performed: boolean;
  readonly value?: Json;
  readonly error?: RecordedError;
}

/** How an effect failed. */
export interface RecordedError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** A command, or a stretch of time in which nobody had the run open. */
export type RecordedArrival = { readonly at: number; readonly nth: number } & (
  | { readonly command: Command; readonly key: string }
  | { readonly gapMs: number }
);

/** How the run ended, as far as it is the same each time: no times, no references. */
export interface CassetteEnd {
  /** Null: it had not ended. */
  readonly outcome: Outcome | null;
  /** Code of the failure. */
  readonly failure: string | null;
  readonly answer: string;
  readonly plan: Plan | null;
  readonly tasks: readonly RecordedTask[];
  readonly files: readonly ChangedFile[];
  readonly conflicts: readonly Conflict[];
  readonly usd: number;
  readonly turns: number;
}

/** How a task ended. */
export interface RecordedTask {
  readonly id: string;
  readonly status: string;
  readonly attempts: number;
  readonly summary: string;
  readonly output: Json;
  readonly failure: string | null;
}

/** Where a run stands, as its end is recorded. */
export function endOf(context: RunContext): CassetteEnd {
  const { answer, failure, tasks, files, conflicts, spend } = runOutput(context);
  return {
    outcome: context.outcome,
    failure: failure?.code ?? null,
    answer,
    plan: context.plan,
    tasks: tasks.map(({ id, status, attempts, summary, output, failure: why }) => ({
      id,
      status,
      attempts,
      summary,
      output,
      failure: why?.code ?? null,
    })),
    files,
    conflicts,
    usd: spend.usd,
    turns: spend.turns,
  };
}
