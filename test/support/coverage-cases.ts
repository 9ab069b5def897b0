// Simulated runs that go where random ones rarely come: each row of the policy table to its end, and the corners of the
// three charts. Plain data: what a case is for stands above it.
import { createMachine, sendParent, setup } from "xstate";
import { z } from "zod";
import { FAILURE_CODES, failure } from "../../src/core/failure.ts";
import type { FailureCode } from "../../src/core/failure.ts";
import { DEFAULT_TABLE } from "../../src/core/policy.ts";
import { resolveBudget } from "../../src/protocol/budget.ts";
import type { DelegateInput } from "../../src/protocol/delegate.ts";
import type { SimulatedCase } from "../../src/testing/simulate/case.ts";
import type { WorldAct, WorldScript } from "../../src/testing/simulate/world.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import type { DelegateLogic } from "../../src/workers/define-worker.ts";
import { workers } from "./cast.ts";
import { planOf } from "./plans.ts";

/** A machine worker that says all that one may say: it asks for money, for leave, and is held once. */
const asker = setup({ types: { context: {} as DelegateInput, input: {} as DelegateInput } }).createMachine({
  id: "asker",
  context: ({ input }) => input,
  initial: "telling",
  states: {
    telling: {
      entry: sendParent(({ context: { id: from, at } }) => ({
        type: "worker.progressed",
        from,
        state: "asking",
        note: "money",
        at,
      })),
      always: "funding",
    },
    funding: {
      entry: sendParent(({ context: { id: from, at } }) => ({
        type: "budget.asked",
        from,
        worst: { usd: 0.01, inputTokens: 1, outputTokens: 1 },
        at,
      })),
      on: { "budget.granted": "asking", "budget.refused": "asking" },
    },
    asking: {
      entry: sendParent(({ context: { id: from, at } }) => ({
        type: "ask.raised",
        from,
        ask: { id: `${from}/1/may`, kind: "permission", from, text: "May it?", detail: null, hash: "h", at },
        at,
      })),
      on: { "ask.answered": "held" },
    },
    held: {
      entry: sendParent(({ context: { id: from, at } }) => ({
        type: "conversation.held",
        from,
        failure: failure("StoreFull", "the disk is full"),
        at,
      })),
      on: { "run.resumed": "finished" },
    },
    finished: { type: "final" },
  },
  output: { ok: true, output: "asked" },
}) as unknown as DelegateLogic;

/** A machine worker that breaks at once. */
const breaker = createMachine({
  id: "breaker",
  context: () => {
    throw new Error("broken machine");
  },
}) as unknown as DelegateLogic;

/** The cast, with machines that ask and that break. A parrot waits until it is told something: no world does that. */
export const covering = [
  ...workers.filter(({ name }) => name !== "parrot"),
  defineWorker({ name: "asker", description: "asks", machine: asker }),
  defineWorker({ name: "breaker", description: "breaks", machine: breaker }),
];

/** A cast whose first worker wants an input, which a direct request has not. */
export const picky = [
  defineWorker({ name: "picky", description: "wants a number", instructions: "count", input: z.object({ count: z.number() }) }),
];

const one = planOf({ a: {} });
const two = planOf({ a: {}, b: { needs: ["a"] } });
const apart = planOf({ a: {}, b: {} });
const askAll = { allow: ["read", "write", "bash"], ask: [], deny: [] };

function caseOf(script: WorldScript, more: Partial<SimulatedCase> = {}): SimulatedCase {
  return { seed: 1, mode: "orchestrate", plan: one, options: {}, commands: [], world: { script }, ...more };
}

/** Turns of conversations that go wrong: `t1#1` with 2 means that its first turn fails twice. */
const failing = (code: FailureCode, times: Readonly<Record<string, number>>): WorldScript =>
  Object.fromEntries(
    Object.entries(times).flatMap(([conversation, most]) =>
      Array.from({ length: most }, (_, tried) => [`modelTurn ${conversation}/turn/1.${tried}`, { answer: { fail: code } }]),
    ),
  );

/** A task `label` in two parts. */
const partsOf = (label: string) => ({
  json: {
    rationale: "smaller",
    tasks: ["x", "y"].map((part) => ({ label: `${label}-${part}`, worker: "backend", task: `do ${part}`, depends_on: [] })),
  },
});
const reworded = { json: { task: "the same in other words", constraints: [] } };

/** A task whose every attempt fails with a code, until its row has nothing left; a person says no then. */
function followed(code: FailureCode): SimulatedCase {
  const tries = DEFAULT_TABLE[code].turn.length + 1;
  const script: WorldScript = {
    ...failing(code, { "t1#1": tries, "t1#2": tries, "t1#3": tries }),
    "modelTurn mend:t1#1/turn/1.0": { answer: code === "Refused" ? reworded : partsOf("a") },
    ...Object.fromEntries(["t1#1", "t1#2", "t1#3"].map((attempt) => [`person ${attempt}/escalation`, { decision: "reject" }])),
  };
  return caseOf(script, { options: { asks: "wait" } });
}

/** Each row of the default table, from its first entry to its last word. */
const rows: readonly SimulatedCase[] = FAILURE_CODES.map(followed);

const calls = (tool: string, input: object): WorldAct => ({ answer: { calls: [{ tool, input: { ...input } }] } });
const wrong: WorldAct = { answer: "no plan at all" };
const collide = {
  "commitWork t1#1/commit": { files: [{ path: "x.txt", kind: "added" }] },
  "commitWork t2#1/commit": { files: [{ path: "x.txt", kind: "added" }] },
  "commitWork t2#2/commit": { files: [{ path: "x.txt", kind: "modified" }] },
} as const satisfies WorldScript;
const clash: WorldAct = { conflicts: [{ path: "x.txt", tasks: ["t1", "t2"], kept: "t2" }] };
const folded = { hasWorkspace: true, asks: "wait" } as const;

/** What a conversation or a worker is told of, and what it is told of too often. */
const tellings: readonly SimulatedCase[] = [
  // An answer that does not fit, a plan that never fits.
  caseOf({ "modelTurn t1#1/turn/1.0": { answer: "none" } }, { plan: planOf({ a: { worker: "typed" } }) }),
  caseOf(
    { "modelTurn plan/turn/1.0": wrong, "modelTurn plan/turn/2.0": wrong, "modelTurn plan/turn/3.0": wrong },
    { plan: null },
  ),
  // A tool that breaks, twice; a call that is forbidden, twice; one that a person forbids, and one that they allow.
  ...["b", "c"].map((file) =>
    caseOf(
      {
        "modelTurn t1#1/turn/1.0": calls("read", { file_path: "a" }),
        "toolCall t1#1/turn/1/call/0": { breaks: "it broke" },
        "modelTurn t1#1/turn/2.0": calls("read", { file_path: file }),
        ...(file === "b" && { "toolCall t1#1/turn/2/call/0": { breaks: "it broke" } }),
      },
      { options: { hasWorkspace: true } },
    ),
  ),
  caseOf(
    {
      "modelTurn t1#1/turn/1.0": calls("write", { file_path: "secret" }),
      "modelTurn t1#1/turn/2.0": calls("write", { file_path: "secret" }),
    },
    { options: { hasWorkspace: true, permissions: { allow: ["write"], ask: [], deny: ["write(secret)"] } } },
  ),
  ...(["approve", "reject"] as const).map((decision) =>
    caseOf(
      {
        "modelTurn t1#1/turn/1.0": calls("bash", { command: "make" }),
        "person t1#1/1/call_1_0": { decision },
      },
      { options: { ...folded, permissions: { allow: [], ask: ["bash"], deny: [] } } },
    ),
  ),
  // Checks that do not hold, until nothing is left; that break; that find no room; and a result that finds none.
  ...[
    { "verifyWork t1#1/verify/0": { holds: false } },
    { "verifyWork t1#1/verify/0": { holds: false }, "verifyWork t1#1/verify/1": { holds: false } },
    { "verifyWork t1#1/verify/0": { breaks: "it broke" } },
    { "verifyWork t1#1/verify/0": { fail: "WorkspaceFailed" } },
    { "verifyWork t1#1/verify/0": { fail: "StoreFull" } },
    { "commitWork t1#1/commit": { fail: "StoreFull" } },
    { "commitWork t1#1/commit": { breaks: "it broke" } },
    { "commitWork t1#1/commit": { fail: "WorkspaceFailed" } },
    { "prepareWorkspace t1#1/prepare": { fail: "StoreFull" } },
    { "prepareWorkspace t1#1/prepare": { fail: "WorkspaceFailed" } },
    { "prepareWorkspace t1#1/prepare": { breaks: "it broke" } },
  ].map((script) =>
    caseOf(script as WorldScript, {
      plan: planOf({ a: { acceptance: ["make check"] } }),
      options: { hasWorkspace: true, permissions: askAll },
    }),
  ),
  // Two tasks that wrote one file: done again, asked about, kept or done once more; and no time to ask.
  ...(["approve", "reject"] as const).map((decision) =>
    caseOf(
      { ...collide, "integrate integrate": clash, "integrate integrate/2": clash, "person conflicts": { decision } },
      { plan: apart, options: folded },
    ),
  ),
  // The folding breaks, or finds no room.
  caseOf({ ...collide, "integrate integrate": { breaks: "it broke" } }, { plan: apart, options: folded }),
  caseOf({ ...collide, "integrate integrate": { fail: "StoreFull" } }, { plan: apart, options: folded }),
  caseOf({ ...collide, "integrate integrate": { fail: "ServerFault" } }, { plan: apart, options: folded }),
];

const draft = { rationale: "", tasks: [{ label: "a", worker: "backend", task: "do a" }] };
const edit = (tasks: readonly unknown[]) => ({ type: "plan.edit", plan: { ...draft, tasks } }) as never;
const reviewed = { review: true, asks: "wait" } as const;

/** The corners of the run's own chart. */
const corners: readonly SimulatedCase[] = [
  // The way is asked for, and taken either way; nobody answers; time is up first.
  ...["direct", "orchestrate"].map((mode) =>
    caseOf(
      { "modelTurn route/turn/1.0": { answer: { json: { mode, worker: "backend", reason: "so" } } } },
      { plan: null, mode: "auto" },
    ),
  ),
  caseOf({ "modelTurn route/turn/1.0": { breaks: "it broke" } }, { plan: null, mode: "auto" }),
  ...(["auto", "orchestrate"] as const).map((mode) =>
    caseOf({}, { plan: null, mode, options: { budget: resolveBudget({ ms: 20 }) } }),
  ),
  // A direct request that is tried again; one whose parts find the budget used up; one that a person retries at once.
  caseOf(failing("ServerFault", { "t1#1": 4 }), { plan: null, mode: "direct" }),
  caseOf(
    {
      ...failing("PromptTooLong", { "t1#1": 1, "t1#2": 1 }),
      "modelTurn mend:t1#1/turn/1.0": { answer: partsOf("answer") },
      ...failing("BudgetExceeded", { "t2#1": 1 }),
    },
    { plan: null, mode: "direct", options: { concurrency: 1 } },
  ),
  caseOf({}, { plan: null, mode: "direct", prompts: [{ after: "task.started", event: { type: "task.retry", task: "t1" } }] }),
  // A direct request whose parts wrote one file.
  caseOf(
    {
      ...failing("PromptTooLong", { "t1#1": 1, "t1#2": 1 }),
      "modelTurn mend:t1#1/turn/1.0": { answer: partsOf("answer") },
      "commitWork t2#1/commit": { files: [{ path: "x.txt", kind: "added" }] },
      "commitWork t3#1/commit": { files: [{ path: "x.txt", kind: "added" }] },
      "integrate integrate": { conflicts: [{ path: "x.txt", tasks: ["t2", "t3"], kept: "t3" }] },
    },
    { plan: null, mode: "direct", options: folded },
  ),
  caseOf({ "modelTurn plan/turn/1.0": { answer: { json: draft } } }, { plan: null }),
  caseOf({ "modelTurn t1#1/turn/1.0": calls("fly", {}) }),
  // The planner's copy fails, breaks, finds no room; the planner is tried again, and in vain.
  ...[{ fail: "WorkspaceFailed" as const }, { breaks: "it broke" }, { fail: "StoreFull" as const }].map((act) =>
    caseOf({ "prepareWorkspace plan/prepare/1": act }, { plan: null, options: folded }),
  ),
  caseOf(failing("ServerFault", { plan: 8 }), { plan: null }),
  caseOf(failing("ServerFault", { synthesis: 4 })),
  // A plan that is looked at: approved, rejected, edited well and badly, looked at by nobody.
  caseOf({ "person plan": { decision: "approve" } }, { options: reviewed }),
  caseOf({ "person plan": { decision: "reject" } }, { options: reviewed }),
  caseOf(
    {},
    {
      plan: two,
      options: reviewed,
      prompts: [
        { after: "ask.opened", event: edit([]) },
        { after: "letter.dropped", event: edit(draft.tasks) },
      ],
    },
  ),
  caseOf({}, { options: { review: true } }),
  caseOf(
    {},
    {
      commands: [
        { afterMs: 50, event: edit([]) },
        { afterMs: 60, event: { type: "task.skip", task: "t1" } },
      ],
    },
  ),
  caseOf({}, { plan: null, commands: [{ afterMs: 50, event: { type: "task.retry", task: "t1" } }] }),
  caseOf({}, { sleeps: [{ afterMs: 50, ms: 60_000 }] }),
  // The budget goes while tasks wait for their start.
  caseOf(failing("BudgetExceeded", { "t1#1": 1 }), { plan: apart, options: { concurrency: 1 } }),
  // Impatience: everything at the wrong moment.
  caseOf(failing("ServerFault", { "t1#1": 4 }), {
    prompts: [
      { after: "phase.entered", nth: 2, event: { type: "task.retry", task: "t1" } },
      { after: "task.retrying", event: { type: "task.retry", task: "t1" } },
    ],
  }),
  caseOf({}, { plan: apart, commands: [{ afterMs: 20, event: { type: "run.cancel" } }] }),
  caseOf({}, { plan: two, prompts: [{ after: "task.finished", task: "t1", event: { type: "task.retry", task: "t1" } }] }),
  // Somebody is held while the run is paused, and another one while it is suspended.
  caseOf(failing("AuthFailed", { "t1#1": 1, "t2#1": 1 }), { plan: apart }),
  caseOf(failing("AuthFailed", { "t1#1": 1, "t2#1": 1 }), {
    plan: apart,
    commands: [{ afterMs: 50, event: { type: "run.pause" } }],
  }),
  // The run's time ends during the wait before the plan or the answer is tried again, or while a person looks at the plan.
  caseOf(
    { "prepareWorkspace plan/prepare/1": { fail: "Overloaded" } },
    { plan: null, options: { ...folded, budget: resolveBudget({ ms: 3_000 }) } },
  ),
  caseOf(failing("OutputTruncated", { synthesis: 1 }), { options: { budget: resolveBudget({ ms: 700 }) } }),
  caseOf({}, { options: { ...reviewed, budget: resolveBudget({ ms: 900 }) } }),
  // Money: granted, refused, and too little for what the next entry of the row would cost.
  caseOf({}, { options: { budget: resolveBudget({ usd: 5 }) } }),
  caseOf({}, { options: { budget: resolveBudget({ usd: 0.000_1 }) } }),
  caseOf(failing("OutputTruncated", { "t1#1": 1 }), { options: { budget: resolveBudget({ task: { tokens: 28_000 } }) } }),
  // Machine workers.
  caseOf(
    { "person t2#2/escalation": { decision: "reject" } },
    { plan: planOf({ a: { worker: "asker" }, b: { worker: "breaker" } }), options: { asks: "wait" } },
  ),
  caseOf(
    {},
    {
      plan: planOf({ a: { worker: "asker" } }),
      options: { budget: resolveBudget({ usd: 0.001 }) },
      prompts: [{ after: "task.started", event: { type: "run.tell", text: "hurry", task: "t1" } }],
    },
  ),
  caseOf({ "performWork t1#1/perform": { breaks: "it broke" } }, { plan: planOf({ a: { worker: "sum" } }) }),
  // Somebody is told while they think, or before.
  caseOf({}, { options: folded, prompts: [{ after: "task.started", event: { type: "run.tell", text: "hurry", task: "t1" } }] }),
  caseOf({}, { prompts: [{ after: "turn.started", event: { type: "run.tell", text: "hurry", task: "t1" } }] }),
];

/** All of them, for the workers of `covering` and the default policy. */
export const coveringCases: readonly SimulatedCase[] = [...rows, ...tellings, ...corners];

/** A plan that nobody can do. */
export const strangerCase = caseOf({}, { plan: planOf({ a: { worker: "stranger" } }) });

/** A plan that stays invalid; for a policy that falls back to one worker. */
export const fallbackCase = caseOf(
  { "modelTurn plan/turn/1.0": wrong, "modelTurn plan/turn/2.0": wrong, "modelTurn plan/turn/3.0": wrong },
  { plan: null },
);

/** A direct request, for workers who can't do it. */
export const directCase = caseOf({}, { plan: null, mode: "direct" });
