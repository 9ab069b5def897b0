// Plays that together visit every state of the three machines.
import { runInput } from "./cast.ts";
import type { RunShape } from "./cast.ts";
import { diamond, planOf } from "./plans.ts";
import type { Play } from "./player.ts";

const withFiles = (shape: RunShape = {}): RunShape => ({ ...shape, options: { hasWorkspace: true, ...shape.options } });
const planJson = { json: { rationale: "r", tasks: [{ label: "a", worker: "backend", task: "do a", writes: ["a.txt"] }] } };
const routed = { json: { mode: "orchestrate", worker: null, reason: "large" } };
const bash = { calls: [{ tool: "bash", input: { command: "make" } }] };
const tooLong = { fail: "PromptTooLong" } as const;
const parts = {
  json: { rationale: "", tasks: ["a-x", "a-y"].map((label) => ({ label, worker: "backend", task: label })) },
};
const collision = [{ path: "a.txt", tasks: ["t1", "t2"], kept: "t2" }];
const one = planOf({ a: {} });
const two = planOf({ a: {}, b: { needs: ["a"] } });

/** All of them. */
export const plays: readonly Play[] = [
  {
    name: "route, plan, work, synthesis",
    input: runInput(withFiles()),
    answers: { "route/": routed, "plan/turn/1": bash, "plan/": planJson },
  },
  {
    name: "the direct way",
    input: runInput(),
    answers: { "route/": { json: { mode: "direct", worker: null, reason: "easy" } } },
  },
  {
    name: "a plan that is repaired",
    input: runInput({ mode: "orchestrate" }),
    answers: { "plan/turn/1": "no plan", "plan/": planJson },
  },
  {
    name: "a planner that is tried again",
    input: runInput(withFiles({ mode: "orchestrate" })),
    faults: ["plan/prepare/1"],
    answers: { "plan/turn/1": { fail: "Overloaded" }, "plan/turn/2": planJson, "plan/": planJson },
  },
  { name: "a review", input: runInput({ plan: diamond, options: { review: true, asks: "wait" } }) },
  {
    name: "a diamond with copies and checks",
    input: runInput(withFiles({ plan: planOf({ a: { writes: ["a.txt"] }, b: { needs: ["a"], writes: ["b.txt"] } }) })),
  },
  {
    name: "backoff and hold",
    input: runInput({ plan: two }),
    answers: { "t1#1/turn/1.0": { fail: "Overloaded" }, "t1#1/turn/1.1": { fail: "AuthFailed" } },
  },
  { name: "a task that is tried again", input: runInput({ plan: two }), answers: { "t1#1/": "GAVE UP: no idea" } },
  {
    name: "a task that a person decides about",
    input: runInput({ plan: two, options: { asks: "wait" } }),
    answers: { "t1#1/": "GAVE UP: no idea", "t1#2/": "GAVE UP: none" },
  },
  {
    name: "a call that a person allows",
    input: runInput(withFiles({ plan: one, options: { asks: "wait" } })),
    answers: { "t1#1/turn/1": bash },
  },
  {
    name: "an answer that is repaired",
    input: runInput({ plan: planOf({ a: { worker: "typed" } }) }),
    answers: { "t1#1/turn/1": "three", "t1#1/": { json: { count: 3 } } },
  },
  { name: "a function", input: runInput({ plan: planOf({ a: { worker: "sum" } }) }) },
  { name: "money", input: runInput({ plan: planOf({ a: {}, b: {}, c: {} }), options: { budget: { usd: 0.04 } } }) },
  {
    name: "money that is used up",
    input: runInput({ plan: planOf({ a: {}, b: { needs: ["a"] } }), options: { budget: { usd: 0.005 } } }),
  },
  { name: "a pause", input: runInput({ plan: two }), commands: { "t1#1/turn/1.0": { type: "run.pause" } } },
  {
    name: "a task that is skipped",
    input: runInput({ plan: planOf({ a: {}, b: {} }) }),
    commands: { "t1#1/turn/1.0": { type: "task.skip", task: "t1" } },
  },
  { name: "a run that is cancelled", input: runInput({ plan: diamond }), commands: { "t2#1/turn/1.0": { type: "run.cancel" } } },
  {
    name: "a planning that is cancelled",
    input: runInput({ mode: "orchestrate" }),
    commands: { "plan/turn/1.0": { type: "run.cancel" } },
  },
  { name: "a synthesis that fails", input: runInput({ plan: one }), answers: { "synthesis/": { stop: "refusal" } } },
  { name: "a plan that is rejected", input: runInput({ plan: one, options: { review: true, asks: "deny" } }) },
  { name: "a plan that stays invalid", input: runInput({ mode: "orchestrate" }), answers: { "plan/": "no plan" } },
  {
    name: "a task that is cut into parts",
    input: runInput({ plan: two }),
    answers: { "t1#1/": tooLong, "t1#2/": tooLong, "mend:t1#1/turn/1": "no parts", "mend:": parts },
  },
  {
    name: "a task that nobody can cut",
    input: runInput({ plan: two }),
    answers: { "t1#1/": tooLong, "t1#2/": tooLong, "mend:": { fail: "HistoryBroken" } },
  },
  {
    name: "a task in other words",
    input: runInput({ plan: one }),
    answers: { "t1#1/": { stop: "refusal" }, "t1#2/": { stop: "refusal" }, "mend:": { json: { task: "b", constraints: [] } } },
  },
  {
    name: "a mending that is held",
    input: runInput({ plan: one }),
    answers: { "t1#1/": tooLong, "t1#2/": tooLong, "mend:t1#1/turn/1.0": { fail: "AuthFailed" }, "mend:": parts },
  },
  {
    name: "a mending that is cancelled",
    input: runInput({ plan: one }),
    answers: { "t1#1/": tooLong, "t1#2/": tooLong },
    commands: { "mend:t1#1/turn/1.0": { type: "run.cancel" } },
  },
  {
    name: "a full disk",
    input: runInput(withFiles({ plan: planOf({ a: { writes: ["a.txt"] } }) })),
    full: ["t1#1/prepare", "t1#1/verify/1/again/1", "t1#1/commit/again/2", "integrate"],
  },
  {
    name: "a finished task that is done again",
    input: runInput({ plan: planOf({ a: {}, b: { needs: ["a"] }, c: {} }) }),
    commands: { "t2#1/turn/1.0": { type: "task.retry", task: "t1" } },
  },
  {
    name: "files that collide",
    input: runInput(withFiles({ plan: planOf({ a: {}, b: {}, c: { needs: ["b"] } }) })),
    conflicts: { integrate: collision, "integrate/2": collision },
  },
  {
    name: "files that collide and a person who decides",
    input: runInput(withFiles({ plan: planOf({ a: { worker: "sum" }, b: { worker: "sum" } }), options: { asks: "wait" } })),
    conflicts: { integrate: collision },
  },
];
