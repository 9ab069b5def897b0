// What a rule is asked and what it answers.
import type { Parts } from "./parts.ts";

/** What a rule found: the rule's name is added by the caller. */
export interface Finding {
  readonly where: string;
  readonly message: string;
}

/** What is known of a machine besides itself. */
export interface LintFacts {
  /** Input that the machine is started with. @default undefined: its context is read without one */
  readonly input?: unknown;
  /** Types of the events that its senders send. @default unknown: only names that nobody can send are told */
  readonly events?: readonly string[];
  /** Ids of children that actions spawn by code, where no rule can see them. @default [] */
  readonly children?: readonly string[];
  /** True for the `machine` of a worker: it must come to an end and output what came of it. @default false */
  readonly worker?: boolean;
  /** True: guards are called, with events that have a type and nothing else. @default false */
  readonly probe?: boolean;
}

/** A rule: a pure function of a machine. */
export type Rule = (parts: Parts, facts: LintFacts) => readonly Finding[];
