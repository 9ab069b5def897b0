// One step of a run as its chart sees it: what a child reports, or what a person does. Plain JSON, and words for it.
import type { FailureCode } from "../../../core/failure.ts";
import { parseAttemptId, taskOfConversation } from "../../../core/ids.ts";
import { unreachable } from "../../../core/unreachable.ts";
import type { Command } from "../../../protocol/command.ts";

/** A step of the orchestrator's chart. Plain JSON. */
export type ChartStep =
  /** The attempt that runs reports success. */
  | { readonly kind: "finish"; readonly task: string; readonly attempt: number }
  /** The attempt that runs ends with a failure. */
  | { readonly kind: "fail"; readonly task: string; readonly attempt: number; readonly code: FailureCode }
  /** The worker of the attempt that runs breaks. */
  | { readonly kind: "crash"; readonly task: string; readonly attempt: number }
  /** An attempt that is over reports success all the same. */
  | { readonly kind: "late"; readonly task: string; readonly attempt: number }
  /** A wait is over: of an attempt (`t1#1`), a mending (`mend:t1#1`), or of something of the run's own (`plan#1`). */
  | { readonly kind: "wake"; readonly what: string }
  /** A conversation or effect of the run's own ends: `route`, `explore`, `plan`, `mend:t1#1`, `integrate`, `synthesis`. */
  | {
      readonly kind: "answer";
      readonly who: string;
      /** What it fails with; null: it does what it is for. */
      readonly code: FailureCode | null;
      /** `plan`: which of the plans is answered, from 0. `integrate`: the tasks whose changes collide. */
      readonly plan?: number;
      readonly collide?: readonly string[];
    }
  /** A person answers a question of the run. */
  | { readonly kind: "decide"; readonly ask: string; readonly decision: "approve" | "reject" }
  /** A person resumes a run that is suspended. */
  | { readonly kind: "resume" }
  /** A person interferes. */
  | { readonly kind: "command"; readonly command: Command };

/** A way to read: `t1 fails as Overloaded → t1 is woken → t1#2 finishes`; the first attempt goes by the name of its task. */
export const scriptOf = (steps: readonly ChartStep[]): string => steps.map(wordsOf).join(" → ");

/** One step to read. */
export function wordsOf(step: ChartStep): string {
  switch (step.kind) {
    case "finish":
      return `${attemptOf(step)} finishes`;
    case "fail":
      return `${attemptOf(step)} fails as ${step.code}`;
    case "crash":
      return `${attemptOf(step)} crashes`;
    case "late":
      return `${step.task}#${step.attempt} reports late`;
    case "wake":
      return `${wokenOf(step.what)} is woken`;
    case "answer":
      return answerWords(step);
    case "decide":
      return `a person says ${step.decision === "approve" ? "yes" : "no"} to ${step.ask}`;
    case "resume":
      return "a person resumes the run";
    case "command":
      return commandWords(step.command);
    default:
      return unreachable(step);
  }
}

const attemptOf = ({ task, attempt }: { readonly task: string; readonly attempt: number }): string =>
  attempt === 1 ? task : `${task}#${attempt}`;

function wokenOf(what: string): string {
  const task = parseAttemptId(what)?.task;
  return task ?? nameOf(what.replace(/(?<!mend:t\d+)#\d+$/, ""));
}

function answerWords({ who, code, plan, collide }: Extract<ChartStep, { kind: "answer" }>): string {
  if (code !== null) return `${nameOf(who)} fails as ${code}`;
  if (collide && collide.length > 0) return `the integration finds that ${collide.join(" and ")} collide`;
  return plan === undefined || plan === 0 ? `${nameOf(who)} is done` : `${nameOf(who)} is done (plan ${plan + 1})`;
}

const NAMES: Readonly<Record<string, string>> = {
  route: "the routing",
  explore: "the planner's copy",
  plan: "the planning",
  integrate: "the integration",
  synthesis: "the synthesis",
};

function nameOf(who: string): string {
  const task = taskOfConversation(who);
  if (task !== undefined) return `the mending of ${task}`;
  return Object.hasOwn(NAMES, who) ? (NAMES[who] ?? who) : who;
}

function commandWords({ type, ...rest }: Command): string {
  const [, verb] = type.split(".");
  if ("task" in rest && rest.task !== undefined) return `a person sends ${verb} ${rest.task}`;
  return `a person sends ${type}`;
}
