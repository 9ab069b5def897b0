// Each rule of lintMachine is shown a machine that breaks it and one that does not; the shipped machines keep them all.
import { describe, expect, it } from "vitest";
import { and, assign, createMachine, emit, fromCallback, fromPromise, fromTransition, raise, setup, spawnChild } from "xstate";
import type { AnyActorLogic } from "xstate";
import { effect, sleepUntil } from "quatrain/host";
import { createMachines } from "quatrain/machines";
import { LINT_RULES, lintMachine, lintText, scriptedModel, simulatedPorts } from "quatrain/testing";
import type { LintOptions, LintRule } from "quatrain/testing";
import { BUILT_IN } from "quatrain/workers";
import { downward, upward } from "../../support/events.ts";

const work = effect<{ readonly key: string }, string>("work", { class: "idempotent" }, () => "done");

/** A machine that breaks no rule: every bad one differs from it in one thing. */
const good = setup({
  types: { context: {} as { readonly done: number } },
  actors: { work, sleepUntil },
  actions: { count: assign({ done: ({ context }) => context.done + 1 }) },
  guards: { isEnough: ({ context }) => context.done > 1 },
}).createMachine({
  id: "job",
  context: { done: 0 },
  output: ({ context }) => ({ ok: true, output: context.done }),
  initial: "working",
  on: { "xstate.error.actor.*": {} },
  states: {
    working: {
      entry: "count",
      always: { guard: "isEnough", target: "done" },
      invoke: { id: "work", src: "work", input: { key: "work" }, onDone: "resting", onError: "done" },
    },
    resting: { invoke: { id: "rest", src: "sleepUntil", input: { key: "rest", dueAt: 0 }, onDone: "working" } },
    done: { type: "final" },
  },
});

const STRICT: LintOptions = { events: ["job.cancel"], worker: true, probe: true };

const words = setup({
  types: { events: {} as { type: string; user?: { age: number } } },
  actors: { work },
  actions: {
    note: () => undefined,
    start: spawnChild("work", { id: "kid", input: { key: "kid" } }),
    later: raise({ type: "go" }, { delay: 100 }),
    roll: assign(() => ({ at: Math.random() })),
    wait: () => void setTimeout(() => undefined, 10),
  },
  guards: { isOpen: () => true, isAdult: ({ event }) => JSON.stringify(event.user).includes("18") },
});

/** The simplest shape around one thing: `a` goes to the end `b` by `go`. */
const around = (a: object, root: object = {}): AnyActorLogic =>
  createMachine({
    id: "m",
    initial: "a",
    ...root,
    states: { a: { on: { go: "b" }, ...a }, b: { type: "final" } },
  } as never);

const withWords = (a: object, root: object = {}): AnyActorLogic =>
  words.createMachine({
    id: "m",
    initial: "a",
    ...root,
    states: { a: { on: { go: "b" }, ...a }, b: { type: "final" } },
  } as never);

/** By rule: machines that break it, with the places, and one that comes close and does not. */
const cases: Readonly<
  Record<LintRule, readonly (readonly [why: string, machine: AnyActorLogic, options: LintOptions, places: readonly string[]])[]>
> = {
  noId: [["no id", createMachine({}), {}, ["(machine)"]]],
  inlineAction: [
    ["a function on entry", around({ entry: () => undefined }), {}, ["m.a entry"]],
    ["assign in a transition", around({ on: { go: { target: "b", actions: assign({}) } } }), {}, ["m.a go[0]"]],
    ["emit on exit beside a name", withWords({ exit: ["note", emit({ type: "x" })] }), {}, ["m.a exit"]],
    [
      "an action of the initial transition",
      around({}, { initial: { target: "a", actions: () => undefined } }),
      {},
      ["m initial"],
    ],
    ["names only, with params", withWords({ entry: ["note", { type: "note", params: { x: 1 } }] }), {}, []],
  ],
  inlineGuard: [
    ["a function", around({ on: { go: { target: "b", guard: () => true } } }), {}, ["m.a go[0]"]],
    [
      "a function inside and()",
      withWords({ always: { target: "b", guard: and(["isOpen", () => true] as never) } }),
      {},
      ["m.a always[0]"],
    ],
    ["names inside and()", withWords({ always: { target: "b", guard: and(["isOpen", "isOpen"] as never) } }), {}, []],
  ],
  inlineActor: [
    ["an invoked one", around({ invoke: { id: "x", src: work, onError: "b" } }), {}, ["m.a"]],
    [
      "a spawned one",
      around({ entry: spawnChild(work as never, { id: "x" }) }, { on: { "xstate.error.actor.x": {} } }),
      {},
      ["m.a entry"],
    ],
  ],
  unimplemented: [
    ["an action", withWords({ entry: "noted" }), {}, ["m.a entry"]],
    ["a guard", withWords({ always: { guard: "isOpne", target: "b" } }), {}, ["m.a always[0]"]],
    ["an actor", withWords({ invoke: { id: "x", src: "wrok" } }), {}, ["m.a"]],
  ],
  unhandledError: [
    ["an invoked child", around({ invoke: { id: "x", src: "work", onDone: "b" } }), {}, ["m.a"]],
    [
      "a handler with a guard",
      withWords({ invoke: { id: "x", src: "work", onError: { guard: "isOpen", target: "b" } } }),
      {},
      ["m.a"],
    ],
    [
      "a guard, and a last resort",
      withWords({ invoke: { id: "x", src: "work", onError: [{ guard: "isOpen", target: "b" }, {}] } }),
      {},
      [],
    ],
    [
      "a spawned child heard in one state only",
      withWords({ entry: "start", on: { "xstate.error.actor.kid": "b" } }),
      {},
      ["m.a entry"],
    ],
    ["a spawned child heard at the root", withWords({ entry: "start" }, { on: { "xstate.error.actor.kid": {} } }), {}, []],
    ["an actor that only code can start", withWords({}), {}, ["m"]],
    ["one that code starts under a known id", withWords({}, { on: { "xstate.error.actor.kid": {} } }), { children: ["kid"] }, []],
    [
      "two that code starts, one unheard",
      withWords({}, { on: { "xstate.error.actor.kid": {} } }),
      { children: ["kid", "cat"] },
      ["m"],
    ],
    [
      "not by a family of others",
      withWords({ invoke: { id: "x", src: "work" } }, { on: { "xstate.done.actor.*": {} } }),
      {},
      ["m.a"],
    ],
    [
      "not by a child of a longer name",
      withWords({ invoke: { id: "x", src: "work" } }, { on: { "xstate.error.actor.xy": {} } }),
      {},
      ["m.a"],
    ],
    [
      "not by a child of a shorter name",
      withWords({ invoke: { id: "xy", src: "work" } }, { on: { "xstate.error.actor.x": {} } }),
      {},
      ["m.a"],
    ],
    [
      "heard by the parent state",
      withWords({ invoke: { id: "x", src: "work" } }, { on: { "xstate.error.actor.*": {} } }),
      {},
      [],
    ],
  ],
  wildcard: [
    ["everything", around({ on: { go: "b", "*": { target: "b" } } }), {}, ["m.a"]],
    ["a family", around({ on: { go: "b", "turn.*": { target: "b" } } }), {}, []],
  ],
  unknownEvent: [
    ["names of XState 4", around({ on: { go: "b", "done.invoke.x": "b", "error.platform.x": "b" } }), {}, ["m.a", "m.a"]],
    [
      "the end of a child that is not there",
      withWords({ invoke: { id: "work", src: "work" }, on: { "xstate.done.actor.wrok": "b", go: "b" } }),
      {},
      ["m.a"],
    ],
    ["one that code spawns", withWords({ on: { "xstate.done.actor.kid": "b", go: "b" } }), { children: ["kid"] }, []],
    ["the end of a state that is not there", around({ on: { go: "b", "xstate.done.state.m.c": "b" } }), {}, ["m.a"]],
    ["what nobody sends", around({ on: { go: "b", gone: "b" } }), { events: ["go"] }, ["m.a"]],
    ["a family of which none is sent", around({ on: { go: "b", "turn.*": "b" } }), { events: ["go", "turning.on"] }, ["m.a"]],
    ["a family of which one is sent", around({ on: { "turn.*": "b" } }), { events: ["turn.started"] }, []],
    [
      "what hosts send, and what it raises itself",
      around({ entry: raise({ type: "go" }), on: { go: "b", "host.slept": {}, "effect.orphaned": {}, "effect.part": {} } }),
      { events: [] },
      [],
    ],
  ],
  systemId: [["an invoked child", withWords({ invoke: { id: "x", src: "work", systemId: "boss" } }), {}, ["m.a"]]],
  foreignAsync: [
    [
      "a promise",
      setup({ actors: { fetching: fromPromise(async () => "x") } }).createMachine({
        id: "m",
        invoke: { id: "x", src: "fetching", onError: {} },
      }),
      {},
      ["m"],
    ],
    ["an inline callback", around({ invoke: { id: "x", src: fromCallback(() => undefined), onError: "b" } }), {}, ["m.a"]],
    [
      "effects, machines and reducers",
      setup({ actors: { work, good, counting: fromTransition((count: number) => count, 0) } }).createMachine({
        id: "m",
        on: { "xstate.error.actor.*": {} },
      } as never),
      {},
      [],
    ],
  ],
  delayed: [
    ["after", around({ after: { 100: "b" } }), {}, ["m.a"]],
    ["a delayed raise", withWords({ entry: "later" }), {}, ["m.a entry"]],
  ],
  impure: [
    ["chance in assign", withWords({ entry: "roll" }), {}, ["m.a entry"]],
    ["a timer", withWords({ entry: "wait" }), {}, ["m.a entry"]],
    ["a clock in the context", around({}, { context: () => ({ at: Date.now() }) }), {}, ["m"]],
    ["a clock in a guard", around({ always: { guard: () => new Date().getDay() === 1, target: "b" } }), {}, ["m.a always[0]"]],
  ],
  throwingContext: [
    [
      "without input",
      around({}, { context: ({ input }: { input: { x: { y: number } } }) => ({ y: input.x.y }) }),
      { input: { x: { y: 1 } } },
      ["m"],
    ],
  ],
  notJsonContext: [
    ["a date", around({}, { context: { at: new Date(0), fine: 1 } }), {}, ["m"]],
    [
      "a map, a function, a hole in a list",
      around({}, { context: { map: new Map(), run: () => 1, list: [{ x: [1, undefined] }] } }),
      {},
      ["m", "m", "m"],
    ],
    ["an input", around({}), { input: { at: new Date(0) } }, ["m"]],
    ["an absent field", around({}, { context: { maybe: undefined } }), {}, []],
  ],
  throwingGuard: [
    [
      "a guard that trusts the event",
      withWords({ on: { go: { guard: "isAdult", target: "b" } } }),
      { probe: true },
      ["m.a go[0]"],
    ],
    ["without the option", withWords({ on: { go: { guard: "isAdult", target: "b" } } }), {}, []],
  ],
  unreachable: [
    [
      "a forgotten state, told once",
      createMachine({
        id: "m",
        initial: "a",
        states: { a: { type: "final" }, b: { initial: "c", states: { c: { type: "final" } } } },
      }),
      {},
      ["m.b"],
    ],
    [
      "regions, inner targets, history and what it falls back to",
      createMachine({
        id: "m",
        initial: "a",
        states: {
          a: { on: { go: "p.left.deep" } },
          p: {
            type: "parallel",
            on: { out: "q" },
            states: {
              left: { initial: "first", states: { first: {}, deep: { on: { x: "first" } } } },
              right: { initial: "one", states: { one: {} } },
            },
          },
          q: {
            initial: "first",
            states: { first: { on: { go: "#m.out" } }, second: {}, again: { type: "history", target: "second" } },
          },
          out: { on: { back: "q.again" } },
        },
      }),
      {},
      [],
    ],
  ],
  deadEnd: [
    [
      "a trap",
      createMachine({ id: "m", initial: "a", states: { a: { on: { go: "b" } }, b: { on: { note: {}, again: "b" } } } }),
      {},
      ["m.b"],
    ],
    [
      "left by its parent",
      createMachine({
        id: "m",
        initial: "a",
        on: { stop: ".c" },
        states: { a: { on: { go: "b" } }, b: {}, c: { type: "final" } },
      }),
      {},
      [],
    ],
    [
      "left by the region beside it",
      createMachine({
        id: "m",
        initial: "p",
        states: {
          p: {
            type: "parallel",
            states: {
              left: { initial: "x", states: { x: {} } },
              right: { initial: "y", states: { y: { on: { go: "#m.end" } } } },
            },
          },
          end: { type: "final" },
        },
      }),
      {},
      [],
    ],
  ],
  noOutput: [["a worker without one", around({}), { worker: true }, ["m"]]],
  noEnd: [
    [
      "a worker that goes round",
      createMachine({ id: "m", initial: "a", output: {}, states: { a: { on: { go: "b" } }, b: { on: { go: "a" } } } }),
      { worker: true },
      ["m"],
    ],
  ],
};

describe.each(Object.entries(cases))("%s", (rule, list) => {
  it.each(list)("%s", (_why, machine, options, places) => {
    const issues = lintMachine(machine, options).filter((issue) => issue.rule === rule);
    expect(issues.map(({ where }) => where)).toEqual(places);
    for (const { message } of issues) expect(message).toMatch(/^\S.{20,}\.$/s);
  });
});

describe("lintMachine", () => {
  it("finds nothing in a good machine, however closely it looks", () => {
    expect(lintMachine(good, STRICT)).toEqual([]);
    expect(lintText([])).toBe("Nothing is to be mended.");
  });

  it("has a machine that breaks it for each of its rules", () => {
    const shown = Object.entries(cases).filter(([, list]) => list.some(([, , , places]) => places.length > 0));
    expect(shown.map(([rule]) => rule).toSorted()).toEqual([...LINT_RULES].toSorted());
  });

  it("names the nearest thing, and what to do", () => {
    const machine = withWords({ invoke: { id: "work", src: "wrok" }, on: { "xstate.done.actor.wokr": "b", og: "b" } });
    expect(lintText(lintMachine(machine, { events: ["go"] }))).toMatchInlineSnapshot(`
      "5 things are to be mended:
        m.a: There is no actor "wrok"; did you mean "work"? XState only warns, and goes on without it. Name it in setup({ actors }) or provide it. (unimplemented)
        m.a: When child "work" (wrok) fails, nobody hears it: then this machine breaks and all its children are stopped. Give it onError, or hear "xstate.error.actor.work". (unhandledError)
        m: When actor "work", which only actions can start, fails, nobody hears it: then this machine breaks and all its children are stopped. Hear "xstate.error.actor.*" at the root. (unhandledError)
        m.a: "xstate.done.actor.wokr" never comes: there is no child "wokr"; did you mean "work"? If code spawns it, name it in the option children. (unknownEvent)
        m.a: Nobody sends "og". Take it out, or add it to the option events. (unknownEvent)"
    `);
  });

  it("leaves out what is off with a reason, and nothing without", () => {
    const machine = around({ after: { 5: "b" } });
    expect(lintMachine(machine, { off: { delayed: "it is never persisted" } })).toEqual([]);
    expect(() => lintMachine(machine, { off: { delayed: " " } })).toThrow(/"delayed" is off without a reason/);
    expect(() => lintMachine(machine, { off: { delay: "x" } as never })).toThrow(/no rule "delay".*delayed/);
  });

  it("refuses logic that is no machine", () => {
    expect(() => lintMachine(work)).toThrow(/this logic is none/);
  });

  it("starts nothing", () => {
    let begun = 0;
    const counting = effect<{ readonly key: string }, null>("counting", { class: "pure" }, () => {
      begun += 1;
      return null;
    });
    const machine = setup({ actors: { counting } }).createMachine({
      id: "m",
      invoke: { id: "x", src: "counting", input: { key: "x" }, onError: {} },
      entry: () => {
        begun += 1;
      },
    });
    expect(lintMachine(machine, { probe: true }).map(({ rule }) => rule)).toEqual(["inlineAction"]);
    expect(begun).toBe(0);
  });
});

describe("the shipped machines", () => {
  const machines = createMachines({ workers: BUILT_IN, ports: simulatedPorts({ model: scriptedModel({}) }) });
  const down = Object.keys(downward("x"));
  const up = Object.keys(upward("x"));
  const people = ["run.pause", "run.resume", "run.cancel", "run.tell", "ask.answer", "plan.edit", "task.skip", "task.retry"];

  it.each<[string, AnyActorLogic, LintOptions]>([
    ["orchestrator", machines.orchestrator, { events: [...up, ...people], probe: true }],
    ["worker", machines.worker, { events: [...up, ...down], children: ["delegate"], probe: true }],
    ["conversation", machines.conversation, { events: down, probe: true }],
  ])("%s is clean", (_name, machine, options) => {
    expect(lintText(lintMachine(machine, options))).toBe(lintText([]));
  });
});
