// What the machines ask of the outside world: the inputs and outputs of their effects. Types only; the machines import
// nothing else from this folder. The implementations stand beside this file, test doubles in src/testing.
import type { Failure } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import type { TaskId } from "../core/ids.ts";
import type { EffectLogic } from "../host/effect.ts";
import type { TurnOutcome, TurnRequest } from "../protocol/turn.ts";
import type { Brief, ChangedFile, ChangeSet, Conflict, Evidence } from "../protocol/work.ts";

/** A model call. Key: `<conversation>/turn/<turn>.<try>`, with `.<n>` at its end after n losses of this try. */
export interface ModelTurnInput {
  readonly key: string;
  readonly request: TurnRequest;
}
/**
 * How the call ended. `lost` above 0: it was in flight at a crash, so nobody knows what came of it or what it cost; it was
 * not sent again (that would need money of its own), and `outcome` is a TurnLost.
 */
export interface ModelTurnOutput {
  readonly outcome: TurnOutcome;
  readonly lost: number;
}

/** A tool call. Key: `<conversation>/turn/<turn>/call/<index>`. */
export interface ToolCallInput {
  readonly key: string;
  /** Names the workspace copy to work in: an attempt, or `plan`. */
  readonly workspace: string;
  readonly call: { readonly id: string; readonly name: string; readonly input: Json };
}
/** What goes back to the model. */
export interface ToolCallOutput {
  readonly content: string;
  readonly isError: boolean;
}

/** Wakes up at `dueAt` (host time, ms); at once when that is past. */
export interface SleepInput {
  readonly key: string;
  readonly dueAt: number;
}

/** The change sets a copy is built from, in dependency order; `after` names the tasks that each transitively depends on. */
export type Layers = readonly { readonly task: TaskId; readonly ref: string; readonly after: readonly TaskId[] }[];

/** Makes the workspace copy of an attempt (or of the planner, `plan`). */
export interface PrepareInput {
  readonly key: string;
  readonly workspace: string;
  readonly layers: Layers;
}
/** An expected failure of the workspace, or what the step gives. */
export type Attempted<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly failure: Failure };

/** Looks at the evidence for a success. */
export interface VerifyInput {
  readonly key: string;
  readonly workspace: string;
  readonly layers: Layers;
  /** Whether files must have changed. */
  readonly needsFiles: boolean;
  /** Commands that must exit 0. */
  readonly commands: readonly string[];
}

/** Stores what an attempt made: its file changes and its output. */
export interface CommitInput {
  readonly key: string;
  readonly workspace: string;
  readonly layers: Layers;
  readonly output: Json;
}
/** References to what was stored. */
export interface Committed {
  readonly changes: ChangeSet;
  readonly ref: string;
  readonly bytes: number;
}

/** Work done by a function of the user's. */
export interface PerformInput {
  readonly key: string;
  readonly worker: string;
  readonly workspace: string;
  readonly brief: Brief;
}

/** Folds all change sets into one result. */
export interface IntegrateInput {
  readonly key: string;
  readonly changes: Layers;
}
/** What the result folder differs in, and what could not be folded without a choice. */
export interface Integrated {
  readonly files: readonly ChangedFile[];
  readonly conflicts: readonly Conflict[];
}

/** The effects of a conversation. */
export type ConversationActors = {
  readonly modelTurn: EffectLogic<ModelTurnInput, ModelTurnOutput>;
  readonly toolCall: EffectLogic<ToolCallInput, ToolCallOutput>;
  readonly sleepUntil: EffectLogic<SleepInput, null>;
};

/** The effects of a worker, besides those of its conversation. */
export type WorkActors = {
  readonly prepareWorkspace: EffectLogic<PrepareInput, Attempted<{ readonly conflicts: readonly Conflict[] }>>;
  readonly verifyWork: EffectLogic<VerifyInput, Attempted<{ readonly evidence: readonly Evidence[] }>>;
  readonly commitWork: EffectLogic<CommitInput, Attempted<Committed>>;
  readonly performWork: EffectLogic<PerformInput, Attempted<{ readonly output: Json }>>;
};

/** The effects of a whole run. */
export type RunActors = ConversationActors &
  WorkActors & {
    readonly integrate: EffectLogic<IntegrateInput, Attempted<Integrated>>;
  };
