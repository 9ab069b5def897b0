// The workspace port: the files a task may touch. Content-addressed, so that a copy depends on nothing but its base and
// the change sets under it: never on timing.
import type { ChangedFile, ChangeSet, Conflict } from "../protocol/work.ts";

/** One file of a change set. */
export interface FileChange extends ChangedFile {
  /** sha256 of the new content in hex; null for a deleted file. */
  readonly hash: string | null;
  /** sha256 of what the task found there; null for a file that was not there. */
  readonly baseHash: string | null;
  /** Size of the new content; 0 for a deleted file. */
  readonly bytes: number;
  readonly executable: boolean;
}

/** What a task changed. `ref` is the sha256 of the canonical JSON of `files`, which are sorted by path. */
export interface WorkspaceChanges extends ChangeSet {
  readonly files: readonly FileChange[];
}

/** A file that was left out, and why. */
export interface SkippedFile {
  readonly path: string;
  readonly reason: string;
}

/** A change set in a pile, lowest first. */
export interface Layer {
  readonly task: string;
  readonly ref: string;
  /**
   * Ids of all tasks that this one depends on, also indirectly. Left out: what the task found (`baseHash`) tells whether
   * it knew of another's change, which is right for conflicts but can't tell when one was settled later.
   */
  readonly after?: readonly string[];
}

/** A file that two tasks changed without one being after the other. */
export interface WorkspaceConflict extends Conflict {
  /** True when `kept` is a task after all of `tasks`: it changed the file knowing of them (a resolver, for instance). */
  readonly settled: boolean;
}

/** A fresh copy for an attempt. */
export interface PreparedWorkspace {
  /** Absolute path of the copy, the one that `rootOf` tells; empty for jobs without files. */
  readonly root: string;
  readonly conflicts: readonly WorkspaceConflict[];
  readonly skipped: readonly SkippedFile[];
}

/** The outcome of a run's changes, piled up. */
export interface IntegratedWorkspace {
  /** Absolute path of the result folder. */
  readonly root: string;
  /** What differs from the base, sorted by path. */
  readonly files: readonly FileChange[];
  readonly conflicts: readonly WorkspaceConflict[];
}

/** Which attempt of which run, over which changes; layers lowest first, dependencies before dependants. */
export interface AttemptOptions {
  readonly run: string;
  /** Such as `t3#2`. */
  readonly attempt: string;
  readonly layers: readonly Layer[];
  /** Stops between two files; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Gives tasks their files and puts their changes together. Every method rejects with a `WorkspaceError`. */
export interface WorkspacePort {
  /** Makes a fresh copy: the base of the run plus the layers. Called again for the same attempt it starts over. */
  prepare(options: AttemptOptions): Promise<PreparedWorkspace>;
  /** Where the copy of an attempt is (or would be); the same in every process that resumes the run. Empty for jobs without files. */
  rootOf(options: { readonly run: string; readonly attempt: string }): string;
  /** What the attempt changed against base plus layers; contents are stored. Called twice it answers the same. */
  commit(options: AttemptOptions): Promise<WorkspaceChanges & { readonly skipped: readonly SkippedFile[] }>;
  /** The change set of a reference that `commit` gave. */
  changes(ref: string): Promise<WorkspaceChanges>;
  /** Piles all changes onto the base in a result folder; of conflicting versions the later one in the list is kept. */
  integrate(options: {
    readonly run: string;
    readonly changes: readonly Layer[];
    readonly signal?: AbortSignal;
  }): Promise<IntegratedWorkspace>;
  /**
   * Carries the result folder into the user's folder. All or nothing up to the first write: a file that is no longer as
   * the run found it stops everything (`WorkspaceChanged`). Interrupted, it can be called again.
   */
  apply(options: { readonly run: string }): Promise<{ readonly files: readonly string[] }>;
  /** Removes the copy of an attempt, or all copies of a run. Stored contents stay. Nothing there: nothing happens. */
  discard(options: { readonly run: string; readonly attempt?: string }): Promise<void>;
}
