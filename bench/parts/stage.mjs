// The orchestrator on a stage: real machines, real queue, workers that cost nothing (or what the bench gives them).
import { of } from "rxjs";
import { createActor } from "xstate";
import { effect } from "../../dist/host/effect.js";
import { createMachines } from "../../dist/machines/create-orchestrator.js";
import { resolveBudget } from "../../dist/protocol/budget.js";
import { NO_SPEND } from "../../dist/protocol/spend.js";
import { scriptedModel, scriptedOutcome } from "../../dist/testing/scripted-model.js";
import { simulatedPorts } from "../../dist/testing/simulated-ports.js";
import { defineWorker } from "../../dist/workers/define-worker.js";

const PRICE = { inputUsd: 1, outputUsd: 10, cacheReadUsd: 0.1, cacheWrite5mUsd: 1.25, cacheWrite1hUsd: 2 };
const MODEL = { endpoint: "default", model: "bench", effort: null, maxTokens: 1_000, price: PRICE };

/** The worker that all plans of the overhead bench name. */
export const WORKER = "maker";
const TOOL_TURNS = 3;

export const workers = [defineWorker({ name: WORKER, description: "makes files", instructions: "work" })];

/** The whole thing over simulated ports: a model that reads three files and then answers. Ten effects a task: copy, four turns, three tool calls, verifying, committing. `changes`: each task changes a file. */
export function fullMachine({ changes = false } = {}) {
  const calls = { calls: [{ tool: "read", input: { file_path: "a.txt" } }] };
  const answer = (request) => (request.conversation === "synthesis" || request.turn > TOOL_TURNS ? "done" : calls);
  // The double without its memory of all requests, which would be measured along.
  const model = { turn: (request) => of({ kind: "outcome", outcome: scriptedOutcome(answer(request), request) }) };
  const changed = (attempt) => (changes ? [{ path: `out/${attempt.slice(1, attempt.indexOf("#"))}.txt`, kind: "added" }] : []);
  return createMachines({ workers, ports: simulatedPorts({ model, changes: changed }), maxTasks: 100_000 }).orchestrator;
}

/** The orchestrator with `worker` and `conversation` replaced by effects. `work(input)` is all that a task does; without it a task is done at once. */
export function nullMachine(work, given = workers) {
  const ports = simulatedPorts({ model: scriptedModel({}) });
  const { orchestrator } = createMachines({ workers: given, ports, maxTasks: 100_000 });
  const perform = work
    ? (input, { clock }) => work(input).then(() => finished(input, clock.now()))
    : (input, { clock }) => finished(input, clock.now());
  const said = (_input, { clock }) => ({
    kind: "finished",
    text: "done",
    value: "done",
    messages: [],
    spend: NO_SPEND,
    turns: 1,
    toolCalls: 0,
    at: clock.now(),
  });
  return orchestrator.provide({
    actors: { worker: outcomeLogic("worker", perform), conversation: outcomeLogic("conversation", said) },
  });
}

/** The input of a run over a given plan. */
export function runInput(plan, options = {}) {
  return {
    runId: "bench",
    request: "Measure.",
    mode: "orchestrate",
    plan,
    models: { orchestrator: MODEL, router: MODEL, worker: MODEL, tiers: { haiku: MODEL, sonnet: MODEL, opus: MODEL } },
    options: {
      concurrency: 16,
      review: false,
      synthesis: true,
      asks: "deny",
      permissions: { allow: ["read", "write"], ask: [], deny: [] },
      budget: resolveBudget(),
      maxTasks: 100_000,
      hasWorkspace: false,
      ...options,
    },
    world: { workspace: null, workers: [WORKER] },
    at: 0,
    seed: 1,
  };
}

/**
 * Runs a machine on a host to its end. Returns the milliseconds from `createActor` to the last task's end (`dispatchMs`)
 * and to the end of the run (`totalMs`), and its output. Throws where the run is not complete.
 */
export async function play(machine, host, { input, onEvent }) {
  const begin = performance.now();
  let settledAt = 0;
  const actor = createActor(machine, host.attach(input ? { input } : {}));
  const watch = (event) => {
    if (event.type === "phase.entered" && event.phase === "synthesizing") settledAt = performance.now();
    onEvent?.(event);
  };
  if (onEvent) actor.on("*", watch);
  else actor.on("phase.entered", watch);
  actor.start();
  const end = host.run ? await host.run() : await host.settled();
  const totalMs = performance.now() - begin;
  const { output } = actor.getSnapshot();
  if (output?.outcome !== "complete")
    throw new Error(
      `The run ended ${end.kind} and ${output?.outcome ?? "without an output"}: ${String(end.error ?? output?.failure?.message)}`,
    );
  return { dispatchMs: (settledAt || performance.now()) - begin, totalMs, output };
}

/** An effect whose result is the actor's output itself, as a worker machine's is. */
function outcomeLogic(name, perform) {
  const logic = effect(name, { class: "pure" }, perform);
  return {
    ...logic,
    getInitialSnapshot: (scope, input) => logic.getInitialSnapshot(scope, { ...input, key: input.id }),
    transition(snapshot, event, scope) {
      const next = logic.transition(snapshot, event, scope);
      return next.status === "done" && next !== snapshot ? { ...next, output: next.output.value } : next;
    },
  };
}

function finished({ id, card }, at) {
  const output = { ref: id, bytes: 4, value: "done" };
  return {
    kind: "finished",
    report: { worker: card.name, success: true, output, summary: "done", changes: { ref: "", files: [] }, evidence: [] },
    spend: NO_SPEND,
    at,
  };
}
