// The public face, held by the compiler: this file is never run, `tsc -p tsconfig.json` checks it. What must not compile
// stands under an expected error, so that a face which became looser fails as well.
import { definePlan, defineWorker, openRun, orchestrate, prepareRun, QuatrainError } from "quatrain";
import type {
  Answer,
  Ask,
  BriefFor,
  Command,
  DefinedPlan,
  EventStream,
  Failure,
  FailureCode,
  NumberedEvent,
  OrchestrateOptions,
  Outcome,
  OutputOf,
  PlannedTask,
  Run,
  RunEvent,
  RunResult,
  TaskResultOf,
  Worker,
} from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import type {
  ConversationInput,
  ConversationMachine,
  Policy,
  RunContext,
  RunInput,
  RunOutput,
  WorkerInput,
  WorkerMachine,
} from "quatrain/machines";
import type { Observable } from "rxjs";
import { expectTypeOf } from "vitest";
import { createActor } from "xstate";
import type { InputFrom, OutputFrom, SnapshotFrom } from "xstate";
import { z } from "zod";

const schema = defineWorker({
  name: "schema",
  description: "d",
  input: z.object({ entity: z.string(), limit: z.number().default(10) }),
  output: z.object({ tables: z.array(z.string()) }),
  perform: (brief, use) => {
    expectTypeOf(brief.input).toEqualTypeOf<{ entity: string; limit: number }>();
    expectTypeOf(use.signal).toEqualTypeOf<AbortSignal>();
    return { tables: [brief.input.entity] };
  },
});
const docs = defineWorker({ name: "docs", description: "writes", instructions: "write" });
const parsed = defineWorker({
  name: "parsed",
  description: "d",
  input: z.string().transform((text) => text.length),
  perform: async ({ input }: BriefFor<number>) => String(input),
});

// Workers
expectTypeOf(schema.name).toEqualTypeOf<"schema">();
expectTypeOf<OutputOf<typeof schema>>().toEqualTypeOf<{ tables: string[] }>();
expectTypeOf<OutputOf<typeof docs>>().toEqualTypeOf<string>();
expectTypeOf(schema).toExtend<Worker>();
// @ts-expect-error the function gives another output than it declares
defineWorker({ name: "w", description: "d", output: z.object({ n: z.number() }), perform: () => ({ n: "1" }) });
// @ts-expect-error a text where the worker declares none else
defineWorker({ name: "w", description: "d", perform: () => 5 });
// @ts-expect-error no way to do the work
defineWorker({ name: "w", description: "d" });
// @ts-expect-error tools are for models
defineWorker({ name: "w", description: "d", tools: ["read"], perform: () => "x" });
// @ts-expect-error two ways to do the work
defineWorker({ name: "w", description: "d", instructions: "i", perform: () => "x" });

// Plans
const plan = definePlan(
  [schema, docs, parsed],
  [
    { label: "a", worker: "schema", task: "t", input: { entity: "user" } },
    { label: "b", worker: "docs", task: "t", dependsOn: ["a"], optional: true, tier: "haiku" },
    { label: "c", worker: "parsed", task: "t", input: "as it is written, not as it is parsed" },
  ],
);
expectTypeOf(plan).toExtend<DefinedPlan>();
type Tasks = PlannedTask<readonly [typeof schema, typeof docs]>;
expectTypeOf<Tasks["worker"]>().toEqualTypeOf<"schema" | "docs">();
// @ts-expect-error unknown worker
definePlan([schema, docs], [{ label: "a", worker: "shcema", task: "t" }]);
// @ts-expect-error missing input
definePlan([schema, docs], [{ label: "a", worker: "schema", task: "t" }]);
// @ts-expect-error wrong input
definePlan([schema, docs], [{ label: "a", worker: "schema", task: "t", input: { entity: 5 } }]);
// @ts-expect-error an input for a worker without one
definePlan([schema, docs], [{ label: "a", worker: "docs", task: "t", input: { entity: "x" } }]);
// @ts-expect-error the input as it is after parsing
definePlan([parsed], [{ label: "a", worker: "parsed", task: "t", input: 5 }]);
// @ts-expect-error unknown field
definePlan([docs], [{ label: "a", worker: "docs", task: "t", dependson: ["b"] }]);

// Results
export async function results(): Promise<void> {
  const { tasks, outcome, failure } = await orchestrate(plan).result;
  expectTypeOf(outcome).toEqualTypeOf<Outcome | "suspended">();
  expectTypeOf(failure).toEqualTypeOf<Failure | null>();
  expectTypeOf<FailureCode>().toExtend<string>();
  for (const task of tasks) {
    expectTypeOf(task.worker).toEqualTypeOf<"schema" | "docs" | "parsed">();
    if (task.worker === "schema" && task.status === "finished") expectTypeOf(task.output.tables).toEqualTypeOf<string[]>();
    if (task.worker === "docs" && task.status === "finished") expectTypeOf(task.output).toEqualTypeOf<string>();
    if (task.status === "finished") expectTypeOf(task.failure).toEqualTypeOf<null>();
    else expectTypeOf(task.output).toEqualTypeOf<null>();
    // @ts-expect-error not narrowed: it may not be finished
    if (task.worker === "schema") task.output.tables.join();
  }
  const builtIn = await orchestrate("words").result;
  expectTypeOf(builtIn.tasks[0]?.worker).toEqualTypeOf<
    "frontend" | "backend" | "database" | "tdd" | "docs" | "review" | undefined
  >();
  const opened = await openRun("r-1", { store: "folder", workers: [schema] });
  expectTypeOf(opened).toExtend<Run<readonly [typeof schema]>>();
  expectTypeOf<TaskResultOf<readonly [typeof schema]>["worker"]>().toEqualTypeOf<"schema">();
  expectTypeOf(opened.result).resolves.toEqualTypeOf<RunResult<readonly [typeof schema]>>();
}

// Options
const house = { baseURL: "http://127.0.0.1:8080", model: "qwen", prices: { input: 0, output: 0 } };
orchestrate("x", { models: { orchestrator: "claude-opus-5-5", worker: house }, budget: { usd: 1 }, store: false });
orchestrate("x", { workspace: ".", review: true, asks: "wait", permissions: { allow: ["bash(npm test)"] } });
orchestrate("x", { workspace: { path: ".", isolation: "copy" }, signal: new AbortController().signal });
orchestrate("x", { asks: (ask) => (ask.kind === "plan" ? "approve" : { decision: "reject", text: "no" }) });
orchestrate("x", { asks: async (ask: Ask): Promise<Answer> => (ask.from === null ? "approve" : "reject") });
orchestrate("x", { policy: { attempts: 3 } satisfies Partial<Policy> });
expectTypeOf<OrchestrateOptions["mode"]>().toEqualTypeOf<"auto" | "direct" | "orchestrate" | undefined>();
// @ts-expect-error unknown option
orchestrate("x", { workspaces: "." });
// @ts-expect-error unknown mode
orchestrate("x", { mode: "fast" });
// @ts-expect-error an isolation to come
orchestrate("x", { workspace: { path: ".", isolation: "worktree" } });
// @ts-expect-error an answer that is none
orchestrate("x", { asks: () => "maybe" });
orchestrate("x", { budget: 5 });
orchestrate("x", { budget: { usd: 5, ms: 60_000, task: { tokens: 1_000 }, worker: { backend: { usd: 1 } } } });
// @ts-expect-error a limit that there is not
orchestrate("x", { budget: { minutes: 5 } });
// @ts-expect-error neither words nor a plan
orchestrate({ tasks: [] });

// Events
export async function events(run: Run): Promise<void> {
  expectTypeOf(run.events).toEqualTypeOf<EventStream>();
  expectTypeOf(run.events).toExtend<Observable<NumberedEvent>>();
  for await (const event of run.events) {
    expectTypeOf(event.seq).toEqualTypeOf<string>();
    expectTypeOf(event.at).toEqualTypeOf<number>();
    if (event.type === "task.finished") expectTypeOf(event.usd).toEqualTypeOf<number>();
    if (event.type === "task.failed") expectTypeOf(event.failure).toEqualTypeOf<Failure>();
    // @ts-expect-error no such event
    if (event.type === "task.exploded") return;
  }
  expectTypeOf<Extract<RunEvent, { type: "run.finished" }>["outcome"]>().toEqualTypeOf<Outcome>();
  run.send({ type: "ask.answer", ask: "plan", decision: "approve" });
  run.send({ type: "run.tell", text: "hurry", task: "t1" });
  // @ts-expect-error unknown command
  run.send({ type: "run.explode" });
  // @ts-expect-error a decision that is none
  run.send({ type: "ask.answer", ask: "plan", decision: "maybe" });
  expectTypeOf<Command["type"]>().toExtend<string>();
  expectTypeOf(await run.apply()).toEqualTypeOf<readonly string[]>();
  expectTypeOf(await run.output("t1")).toEqualTypeOf<string>();
  expectTypeOf(run.asks).toEqualTypeOf<readonly Ask[]>();
}

// Errors
export function code(error: unknown): string | undefined {
  return QuatrainError.is(error) ? error.code : undefined;
}

// Machines
const orchestrator = createOrchestrator({ workers: [schema, docs] });
expectTypeOf<InputFrom<typeof orchestrator>>().toEqualTypeOf<RunInput>();
expectTypeOf<OutputFrom<typeof orchestrator>>().toEqualTypeOf<RunOutput>();
expectTypeOf<SnapshotFrom<typeof orchestrator>["context"]>().toEqualTypeOf<RunContext>();
expectTypeOf<InputFrom<WorkerMachine>>().toEqualTypeOf<WorkerInput>();
expectTypeOf<InputFrom<ConversationMachine>>().toEqualTypeOf<ConversationInput>();
const prepared = prepareRun("x", { workers: [docs] });
expectTypeOf(prepared.input).toEqualTypeOf<RunInput>();
createActor(prepared.world.machines.orchestrator, { input: prepared.input });
// @ts-expect-error a machine of a run needs its input
createActor(orchestrator, {});
// @ts-expect-error and the right one
createActor(orchestrator, { input: { request: "x" } });
