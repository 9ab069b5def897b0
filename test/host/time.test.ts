import { createActor, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { memoryHost, memoryJournal, sleepUntil } from "quatrain/host";
import { deferred, fakeClock, kinds, oneEffect, turn, work } from "./helpers.ts";

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

  it("of a sleep that was stopped is forgotten, and goes on after the last row in a process whose clock is behind", async () => {
    const journal = memoryJournal();
    const time = fakeClock(50_000);
    const machine = setup({ actors: { sleepUntil } }).createMachine({
      initial: "a",
      states: { a: { invoke: { id: "s", src: "sleepUntil", input: { key: "s", dueAt: 90_000 } }, on: { go: "b" } }, b: {} },
    });
    const first = memoryHost({ journal, clock: time.clock });
    createActor(machine, first.attach()).start();
    await turn();
    expect(time.waiting).toBe(1);
    first.send({ type: "go" });
    await turn();
    expect(time.waiting).toBe(0);
    await first.close();
    const behind = memoryHost({ journal, clock: fakeClock(10).clock });
    createActor(machine, behind.attach()).start();
    behind.send({ type: "late" });
    await turn();
    expect(journal.read().map(({ kind, at }) => `${kind} ${at}`)).toEqual([
      "head 50000",
      "command 50000",
      "cancelled 50000",
      "command 50000",
    ]);
    await behind.close();
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

  it("never falls from row to row, also when the clock steps back", async () => {
    const journal = memoryJournal();
    const time = fakeClock(5_000);
    const host = memoryHost({ journal, clock: time.clock });
    const result = deferred<number>();
    createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    await time.advance(-3_000);
    host.send({ type: "run.pause" });
    await turn();
    await time.advance(9_000);
    result.resolve(1);
    await host.settled();
    expect(journal.read().map(({ at }) => at)).toEqual([5_000, 5_000, 5_000, 11_000]);
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
