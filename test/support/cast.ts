// The cast of the machines' tests: workers, models with prices, and inputs of runs, conversations and attempts.
import { z } from "zod";
import { createMachine } from "xstate";
import { taskIdAt } from "../../src/core/ids.ts";
import type { ConversationInput } from "../../src/machines/conversation-state.ts";
import type { RunInput, RunModels, RunOptions } from "../../src/machines/run-state.ts";
import type { WorkerInput } from "../../src/machines/worker-state.ts";
import { resolveBudget } from "../../src/protocol/budget.ts";
import type { Budget } from "../../src/protocol/budget.ts";
import type { ModelChoice } from "../../src/protocol/turn.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import type { DelegateLogic, Worker } from "../../src/workers/define-worker.ts";

/** A model at 1 USD per million input tokens and 10 per million output tokens. */
export function modelOf(model: string, more: Partial<ModelChoice> = {}): ModelChoice {
  const price = { inputUsd: 1, outputUsd: 10, cacheReadUsd: 0.1, cacheWrite5mUsd: 1.25, cacheWrite1hUsd: 2 };
  return { endpoint: "default", model, effort: "medium", maxTokens: 1_000, price, ...more };
}

const opus = modelOf("claude-opus-5-5");
const sonnet = modelOf("claude-sonnet-5-5");
const haiku = modelOf("claude-haiku-5-5");

/** The models of all runs here. */
export const models: RunModels = { orchestrator: opus, router: haiku, worker: sonnet, tiers: { haiku, sonnet, opus } };

/** A machine worker that ends when it is told `stop`, with what it was told, and fails when it is told `fail`. */
const parrot = createMachine({
  types: {} as { events: { type: "worker.told"; text: string }; context: { said: string } },
  id: "parrot",
  context: { said: "" },
  initial: "listening",
  states: {
    listening: {
      on: {
        "worker.told": [
          { guard: ({ event }) => event.text === "fail", target: "failed" },
          { guard: ({ event }) => event.text === "stop", target: "finished" },
        ],
      },
    },
    finished: { type: "final", output: { ok: true, output: "stopped" } },
    failed: {
      type: "final",
      output: { ok: false, failure: { code: "WorkerGaveUp", message: "told to fail", retryable: true } },
    },
  },
  output: ({ event }: { event: { output?: unknown } }) => event.output,
}) as unknown as DelegateLogic;

/** `backend` and `frontend` write text, `typed` answers JSON, `capped` does one task at a time, `sum` is a function, `parrot` a machine, `hasty` has a minute. */
export const workers: readonly Worker[] = [
  defineWorker({ name: "backend", description: "does the back", instructions: "work" }),
  defineWorker({ name: "frontend", description: "does the front", instructions: "work" }),
  defineWorker({ name: "typed", description: "answers numbers", instructions: "count", output: z.object({ count: z.number() }) }),
  defineWorker({ name: "capped", description: "one at a time", instructions: "work", cap: 1 }),
  defineWorker({ name: "sum", description: "adds", perform: () => "3" }),
  defineWorker({ name: "parrot", description: "repeats", machine: parrot }),
  defineWorker({ name: "hasty", description: "is done within a minute", instructions: "hurry", maxMs: 60_000 }),
];

/** How a run's input differs from the usual: no workspace, nobody there, no budget, 4 at once, at time 1000. */
export type RunShape = Partial<Omit<RunInput, "options">> & {
  readonly options?: Partial<Omit<RunOptions, "budget">> & { readonly budget?: Budget };
};

/** The input of a run. */
export function runInput({ options, ...more }: RunShape = {}): RunInput {
  return {
    runId: "r-1",
    request: "add login",
    mode: "auto",
    plan: null,
    models,
    options: {
      concurrency: 4,
      review: false,
      synthesis: true,
      asks: "deny",
      permissions: { allow: ["read", "write"], ask: ["bash"], deny: ["write(secret)"] },
      maxTasks: 40,
      hasWorkspace: false,
      ...options,
      budget: resolveBudget(options?.budget),
    },
    world: { workspace: null, workers: workers.map(({ name }) => name) },
    at: 1_000,
    seed: 1,
    ...more,
  };
}

/** The input of a conversation: attempt t1#1, tools read, write and bash, no limit of money. */
export function talkInput(more: Partial<ConversationInput> = {}): ConversationInput {
  const tools = ["read", "write", "bash"].map((name) => ({ name, description: name, inputSchema: { type: "object" } }));
  return {
    id: "t1#1",
    parameters: { choice: sonnet, system: ["be good"], tools, format: null },
    messages: [{ role: "user", content: [{ type: "text", text: "do it" }] }],
    permissions: { allow: ["read", "write"], ask: ["bash"], deny: ["write(secret)"] },
    allowanceUsd: null,
    limits: { turns: 10, toolCalls: 20 },
    repairs: 1,
    at: 1_000,
    ...more,
  };
}

/** The input of an attempt by a worker of the cast. */
export function attemptInput(name: string, more: Partial<WorkerInput> = {}): WorkerInput {
  const card = workers.find((worker) => worker.name === name)?.card;
  if (!card) throw new RangeError(`There is no worker "${name}" in the cast.`);
  return {
    id: "t1#1",
    task: taskIdAt(0),
    card,
    brief: { task: "do it", files: [], constraints: [], output_format: "a line", input: null, dependencies: [], issues: [] },
    choice: sonnet,
    hasWorkspace: true,
    layers: [],
    acceptance: [],
    writes: [],
    permissions: { allow: ["read", "write", "bash"], ask: [], deny: [] },
    allowanceUsd: null,
    at: 1_000,
    ...more,
  };
}
