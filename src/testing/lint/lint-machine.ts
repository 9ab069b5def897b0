// Static checks of a state machine, the `machine` of a worker above all: what XState allows without a word, and what
// restarts, replays and explorers then trip over. Nothing is started.
import type { AnyActorLogic, AnyStateMachine } from "xstate";
import { QuatrainError } from "../../core/errors.ts";
import { foreignAsync, systemId, unhandledError, unknownEvent, wildcard } from "./child-rules.ts";
import { notJsonContext, throwingContext, throwingGuard } from "./data-rules.ts";
import type { LintFacts, Rule } from "./issue.ts";
import { field, partsOf } from "./parts.ts";
import { deadEnd, noEnd, noOutput, unreachable } from "./shape-rules.ts";
import { delayed, impure } from "./time-rules.ts";
import { inlineAction, inlineActor, inlineGuard, noId, unimplemented } from "./word-rules.ts";

const RULES = {
  noId,
  inlineAction,
  inlineGuard,
  inlineActor,
  unimplemented,
  unhandledError,
  wildcard,
  unknownEvent,
  systemId,
  foreignAsync,
  delayed,
  impure,
  throwingContext,
  notJsonContext,
  throwingGuard,
  unreachable,
  deadEnd,
  noOutput,
  noEnd,
} as const satisfies Readonly<Record<string, Rule>>;

/** Name of a rule of `lintMachine`; docs/guide/test.md says what each is for. */
export type LintRule = keyof typeof RULES;

/** All rules, in the order in which issues are told. */
export const LINT_RULES = Object.keys(RULES) as readonly LintRule[];

/** Something in a machine that is to be mended. */
export interface LintIssue {
  readonly rule: LintRule;
  /** Id of a state (with `entry` or `exit`), or name of a transition such as `job.working retry[0]`. */
  readonly where: string;
  /** What, with which value, what to do. */
  readonly message: string;
}

/** How a machine is looked at. */
export interface LintOptions extends LintFacts {
  /** Rules that are not asked, each with the reason why. @default all are asked */
  readonly off?: Readonly<Partial<Record<LintRule, string>>>;
}

/**
 * Looks at a machine without starting it, and returns what is to be mended, by rule and in the order of the document.
 * Its children that are machines are looked at only by calls of their own. Throws QuatrainError "BadOption" for logic
 * that is no state machine, an unknown rule, or one that is off without a reason.
 */
export function lintMachine(machine: AnyActorLogic, options: LintOptions = {}): readonly LintIssue[] {
  const { off = {}, ...facts } = options;
  checkOff(off);
  if (!isMachine(machine))
    throw new QuatrainError(
      "BadOption",
      "lintMachine looks at state machines, and this logic is none. Give it what createMachine returns.",
    );
  const parts = partsOf(machine);
  return LINT_RULES.filter((rule) => !Object.hasOwn(off, rule)).flatMap((rule) =>
    RULES[rule](parts, facts).map((finding) => ({ rule, ...finding })),
  );
}

/** The issues of a machine as a text to read; a sentence where there are none. */
export function lintText(issues: readonly LintIssue[]): string {
  if (issues.length === 0) return "Nothing is to be mended.";
  const head = issues.length === 1 ? "1 thing is to be mended:" : `${issues.length} things are to be mended:`;
  return [head, ...issues.map(({ rule, where, message }) => `  ${where}: ${message} (${rule})`)].join("\n");
}

const isMachine = (logic: AnyActorLogic): logic is AnyStateMachine =>
  field(logic, "root") !== undefined && field(logic, "implementations") !== undefined;

function checkOff(off: Readonly<Record<string, string | undefined>>): void {
  for (const [rule, reason] of Object.entries(off)) {
    if (!Object.hasOwn(RULES, rule))
      throw new QuatrainError("BadOption", `There is no rule "${rule}" to switch off. The rules are: ${LINT_RULES.join(", ")}.`);
    if (!reason?.trim())
      throw new QuatrainError("BadOption", `Rule "${rule}" is off without a reason. Say why, for whoever reads it next.`);
  }
}
