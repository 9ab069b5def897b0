import { createActor, setup } from "xstate";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { effect, type EffectContext, memoryJournal, simulatedHost, type SimulatedHostOptions, sleepUntil } from "quatrain/host";
import { deferred, kinds, oneEffect, turn } from "./helpers.ts";

type Input = { readonly key: string; readonly [field: string]: unknown };

const start = Date.UTC(2026, 0);

function work(perform: (input: Input, context: EffectContext) => unknown, once = false) {
  return effect<Input, unknown>("work", { class: once ? "once" : "idempotent" }, perform);
}

/** Three effects side by side. */
function three(perform: (input: Input, context: EffectContext) => unknown) {
  const one = (key: string) => ({
    initial: "on" as const,
    states: { on: { invoke: { id: key, src: "work" as const, input: { key }, onDone: "off" } }, off: { type: "final" as const } },
  });
  return setup({ actors: { work: work(perform) } }).createMachine({
    type: "parallel",
    states: { a: one("a"), b: one("b"), c: one("c") },
  });
}

async function order(options: SimulatedHostOptions, perform: (input: Input, context: EffectContext) => unknown = () => 1) {
  const journal = memoryJournal();
  const host = simulatedHost({ journal, ...options });
  createActor(three(perform), host.attach()).start();
  const end = await host.run();
  const results = journal.read().filter(({ kind }) => kind === "result");
  return { end, keys: results.map(({ key }) => key).join(""), times: results.map(({ at }) => at - start) };
}

describe("virtual time", () => {
  it("jumps to each latency in turn", async () => {
    const latency: SimulatedHostOptions["latency"] = ({ id }) => ({ "a:a": 30, "b:b": 3_600_000, "c:c": 20 })[id] ?? 0;
    expect(await order({ latency })).toEqual({ end: { kind: "done" }, keys: "cab", times: [20, 30, 3_600_000] });
  });

  it("lets an explorer reach every order of what is due together", async () => {
    const reached = new Set<string>();
    for (let code = 0; code < 6; code++) {
      const picks = [code % 3, Math.floor(code / 3) % 2, 0];
      const { keys } = await order({ latency: () => 0, choose: () => picks.shift() ?? 0 });
      reached.add(keys);
    }
    expect([...reached].toSorted()).toEqual(["abc", "acb", "bac", "bca", "cab", "cba"]);
  });

  it("gives the explorer what each choice is", async () => {
    const seen: unknown[] = [];
    await order({
      latency: () => 5,
      choose: (options) => {
        seen.push(options);
        return 0;
      },
    });
    expect(seen[0]).toEqual(
      ["a", "b", "c"].map((key) => ({ kind: "result", id: `${key}:${key}`, name: "work", key, lost: 0, dueAt: start + 5 })),
    );
  });

  it("tells errors, parts, timers and what was stopped from results", async () => {
    const seen = new Set<string>();
    const choose: SimulatedHostOptions["choose"] = (options) => {
      for (const { kind, id, name } of options as readonly { kind: string; id: string; name?: string }[])
        seen.add([kind, id, name].filter(Boolean).join(" "));
      return 0;
    };
    const perform = ({ key }: Input, { part }: EffectContext) => {
      if (key === "a") throw new Error("no");
      part(1);
      return 1;
    };
    const machine = setup({ actors: { work: work(perform, true), sleepUntil } }).createMachine({
      type: "parallel",
      states: {
        a: { invoke: { id: "a", src: "work", input: { key: "a" }, onError: {} } },
        b: {
          initial: "on",
          states: { on: { invoke: { id: "b", src: "work", input: { key: "b" } }, on: { stop: "off" } }, off: {} },
        },
        c: { after: { 90: {} } },
      },
    });
    const host = simulatedHost({ journal: memoryJournal(), latency: ({ id }) => (id === "a:a" ? 10 : 100), choose });
    createActor(machine, host.attach()).start();
    host.send({ type: "stop" }, { id: "halt", at: start + 50 });
    await host.run();
    expect([...seen].toSorted()).toEqual([
      "cancelled b:b work",
      "command halt stop",
      "error a:a work",
      "part b:b work",
      "timer 1",
    ]);
  });

  it("is taken back by performs that no longer wait", async () => {
    const perform = async (_input: Input, { clock }: EffectContext): Promise<void> => {
      const late = clock.setTimeout(() => undefined, 86_400_000);
      clock.clearTimeout(late);
      clock.clearTimeout(late);
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, 5);
      });
    };
    expect((await order({ latency: () => 1 }, perform)).times).toEqual([5, 5, 5]);
  });

  it("does not depend on which promise settles first", async () => {
    const gates = { a: deferred(), b: deferred(), c: deferred() };
    const wait = async ({ key }: Input) => {
      if (key === "c") gates.a.resolve();
      await gates[key as "a" | "b" | "c"].promise;
      if (key === "a") gates.c.resolve();
      if (key === "c") gates.b.resolve();
    };
    const latency = () => 5;
    expect((await order({ latency, choose: () => 0 }, wait)).keys).toBe("abc");
    expect(await order({ seed: 5, latency }, wait)).toEqual(await order({ seed: 5, latency }, () => null));
  });

  it("passes for performs that wait on the host's clock", async () => {
    const nap =
      (ms: number) =>
      async (_input: Input, { clock }: EffectContext): Promise<void> => {
        await turn();
        await new Promise<void>((resolve) => {
          clock.setTimeout(resolve, ms);
        });
      };
    expect((await order({ latency: () => 10 }, nap(86_400_000))).times).toEqual([86_400_000, 86_400_000, 86_400_000]);
  });

  it("lets performs act on the clock before it chooses among what is due", async () => {
    const choices: string[][] = [];
    const choose: SimulatedHostOptions["choose"] = (options) => {
      choices.push(options.map(({ id }) => id));
      return 0;
    };
    const perform = ({ key }: Input, { clock }: EffectContext) =>
      key === "a"
        ? new Promise<void>((resolve) => {
            clock.setTimeout(resolve, 10);
          })
        : null;
    await order({ latency: ({ id }) => (id === "a:a" ? 0 : 10), choose }, perform);
    expect(choices[0]).toEqual(["a:a", "b:b", "c:c"]);
  });

  it("keeps parts before their result", async () => {
    const journal = memoryJournal();
    await Promise.all(
      Array.from({ length: 20 }, async (_none, seed) => {
        const host = simulatedHost({ journal: memoryJournal(), seed, latency: () => 0 });
        const machine = oneEffect(
          work((_input, { part }) => {
            part(1);
            part(2);
            return 3;
          }),
        );
        const actor = createActor(machine, host.attach()).start();
        await host.run();
        expect(actor.getSnapshot().output?.events.map(({ value }) => value)).toEqual([1, 2, 3]);
      }),
    );
    expect(journal.lines).toEqual([]);
  });

  it("never delivers what takes for ever, until it is stopped", async () => {
    const journal = memoryJournal();
    const host = simulatedHost({ journal, latency: () => Number.POSITIVE_INFINITY });
    const actor = createActor(oneEffect(work(() => 9)), host.attach()).start();
    expect(await host.run()).toEqual({ kind: "stalled" });
    host.send({ type: "run.stop" });
    expect(await host.run()).toEqual({ kind: "stalled" });
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "effect.orphaned", performed: true, value: 9 }]);
    host.send({ type: "run.end" });
    expect(await host.run()).toEqual({ kind: "done" });
  });

  it("hears at once from an effect that ends because it was stopped", async () => {
    const host = simulatedHost({ latency: () => Number.POSITIVE_INFINITY });
    const untilAborted = (_input: Input, { signal, clock }: EffectContext) =>
      new Promise<string>((resolve) => {
        clock.setTimeout(() => resolve("late"), 1_000_000);
        signal.addEventListener("abort", () => resolve("aborted"));
      });
    const actor = createActor(oneEffect(work(untilAborted)), host.attach()).start();
    host.send({ type: "run.stop" }, { at: start + 50 });
    host.send({ type: "run.end" }, { at: start + 60 });
    expect(await host.run()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "effect.orphaned", value: "aborted", at: start + 50 }]);
  });

  it("sends a command at its time, between sleeps", async () => {
    const heard: number[] = [];
    const machine = setup({ actors: { sleepUntil } }).createMachine({
      on: { note: { actions: ({ event }) => heard.push(event["at"] - start) } },
      initial: "a",
      states: {
        a: { invoke: { id: "s", src: "sleepUntil", input: { key: "1", dueAt: start + 100 }, onDone: "b" } },
        b: { after: { 50: "c" } },
        c: { type: "final" },
      },
    });
    const host = simulatedHost();
    createActor(machine, host.attach()).start();
    host.send({ type: "note" }, { at: start + 120 });
    host.send({ type: "note" }, { at: start + 70 });
    expect(await host.run()).toEqual({ kind: "done" });
    expect(heard).toEqual([70, 120]);
    expect(kinds(host.journal.read())).toEqual(["head", "command", "result", "command", "timer"]);
    expect(host.clock.now()).toBe(start + 150);
  });

  it("goes on from its last row after a crash", async () => {
    const journal = memoryJournal();
    const crash = { when: "before", append: 2 };
    const first = simulatedHost({
      journal,
      latency: () => 1_000,
      crash: ({ when, append }) => when === crash.when && append === crash.append,
    });
    createActor(oneEffect(work(() => 1, true)), first.attach()).start();
    expect(await first.run()).toEqual({ kind: "crashed" });
    const again = simulatedHost({ journal, startAt: 0 });
    expect(again.clock.now()).toBe(start);
    const actor = createActor(oneEffect(work(() => 1, true)), again.attach()).start();
    await again.run();
    expect(actor.getSnapshot().output?.events).toMatchObject([{ type: "error", code: "InDoubt" }]);
  });
});

describe("once effects", () => {
  it("are performed at most once under any crash, and the machine is always told", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 4 }), async (seed, crashes) => {
        const journal = memoryJournal();
        let performed = 0;
        for (let life = 0; life < 10; life++) {
          const point = crashes[life];
          const host = simulatedHost({
            seed: seed + life,
            journal,
            crash: ({ when, append }) => append * 2 + (when === "after" ? 1 : 0) === point,
          });
          const actor = createActor(oneEffect(work(() => ++performed, true)), host.attach()).start();
          if ((await host.run()).kind === "crashed") continue;
          expect(performed).toBeLessThanOrEqual(1);
          expect(actor.getSnapshot().output?.events).toHaveLength(1);
          return;
        }
        expect.fail("The run ends in none of ten lives.");
      }),
      { numRuns: 60 },
    );
  });
});
