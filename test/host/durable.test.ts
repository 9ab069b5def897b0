import { createActor, setup } from "xstate";
import { describe, expect, it, vi } from "vitest";
import { effect, HostError, type Journal, memoryHost, memoryJournal } from "quatrain/host";
import { deferred, fakeClock, type Input, kinds, oneEffect, resumed, turn, work } from "./helpers.ts";

describe("commits", () => {
  it("come before what they tell, and group what one tick brings", async () => {
    const journal = memoryJournal();
    const appended: string[][] = [];
    const watched: Journal = {
      ...journal,
      append(rows) {
        appended.push(kinds(rows));
        journal.append(rows);
      },
    };
    const gate = deferred();
    const performed: string[] = [];
    const many = effect<Input, null>("many", { class: "idempotent" }, async ({ key }) => {
      performed.push(`${key} after ${journal.lines.length} rows`);
      await gate.promise;
      return null;
    });
    const one = (key: string) => ({
      initial: "on" as const,
      states: {
        on: { invoke: { id: key, src: "many" as const, input: { key }, onDone: "off" } },
        off: { type: "final" as const },
      },
    });
    const machine = setup({ actors: { many } }).createMachine({
      type: "parallel",
      states: { a: one("a"), b: one("b"), c: one("c") },
    });
    const host = memoryHost({ journal: watched });
    createActor(machine, host.attach()).start();
    await turn();
    gate.resolve();
    await host.settled();
    expect(appended).toEqual([["head"], ["intent", "intent", "intent"], ["result", "result", "result"]]);
    expect(performed).toEqual(["a after 4 rows", "b after 4 rows", "c after 4 rows"]);
  });

  it("that fail end the run before anything more is performed", async () => {
    const journal = memoryJournal();
    const full: Journal = {
      ...journal,
      append(rows) {
        if (rows.some(({ kind }) => kind === "intent")) throw new HostError("StoreFull", "full");
        journal.append(rows);
      },
    };
    const performed: unknown[] = [];
    const host = memoryHost({ journal: full });
    createActor(oneEffect(work((input) => performed.push(input))), host.attach()).start();
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "StoreFull" } });
    expect(performed).toEqual([]);
  });
});

describe("an error inside the machine", () => {
  const bad = setup({
    actors: { work: work(() => deferred().promise) },
    actions: {
      fail: () => {
        throw new Error("in an action");
      },
    },
  }).createMachine({ id: "bad", invoke: { id: "work", src: "work", input: { key: "k" } }, on: { fail: { actions: "fail" } } });

  it("ends the run, keeps the journal, and closes nothing that could still be resumed", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    createActor(bad, host.attach()).start();
    await turn();
    host.send({ type: "fail" });
    expect(await host.settled()).toMatchObject({ kind: "error", error: { message: "in an action" } });
    expect(kinds(journal.read())).toEqual(["head", "intent", "command"]);
    const mended = memoryHost({ journal });
    createActor(bad.provide({ actions: { fail: () => undefined } }), mended.attach()).start();
    await turn();
    expect(kinds(journal.read())).toEqual(["head", "intent", "command", "intent"]);
    await mended.close();
  });

  it("in a child is an event of the machine", async () => {
    const child = setup({}).createMachine({
      entry: () => {
        throw new Error("in a child");
      },
    });
    const machine = setup({ actors: { child } }).createMachine({
      initial: "a",
      states: { a: { invoke: { id: "c", src: "child", onError: "b" } }, b: { type: "final" } },
    });
    const host = memoryHost({ journal: memoryJournal() });
    createActor(machine, host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
  });
});

describe("close", () => {
  it("gives running effects their grace and journals who makes it", async () => {
    const journal = memoryJournal();
    const time = fakeClock();
    const host = memoryHost({ journal, clock: time.clock });
    const quick = deferred<number>();
    const machine = setup({ actors: { quick: work(() => quick.promise), slow: work(() => deferred().promise) } }).createMachine({
      type: "parallel",
      states: {
        a: { invoke: { id: "quick", src: "quick", input: { key: "q" } } },
        b: { invoke: { id: "slow", src: "slow", input: { key: "s" } } },
      },
    });
    createActor(machine, host.attach()).start();
    await turn();
    const closed = host.close({ graceMs: 1_000 });
    quick.resolve(1);
    await turn();
    expect(kinds(journal.read())).toEqual(["head", "intent", "intent", "result"]);
    await time.advance(1_000);
    await closed;
    expect(await host.settled()).toEqual({ kind: "closed" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "intent", "result"]);
    expect(time.waiting).toBe(0);
  });

  it("begins nothing more, not even what a late result asks for", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    const first = deferred<number>();
    const performed: string[] = [];
    const machine = setup({
      actors: {
        work: work(({ key }) => {
          performed.push(key);
          return key === "1" ? first.promise : deferred().promise;
        }),
      },
    }).createMachine({
      initial: "a",
      states: {
        a: { invoke: { id: "a", src: "work", input: { key: "1" }, onDone: "b" } },
        b: { invoke: { id: "b", src: "work", input: { key: "2" } } },
      },
    });
    const actor = createActor(machine, host.attach()).start();
    await turn();
    const closed = host.close({ graceMs: 60_000 });
    first.resolve(1);
    await closed;
    expect(performed).toEqual(["1"]);
    expect(kinds(journal.read())).toEqual(["head", "intent", "result"]);
    expect(actor.getSnapshot().status).toBe("stopped");
  });

  it("is what actor.stop() means, too", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    let signal: AbortSignal | undefined;
    const machine = oneEffect(
      work((_input, context) => {
        ({ signal } = context);
        return deferred().promise;
      }),
    );
    const actor = createActor(machine, host.attach()).start();
    await turn();
    actor.stop();
    expect(await host.settled()).toEqual({ kind: "closed" });
    expect(signal?.aborted).toBe(true);
    expect(kinds(journal.read())).toEqual(["head", "intent"]);
    expect(await resumed(journal)).toMatchObject({ end: { kind: "done" } });
  });

  it("aborts what runs, and an actor that has ended takes no offence at late events", async () => {
    const host = memoryHost({ journal: memoryJournal() });
    const gate = deferred();
    const aborted = deferred<boolean>();
    const machine = oneEffect(
      work(async (_input, context) => {
        await gate.promise;
        aborted.resolve(context.signal.aborted);
      }),
    );
    const actor = createActor(machine, host.attach()).start();
    await turn();
    await host.close();
    gate.resolve();
    expect(await aborted.promise).toBe(true);
    const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    actor.send({ type: "note" });
    warned.mockRestore();
  });

  it("works before anything began, and twice", async () => {
    const host = memoryHost();
    await host.close();
    await host.close();
    expect(await host.settled()).toEqual({ kind: "closed" });
  });
});
