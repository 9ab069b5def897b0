// A task that no attempt of its worker can do as it stands: the orchestrator's model cuts it into parts or words it anew.
// Here is how that begins and what it is given; what is made of its answer stands in mended.ts.
//   N1  While it is mended a task takes no slot. Its conversation is one of the run: money, pauses, suspension and
//       cancellation hold for it as for any other. Several may be held at once.
//   N2  Each kind is tried once a task; parts are never cut again; only tasks of model workers are mended.
import { attemptId, mendId, taskIndex } from "../core/ids.ts";
import type { TaskId } from "../core/ids.ts";
import type { Failure } from "../core/failure.ts";
import { waitBetween } from "../core/policy.ts";
import type { AttemptStep, Remedy } from "../core/policy.ts";
import { draw } from "../core/random.ts";
import { rewordPrompt } from "../prompts/reword.ts";
import { splitPrompt } from "../prompts/split.ts";
import { FEWEST_PARTS, MOST_PARTS, splitBounds } from "../queue/check-split.ts";
import type { SplitBounds } from "../queue/check-split.ts";
import { mendTask } from "../queue/queue.ts";
import type { ConversationInput } from "./conversation-state.ts";
import { mustAsk } from "./limits.ts";
import { accountOf } from "./money.ts";
import { opening } from "./opening.ts";
import { cardOfTask, historyOf } from "./retry.ts";
import type { Attempt } from "./retry.ts";
import type { Mend, Mended, RunContext } from "./run-state.ts";
import { emit, sequence, step } from "./step.ts";
import type { Directive, Step } from "./step.ts";

/** A step that mends a task. */
export type MendStep = Extract<AttemptStep, { readonly do: "split" | "reword" }>;

const MEND_TURNS = 4;
const WHOLE: Mended = { calls: 0, asked: [], parts: [], reworded: false };

/** What was mended of a task so far. */
export const mendedOf = ({ mended }: RunContext, task: TaskId): Mended =>
  Object.hasOwn(mended, task) ? (mended[task] ?? WHOLE) : WHOLE;

/** How many mendings a task has had: each allows one more attempt. */
export function timesMended(context: RunContext, task: TaskId): number {
  const { parts, reworded } = mendedOf(context, task);
  return (parts.length > 0 ? 1 : 0) + (reworded ? 1 : 0);
}

/** The mending of a task that goes on now. */
export const mendOf = ({ mending }: RunContext, task: TaskId): Mend | undefined => mending.find((one) => one.task === task);

/** The context without a mending: it is over. */
export const withoutMend = (context: RunContext, mend: Mend): RunContext => ({
  ...context,
  mending: context.mending.filter(({ id }) => id !== mend.id),
});

/** The child to stop when a mending is no longer wanted. */
export const childOfMend = ({ id, begun }: Mend): string => (begun ? id : `wake:${id}`);

/** True when a task may be mended so. */
export function canMend(context: RunContext, task: TaskId, kind: MendStep["do"]): boolean {
  const isPart = Object.values(context.mended).some(({ parts }) => parts.includes(task));
  return (
    cardOfTask(context, task)?.kind === "model" &&
    asksOrchestrator(context) &&
    !context.broke &&
    !mendedOf(context, task).asked.includes(kind) &&
    (kind !== "split" || (!isPart && roomForParts(context) >= FEWEST_PARTS))
  );
}

/** How many parts the cap of tasks still allows one task. */
export const roomForParts = ({ plan, options }: RunContext): number =>
  Math.min(MOST_PARTS, options.maxTasks - (plan?.tasks.length ?? 0));

/** What the parts of a task are held to; undefined for a task the plan does not have. */
export function boundsOf({ plan }: RunContext, task: TaskId): SplitBounds | undefined {
  const whole = plan?.tasks[taskIndex(task)];
  return plan && whole ? splitBounds(plan, whole) : undefined;
}

/** A failed task goes to the orchestrator's model. */
export function beginMend(
  context: RunContext,
  { task, attempt }: Attempt,
  { why, next, rest }: { readonly why: Failure; readonly next: MendStep; readonly rest: Remedy },
): Step {
  const { queue } = context;
  if (!queue) return step(context);
  const before = mendedOf(context, task);
  const drawn = draw(context.seed);
  const waitMs = waitBetween(next.waitMs, drawn.value);
  const wakeAt = context.now + waitMs;
  const mend: Mend = { id: mendId(task, before.calls + 1), task, attempt, step: next.do, why, rest, begun: false };
  const usd = accountOf(context, attemptId(task, attempt)).usd;
  const mending: RunContext = {
    ...context,
    seed: drawn.next,
    queue: mendTask(queue, { task, failure: why, usd }),
    mending: [...context.mending, mend],
    mended: { ...context.mended, [task]: { ...before, calls: before.calls + 1, asked: [...before.asked, next.do] } },
  };
  const announced = emit(mending, { type: "task.mending", task, attempt, failure: why, step: next.do, wakeAt });
  if (waitMs > 0) return step(mending, announced, { do: "wake", name: mend.id, dueAt: wakeAt });
  return sequence(step(mending, announced), (after) => talkAbout(after, mend.id));
}

/** The wait before a mending is over. */
export const wakeMend = (context: RunContext, id: string, at: number): Step =>
  talkAbout({ ...context, now: Math.max(context.now, at) }, id);

function talkAbout(context: RunContext, id: string): Step {
  const mend = context.mending.find((one) => one.id === id);
  if (!mend || mend.begun) return step(context);
  const begun = { ...context, mending: context.mending.map((one) => (one === mend ? { ...one, begun: true } : one)) };
  const talk: Directive = { do: "talk", input: talkOf(begun, mend) };
  return step(begun, talk);
}

function talkOf(context: RunContext, mend: Mend): ConversationInput {
  const { options, now: at } = context;
  return {
    id: mend.id,
    ...contentOf(context, mend),
    permissions: options.permissions,
    allowanceUsd: mustAsk(context) ? "asked" : null,
    limits: { turns: MEND_TURNS, toolCalls: 0 },
    repairs: 2,
    at,
  };
}

function contentOf(
  context: RunContext,
  { task: id, step: kind }: Mend,
): Pick<ConversationInput, "parameters" | "messages" | "about"> {
  const { request, plan, models } = context;
  const task = plan?.tasks[taskIndex(id)];
  const bounds = boundsOf(context, id);
  const asked = { choice: models.orchestrator, tools: [] };
  if (!task || !bounds) return { parameters: { ...asked, system: [], format: null }, messages: [] };
  const issues = historyOf(context, id).map(({ attempt, code, message }) => `Attempt ${attempt} failed (${code}): ${message}`);
  if (kind === "reword") {
    const data = { request, task, issues };
    return opening({ ...asked, system: rewordPrompt.system(data), format: rewordPrompt.format }, rewordPrompt.user(data));
  }
  const data = { request, task, paths: bounds.paths, issues, parts: { fewest: FEWEST_PARTS, most: roomForParts(context) } };
  const said = opening({ ...asked, system: splitPrompt.system(data), format: splitPrompt.format }, splitPrompt.user(data));
  return { ...said, about: bounds };
}

/** Whether the run asks the orchestrator's model at all: a plan by hand without a synthesis needs no key for it. */
const asksOrchestrator = ({ options, calls, route }: RunContext): boolean =>
  options.synthesis || calls.plan.tried > 0 || route?.mode === "direct";
