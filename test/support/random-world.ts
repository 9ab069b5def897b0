// A world that behaves as badly as the real one may, as a function of a seed and the key of each effect: asked twice, it
// answers the same. So a run over it is one experiment, also when it is interrupted and taken up again.
import { FAILURE_CODES, failure } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import { randomFrom, seedFrom } from "../../src/core/random.ts";
import { lostTurn } from "../../src/actors/lost-turn.ts";
import type { IntegrateInput, ModelTurnInput } from "../../src/actors/contract.ts";
import { effect } from "../../src/host/effect.ts";
import type { Ports } from "../../src/machines/create-orchestrator.ts";
import type { TurnRequest } from "../../src/protocol/turn.ts";
import type { Conflict } from "../../src/protocol/work.ts";
import { scriptedOutcome } from "../../src/testing/scripted-model.ts";
import type { ScriptedAnswer } from "../../src/testing/scripted-model.ts";
import { simulatedPorts } from "../../src/testing/simulated-ports.ts";
import type { SimulatedWorld } from "../../src/testing/simulated-ports.ts";
import { randomPlan } from "./plans.ts";

/** Ports of a world, and how often each turn was asked of its model, by key. */
export interface CountingPorts extends Ports {
  readonly asked: ReadonlyMap<string, number>;
}

/** How bad a random world is: shares from 0 to 1. */
export interface Badness {
  /** Turns that fail, with any code. */
  readonly turns: number;
  /** Steps (workspace, checks, functions, integration) that fail. */
  readonly steps: number;
}

type Random = () => number;

/** Ports whose model answers by the key of the turn. */
export function keyedPorts(
  answer: (key: string, request: TurnRequest) => ScriptedAnswer,
  asked: Map<string, number> = new Map(),
  world: Partial<SimulatedWorld> = {},
): CountingPorts {
  const { actors, tools } = simulatedPorts({ model: { turn: () => unused() }, ...world });
  const modelTurn = effect("modelTurn", { class: "idempotent", gated: true }, ({ key, request }: ModelTurnInput, { lost }) => {
    if (lost > 0) return lostTurn(lost);
    asked.set(key, (asked.get(key) ?? 0) + 1);
    return { outcome: scriptedOutcome(answer(triedKey(key), request), request), lost };
  });
  return { asked, tools, actors: { ...actors, modelTurn } };
}

/** The key of a try, also of one that is asked again after a loss: `t1#1/turn/2.0.1` is `t1#1/turn/2.0`. */
const triedKey = (key: string): string => key.replace(/(\/turn\/\d+\.\d+)\.\d+$/, "$1");

/** A random world for many runs, one after the other: machines are made once, each run plays in a world of its own. */
export interface Stage {
  readonly ports: CountingPorts;
  /** The runs from now on are in the world of this seed. */
  play(seed: number, badness: Badness): void;
}

/** A stage on which nothing goes wrong until `play` says so. */
export function randomStage(): Stage {
  let seed = 0;
  let badness: Badness = { turns: 0, steps: 0 };
  const at = (key: string): Random => randomFrom(seedFrom(`${seed}/${key}`));
  const asked = new Map<string, number>();
  const answer = (key: string, request: TurnRequest): ScriptedAnswer =>
    stubborn(at(`${request.conversation.replace(/#.*/, "")}/stubborn`), request, badness.turns) ??
    randomAnswer(at(key), request, badness.turns);
  const ports = keyedPorts(answer, asked, {
    fault: (step, key) =>
      at(`${step}/${key}`)() < badness.steps ? failure(codeOf(at(`${key}/code`)), "a planned fault") : undefined,
    verify: ({ key }) => at(key)() >= badness.steps,
    perform: ({ key }) => Math.floor(at(key)() * 100),
    tool: ({ key }) =>
      at(key)() < 0.1 ? { content: "no such file", isError: true } : { content: `result of ${key}`, isError: false },
    changes: (attempt) => (at(attempt)() < 0.5 ? [{ path: `${attempt.replace("#", "-")}.txt`, kind: "added" }] : []),
    conflicts: (input) => randomConflict(at(input.key), input),
  });
  return {
    ports,
    play(nextSeed, nextBadness) {
      seed = nextSeed;
      badness = nextBadness;
      asked.clear();
    },
  };
}

function unused(): never {
  throw new Error("The model of a keyed world is asked by key.");
}

/** Some tasks are too large, or refused, whoever tries them; their parts and other words are not. */
function stubborn(random: Random, { conversation, messages }: TurnRequest, badness: number): ScriptedAnswer | undefined {
  if (!/^t\d+#/.test(conversation) || random() >= badness / 2) return undefined;
  const said = JSON.stringify(messages[0]);
  if (said.includes("was cut into parts") || said.includes("in other words")) return undefined;
  const kind = random();
  if (kind < 0.4) return { fail: "PromptTooLong" };
  return kind < 0.6 ? { stop: "max_tokens", text: "cut o" } : { stop: "refusal" };
}

/** Two tasks of which neither knows of the other, now and then. */
function randomConflict(random: Random, { changes }: IntegrateInput): readonly Conflict[] {
  if (random() < 0.5) return [];
  const pairs = changes.flatMap((later, at) =>
    changes
      .slice(0, at)
      .filter(({ task }) => !later.after.includes(task))
      .map((earlier) => [earlier.task, later.task] as const),
  );
  const [earlier, later] = pairs[Math.floor(random() * pairs.length)] ?? [];
  return earlier && later ? [{ path: "a.txt", tasks: [earlier, later], kept: later }] : [];
}

function randomParts(random: Random, { messages }: TurnRequest): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return "no parts";
  const [, label = "", worker = ""] = /label: (\S+)\\nworker: (\S+?)\\n/.exec(JSON.stringify(messages)) ?? [];
  const count = kind < 0.2 ? 1 : 2 + Math.floor(random() * 3);
  const names = Array.from({ length: count }, (_, at) => `${label}-${"abcdef"[at]}`);
  const tasks = names.map((name, at) => ({
    label: name,
    worker: kind < 0.25 ? "sum" : worker,
    task: `do ${name}`,
    depends_on: names.slice(0, at).filter(() => random() < 0.4),
  }));
  return { json: { rationale: "smaller", tasks } };
}

function randomAnswer(random: Random, request: TurnRequest, badness: number): ScriptedAnswer {
  if (random() < badness) return badAnswer(random);
  const { format } = request.parameters;
  if (format?.name === "route") return routeAnswer(random);
  if (format?.name === "plan") return planAnswer(random);
  if (format?.name === "split") return randomParts(random, request);
  if (format?.name === "reword")
    return random() < 0.8 ? { json: { task: "the same in other words", constraints: [] } } : "no words";
  if (format) return random() < 0.8 ? { json: { count: 3 } } : { json: { count: "three" } };
  const [first, kind] = [request.parameters.tools[0], random()];
  if (first && kind < 0.2)
    return { calls: [{ tool: random() < 0.9 ? "read" : "fly", input: { file_path: `f${Math.floor(random() * 9)}` } }] };
  if (first && kind < 0.25)
    return {
      calls: [
        { tool: "bash", input: { command: "make" } },
        { tool: "write", input: { file_path: "secret" } },
      ],
    };
  if (kind < 0.3) return { stop: "pause_turn", text: "wait" };
  return kind < 0.33 ? "GAVE UP: too hard" : "it is done";
}

function badAnswer(random: Random): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return { stop: "max_tokens", text: "cut of" };
  if (kind < 0.15) return { stop: "refusal" };
  if (kind < 0.2) return { stop: "model_context_window_exceeded" };
  if (kind < 0.25) return "";
  const fail = codeOf(random);
  const usage = random() < 0.3 ? { usage: { outputTokens: 50 } } : {};
  return random() < 0.1 ? { fail, retryAfterMs: Math.floor(random() * 2_000_000), ...usage } : { fail, ...usage };
}

function routeAnswer(random: Random): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return "either way";
  const worker = random() < 0.5 ? "frontend" : null;
  return { json: { mode: kind < 0.4 ? "direct" : "orchestrate", worker, reason: "so it seems" } };
}

function planAnswer(random: Random): ScriptedAnswer {
  const kind = random();
  if (kind < 0.1) return { calls: [{ tool: "read", input: { file_path: "a" } }] };
  if (kind < 0.2) return { json: { rationale: "", tasks: [] } };
  const plan = randomPlan(random, ["backend", "frontend", "typed", "capped", "sum"], 5);
  const labelOf = (id: string) => plan.tasks.find((task) => task.id === id)?.label ?? "";
  const tasks = plan.tasks.map(({ label, worker, task, dependencies, optional }) => ({
    label,
    worker,
    task,
    optional,
    depends_on: dependencies.filter((edge) => edge.kind === "hard").map((edge) => labelOf(edge.task)),
    after: dependencies.filter((edge) => edge.kind === "soft").map((edge) => labelOf(edge.task)),
  }));
  return { json: { rationale: "so", tasks } };
}

const codeOf = (random: Random): FailureCode => FAILURE_CODES[Math.floor(random() * FAILURE_CODES.length)] ?? "Internal";
