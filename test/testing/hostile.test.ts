// What is given to `quatrain/testing` may be anything: bad input is a QuatrainError that says what, with which value and
// what to do; never a hang, a TypeError from inside, or a success that looked at nothing.
import path from "node:path";
import { describe, expect, it } from "vitest";
import { createMachine, raise } from "xstate";
import { definePlan, defineWorker, orchestrate, QuatrainError } from "quatrain";
import { createOrchestrator } from "quatrain/machines";
import {
  always,
  crashSweep,
  echoBrain,
  exploreHost,
  exploreRun,
  lintMachine,
  parseCassette,
  pathsOf,
  policyRowsOf,
  randomFaults,
  replayCassette,
  replayPath,
  replayTree,
  scriptedBrain,
  scriptedModel,
  simulateRuns,
  standIn,
  throughout,
} from "quatrain/testing";

const SHELF = path.join(import.meta.dirname, "cassette/bookshelf.cassette");
const write = defineWorker({ name: "write", description: "Writes.", instructions: "You write." });
const other = defineWorker({ name: "other", description: "Does others.", instructions: "You do." });
const { plan } = definePlan([write], [{ label: "a", worker: "write", task: "one" }]);
const foreign = definePlan([other], [{ label: "a", worker: "other", task: "one" }]);
const [task] = plan.tasks;
const needing = (id: string) => ({ rationale: "", tasks: [{ ...task, dependencies: [{ task: id, kind: "hard" }] }] });
const base = { workers: [write], plan };

/** Functions of the door as JavaScript sees them. */
type Loose = (options?: unknown, more?: unknown) => unknown;
const FUNCTIONS = { exploreRun, exploreHost, simulateRuns, crashSweep, pathsOf, replayPath, replayTree, replayCassette };
const loose = (name: keyof typeof FUNCTIONS): Loose => FUNCTIONS[name] as unknown as Loose;

async function complaint(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (QuatrainError.is(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "nothing";
}

describe.each(["exploreRun", "exploreHost", "simulateRuns", "crashSweep", "pathsOf"] as const)("%s refuses", (name) => {
  it.each([
    ["nothing", undefined, "BadOption: .*give an object with options"],
    ["no workers", { plan }, "BadOption: workers is undefined"],
    ["workers that are none", { ...base, workers: [{ name: "write" }] }, "BadOption: workers is"],
    ["two workers of one name", { ...base, workers: [write, write] }, "BadWorker: Two workers"],
    ["an option that it does not know", { ...base, wokers: 1 }, 'there is no "wokers"; did you mean "workers"'],
    ["an option of a run that is none", { ...base, options: { concurency: 2 } }, 'there is no "concurency" in options'],
    ["no concurrency", { ...base, options: { concurrency: Number.NaN } }, "options.concurrency is NaN"],
    ["a plan for others", { ...base, plan: foreign }, 'BadPlan: .*t1 is for "other"'],
    ["a plan with a cycle", { ...base, plan: needing("t1") }, "BadPlan: .*t1 needs t1: that is a cycle"],
    ["a plan with an unknown task", { ...base, plan: needing("t9") }, 'BadPlan: .*depends on "t9"'],
    ["an empty plan", { ...base, plan: { rationale: "", tasks: [] } }, "BadPlan: .*plan.tasks"],
    ["a text for a plan", { ...base, plan: "do it" }, "BadPlan: "],
    ["a policy that is none", { ...base, policy: "fast" }, 'BadOption: policy is "fast"'],
    ["a machine that is none", { ...base, machine: () => 5 }, "BadOption: machine is 5"],
    ["another machine", { ...base, machine: () => createMachine({}) }, "BadOption: machine is "],
    ["an invariant that is none", { ...base, invariants: ["x"] }, "invariants.0"],
    [
      "two invariants of one name",
      { ...base, invariants: [always("mine", () => undefined), always("mine", () => "broken")] },
      'two invariants are named "mine"',
    ],
  ])("%s", async (_what, options, said) => {
    expect(await complaint(() => loose(name)(options))).toMatch(new RegExp(said));
  });
});

const CASES: readonly (readonly [keyof typeof FUNCTIONS, object, string])[] = [
  ["exploreRun", { limits: { states: Number.NaN } }, "limits.states is NaN"],
  ["exploreRun", { limits: { state: 3 } }, 'there is no "state" in limits'],
  ["exploreRun", { outcomes: ["Boom"] }, 'outcomes.0 is "Boom"; use a failure code or "crash"'],
  ["exploreRun", { calls: ["crash"] }, 'calls.0 is "crash"'],
  ["exploreRun", { commands: [{ type: "run.explode" }] }, "commands.0"],
  ["exploreRun", { until: async () => false }, "until answered a promise"],
  ["exploreRun", { key: () => new Date(0) }, "key answered"],
  ["exploreRun", { plan: null, plans: [foreign.plan] }, 't1 is for "other"'],
  ["exploreHost", { limits: { depth: -1 } }, "limits.depth is -1"],
  ["exploreHost", { crashes: Number.POSITIVE_INFINITY }, "crashes is Infinity"],
  ["exploreHost", { outcomes: () => [] }, "outcomes answered \\[\\]"],
  ["exploreHost", { outcomes: () => [{}, { fails: "Overloaded" }] }, "outcomes answered"],
  ["exploreHost", { outcomes: () => Promise.resolve([{}]) }, "outcomes answered a promise"],
  ["exploreHost", { key: () => 10n }, "key answered 10"],
  ["exploreHost", { budget: { dollars: 1 } }, "budget.dollars"],
  ["simulateRuns", { runs: 0 }, "runs is 0; give a whole number from 1"],
  ["simulateRuns", { runs: Number.NaN }, "runs is NaN"],
  ["simulateRuns", { cases: [] }, "cases is \\[\\]"],
  ["simulateRuns", { faults: { turns: 2 } }, "faults.turns is 2"],
  ["simulateRuns", { faults: { codes: ["Boom"] } }, 'faults.codes.0 is "Boom"'],
  ["simulateRuns", { tasks: [5, 2] }, "tasks is \\[5,2\\]"],
  ["simulateRuns", { latency: { wirte: { medianMs: 3 } } }, "latency.wirte.*there is no such worker"],
  ["simulateRuns", { latency: { write: { medianMs: Number.NaN } } }, "latency.write.medianMs is NaN"],
  ["simulateRuns", { runs: 1, world: () => ({ fail: "Boom" }) }, "world answered"],
  [
    "simulateRuns",
    {
      runs: 1,
      world: () => {
        throw new Error("mine");
      },
    },
    "world threw: mine",
  ],
  ["crashSweep", { result: () => 10n }, "result answered 10"],
  ["crashSweep", { mostStops: 0 }, "mostStops is 0"],
  ["pathsOf", { to: "end" }, 'to is "end"; use ends or states'],
  ["pathsOf", { most: Number.NaN }, "most is NaN"],
];

it.each(CASES)("%s refuses %o", async (name, options, said) => {
  expect(await complaint(() => loose(name)({ ...base, ...options }))).toMatch(new RegExp(`^Bad(Option|Plan): .*${said}`));
});

it.each([
  ["replayTree", [5], "steps: 0 is 5; give a step"],
  ["replayTree", [{ crash: "hard" }], "give a step"],
  ["replayTree", undefined, "give a list of steps"],
] as const)("%s refuses the steps %o", async (name, steps, said) => {
  expect(await complaint(() => loose(name)(base, steps))).toContain(said);
});

it.each([[undefined], [{}], [{ steps: "x" }], [{ steps: [{ kind: "explode" }] }], [{ steps: [{ kind: "finish", task: 5 }] }]])(
  "replayPath refuses the way %o",
  async (way) => {
    expect(await complaint(() => loose("replayPath")(way, base))).toMatch(/^BadOption: replayPath: /);
  },
);

describe("an invariant that is wrong itself", () => {
  it.each([
    [
      "throws",
      always("mine", () => {
        throw new Error("oh");
      }),
      "the invariant threw: oh",
    ],
    ["says true", always("mine", (() => true) as never), "the invariant answered true"],
    ["says it later", always("mine", (async () => "broken") as never), "the invariant answered a promise"],
  ])("%s: that is told on every level", async (_what, mine, said) => {
    const options = { ...base, invariants: [mine] };
    const reports = [exploreRun(options), await exploreHost(options), await simulateRuns({ ...options, runs: 1 })];
    for (const { violations } of reports)
      expect(violations[0]).toMatchObject({ invariant: "mine", message: expect.stringContaining(said) });
  });

  it("is told where it watches nothing", async () => {
    const mine = throughout("mine", (() => undefined) as never);
    const { violations } = await simulateRuns({ ...base, runs: 1, invariants: [mine] });
    expect(violations[0]?.message).toContain("watches nothing");
  });
});

describe("a machine that never comes to rest", () => {
  const machines = {
    raises: createMachine({
      initial: "a",
      states: { a: { entry: raise({ type: "X" }), on: { X: { target: "a", reenter: true } } } },
    }),
    moves: createMachine({ initial: "a", states: { a: { always: "b" }, b: { always: "a" } } }),
  };

  it.each(Object.entries(machines))("one that %s for ever fails its task, and holds nobody", async (_what, machine) => {
    const spin = defineWorker({ name: "spin", description: "Spins.", machine });
    const workers = [spin];
    const spun = definePlan(workers, [{ label: "a", worker: "spin", task: "one" }]);
    const { outcomes, violations } = await simulateRuns({ workers, plan: spun, runs: 1, commands: 0 });
    expect({ outcomes, violations }).toEqual({ outcomes: { failed: 1 }, violations: [] });
    expect((await exploreHost({ workers, plan: spun })).ends).toEqual({ failed: expect.any(Number) });
    expect(
      lintMachine(machine)
        .map(({ message }) => message)
        .join(),
    ).toContain("Infinite loop");
  });

  it("that ticks for ever is told, not waited for", async () => {
    const tick = { target: "a", reenter: true };
    const machine = createMachine({ initial: "a", states: { a: { after: { 1: tick } } } });
    const workers = [defineWorker({ name: "tick", description: "Ticks.", machine })];
    const ticking = definePlan(workers, [{ label: "a", worker: "tick", task: "one" }]);
    const { violations } = await simulateRuns({ workers, plan: ticking, runs: 1, commands: 0, repeatEvery: 0 });
    expect(violations[0]?.message).toContain("it did not end within 20,000 rows of its journal");
  });

  it("keeps a bound of its own, and is not changed", () => {
    const [before] = [machines.moves.options.maxIterations];
    createOrchestrator({ workers: [defineWorker({ name: "spin", description: "Spins.", machine: machines.moves })] });
    expect(machines.moves.options.maxIterations).toBe(before);
  });
});

it.each([
  ["scripts", () => scriptedModel(5 as never), "scriptedModel: what is given is 5; give scripts by name"],
  ["a port", () => standIn({ brain: echoBrain(), port: 70_000 }), "standIn: port is 70000; give a whole number from 0 to 65535"],
  ["a brain", () => standIn({} as never), "standIn: brain is missing; give a brain"],
  ["rules", () => standIn({ brain: echoBrain(), limits: 5 } as never), "standIn: limits is 5"],
  ["a key", () => standIn({ brain: echoBrain(), apiKeys: [undefined] } as never), "apiKeys.0 is missing; it can't be left out"],
  ["a share", () => randomFaults({ share: 2 }), "randomFaults: share is 2; give a number from 0 to 1"],
  ["rules", () => scriptedBrain([{}] as never), "rules: 0.answer is missing; say what is answered"],
  ["half a policy", () => policyRowsOf({ attempts: 1 } as never), "policyRowsOf: table is missing; give a whole policy"],
  ["a text of a cassette", () => parseCassette(5 as never), "parseCassette reads the text of a cassette"],
  ["a cassette", () => replayCassette({} as never), "replayCassette: head is missing"],
  ["a file", () => replayCassette("nothing.cassette"), "nothing.cassette can't be read: there is no such file. Name the file"],
  ["a folder", () => replayCassette(import.meta.dirname), "can't be read: it is a folder. Name the file"],
  ["a mode", () => replayCassette(SHELF, { mode: "loose" as never }), 'mode is "loose"; use strict or lenient'],
  ["a kind of drift", () => replayCassette(SHELF, { ignore: ["prompts" as never] }), 'ignore.0 is "prompts"; use plan or prompt'],
  ["a policy", () => replayCassette(SHELF, { policy: { attempts: -1 } }), "policy.attempts is -1"],
  ["tools", () => replayCassette(SHELF, { tools: 5 as never }), "tools is 5; give a list of tools"],
])("refuses %s that is none", async (_what, act, said) => {
  expect(await complaint(act)).toMatch(/^BadOption: /);
  expect(await complaint(act)).toContain(said);
});

it.each([[5], [null], [{ text: "x" }], [{ fail: "Boom" }], [{ calls: 5 }], [{ stop: "boom" }]])(
  "a scripted model that is to answer %o says so",
  async (answer) => {
    const model = scriptedModel({ t1: answer as never, synthesis: "Done." });
    const { outcome, failure } = await orchestrate(definePlan([write], [{ label: "a", worker: "write", task: "one" }]), {
      workers: [write],
      model,
    }).result;
    expect(outcome).toBe("suspended");
    expect(failure?.message).toMatch(/Script "t1" answers .*; answer "a text"/);
  },
);

it("says that a sweep did not look at all moments", async () => {
  expect(await crashSweep({ ...base, mostStops: 3 })).toMatchObject({ stops: 3, isExhausted: false });
  expect(await crashSweep(base)).toMatchObject({ isExhausted: true });
});

it("takes what definePlan returns on every level", async () => {
  const options = { workers: [write], plan: definePlan([write], [{ label: "a", worker: "write", task: "one" }]) };
  expect(exploreRun(options).ends["complete"]).toBeGreaterThan(0);
  expect((await exploreHost(options)).ends["complete"]).toBeGreaterThan(0);
  expect((await simulateRuns({ ...options, runs: 2 })).tasks).toBe(2);
});
