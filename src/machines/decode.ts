// Decodes final answers: text into a checked value, or issues that go back to the model. Pure and total.
import type { z } from "zod";
import { parseJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { RewordAnswer } from "../prompts/reword.ts";
import { RouterAnswer } from "../prompts/router.ts";
import type { PlanIssue } from "../protocol/plan.ts";
import type { checkPlan } from "../queue/check-plan.ts";
import { checkSplit, readBounds } from "../queue/check-split.ts";
import { hasControls } from "../queue/labels.ts";
import { PLAN_LIMITS } from "../queue/limits.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { Decode } from "./conversation-state.ts";

/** The decoder for the formats of a run: `route`, `plan`, `split`, `reword`, and `<worker> output` for each worker. */
export function decoderFor(workers: readonly Worker[], check: (draft: unknown) => ReturnType<typeof checkPlan>): Decode {
  return (format, text, about) => {
    const bounds = format === "split" ? readBounds(about) : undefined;
    if (format === "plan" || bounds) {
      const checked = bounds ? checkSplit(text, bounds, workers) : check(text);
      return checked.ok ? { ok: true, value: text } : { ok: false, issues: checked.issues.map(describe) };
    }
    const value = parseAnswer(text);
    if (value === undefined) return { ok: false, issues: ["It is not JSON."] };
    const schema = Object.hasOwn(SCHEMAS, format) ? SCHEMAS[format] : undefined;
    const issues = schema
      ? issuesOf(schema, value)
      : (workers.find(({ name }) => format === `${name} output`)?.checkOutput(value) ?? []);
    return issues.length === 0 ? { ok: true, value } : { ok: false, issues };
  };
}

const describe = ({ code, task, message }: PlanIssue): string => `${task === undefined ? "" : `${task}: `}${message} (${code})`;

/** JSON, also inside one fence. */
function parseAnswer(text: string): Json | undefined {
  const fenced = /^\s*```(?:json)?\s*\n([\s\S]*?)\n\s*```\s*$/.exec(text);
  // JSON.parse makes plain JSON or throws.
  return parseJson(fenced?.[1] ?? text) as Json | undefined;
}

/** A task in other words is checked as one of a plan: it says something, and nothing in it is too long or can't be seen. */
const Reworded = RewordAnswer.superRefine(({ task, constraints }, found) => {
  for (const text of [task, ...constraints]) {
    const isLong = text.length > PLAN_LIMITS.textLength;
    if (text.trim() === "") found.addIssue("A text is empty.");
    if (isLong) found.addIssue(`A text has ${text.length} characters; at most ${PLAN_LIMITS.textLength} are allowed.`);
    if (hasControls(text)) found.addIssue("A text holds control or direction characters. Leave them out.");
  }
  if (constraints.length > PLAN_LIMITS.listLength) found.addIssue(`There are more than ${PLAN_LIMITS.listLength} constraints.`);
});

const SCHEMAS: Readonly<Record<string, z.ZodType>> = { route: RouterAnswer, reword: Reworded };

function issuesOf(schema: z.ZodType, value: Json): readonly string[] {
  const checked = schema.safeParse(value);
  return checked.success ? [] : checked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}
