// Decodes final answers: text into a checked value, or issues that go back to the model. Pure and total.
import { parseJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { RouterAnswer } from "../prompts/router.ts";
import type { PlanIssue } from "../protocol/plan.ts";
import type { checkPlan } from "../queue/check-plan.ts";
import type { Worker } from "../workers/define-worker.ts";
import type { Decode } from "./conversation-state.ts";

/** The decoder for the formats of a run: `route`, `plan`, and `<worker> output` for each worker. */
export function decoderFor(workers: readonly Worker[], check: (draft: unknown) => ReturnType<typeof checkPlan>): Decode {
  return (format, text) => {
    if (format === "plan") {
      const checked = check(text);
      return checked.ok ? { ok: true, value: text } : { ok: false, issues: checked.issues.map(describe) };
    }
    const value = parseAnswer(text);
    if (value === undefined) return { ok: false, issues: ["It is not JSON."] };
    const issues =
      format === "route"
        ? routeIssues(value)
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

function routeIssues(value: Json): readonly string[] {
  const checked = RouterAnswer.safeParse(value);
  return checked.success ? [] : checked.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
}
