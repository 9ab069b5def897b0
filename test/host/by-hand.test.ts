// The simulated host by hand: a test chooses what comes next, and moves the clock itself.
import { assign, createActor, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { effect, type EffectContext, memoryJournal, type SimulatedHost, simulatedHost, sleepUntil } from "quatrain/host";
import { oneEffect } from "./helpers.ts";

type Input = { readonly key: string };

const start = Date.UTC(2026, 0);

const work = (perform: (input: Input, context: EffectContext) => unknown) =>
  effect<Input, unknown>("work", { class: "idempotent" }, perform);

/** Two effects and two naps side by side; the order in which they end stands in the context. */
function four(perform: (input: Input, context: EffectContext) => unknown = ({ key }) => key) {
  const base = setup({ types: { context: {} as { order: string } }, actors: { work: work(perform), sleepUntil } });
  const noted = (name: string) => base.assign({ order: ({ context }) => context.order + name });
  const one = (key: string, dueAt?: number) => ({
    initial: "on" as const,
    states: {
      on: {
        invoke:
          dueAt === undefined
            ? { id: key, src: "work" as const, input: { key }, onDone: { target: "off", actions: noted(key) } }
            : { id: key, src: "sleepUntil" as const, input: { key, dueAt }, onDone: { target: "off", actions: noted(key) } },
      },
      off: { type: "final" as const },
    },
  });
  return base.createMachine({
    type: "parallel",
    context: { order: "" },
    states: { a: one("a"), b: one("b"), m: one("m", start + 60_000), n: one("n", start + 90_000) },
  });
}

const idsOf = async (host: SimulatedHost): Promise<readonly string[]> => (await host.pending()).map(({ id }) => id);

const at = (host: SimulatedHost): number => host.clock.now() - start;

describe("by hand", () => {
  it("offers every outcome whatever its latency, commands, and of the timers the earliest", async () => {
    const host = simulatedHost({ latency: ({ id }) => (id === "a:a" ? 1_000_000 : 5) });
    createActor(four(), host.attach()).start();
    await host.pending();
    host.send({ type: "hello" }, { id: "c1" });
    expect(await host.pending()).toEqual([
      { kind: "result", id: "b:b", name: "work", key: "b", lost: 0, dueAt: start + 5 },
      { kind: "result", id: "a:a", name: "work", key: "a", lost: 0, dueAt: start + 1_000_000 },
      { kind: "command", id: "c1", name: "hello", dueAt: start },
      { kind: "timer", id: "m:m", dueAt: start + 60_000 },
    ]);
    expect(host.timers.map(({ id }) => id)).toEqual(["m:m", "n:n"]);
    expect(await idsOf(host)).toHaveLength(4);
  });

  it("delivers what is chosen, and the clock jumps to it", async () => {
    const host = simulatedHost({ latency: ({ id }) => (id === "a:a" ? 70_000 : 5) });
    const actor = createActor(four(), host.attach()).start();
    const [, slow] = await host.pending();
    expect(slow?.id).toBe("a:a");
    expect(await host.deliver(slow!)).toBeUndefined();
    expect(at(host)).toBe(70_000);
    // Late by now, and still to come: the clock does not go back.
    await host.deliver({ kind: "timer", id: "m:m" });
    expect(at(host)).toBe(70_000);
    await host.deliver({ kind: "result", id: "b:b" });
    expect(await host.deliver({ kind: "timer", id: "n:n" })).toEqual({ kind: "done" });
    expect(at(host)).toBe(90_000);
    expect(actor.getSnapshot().context.order).toBe("ambn");
    expect(await host.pending()).toEqual([]);
    expect(await host.deliver({ kind: "timer", id: "n:n" })).toEqual({ kind: "done" });
  });

  it("refuses what is not pending: a later timer, a spent outcome", async () => {
    const host = simulatedHost({ latency: () => 0 });
    createActor(four(), host.attach()).start();
    await host.pending();
    await expect(host.deliver({ kind: "timer", id: "n:n" })).rejects.toThrow(/Nothing of the kind timer .* "n:n"/);
    await host.deliver({ kind: "result", id: "a:a" });
    await expect(host.deliver({ kind: "result", id: "a:a" })).rejects.toThrow(RangeError);
  });

  it("gives timers that are due together in any order", async () => {
    const orders = [];
    for (const first of ["x", "y"]) {
      const host = simulatedHost();
      const nap = (key: string) => ({ id: key, src: "sleepUntil" as const, input: { key, dueAt: start + 10 } });
      const machine = setup({ actors: { sleepUntil } }).createMachine({ invoke: [nap("x"), nap("y")] });
      createActor(machine, host.attach()).start();
      expect(await idsOf(host)).toEqual(["x:x", "y:y"]);
      await host.deliver({ kind: "timer", id: `${first}:${first}` });
      orders.push(await idsOf(host));
    }
    expect(orders).toEqual([["y:y"], ["x:x"]]);
  });

  it("fires the timers of `after`, and lets those of performs go off", async () => {
    const nap = (_input: Input, { clock }: EffectContext) =>
      new Promise<string>((resolve) => {
        clock.setTimeout(() => resolve("slept"), 20);
      });
    const host = simulatedHost({ latency: () => 0 });
    const machine = setup({
      types: { context: {} as { got: unknown } },
      actors: { work: work(nap) },
    }).createMachine({
      context: { got: null },
      invoke: {
        id: "w",
        src: "work",
        input: { key: "w" },
        onDone: { actions: assign({ got: ({ event }) => event.output.value }) },
      },
      initial: "early",
      states: { early: { after: { 30: "late" } }, late: {} },
    });
    const actor = createActor(machine, host.attach()).start();
    const [wait] = await host.pending();
    expect(wait).toMatchObject({ kind: "timer", dueAt: start + 20 });
    await host.deliver(wait!);
    expect(await idsOf(host)).toEqual(["w:w", "1"]);
    await host.deliver({ kind: "timer", id: "1" });
    expect(actor.getSnapshot().value).toBe("late");
    await host.deliver({ kind: "result", id: "w:w" });
    expect(actor.getSnapshot().context.got).toBe("slept");
  });

  it("keeps parts in order, and tells how much is behind", async () => {
    const host = simulatedHost({ latency: () => 0 });
    const machine = oneEffect(
      work((_input, { part }) => {
        part(1);
        part(2);
        return 3;
      }),
    );
    createActor(machine, host.attach()).start();
    const kindsSeen = [];
    for (let [next] = await host.pending(); next; [next] = await host.pending()) {
      kindsSeen.push([next.kind, next.behind]);
      await host.deliver(next);
    }
    expect(kindsSeen).toEqual([
      ["part", 2],
      ["part", 1],
      ["result", undefined],
    ]);
  });

  it("tells a crash in the middle of a delivery, and the next host what is in flight for the second time", async () => {
    const journal = memoryJournal();
    const first = simulatedHost({ journal, latency: () => 0, crash: ({ rows }) => rows.some(({ kind }) => kind === "result") });
    createActor(four(), first.attach()).start();
    await first.pending();
    expect(await first.deliver({ kind: "result", id: "a:a" })).toEqual({ kind: "crashed" });
    expect(journal.read().map(({ kind }) => kind)).not.toContain("result");
    const second = simulatedHost({ journal, latency: () => 0 });
    createActor(four(), second.attach()).start();
    expect((await second.pending()).filter(({ kind }) => kind === "result").map(({ lost }) => lost)).toEqual([1, 1]);
  });
});

describe("the clock", () => {
  it("advances as far as it is told and delivers what is due until then, in order", async () => {
    const host = simulatedHost({ latency: ({ id }) => (id === "a:a" ? 70_000 : 5) });
    const actor = createActor(four(), host.attach()).start();
    expect(await host.advance(4)).toBeUndefined();
    expect([at(host), actor.getSnapshot().context.order]).toEqual([4, ""]);
    await host.advance(1);
    expect(actor.getSnapshot().context.order).toBe("b");
    await host.advance(69_995);
    expect([at(host), actor.getSnapshot().context.order]).toEqual([70_000, "bma"]);
    expect(await host.advance(1_000_000)).toEqual({ kind: "done" });
    expect(actor.getSnapshot().context.order).toBe("bman");
  });

  it("refuses to go back or for ever", async () => {
    const host = simulatedHost();
    createActor(four(), host.attach()).start();
    await expect(host.advance(-1)).rejects.toThrow(RangeError);
    await expect(host.advance(Number.POSITIVE_INFINITY)).rejects.toThrow(RangeError);
  });

  it("is the one of `run`: the rest can be left to it", async () => {
    const host = simulatedHost({ latency: () => 10 });
    const actor = createActor(four(), host.attach()).start();
    await host.advance(10);
    await host.deliver({ kind: "timer", id: "m:m" });
    expect(await host.run()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().context.order).toMatch(/^(ab|ba)mn$/);
  });
});
