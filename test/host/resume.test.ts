import { createActor, type InspectionEvent, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { type CrashPoint, memoryHost, memoryJournal } from "quatrain/host";
import { simulatedHost } from "quatrain/testing";
import { cutOff, deferred, type Input, kinds, oneEffect, resumed, turn, work } from "./helpers.ts";

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

  it("writes into each intent how often the effect was lost before", async () => {
    const journal = await cutOff();
    await resumed(journal);
    expect(journal.read().flatMap(({ kind, body }) => (kind === "intent" ? [body] : []))).toEqual([null, { lost: 1 }]);
  });

  it("closes what was in flight where the machine had come to its end before the crash", async () => {
    const journal = memoryJournal();
    const leaving = setup({ actors: { work: work(() => 1) } }).createMachine({
      initial: "busy",
      states: {
        busy: { invoke: { id: "work", src: "work", input: { key: "k" } }, on: { leave: "over" } },
        over: { type: "final" },
      },
    });
    const play = async (crash: (point: CrashPoint) => boolean) => {
      const host = simulatedHost({ journal, latency: () => 1_000, crash });
      createActor(leaving, host.attach()).start();
      host.send({ type: "leave" }, { id: "c", at: host.clock.now() + 100 });
      return await host.run();
    };
    const isCommand = ({ when, rows }: CrashPoint): boolean => when === "after" && rows.some(({ kind }) => kind === "command");
    expect(await play(isCommand)).toEqual({ kind: "crashed" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "command"]);
    expect(await play(() => false)).toEqual({ kind: "done" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "command", "cancelled"]);
  });

  it("goes by the class that an input has, where the class is a function of it", async () => {
    const kindsOf = async (key: string) => {
      const journal = memoryJournal();
      const host = memoryHost({ journal });
      const logic = work(() => 1, { class: ({ key: own }) => (own === "risky" ? "once" : "pure") });
      createActor(oneEffect(logic, { key }), host.attach()).start();
      await host.settled();
      return kinds(journal.read());
    };
    expect(await kindsOf("safe")).toEqual(["head", "result"]);
    expect(await kindsOf("risky")).toEqual(["head", "intent", "result"]);
  });

  it("takes an answer in doubt that throws for the effect's error", async () => {
    const inDoubt = () => {
      throw new Error("nobody knows");
    };
    const { events } = await resumed(await cutOff({ class: "once" }), { class: "once", inDoubt });
    expect(events).toMatchObject([{ type: "error", message: "nobody knows" }]);
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
