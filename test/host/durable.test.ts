import { createActor, fromPromise, type InspectionEvent, sendTo, setup } from "xstate";
import { describe, expect, it } from "vitest";
import {
  effect,
  type EffectContext,
  type EffectSpec,
  HostError,
  type Journal,
  memoryHost,
  memoryJournal,
  sleepUntil,
} from "quatrain/host";
import { deferred, fakeClock, kinds, oneEffect, turn } from "./helpers.ts";

type Input = { readonly key: string; readonly [field: string]: unknown };

function work(perform: (input: Input, context: EffectContext) => unknown, spec: Partial<EffectSpec<Input, unknown>> = {}) {
  return effect<Input, unknown>("work", { class: "idempotent", ...spec }, perform);
}

/** A journal whose run was cut off while its effect was in flight. */
async function cutOff(spec: Partial<EffectSpec<Input, unknown>> = {}, parts = 0): Promise<Journal> {
  const journal = memoryJournal();
  const host = memoryHost({ journal });
  const never = deferred();
  const perform = (_input: Input, { part }: EffectContext) => {
    for (let n = 0; n < parts; n++) part(n);
    return never.promise;
  };
  createActor(oneEffect(work(perform, spec)), host.attach()).start();
  await turn();
  await host.close();
  return journal;
}

/** Resumes it, and returns what the machine heard and with which contexts it performed. */
async function resumed(journal: Journal, spec: Partial<EffectSpec<Input, unknown>> = {}) {
  const host = memoryHost({ journal });
  const contexts: EffectContext[] = [];
  const perform = (_input: Input, context: EffectContext) => contexts.push(context);
  const actor = createActor(oneEffect(work(perform, spec)), host.attach()).start();
  const end = await host.settled();
  return { end, events: actor.getSnapshot().output?.events, lost: contexts.map(({ lost, recovering }) => [lost, recovering]) };
}

describe("resume", () => {
  it("performs nothing that has a result", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ journal });
    createActor(oneEffect(work(() => ({ n: 1 }))), first.attach()).start();
    await first.settled();
    const before = journal.lines.length;
    expect(await resumed(journal)).toEqual({ end: { kind: "done" }, events: [{ type: "done", value: { n: 1 } }], lost: [] });
    expect(journal.lines).toHaveLength(before);
  });

  it.each(["idempotent", "verifiable"] as const)("performs a %s effect again and says so", async (effectClass) => {
    const journal = await cutOff({ class: effectClass });
    expect(await resumed(journal, { class: effectClass })).toMatchObject({ end: { kind: "done" }, lost: [[1, true]] });
    expect(kinds(journal.read())).toEqual(["head", "intent", "intent", "result"]);
  });

  it("counts every time an effect was lost", async () => {
    const journal = await cutOff();
    const again = memoryHost({ journal });
    createActor(oneEffect(work(() => deferred().promise)), again.attach()).start();
    await turn();
    await again.close();
    expect(await resumed(journal)).toMatchObject({ lost: [[2, true]] });
  });

  it("performs a pure effect again; it never had an intent", async () => {
    const journal = await cutOff({ class: "pure" });
    expect(kinds(journal.read())).toEqual(["head"]);
    expect(await resumed(journal, { class: "pure" })).toMatchObject({ end: { kind: "done" }, lost: [[0, false]] });
    expect(kinds(journal.read())).toEqual(["head", "result"]);
  });

  it("never repeats a once effect: InDoubt, or the value its spec gives", async () => {
    const plain = await resumed(await cutOff({ class: "once" }), { class: "once" });
    expect(plain).toMatchObject({ events: [{ type: "error", code: "InDoubt", retryable: false }], lost: [] });
    const spec = { class: "once", inDoubt: ({ key }: Input) => `unknown ${key}` } as const;
    expect(await resumed(await cutOff(spec), spec)).toMatchObject({ events: [{ type: "done", value: "unknown k" }], lost: [] });
  });

  it("cuts an effect that had delivered parts", async () => {
    const { events, lost } = await resumed(await cutOff({}, 2));
    expect(events).toMatchObject([
      { type: "effect.part", value: 0 },
      { type: "effect.part", value: 1 },
      { type: "error", code: "Cut" },
    ]);
    expect(lost).toEqual([]);
  });

  it("delivers commands before anything is performed again", async () => {
    const journal = await cutOff();
    journal.putInbox({ event: { type: "run.stop" } });
    journal.putInbox({ event: { type: "run.end" } });
    const { end, events, lost } = await resumed(journal);
    expect({ end, lost }).toEqual({ end: { kind: "done" }, lost: [] });
    expect(events).toEqual([]);
    expect(journal.read().at(-1)).toMatchObject({ kind: "cancelled", body: { performed: true, error: { code: "InDoubt" } } });
  });

  it("tells an effect that was stopped just before the crash as an orphan in doubt, once", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    await turn();
    host.send({ type: "run.stop" });
    await turn();
    await host.close();
    expect(kinds(journal.read())).toEqual(["head", "intent", "command"]);
    for (let time = 0; time < 2; time++) {
      const again = memoryHost({ journal });
      const actor = createActor(oneEffect(work(() => 1)), again.attach()).start();
      await again.idle();
      expect(actor.getSnapshot().context.events).toMatchObject([
        { type: "effect.orphaned", performed: true, error: { code: "InDoubt" } },
      ]);
      await again.close();
    }
    expect(kinds(journal.read())).toEqual(["head", "intent", "command", "cancelled"]);
  });

  it("takes a command once, however often it is sent", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    const actor = createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    for (let time = 0; time < 3; time++) host.send({ type: "note", time }, { id: "only" });
    await turn();
    expect(actor.getSnapshot().context.events).toMatchObject([{ type: "note", time: 0, at: expect.any(Number) }]);
    await host.close();
    const again = memoryHost({ journal });
    const second = createActor(oneEffect(work(() => deferred().promise)), again.attach()).start();
    again.send({ type: "note" }, { id: "only" });
    await turn();
    expect(second.getSnapshot().context.events).toHaveLength(1);
    await again.close();
  });

  it("tells the caller's inspector nothing of the replay", async () => {
    const journal = await cutOff();
    journal.putInbox({ event: { type: "note" } });
    const host = memoryHost({ journal });
    const heard: InspectionEvent[] = [];
    createActor(oneEffect(work(() => 1)), host.attach({ inspect: (event) => heard.push(event) })).start();
    expect(host.replaying).toBe(true);
    await host.settled();
    expect(host.replaying).toBe(false);
    const events = heard.filter((event) => event.type === "@xstate.event").map(({ event }) => event.type);
    expect(events).toEqual(["note", "effect.result", "xstate.done.actor.work"]);
  });

  it("lets a throwing inspector break nothing", async () => {
    const host = memoryHost({ journal: memoryJournal() });
    let calls = 0;
    const inspect = () => {
      calls++;
      throw new Error("sink");
    };
    createActor(oneEffect(work(() => 1)), host.attach({ inspect })).start();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(calls).toBe(3);
  });

  it("hears no change of a value after it was delivered", async () => {
    const journal = memoryJournal();
    const host = memoryHost({ journal });
    const value = { n: 1, left: undefined };
    const actor = createActor(oneEffect(work(() => value)), host.attach()).start();
    await host.settled();
    value.n = 2;
    expect(actor.getSnapshot().output?.events).toStrictEqual([{ type: "done", value: { n: 1 } }]);
  });
});

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

describe("the rules of durable hosts", () => {
  const foreign = setup({ actors: { load: fromPromise(async () => 1) } }).createMachine({
    initial: "idle",
    states: {
      idle: { on: { go: "loading" } },
      loading: { invoke: { id: "loader", src: "load", onDone: "loaded" } },
      loaded: { type: "final" },
    },
  });

  it("refuse a foreign promise actor by name", async () => {
    const host = memoryHost({ journal: memoryJournal() });
    createActor(foreign, host.attach()).start();
    host.send({ type: "go" });
    const end = await host.settled();
    expect(end).toMatchObject({ kind: "error", error: { code: "UnjournaledActor" } });
    expect(end.kind === "error" && HostError.is(end.error) && end.error.message).toMatch(/"loader" \(src "load"\)/);
  });

  it("don't hold for a memory host without a journal", async () => {
    const host = memoryHost();
    const actor = createActor(foreign, host.attach()).start();
    actor.send({ type: "go" });
    expect(await host.settled()).toEqual({ kind: "done" });
  });

  it("refuse an event by hand, right after start and later, and leave the run as it was", async () => {
    const host = memoryHost({ journal: memoryJournal() });
    const result = deferred<number>();
    const actor = createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    expect(() => actor.send({ type: "note" })).toThrow(/"note" entered the tree outside a delivery/);
    await turn();
    expect(() => actor.send({ type: "note" })).toThrow(expect.objectContaining({ code: "ForeignAsync" }));
    result.resolve(1);
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().output?.events).toEqual([{ type: "done", value: 1 }]);
  });

  it("allow what a tree says to itself while it starts", async () => {
    const child = setup({}).createMachine({ initial: "a", states: { a: { on: { ping: "b" } }, b: { type: "final" } } });
    const machine = setup({ actors: { child } }).createMachine({
      initial: "a",
      states: {
        a: { invoke: { id: "child", src: "child", onDone: "b" }, entry: sendTo("child", { type: "ping" }) },
        b: { invoke: { id: "next", src: "child", onDone: "c" }, entry: sendTo("next", { type: "ping" }) },
        c: { type: "final" },
      },
    });
    const host = memoryHost({ journal: memoryJournal() });
    createActor(machine, host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
  });

  it("refuse actor ids that XState made up", async () => {
    const machine = setup({ actors: { inner: oneEffect(work(() => 1)) } }).createMachine({
      entry: ({ self }) => self,
      context: ({ spawn }) => ({ ref: spawn("inner") }),
    });
    const host = memoryHost({ journal: memoryJournal() });
    createActor(machine, host.attach()).start();
    expect(await host.settled()).toMatchObject({ kind: "error", error: { code: "UnstableId" } });
  });

  it("refuse commands that are no JSON, or speak for the host", () => {
    const host = memoryHost();
    expect(() => host.send({ type: "go", when: new Date(0) })).toThrow(/command\.when is an instance of Date/);
    expect(() => host.send({ type: "effect.orphaned" })).toThrow(expect.objectContaining({ code: "ReservedEvent" }));
    expect(() => host.send({ type: "xstate.stop" })).toThrow(expect.objectContaining({ code: "ReservedEvent" }));
  });

  it("refuse another input, other versions and another machine for a known run", async () => {
    const journal = memoryJournal();
    const machine = setup({ types: { input: {} as { n: number } } }).createMachine({ id: "m", initial: "a", states: { a: {} } });
    const first = memoryHost({ journal });
    createActor(machine, first.attach({ input: { n: 1 }, versions: { prompts: "1" } })).start();
    await first.idle();
    await first.close();
    const attach = (options: { input?: { n: number }; versions?: Record<string, string> }) => () =>
      memoryHost({ journal }).attach({ input: { n: 1 }, ...options });
    expect(attach({ input: { n: 2 } })).toThrow(expect.objectContaining({ code: "InputChanged" }));
    expect(attach({ versions: { prompts: "2" } })).toThrow(/prompts 1, now it is 2/);
    expect(attach({ versions: {} })).toThrow(expect.objectContaining({ code: "VersionMismatch" }));
    expect(memoryHost({ journal }).attach().input).toEqual({ n: 1 });
    const other = memoryHost({ journal }).attach();
    expect(() => createActor(setup({}).createMachine({ id: "other" }), other)).toThrow(
      expect.objectContaining({ code: "VersionMismatch" }),
    );
  });

  it("notice at its row when the machine behaves otherwise", async () => {
    const journal = await cutOff();
    const drifted = async (machine: ReturnType<typeof oneEffect>) => {
      const host = memoryHost({ journal });
      createActor(machine, host.attach()).start();
      const end = await host.settled();
      return end.kind === "error" && HostError.is(end.error) ? `${end.error.code}: ${end.error.message}` : end.kind;
    };
    expect(
      await drifted(
        oneEffect(
          work(() => 1),
          { key: "k", more: true },
        ),
      ),
    ).toMatch(/^Drift: Row 2 \(intent\) is about effect "work:k", whose input is different/);
    expect(
      await drifted(
        oneEffect(
          work(() => 1),
          { key: "other" },
        ),
      ),
    ).toMatch(/^Drift: Row 2 .* which the machine has not started/);
    expect(await drifted(oneEffect(work(() => 1)))).toBe("done");
  });

  it("notice a changed input of a pure effect at its result", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ journal });
    createActor(oneEffect(work(() => 1, { class: "pure" })), first.attach()).start();
    await first.settled();
    const again = memoryHost({ journal });
    createActor(
      oneEffect(
        work(() => 1, { class: "pure" }),
        { key: "k", n: 2 },
      ),
      again.attach(),
    ).start();
    expect(await again.settled()).toMatchObject({ kind: "error", error: { code: "Drift" } });
  });

  it("notice a missing row", async () => {
    const journal = await cutOff();
    const [head, intent] = journal.read();
    const host = memoryHost({ journal: { ...journal, read: () => (head && intent ? [head, { ...intent, seq: 3 }] : []) } });
    createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.settled()).toMatchObject({
      kind: "error",
      error: { code: "StoreCorrupt", message: expect.stringContaining("Row 2 is missing") },
    });
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

describe("time", () => {
  const napping = (dueAt: number) =>
    setup({ actors: { sleepUntil } }).createMachine({
      id: "napping",
      initial: "asleep",
      states: {
        asleep: { invoke: { id: "nap", src: "sleepUntil", input: { key: "n", dueAt }, onDone: "waiting" } },
        waiting: { after: { 5_000: "ended" } },
        ended: { type: "final" },
      },
    });

  it("of sleeps and delayed transitions goes on where it was after a restart", async () => {
    const journal = memoryJournal();
    const time = fakeClock(1_000);
    const first = memoryHost({ journal, clock: time.clock });
    createActor(napping(4_000), first.attach()).start();
    await turn();
    await time.advance(3_000);
    expect(kinds(journal.read())).toEqual(["head", "result"]);
    await first.close();
    expect(time.waiting).toBe(0);
    await time.advance(4_999);
    const again = memoryHost({ journal, clock: time.clock });
    const actor = createActor(napping(4_000), again.attach()).start();
    await turn();
    expect(actor.getSnapshot().value).toBe("waiting");
    await time.advance(1);
    expect(await again.settled()).toEqual({ kind: "done" });
    expect(journal.read().at(-1)).toMatchObject({ kind: "timer", key: "1", cause: 2, at: 9_000 });
    expect(time.waiting).toBe(0);
  });

  it("that is overdue fires at once", async () => {
    const time = fakeClock(10_000);
    const host = memoryHost({ clock: time.clock });
    const actor = createActor(napping(1), host.attach()).start();
    await turn();
    expect(actor.getSnapshot().value).toBe("waiting");
    await host.close();
    expect(time.waiting).toBe(0);
  });

  it("keeps one timer of the clock, however many sleep", async () => {
    const time = fakeClock(0);
    const host = memoryHost({ clock: time.clock });
    const one = (n: number) => ({ invoke: { id: `s${n}`, src: "sleepUntil" as const, input: { key: "s", dueAt: 100 + n } } });
    const machine = setup({ actors: { sleepUntil } }).createMachine({
      type: "parallel",
      states: { a: one(1), b: one(2), c: one(3) },
    });
    createActor(machine, host.attach()).start();
    await turn();
    expect(time.waiting).toBe(1);
    await time.advance(102);
    expect(host.seq).toBeGreaterThan(0);
    expect(time.waiting).toBe(1);
    await host.close();
    expect(time.waiting).toBe(0);
  });

  it("beyond what JavaScript's timers can wait is waited in pieces", async () => {
    const time = fakeClock(0);
    const host = memoryHost({ clock: time.clock });
    const year = 365 * 86_400_000;
    const actor = createActor(napping(year), host.attach()).start();
    await turn();
    for (let days = 0; days < 364; days += 14) await time.advance(14 * 86_400_000);
    expect(actor.getSnapshot().value).toBe("asleep");
    await time.advance(86_400_000);
    expect(actor.getSnapshot().value).toBe("waiting");
    await host.close();
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

  it("works before anything began, and twice", async () => {
    const host = memoryHost();
    await host.close();
    await host.close();
    expect(await host.settled()).toEqual({ kind: "closed" });
  });
});
