// The orchestrator's chart as a graph: from each state, every event that could come next. Children are not started
// there (xstate/graph uses the pure transition), so what they would report is fed as events.
import { getAdjacencyMap } from "xstate/graph";
import type { EventFromLogic } from "xstate";
import { failure } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import { attemptId } from "../../src/core/ids.ts";
import { createOrchestrator } from "../../src/machines/create-orchestrator.ts";
import type { OrchestratorMachine } from "../../src/machines/orchestrator.ts";
import type { RunInput } from "../../src/machines/run-state.ts";
import { NO_SPEND } from "../../src/protocol/spend.ts";
import type { Report } from "../../src/protocol/work.ts";
import { workers } from "./cast.ts";
import type { RunSnapshot } from "../../src/testing/simulate/stage.ts";

/** An event of the chart. */
export type RunChartEvent = EventFromLogic<OrchestratorMachine>;

/** What to explore. */
export interface Exploration {
  readonly input: RunInput;
  /** @default the shipped machine with two attempts */
  readonly machine?: OrchestratorMachine;
  /** Commands that people may send in any state. @default none */
  readonly commands?: readonly RunChartEvent[];
  /** Codes that attempts fail with. @default WorkspaceFailed, and a crash of the worker */
  readonly codes?: readonly FailureCode[];
  /** Whether reports of attempts that are over come again. @default true */
  readonly stale?: boolean;
  /** Nothing leads on from such a state. @default none */
  readonly until?: (state: RunSnapshot) => boolean;
  /** Most states. @default 50,000 */
  readonly limit?: number;
}

/** One state of the graph and the events that lead on from it, with the state each leads to. */
export interface Explored {
  readonly key: string;
  readonly state: RunSnapshot;
  readonly leads: readonly { readonly event: RunChartEvent; readonly to: string }[];
}

/** What xstate/graph finds: with emitted events in the machine's types it can't say so itself. */
type Adjacency = Readonly<
  Record<
    string,
    {
      readonly state: RunSnapshot;
      readonly transitions: Record<string, { readonly event: RunChartEvent; readonly state: RunSnapshot }>;
    }
  >
>;

/** The machine that explorations use where none is given. */
export const explored = createOrchestrator({ workers });

/** Every reachable state. */
export function explore(exploration: Exploration): readonly Explored[] {
  const map = getAdjacencyMap(logicOf(exploration), optionsOf(exploration)) as unknown as Adjacency;
  return Object.entries(map).map(([key, { state, transitions }]) => ({
    key,
    state,
    leads: Object.values(transitions).map((lead) => ({ event: lead.event, to: keyOf(lead.state) })),
  }));
}

/** The shortest way from the first state to one that breaks a promise, as the names of its events; undefined when none does. */
export function witness(states: readonly Explored[], broken: (state: Explored) => boolean): readonly string[] | undefined {
  const byKey = new Map(states.map((state) => [state.key, state]));
  const ways = new Map<string, readonly string[]>(states.slice(0, 1).map(({ key }) => [key, []]));
  for (const [key, way] of ways) {
    const state = byKey.get(key);
    if (state && broken(state)) return way;
    for (const { event, to } of state?.leads ?? []) if (!ways.has(to)) ways.set(to, [...way, nameOf(event)]);
  }
  return undefined;
}

/** All that the promises read; times, texts and money are left out, so that the graph is finite. */
export function keyOf({ value, context, children, status }: RunSnapshot): string {
  const tasks = (context.queue?.tasks ?? []).map((task) => `${task.status}#${task.attempts}`);
  const held = context.suspension?.code ?? "";
  const failed = Object.values(context.history).map((entries) => entries.length);
  const now = [childrenOf(children), held, context.returning, context.outcome, context.mended, failed];
  return JSON.stringify([status, value, tasks, ...now]);
}

/** The children but the timer of the deadlines, which is set anew for ever while nothing is over its time. */
const childrenOf = (children: RunSnapshot["children"]): readonly string[] =>
  Object.keys(children)
    .filter((id) => !id.startsWith("wake:limit/"))
    .toSorted();

/** What comes of an attempt. */
export function workerEnd(id: string, why?: FailureCode): RunChartEvent {
  const output = why
    ? { kind: "failed" as const, failure: failure(why, "as planned"), spend: NO_SPEND, at: 0 }
    : { kind: "finished" as const, report: REPORT, spend: NO_SPEND, at: 0 };
  return { type: `xstate.done.actor.worker:${id}`, actorId: `worker:${id}`, output } as unknown as RunChartEvent;
}

const REPORT: Report = {
  worker: "backend",
  success: true,
  output: { ref: "r", bytes: 1, value: "x" },
  summary: "x",
  changes: { ref: "c", files: [] },
  evidence: [],
};

/** The pure transition with the input in it: the graph's own start has none. */
function logicOf({ machine = explored }: Exploration) {
  return machine as unknown as Parameters<typeof getAdjacencyMap>[0];
}

function optionsOf({ input, commands = [], stale = true, limit = 50_000, codes, until = () => false }: Exploration) {
  return {
    input,
    limit,
    stopWhen: (state: unknown) => until(state as RunSnapshot),
    serializeState: (state: unknown) => keyOf(state as RunSnapshot),
    serializeEvent: (event: unknown) => nameOf(event as RunChartEvent),
    events: (state: unknown) => [...nextEvents(state as RunSnapshot, { stale, codes }), ...commands] as never[],
  };
}

/** What the children that are alive may report, and what those of earlier attempts may report too late. */
function nextEvents(
  { context, children, status }: RunSnapshot,
  { stale, codes }: { readonly stale: boolean; readonly codes: readonly FailureCode[] | undefined },
): readonly RunChartEvent[] {
  if (status !== "active") return [];
  const tasks = context.queue?.tasks ?? [];
  const alive = tasks.filter((task) => task.status === "running").map(({ id, attempts }) => attemptId(id, attempts));
  const over = tasks.flatMap(({ id, attempts, status: now }) =>
    Array.from({ length: now === "running" ? attempts - 1 : attempts }, (_, at) => attemptId(id, at + 1)),
  );
  return [
    ...alive.flatMap((id) => [
      workerEnd(id),
      ...(codes ?? ["WorkspaceFailed"]).map((code) => workerEnd(id, code)),
      ...(codes ? [] : [crashOf(id)]),
    ]),
    ...context.mending.flatMap(({ id, task, step }) => mendEnds(id, step === "split" ? partsOf(context, task) : OTHER_WORDS)),
    ...(stale ? over.map((id) => workerEnd(id)) : []),
    ...childrenOf(children)
      .filter((id) => id.startsWith("wake:"))
      .map(wakeOf),
    ...(Object.hasOwn(children, "synthesis") ? [synthesisEnd] : []),
  ];
}

/** What comes of a mending: what it was for, or nothing. */
function mendEnds(id: string, text: string): readonly RunChartEvent[] {
  const more = { spend: NO_SPEND, turns: 1, toolCalls: 0, at: 0 };
  const ends = [
    { kind: "finished", text, value: text, messages: [], ...more },
    { kind: "failed", failure: failure("HistoryBroken", "as planned"), ...more },
  ];
  return ends.map((output) => ({ type: `xstate.done.actor.${id}`, actorId: id, output }) as unknown as RunChartEvent);
}

const OTHER_WORDS = JSON.stringify({ task: "other words", constraints: [] });

function partsOf({ plan }: RunSnapshot["context"], task: string): string {
  const label = plan?.tasks.find(({ id }) => id === task)?.label ?? "";
  const tasks = ["x", "y"].map((name) => ({ label: `${label}-${name}`, worker: "backend", task: "part" }));
  return JSON.stringify({ rationale: "", tasks });
}

const crashOf = (id: string): RunChartEvent =>
  ({ type: `xstate.error.actor.worker:${id}`, actorId: `worker:${id}`, error: new Error("crashed") }) as unknown as RunChartEvent;

const wakeOf = (id: string): RunChartEvent =>
  ({ type: `xstate.done.actor.${id}`, actorId: id, output: { value: null, at: 0 } }) as unknown as RunChartEvent;

const synthesisEnd = {
  type: "xstate.done.actor.synthesis",
  actorId: "synthesis",
  output: { kind: "finished", text: "done", value: "done", messages: [], spend: NO_SPEND, turns: 1, toolCalls: 0, at: 0 },
} as unknown as RunChartEvent;

function nameOf(event: RunChartEvent): string {
  const { type } = event;
  const kind =
    "output" in event && typeof event.output === "object" && event.output !== null && "kind" in event.output
      ? event.output.kind
      : "";
  const why =
    "output" in event && typeof event.output === "object" && event.output !== null && "failure" in event.output
      ? (event.output.failure as { code: string }).code
      : "";
  const told = why === "WorkspaceFailed" ? "" : why;
  return [type.replace("xstate.", "").replace(".actor", ""), kind, told, "task" in event ? event.task : ""]
    .filter((part) => part !== "" && part !== undefined)
    .join(" ");
}
