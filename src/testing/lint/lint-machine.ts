// Static checks of a state machine: what XState allows and runs, tests or restarts then pay for.
import type { AnyActorLogic } from "xstate";

/** The rules, by name. */
export type LintRule = "inlineAction";

/** Something that should be mended. */
export interface LintIssue {
  readonly rule: LintRule;
  /** Id of the state, or name of the transition. */
  readonly where: string;
  /** What, with which value, what to do. */
  readonly message: string;
}

/** How a machine is looked at. */
export interface LintOptions {
  /** Input of its context factory. @default undefined */
  readonly input?: unknown;
}

/** Looks at a machine. */
export function lintMachine(_machine: AnyActorLogic, _options: LintOptions = {}): readonly LintIssue[] {
  return [];
}

/** The issues as a text. */
export const lintText = (issues: readonly LintIssue[]): string => issues.map(({ message }) => message).join("\n");
