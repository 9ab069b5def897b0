import { createActor, fromPromise, sendTo, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { type AttachOptions, HostError, memoryHost, memoryJournal, type Row } from "quatrain/host";
import { cutOff, deferred, oneEffect, turn, work } from "./helpers.ts";

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

  it("notice an effect that was stopped then and is not now", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ journal });
    createActor(oneEffect(work(() => 1, { class: "once" })), first.attach()).start();
    first.send({ type: "run.pause" });
    first.send({ type: "run.stop" });
    await first.idle();
    await first.close();
    const deaf = setup({ actors: { work: work(() => 1, { class: "once" }) } }).createMachine({
      id: "one",
      invoke: { id: "work", src: "work", input: { key: "k" } },
    });
    const again = memoryHost({ journal });
    createActor(deaf, again.attach()).start();
    expect(await again.settled()).toMatchObject({
      kind: "error",
      error: { code: "Drift", message: expect.stringContaining("which the machine has not stopped") },
    });
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

  it("refuse an input that is no JSON, where it is recorded", () => {
    const input = { when: new Date(0) };
    expect(() => memoryHost({ journal: memoryJournal() }).attach({ input })).toThrow(
      expect.objectContaining({ code: "NotJson", message: expect.stringContaining("input.when is an instance of Date") }),
    );
    expect(memoryHost().attach({ input }).input).toBe(input);
  });

  it("refuse a second tree", () => {
    const host = memoryHost();
    host.attach();
    expect(() => host.attach()).toThrow(expect.objectContaining({ code: "AlreadyAttached" }));
  });

  it("name what is missing on either side, and cut long inputs short", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ journal });
    createActor(
      work(() => 1),
      first.attach({ input: { key: "x".repeat(300) }, versions: { prompts: "1" } }),
    ).start();
    await first.settled();
    const attach = (options: AttachOptions<unknown>) => () => memoryHost({ journal }).attach(options);
    expect(attach({ versions: { tools: "2" } })).toThrow(/with prompts 1, now it is \(none\)/);
    expect(attach({ versions: { prompts: "1", tools: "2" } })).toThrow(/with tools \(none\), now it is 2/);
    const long = `{"key":"${"x".repeat(192)}…`;
    expect(attach({ input: { key: "y" }, versions: { prompts: "1" } })).toThrow(`with the input ${long}, not {"key":"y"}. Leave`);
    expect(journal.read()[0]).toMatchObject({ kind: "head", body: { machine: "work" } });
  });

  it("refuse a journal without its head, of another format, or with a head in its midst", async () => {
    const journal = await cutOff();
    const [head, intent] = journal.read();
    if (!head || !intent) throw new Error("The journal is shorter than it was.");
    const attach = (rows: readonly Row[]) => () => memoryHost({ journal: { ...journal, read: () => rows } }).attach();
    expect(attach([{ ...intent, seq: 1 }])).toThrow(expect.objectContaining({ code: "StoreCorrupt" }));
    expect(attach([{ ...head, body: null }])).toThrow(expect.objectContaining({ code: "StoreCorrupt" }));
    expect(attach([{ ...head, body: { ...Object(head.body), format: 99 } }])).toThrow(
      expect.objectContaining({ code: "VersionMismatch", message: expect.stringContaining("has format 99") }),
    );
    const host = memoryHost({ journal: { ...journal, read: () => [head, { ...head, seq: 2 }] } });
    createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.settled()).toMatchObject({
      kind: "error",
      error: { code: "StoreCorrupt", message: expect.stringContaining('Row 2 is a "head" row') },
    });
  });

  it("notice a timer that fires now and was never set", async () => {
    const journal = await cutOff();
    const rows = [...journal.read()];
    const timer: Row = { seq: 3, at: rows.at(-1)?.at ?? 0, kind: "timer", key: "7", cause: 1, body: null };
    const host = memoryHost({ journal: { ...journal, read: () => [...rows, timer] } });
    createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.settled()).toMatchObject({
      kind: "error",
      error: { code: "Drift", message: expect.stringContaining("Row 3 fires timer 7, but the machine has set only 0") },
    });
  });
});
