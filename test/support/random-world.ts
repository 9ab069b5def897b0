// A world that behaves as badly as the real one may, as a function of a seed and the key of each effect: asked twice, it
// answers the same. So a run over it is one experiment, also when it is interrupted and taken up again.
import { FAILURE_CODES, failure } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import { randomFrom, seedFrom } from "../../src/core/random.ts";
import type { ModelTurnInput } from "../../src/actors/contract.ts";
import { lostTurn } from "../../src/actors/lost-turn.ts";
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
  const conflict: Conflict = { path: "a.txt", tasks: ["t1"], kept: "t1" };
  const ports = keyedPorts((key, request) => randomAnswer(at(key), request, badness.turns), asked, {
    fault: (step, key) =>
      at(`${step}/${key}`)() < badness.steps ? failure(codeOf(at(`${key}/code`)), "a planned fault") : undefined,
    verify: ({ key }) => at(key)() >= badness.steps,
    perform: ({ key }) => Math.floor(at(key)() * 100),
    tool: ({ key }) =>
      at(key)() < 0.1 ? { content: "no such file", isError: true } : { content: `result of ${key}`, isError: false },
    changes: (attempt) => (at(attempt)() < 0.5 ? [{ path: `${attempt.replace("#", "-")}.txt`, kind: "added" }] : []),
    conflicts: () => (at("conflicts")() < 0.2 ? [conflict] : []),
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

function randomAnswer(random: Random, request: TurnRequest, badness: number): ScriptedAnswer {
  if (random() < badness) return badAnswer(random);
  const { format } = request.parameters;
  if (format?.name === "route") return routeAnswer(random);
  if (format?.name === "plan") return planAnswer(random);
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
