// A world that behaves as badly as the real one may, as a function of a seed and the key of each effect.
import { FAILURE_CODES } from "../../core/failure.ts";
import type { FailureCode } from "../../core/failure.ts";
import { randomFrom, seedFrom } from "../../core/random.ts";
import type { Layers } from "../../actors/contract.ts";
import type { TurnRequest } from "../../protocol/turn.ts";
import type { Plan } from "../../protocol/plan.ts";
import type { Conflict, WorkerCard } from "../../protocol/work.ts";
import type { ScriptedAnswer } from "../scripted-model.ts";
import { randomPlan } from "./random-plan.ts";
import type { World, WorldAct, WorldQuestion } from "./world.ts";

/** How bad a random world is: shares from 0 to 1. */
export interface Badness {
  /** Turns that fail, with any failure code or an unusable answer. */
  readonly turns: number;
  /** Steps (workspace, checks, functions, integration) that fail, with any failure code; attempts that report too late. */
  readonly steps: number;
  /** Which codes they fail with. @default all */
  readonly codes?: readonly FailureCode[];
}

type Random = () => number;

/** Most tasks of a plan that a simulated planner writes. */
const PLANNED: readonly [number, number] = [1, 8];

/** A random world. Also its good answers vary: models call tools, ask, give up, think aloud, and use all their tokens. */
export function randomWorld(seed: number, badness: Badness, workers: readonly WorkerCard[]): World {
  return (question) => {
    const { effect, key, request } = question;
    const random = randomFrom(seedFrom(`${seed}/${effect} ${key}`));
    if (isBroken(seed, question, badness)) return { breaks: "it broke" };
    if (request) {
      const whole = randomFrom(seedFrom(`${seed}/${request.conversation.replace(/#.*/, "")}`));
      return stubbornAct(whole, request, badness) ?? turnAct(random, request, { badness, workers });
    }
    return stepAct(random, question, badness);
  };
}

/** An effect that breaks: what no effect should do, and bad ones do. A tenth as often as steps fail. */
function isBroken(seed: number, { effect, key }: WorldQuestion, { steps, codes }: Badness): boolean {
  if (effect === "person" || effect === "lateReport" || codes?.includes("Internal") === false) return false;
  return randomFrom(seedFrom(`${seed}/broken ${effect} ${key}`))() < steps / 10;
}

/** Some tasks are too large or refused, whoever tries them; their parts, and the same in other words, are not. */
function stubbornAct(random: Random, { conversation, messages }: TurnRequest, badness: Badness): WorldAct | undefined {
  if (!/^t\d+#/.test(conversation) || random() >= badness.turns / 4) return undefined;
  const said = JSON.stringify(messages[0]);
  if (said.includes("was cut into parts") || said.includes("in other words")) return undefined;
  const kind = random();
  if (kind < 0.4) return { answer: { fail: "PromptTooLong" } };
  return { answer: kind < 0.6 ? { stop: "max_tokens", text: "cut o" } : { stop: "refusal" } };
}

function stepAct(random: Random, { effect, key, changes = [] }: WorldQuestion, { steps, codes }: Badness): WorldAct {
  if (effect === "toolCall") return random() < 0.1 ? { result: { content: "no such file", isError: true } } : {};
  if (effect === "person") return random() < 0.4 ? { decision: "reject" } : {};
  if (effect === "lateReport") return random() < steps ? { late: true } : {};
  const fault: WorldAct = random() < steps ? { fail: codeOf(random, codes) } : {};
  if (effect === "verifyWork") return fault.fail === undefined && random() < steps ? { holds: false } : fault;
  if (effect === "commitWork" && random() < 0.5)
    return { ...fault, files: [{ path: `${key.replaceAll(/\W/g, "-")}.txt`, kind: "added" }] };
  if (effect === "integrate" && random() < 0.5) return { ...fault, conflicts: conflictsIn(random, changes) };
  return fault;
}

/** Two tasks of which neither knows of the other have written one file. */
function conflictsIn(random: Random, changes: Layers): readonly Conflict[] {
  const pairs = changes.flatMap((later, at) =>
    changes
      .slice(0, at)
      .filter(({ task }) => !later.after.includes(task))
      .map((earlier) => [earlier.task, later.task] as const),
  );
  const [earlier, later] = pairs[Math.floor(random() * pairs.length)] ?? [];
  return earlier && later ? [{ path: "a.txt", tasks: [earlier, later], kept: later }] : [];
}

function turnAct(
  random: Random,
  request: TurnRequest,
  { badness, workers }: { readonly badness: Badness; readonly workers: readonly WorkerCard[] },
): WorldAct {
  const kind = random();
  // Some answers cost as much as the request allows: only then a reservation that is too small shows.
  const tokens: WorldAct =
    kind < 0.2 ? { outputTokens: request.parameters.choice.maxTokens } : kind < 0.4 ? { outputTokens: 4_000 } : {};
  const answer = random() < badness.turns ? badAnswer(random, badness.codes) : usualAnswer(random, request, workers);
  return answer === undefined ? tokens : { answer, ...tokens };
}

function usualAnswer(
  random: Random,
  { parameters, messages }: TurnRequest,
  workers: readonly WorkerCard[],
): ScriptedAnswer | undefined {
  const { format, tools } = parameters;
  const kind = random();
  if (format?.name === "route") return routeAnswer(kind, workers);
  if (format?.name === "plan") return planAnswer(random, workers);
  if (format?.name === "split") return partsAnswer(random, messages);
  if (format?.name === "reword") return kind < 0.8 ? { json: { task: "the same in other words", constraints: [] } } : "no words";
  if (format) return kind < 0.8 ? undefined : { json: { nothing: "that was asked for" } };
  if (tools.length > 0 && kind < 0.2)
    return { calls: [{ tool: kind < 0.18 ? "read" : "fly", input: { file_path: `f${Math.floor(kind * 50)}` } }] };
  if (tools.length > 0 && kind < 0.25)
    return {
      calls: [
        { tool: "bash", input: { command: "make" } },
        { tool: "write", input: { file_path: "secret" } },
      ],
    };
  if (kind < 0.3) return { stop: "pause_turn", text: "wait" };
  return kind < 0.33 ? "GAVE UP: too hard" : undefined;
}

function badAnswer(random: Random, codes?: readonly FailureCode[]): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return { stop: "max_tokens", text: "cut of" };
  if (kind < 0.15) return { stop: "refusal" };
  if (kind < 0.2) return { stop: "model_context_window_exceeded" };
  if (kind < 0.25) return "";
  const fail = codeOf(random, codes);
  const usage = random() < 0.3 ? { usage: {} } : {};
  return random() < 0.1 ? { fail, retryAfterMs: Math.floor(random() * 2_000_000), ...usage } : { fail, ...usage };
}

function routeAnswer(kind: number, workers: readonly WorkerCard[]): ScriptedAnswer {
  if (kind < 0.1) return "either way";
  const worker = workers[Math.floor(kind * 2 * workers.length)]?.name ?? null;
  return { json: { mode: kind < 0.4 ? "direct" : "orchestrate", worker, reason: "so it seems" } };
}

function planAnswer(random: Random, workers: readonly WorkerCard[]): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return { calls: [{ tool: "read", input: { file_path: "a" } }] };
  if (kind < 0.2) return { json: { rationale: "", tasks: [] } };
  return { json: draftOf(randomPlan(random, workers, PLANNED)) };
}

/** The parts of a task that was found too large, a few of them of no use. */
function partsAnswer(random: Random, messages: TurnRequest["messages"]): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return "no parts";
  const [, label = "part", worker = ""] = /label: (\S+)\\nworker: (\S+?)\\n/.exec(JSON.stringify(messages)) ?? [];
  const count = kind < 0.2 ? 1 : 2 + Math.floor(random() * 3);
  const names = Array.from({ length: count }, (_, at) => `${label}-${"abcdef"[at]}`);
  const tasks = names.map((name, at) => ({
    label: name,
    worker,
    task: `do ${name}`,
    depends_on: names.slice(0, at).filter(() => random() < 0.4),
  }));
  return { json: { rationale: "smaller", tasks } };
}

/** A plan as a model writes it. */
function draftOf({ rationale, tasks }: Plan) {
  const labels = new Map(tasks.map(({ id, label }) => [id, label]));
  return {
    rationale,
    tasks: tasks.map(({ label, worker, task, input, dependencies, optional }) => {
      const linked = (kind: "hard" | "soft") =>
        dependencies.filter((edge) => edge.kind === kind).map((edge) => labels.get(edge.task) ?? "");
      const text = input === null ? null : JSON.stringify(input);
      return { label, worker, task, input: text, optional, depends_on: linked("hard"), after: linked("soft") };
    }),
  };
}

const codeOf = (random: Random, codes: readonly FailureCode[] = FAILURE_CODES): FailureCode =>
  codes[Math.floor(random() * codes.length)] ?? "Internal";
