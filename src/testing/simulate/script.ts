// A broken promise as a person reads it: the plan, what went wrong in the world, what people did, and what came of it.
import type { RunEvent } from "../../protocol/run-event.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { SimulatedCase } from "./case.ts";
import type { SimulatedRun } from "./stage.ts";
import type { WorldAct } from "./world.ts";

/** Most lines of one part of a script. */
const MOST_LINES = 40;

/** The script of a run, a few lines of text. */
export function scriptOf({ case: played, events, acts }: SimulatedRun): string {
  const { plan, commands, prompts = [], sleeps = [] } = played;
  const start = events[0]?.at ?? 0;
  return [
    settingOf(played),
    plan ? `plan: ${planLine(plan)}` : "plan: made by the model",
    ...part(
      "the world",
      Object.entries(acts).map(([effect, act]) => `${effect}: ${actLine(act)}`),
    ),
    ...part(
      "commands",
      commands.map(({ afterMs, event: { type, ...rest } }) => `${seconds(afterMs)} ${type} ${JSON.stringify(rest)}`),
    ),
    ...part(
      "commands right after an event",
      prompts.map(({ after, task = "", nth = 1, event: { type, ...rest } }) => {
        const heard = [`${after}${nth > 1 ? ` (${nth})` : ""}`, task].join(" ").trim();
        return `${heard}: ${type} ${JSON.stringify(rest)}`;
      }),
    ),
    ...part(
      "the machine sleeps",
      sleeps.map(({ afterMs, ms }) => `${seconds(afterMs)} for ${seconds(ms)}`),
    ),
    ...part(
      "what happened",
      events.flatMap((event) => {
        const line = eventLine(event);
        return line === undefined ? [] : [`${seconds(event.at - start)} ${line}`];
      }),
    ),
  ].join("\n");
}

function settingOf({ seed, mode, options }: SimulatedCase): string {
  const set = Object.entries(options).flatMap(([name, value]) =>
    value === null || value === false || typeof value === "object" ? [] : [value === true ? name : `${name} ${String(value)}`],
  );
  return [`seed ${seed}`, mode, ...set].join(", ");
}

function planLine({ tasks }: Plan): string {
  const shown = tasks.slice(0, MOST_LINES).map(({ id, worker, dependencies, optional }) => {
    const needs = dependencies.map(({ task, kind }) => (kind === "hard" ? task : `(${task})`)).join(", ");
    return `${id} ${worker}${optional ? "?" : ""}${needs === "" ? "" : ` after ${needs}`}`;
  });
  return [...shown, ...(tasks.length > MOST_LINES ? [`and ${tasks.length - MOST_LINES} more`] : [])].join("; ");
}

function actLine({ answer, outputTokens, fail, breaks, holds, late, decision, ...rest }: WorldAct): string {
  const said = [
    ...(breaks === undefined ? [] : [`breaks: ${breaks}`]),
    ...(decision === undefined ? [] : [`answers ${decision}`]),
    ...(late ? ["comes when the next attempt runs"] : []),
    ...(fail === undefined ? [] : [`fails as ${fail}`]),
    ...(holds === false ? ["does not hold"] : []),
    ...(answer === undefined ? [] : [`answers ${JSON.stringify(answer).slice(0, 120)}`]),
    ...(outputTokens === undefined ? [] : [`with ${outputTokens} tokens`]),
    ...(Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest).slice(0, 120)]),
  ];
  return said.join(" ");
}

/** How events are told; what is missing here is not. */
const WORDS: Partial<Record<RunEvent["type"], string>> = {
  "task.started": "{task} starts, attempt {attempt}",
  "task.retrying": "{task} is to be tried again: {failure}",
  "task.finished": "{task} finishes",
  "task.failed": "{task} fails: {failure}",
  "task.skipped": "{task} is skipped: {failure}",
  "turn.failed": "a turn of {conversation} fails: {failure}",
  "activity.changed": "the run is {activity} {failure}",
  "phase.entered": "the run is {phase}",
  "ask.opened": "asked: {ask}",
  "ask.closed": "answered: {ask} {decision}",
  "run.finished": "the run ends: {outcome}",
};

const eventLine = (event: RunEvent): string | undefined =>
  WORDS[event.type]?.replaceAll(/\{(\w+)\}/g, (_, field: string) => wordOf(Reflect.get(event, field))).trimEnd();

/** A field in a word: failures by their code, asks by their id. */
function wordOf(value: unknown): string {
  if (typeof value === "string" || typeof value === "number") return String(value);
  return typeof value === "object" && value !== null ? wordOf(Reflect.get(value, "code") ?? Reflect.get(value, "id")) : "";
}

function part(title: string, lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const more = lines.length > MOST_LINES ? [`  … ${lines.length - MOST_LINES} more`] : [];
  // What broke shows late: the end of a long part says more than its beginning.
  return [`${title}:`, ...more, ...lines.slice(-MOST_LINES).map((line) => `  ${line}`)];
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)}s`;
