// What a tool is to the rest of the framework: a declaration for the model, a class for resuming, a function to run.
import type { ToolDeclaration } from "../protocol/turn.ts";

/**
 * What may be done when it is unknown whether a call ran: `pure` and `idempotent` calls are run again, `verifiable` ones
 * are run with `recovering: true`, `once` calls are never repeated silently.
 */
export type ToolClass = "pure" | "idempotent" | "verifiable" | "once";

/** A tool as the model and the machines know it. */
export interface ToolSpec extends ToolDeclaration {
  readonly class: ToolClass;
}

/** A call as the model made it; `input` is not checked yet. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
}

/** What a call came to. A failing tool is a result, too: the model reads why and goes on. */
export interface ToolResult {
  /** At most 64 KiB of text (head and tail of longer ones); paths in it are relative to the workspace. */
  readonly content: string;
  readonly isError: boolean;
  /** Workspace-relative real paths of the files the call changed, where the tool knows them (bash doesn't). */
  readonly files?: readonly string[];
  /** Exit code of a command that ran to its end. */
  readonly exitCode?: number;
}

/** What a call may use. */
export interface ToolEnvironment {
  /** Absolute path of the workspace copy; empty when the run has none, then file tools and bash refuse. */
  readonly root: string;
  /** Ends the call; its promise rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Names of environment variables that commands may see besides the fixed ones. @default [] */
  readonly environment?: readonly string[];
  /** Marks the processes of the run. */
  readonly runId: string;
  /** Absolute path of a private folder for HOME and TMPDIR. @default a new one for each call, removed after it */
  readonly home?: string;
  /** True when an earlier try of this very call may have taken effect. @default false */
  readonly recovering?: boolean;
}

/** One tool: its declaration and what runs it. `run` may reject; the toolbox turns that into an error result. */
export interface Tool {
  readonly spec: ToolSpec;
  run(input: unknown, environment: ToolEnvironment): Promise<ToolResult>;
}

/** The tools of a run. */
export interface Toolbox {
  /** All names, built-in ones first. */
  readonly names: readonly string[];
  /** The declarations of the named tools, in that order; an unknown name throws `UnknownTool`, naming the known ones. */
  specs(names: readonly string[]): readonly ToolSpec[];
  /** Runs a call; rejects only when `environment.signal` is aborted. */
  run(call: ToolCall, environment: ToolEnvironment): Promise<ToolResult>;
}
