import { type AnyStateMachine, createActor, setup } from "xstate";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import {
  effect,
  type EffectContext,
  type EffectSpec,
  HostError,
  memoryHost,
  type MemoryHostOptions,
  memoryJournal,
} from "quatrain/host";
import { deferred, kinds, oneEffect, turn } from "./helpers.ts";

type Input = { readonly key: string; readonly [field: string]: unknown };
type Perform = (input: Input, context: EffectContext) => unknown;

function work(perform: Perform, spec: Partial<EffectSpec<Input, unknown>> = {}) {
  return effect<Input, unknown>("work", { class: "idempotent", ...spec }, perform);
}

/** Runs the one-effect machine and returns what it heard. */
async function heard(perform: Perform, spec?: Partial<EffectSpec<Input, unknown>>, options?: MemoryHostOptions, input?: Input) {
  const host = memoryHost(options);
  const actor = createActor(oneEffect(work(perform, spec), input), host.attach()).start();
  await host.settled();
  return actor.getSnapshot().output?.events;
}

describe("an effect", () => {
  it("gives a value, promised or not, with the host's time", async () => {
    expect(await heard(() => 1)).toEqual([{ type: "done", value: 1 }]);
    expect(await heard(async () => ({ a: [1] }))).toEqual([{ type: "done", value: { a: [1] } }]);
    expect(await heard(() => undefined)).toEqual([{ type: "done", value: null }]);
  });

  it("turns what is thrown into plain JSON", async () => {
    expect(await heard(() => Promise.reject(Object.assign(new Error("no disk"), { code: "ENOSPC", retryable: true })))).toEqual([
      { type: "error", code: "ENOSPC", message: "no disk", retryable: true },
    ]);
    const told = await heard(() => {
      throw "text";
    });
    expect(told).toEqual([{ type: "error", code: "Internal", message: "text", retryable: false }]);
  });

  it.each([
    ["a date", { when: new Date(0) }, "$.when is an instance of Date"],
    ["a map", [new Map()], "$[0] is an instance of Map"],
    ["NaN", { a: { b: Number.NaN } }, "$.a.b is NaN"],
    ["a function", () => 1, "$ is a function"],
    ["a hole", [undefined], "$[0] is undefined"],
  ])("settles as NotJson, with the path, for %s", async (_name, value, message) => {
    const told = await heard(() => value);
    expect(told).toMatchObject([{ type: "error", code: "NotJson" }]);
    expect(told?.[0]?.["message"]).toContain(message);
  });

  it("survives a cycle in its result", async () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(await heard(() => cycle)).toMatchObject([{ code: "NotJson" }]);
  });

  it("checks input before and output after", async () => {
    const performed: unknown[] = [];
    const perform: Perform = (input) => performed.push(input);
    expect(await heard(perform, { input: z.object({ key: z.string(), n: z.number() }) })).toMatchObject([
      { code: "EffectInput" },
    ]);
    expect(performed).toEqual([]);
    expect(await heard(() => "x", { output: z.number() })).toMatchObject([{ code: "EffectOutput" }]);
  });

  it("delivers parts to its parent, in order, before its result", async () => {
    const told = await heard((_input, { part }) => {
      part({ n: 1 });
      part(2);
      return "end";
    });
    expect(told).toMatchObject([
      { type: "effect.part", id: "work:k", key: "k", value: { n: 1 } },
      { type: "effect.part", value: 2 },
      { type: "done", value: "end" },
    ]);
  });
});

describe("keys", () => {
  it("are required", async () => {
    const host = memoryHost();
    createActor(
      oneEffect(
        work(() => 1),
        { key: "" },
      ),
      host.attach(),
    ).start();
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "MissingKey" } });
  });

  it("are unique for ever", async () => {
    const host = memoryHost();
    const machine = setup({ actors: { work: work(() => 1) } }).createMachine({
      initial: "a",
      states: { a: { invoke: { src: "work", id: "w", input: { key: "same" }, onDone: { target: "a", reenter: true } } } },
    });
    createActor(machine, host.attach()).start();
    const end = await host.settled();
    expect(end).toMatchObject({ kind: "error", error: { code: "KeyReused" } });
    expect(end.kind === "error" && HostError.is(end.error) && end.error.message).toContain('"w:same"');
  });

  it("tell siblings with the same invoke ids apart, three deep", async () => {
    const leaf = setup({
      types: { context: {} as { n: number }, input: {} as { n: number } },
      actors: { work: work(({ n }) => n) },
    }).createMachine({
      context: ({ input }) => input,
      initial: "a",
      states: {
        a: {
          invoke: {
            id: "turn",
            src: "work",
            input: ({ context }) => ({ key: "1", n: context.n }),
            onDone: "b",
          },
        },
        b: { type: "final" },
      },
      output: ({ event }) => event,
    });
    const nest = (logic: AnyStateMachine) =>
      setup({ types: { context: {} as { n: number }, input: {} as { n: number } }, actors: { logic } }).createMachine({
        context: ({ input }) => input,
        initial: "a",
        states: {
          a: { invoke: { id: "inner", src: "logic", input: ({ context }: { context: { n: number } }) => context, onDone: "b" } },
          b: { type: "final" },
        },
      });
    const root = setup({ actors: { nested: nest(nest(leaf)) } }).createMachine({
      type: "parallel",
      states: {
        left: {
          initial: "a",
          states: { a: { invoke: { id: "left", src: "nested", input: { n: 1 }, onDone: "b" } }, b: { type: "final" } },
        },
        right: {
          initial: "a",
          states: { a: { invoke: { id: "right", src: "nested", input: { n: 2 }, onDone: "b" } }, b: { type: "final" } },
        },
      },
    });
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    createActor(root, host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(journal.read().filter(({ kind }) => kind === "result")).toMatchObject([
      { id: "left/inner/inner/turn:1", body: 1 },
      { id: "right/inner/inner/turn:1", body: 2 },
    ]);
  });
});

describe("a stopped effect", () => {
  it("has one closing row with its late value, and the root hears of it once", async () => {
    const journal = memoryJournal();
    const late = deferred<number>();
    let signal: AbortSignal | undefined;
    const host = memoryHost({ journal });
    const machine = oneEffect(
      work((_input, context) => {
        ({ signal } = context);
        return late.promise;
      }),
    );
    const actor = createActor(machine, host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await turn();
    expect(signal?.aborted).toBe(true);
    expect(kinds(journal.read())).toEqual(["head", "intent", "command"]);
    late.resolve(7);
    await host.idle();
    expect(journal.read().slice(3)).toMatchObject([{ kind: "cancelled", id: "work:k", body: { performed: true, value: 7 } }]);
    expect(actor.getSnapshot().context.events).toMatchObject([
      { type: "effect.orphaned", id: "work:k", key: "k", path: "work", name: "work", performed: true, value: 7 },
    ]);
    host.send({ type: "run.end" });
    expect(await host.settled()).toEqual({ kind: "done" });
  });

  it("carries what it threw when it was aborted", async () => {
    const host = memoryHost();
    const machine = oneEffect(
      work(
        (_input, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Error("aborted")));
          }),
      ),
    );
    const actor = createActor(machine, host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await host.idle();
    expect(actor.getSnapshot().context.events).toMatchObject([
      { performed: true, error: { code: "Internal", message: "aborted" } },
    ]);
  });

  it("delivers an orphan when its result and its stop come in one tick", async () => {
    const journal = memoryJournal();
    const result = deferred<number>();
    const host = memoryHost({ journal });
    const actor = createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    result.resolve(3);
    await turn();
    const closing = journal.read().filter(({ id, kind }) => id === "work:k" && kind !== "intent");
    expect(closing).toHaveLength(1);
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "effect.orphaned", performed: true, value: 3 }]);
  });

  it("is waited for by a root that is done, and closes without an event then", async () => {
    const warned = vi.spyOn(console, "warn");
    const journal = memoryJournal();
    const late = deferred<number>();
    const host = memoryHost({ journal });
    createActor(oneEffect(work(() => late.promise)), host.attach()).start();
    await turn();
    host.send({ type: "run.end" });
    let isSettled = false;
    void host.settled().then(() => {
      isSettled = true;
    });
    await turn();
    expect(isSettled).toBe(false);
    late.resolve(1);
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "command", "cancelled"]);
    expect(warned).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it("sends no part after its outcome", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    let late: EffectContext | undefined;
    const machine = oneEffect(
      work((_input, context) => {
        late = context;
        return deferred().promise;
      }),
    );
    createActor(machine, host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await turn();
    late?.part(1);
    await turn();
    expect(kinds(journal.read())).toEqual(["head", "intent", "command"]);
    await host.close();
    const goesOn = setup({
      actors: {
        work: work((_input, context) => {
          late = context;
          return 1;
        }),
      },
    }).createMachine({
      initial: "a",
      states: { a: { invoke: { id: "work", src: "work", input: { key: "k" }, onDone: "b" } }, b: {} },
    });
    const other = memoryJournal();
    const quick = memoryHost({ journal: other });
    createActor(goesOn, quick.attach()).start();
    await quick.idle();
    late?.part(1);
    await quick.idle();
    expect(kinds(other.read())).toEqual(["head", "intent", "result"]);
    await quick.close();
  });

  it("sends no part any more", async () => {
    const journal = memoryJournal();
    const gate = deferred();
    const host = memoryHost({ journal });
    const machine = oneEffect(
      work(async (_input, { part }) => {
        part(1);
        await gate.promise;
        part(2);
      }),
    );
    const actor = createActor(machine, host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await turn();
    gate.resolve();
    await host.idle();
    expect(kinds(journal.read())).toEqual(["head", "intent", "part", "command", "cancelled"]);
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "effect.part", value: 1 }, { type: "effect.orphaned" }]);
  });
});

describe("the gate", () => {
  it.each([
    ["once", undefined, true],
    ["once", false, false],
    ["idempotent", undefined, false],
    ["idempotent", true, true],
  ] as const)("holds class %s with gated %s: %s", async (effectClass, gated, isHeld) => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    const performed: string[] = [];
    const spec = { class: effectClass, ...(gated !== undefined && { gated }) };
    const machine = oneEffect(work(({ key }) => performed.push(key), spec));
    host.send({ type: "run.pause" });
    const actor = createActor(machine, host.attach()).start();
    await turn();
    if (isHeld) {
      expect(performed).toEqual([]);
      expect(kinds(journal.read())).toEqual(["head", "command"]);
      host.send({ type: "run.resume" });
    }
    await host.settled();
    expect(performed).toEqual(["k"]);
    expect(actor.getSnapshot().output?.events).toMatchObject([{ type: "done" }]);
  });

  it("closes an effect that was stopped while held, without an intent", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    host.send({ type: "run.pause" });
    const actor = createActor(oneEffect(work(() => 1, { class: "once" })), host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await host.idle();
    expect(kinds(journal.read())).toEqual(["head", "command", "command", "cancelled"]);
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "effect.orphaned", performed: false }]);
  });
});

describe("admission", () => {
  it("lets in who has room, books nothing for who waits, and gets every place back", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    const waiting: (() => void)[] = [];
    let free = 1;
    const log: string[] = [];
    const gates = new Map(["a", "b", "c"].map((key) => [key, deferred()]));
    const limited = effect<Input, null>(
      "limited",
      {
        class: "idempotent",
        admission: {
          enter({ key }, { wake }) {
            if (free === 0) {
              waiting.push(wake);
              return undefined;
            }
            free--;
            log.push(`in ${key}`);
            return () => {
              free++;
              log.push(`out ${key}`);
              waiting.shift()?.();
            };
          },
        },
      },
      async ({ key }) => {
        await gates.get(key)?.promise;
        return null;
      },
    );
    const one = (key: string) => ({
      initial: "on" as const,
      states: {
        on: { invoke: { id: key, src: "limited" as const, input: { key }, onDone: "off" }, on: { [`stop.${key}`]: "off" } },
        off: { type: "final" as const },
      },
    });
    const machine = setup({ actors: { limited } }).createMachine({
      type: "parallel",
      states: { a: one("a"), b: one("b"), c: one("c") },
    });
    createActor(machine, host.attach()).start();
    await turn();
    expect(log).toEqual(["in a"]);
    expect(kinds(journal.read())).toEqual(["head", "intent"]);
    host.send({ type: "stop.b" });
    await turn();
    gates.get("a")?.resolve();
    await turn();
    expect(log).toEqual(["in a", "out a", "in c"]);
    gates.get("c")?.resolve();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(free).toBe(1);
    expect(journal.read().find(({ kind }) => kind === "cancelled")).toMatchObject({ id: "b:b", body: { performed: false } });
  });
});
