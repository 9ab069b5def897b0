import { createActor, setup, toPromise, waitFor } from "xstate";
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { effect, type EffectLogic, memoryHost, type Settled, sleepUntil } from "quatrain/host";
import { deferred, oneEffect, turn } from "./helpers.ts";

type Input = { readonly key: string; readonly [field: string]: unknown };

describe("without a host", () => {
  it("a machine with effects just runs", async () => {
    const actor = createActor(oneEffect(effect<Input, number>("work", { class: "once" }, async () => 4))).start();
    expect(await toPromise(actor)).toEqual({ events: [{ type: "done", value: 4 }] });
  });

  it("an effect runs as root", async () => {
    const double = effect<{ key: string; n: number }, number>("double", { class: "pure" }, ({ n }) => n * 2);
    const output = await toPromise(createActor(double, { input: { key: "k", n: 2 } }).start());
    expectTypeOf(output).toEqualTypeOf<Settled<number>>();
    expect(output).toMatchObject({ value: 4, at: expect.any(Number) });
  });

  it("stopping the actor aborts, and leaves no timer behind", async () => {
    vi.useFakeTimers();
    try {
      let signal: AbortSignal | undefined;
      const machine = setup({
        actors: {
          sleepUntil,
          work: effect<Input, void>("work", { class: "pure" }, (_input, context) => {
            ({ signal } = context);
            return deferred().promise;
          }),
        },
      }).createMachine({
        type: "parallel",
        states: {
          a: { invoke: { src: "work", input: { key: "w" } } },
          b: { invoke: { src: "sleepUntil", input: { key: "s", dueAt: Date.now() + 60_000 } } },
        },
      });
      const actor = createActor(machine).start();
      await vi.advanceTimersByTimeAsync(0);
      expect(signal?.aborted).toBe(false);
      expect(vi.getTimerCount()).toBe(1);
      actor.stop();
      await vi.advanceTimersByTimeAsync(0);
      expect(signal?.aborted).toBe(true);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("a persisted snapshot goes on: what was running is performed again", async () => {
    const first = createActor(
      oneEffect(effect<Input, number>("work", { class: "idempotent" }, () => deferred<number>().promise)),
    ).start();
    const persisted = JSON.parse(JSON.stringify(first.getPersistedSnapshot())) as ReturnType<typeof first.getPersistedSnapshot>;
    first.stop();
    const machine = oneEffect(effect<Input, number>("work", { class: "idempotent" }, () => 5));
    const second = createActor(machine, { snapshot: persisted }).start();
    expect(await toPromise(second)).toEqual({ events: [{ type: "done", value: 5 }] });
  });

  it("a missing key is an error of the effect that XState reports as any other", async () => {
    const actor = createActor(
      oneEffect(
        effect<Input, number>("work", { class: "pure" }, () => 1),
        { key: "" },
      ),
    ).start();
    expect(await toPromise(actor)).toMatchObject({ events: [{ type: "error", code: "MissingKey" }] });
  });

  it("events by hand are welcome, also on a memory host", async () => {
    const machine = oneEffect(effect<Input, number>("work", { class: "pure" }, () => deferred<number>().promise));
    const host = memoryHost();
    for (const options of [undefined, host.attach()]) {
      const actor = createActor(machine, options).start();
      await turn();
      actor.send({ type: "run.stop" });
      expect(actor.getSnapshot().value).toBe("stopped");
      actor.send({ type: "run.end" });
      await waitFor(actor, ({ status }) => status === "done");
    }
  });
});

describe("types", () => {
  it("flow from the effect to input, output and onDone", () => {
    const logic = effect<{ key: string; n: number }, { sum: number }>("sum", { class: "pure" }, async ({ n }) => ({ sum: n }));
    expectTypeOf(logic).toEqualTypeOf<EffectLogic<{ key: string; n: number }, { sum: number }>>();
    const machine = setup({ types: { input: {} as { n: number } }, actors: { logic } }).createMachine({
      invoke: {
        src: "logic",
        input: { key: "k", n: 1 },
        onDone: {
          actions: ({ event }) => {
            expectTypeOf(event.output).toEqualTypeOf<Settled<{ sum: number }>>();
          },
        },
      },
    });
    // @ts-expect-error the key is missing
    setup({ actors: { logic } }).createMachine({ invoke: { src: "logic", input: { n: 1 } } });
    createActor(machine, memoryHost().attach({ input: { n: 1 } }));
    createActor(machine, memoryHost().attach());
    // @ts-expect-error wrong input
    createActor(machine, memoryHost().attach({ input: { n: "1" } }));
  });
});
