import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assign, createActor, setup } from "xstate";
import { describe, expect, it } from "vitest";
import {
  type Host,
  type HostSlept,
  memoryHost,
  memoryJournal,
  type Row,
  simulatedHost,
  sleepUntil,
  sqliteHost,
} from "quatrain/host";
import { systemClock } from "../../src/host/clocks.ts";
import { cutOff, deferred, fakeClock, kinds, oneEffect, resumed, turn, work } from "./helpers.ts";

type Heard = readonly (readonly [what: string, at: number])[];

/** Notes when it heard of a sleep, of its wall wake-up at 10_000, and of its delay of 20 s. */
const listener = setup({
  types: { context: {} as { heard: Heard }, events: {} as HostSlept },
  actors: { sleepUntil },
  actions: {
    noteSleep: assign({ heard: ({ context, event }) => [...context.heard, [`slept ${event.ms}`, event.at] as const] }),
    noteWake: assign({ heard: ({ context }) => [...context.heard, ["woke", 0] as const] }),
    noteDelay: assign({ heard: ({ context }) => [...context.heard, ["delay", 0] as const] }),
  },
}).createMachine({
  id: "listener",
  context: { heard: [] },
  on: { "host.slept": { actions: "noteSleep" } },
  type: "parallel",
  states: {
    wall: { invoke: { id: "wall", src: "sleepUntil", input: { key: "w", dueAt: 10_000 }, onDone: { actions: "noteWake" } } },
    delay: { initial: "on", states: { on: { after: { 20_000: { target: "off", actions: "noteDelay" } } }, off: {} } },
  },
});

function listen(host: Host) {
  const actor = createActor(listener, host.attach()).start();
  return () => actor.getSnapshot().context.heard;
}

describe("a machine that slept", () => {
  it.each(["with", "without"])("is told so, before each overdue wake-up fires once, %s a journal", async (withJournal) => {
    const time = fakeClock(1_000, { ticks: true });
    const journal = memoryJournal();
    const host = memoryHost({ clock: time.clock, ...(withJournal === "with" && { journal }) });
    const heard = listen(host);
    await turn();
    time.sleep(3_600_000);
    expect(heard()).toEqual([]);
    await time.tick();
    const afterwards = [
      ["slept 3600000", 3_601_000],
      ["woke", 0],
      ["delay", 0],
    ];
    expect(heard()).toEqual(afterwards);
    await time.tick();
    await time.advance(3_600_000);
    expect(heard()).toEqual(afterwards);
    if (withJournal === "with") expect(kinds(journal.read())).toEqual(["head", "gap", "result", "timer"]);
    await host.close();
    expect(time.listeners).toBe(0);
  });

  it("hears of it before a result that comes first after it woke", async () => {
    const time = fakeClock(1_000, { ticks: true });
    const journal = memoryJournal();
    const host = memoryHost({ clock: time.clock, journal });
    const result = deferred<number>();
    createActor(oneEffect(work(() => result.promise)), host.attach()).start();
    await turn();
    time.sleep(31_000);
    result.resolve(1);
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "gap", "result"]);
    expect(time.listeners).toBe(0);
  });

  it("is told once of two jumps with nothing in between", async () => {
    const journal = memoryJournal();
    const host = simulatedHost({ journal, startAt: 1_000, latency: () => 10_000 });
    const actor = createActor(listener, host.attach()).start();
    host.clock.setTimeout(() => host.sleep(40_000), 10);
    host.clock.setTimeout(() => host.sleep(50_000), 20);
    await host.run();
    expect(actor.getSnapshot().context.heard[0]).toEqual(["slept 90000", 91_010]);
    expect(kinds(journal.read()).filter((kind) => kind === "gap")).toEqual(["gap"]);
  });

  it("is not told of 30 s, nor of a clock that steps back, nor of a wait in which it was awake", async () => {
    const time = fakeClock(100_000, { ticks: true });
    const journal = memoryJournal();
    const host = memoryHost({ clock: time.clock, journal });
    createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    await turn();
    for (const ms of [30_000, -90_000, 29_000, 30_000]) {
      time.sleep(ms);
      await time.tick();
    }
    host.send({ type: "note" });
    await turn();
    expect(journal.read().map(({ kind, at }) => `${kind} ${at}`)).toEqual(["head 100000", "intent 100000", "command 100000"]);
    await host.close();
  });

  it("wakes up what is due at the next tick, also after a jump too short to tell", async () => {
    const time = fakeClock(1_000, { ticks: true });
    const host = memoryHost({ clock: time.clock });
    const heard = listen(host);
    await turn();
    time.sleep(9_000);
    await time.tick();
    expect(heard()).toEqual([["woke", 0]]);
    await host.close();
  });

  it("goes on with waits that timers can't take in one piece", async () => {
    const time = fakeClock(0, { ticks: true });
    const year = 365 * 86_400_000;
    const machine = setup({ actors: { sleepUntil } }).createMachine({
      initial: "asleep",
      states: {
        asleep: { invoke: { id: "s", src: "sleepUntil", input: { key: "s", dueAt: year }, onDone: "awake" } },
        awake: { type: "final" },
      },
    });
    const host = memoryHost({ clock: time.clock });
    const actor = createActor(machine, host.attach()).start();
    await turn();
    time.sleep(year - 1);
    await time.tick();
    expect(actor.getSnapshot().value).toBe("asleep");
    await time.advance(1);
    await time.tick();
    expect(await host.settled()).toEqual({ kind: "done" });
  });

  it("finds out by a timer of the system that is gone with the run", async () => {
    const before = process.getActiveResourcesInfo().length;
    const clock = systemClock();
    const stop = clock.everySecond?.(() => undefined);
    expect(process.getActiveResourcesInfo()).toHaveLength(before);
    stop?.();
  });
});

describe("a run that nobody had open", () => {
  const gaps = (rows: readonly Row[]) => rows.flatMap(({ kind, body, at }) => (kind === "gap" ? [{ body, at }] : []));

  it("is told so when it is resumed, once, and replays it as recorded", async () => {
    const journal = memoryJournal();
    const play = async (at: number, ms = 0) => {
      const time = fakeClock(at);
      const host = memoryHost({ clock: time.clock, journal });
      const heard = listen(host);
      await turn();
      if (ms > 0) await time.advance(ms);
      await host.close();
      return heard();
    };
    expect(await play(1_000)).toEqual([]);
    expect(await play(31_000)).toEqual([
      ["woke", 0],
      ["delay", 0],
    ]);
    const told = [
      ["woke", 0],
      ["delay", 0],
      ["slept 30001", 61_001],
    ];
    expect(await play(61_001)).toEqual(told);
    expect(await play(61_001)).toEqual(told);
    expect(gaps(journal.read())).toEqual([{ body: { ms: 30_001 }, at: 61_001 }]);
  });

  it("is told before its overdue wake-ups and its commands", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ clock: fakeClock(1_000).clock, journal });
    listen(first);
    await turn();
    await first.close();
    journal.putInbox({ event: { type: "unheard" } });
    const again = memoryHost({ clock: fakeClock(100_000).clock, journal });
    const heard = listen(again);
    await turn();
    expect(kinds(journal.read())).toEqual(["head", "gap", "command", "result", "timer"]);
    expect(heard()).toEqual([
      ["slept 99000", 100_000],
      ["woke", 0],
      ["delay", 0],
    ]);
    await again.close();
  });

  it("may be a machine that knows nothing of it", async () => {
    const journal = memoryJournal();
    const first = memoryHost({ clock: fakeClock(1_000).clock, journal });
    createActor(oneEffect(work(() => deferred().promise)), first.attach()).start();
    await turn();
    await first.close();
    expect(await resumed(journal)).toMatchObject({ end: { kind: "done" }, events: [{ type: "done" }], lost: [[1, true]] });
    expect(kinds(journal.read())).toEqual(["head", "intent", "gap", "intent", "result"]);
  });

  it("is told nothing when it has ended, however long ago", async () => {
    const journal = memoryJournal();
    for (const at of [1_000, 10_000_000]) {
      const host = memoryHost({ clock: fakeClock(at).clock, journal });
      createActor(oneEffect(work(() => 1)), host.attach()).start();
      expect(await host.settled()).toEqual({ kind: "done" });
    }
    expect(kinds(journal.read())).toEqual(["head", "intent", "result"]);
  });

  it("was not alone while its owner waited: the lease knows until when", async () => {
    const folder = mkdtempSync(join(tmpdir(), "quatrain-gap-"));
    try {
      const journal: string[] = [];
      const time = fakeClock(1_000_000);
      for (const [waits, absent] of [
        [600_000, 20_000],
        [0, 40_000],
        [0, 0],
      ] as const) {
        const host = sqliteHost({ file: join(folder, "runs.db"), run: "r", clock: time.clock, leaseMs: 60_000 });
        const actor = createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
        actor.subscribe(() => undefined);
        await turn();
        journal.push(`seq ${host.seq}`);
        await time.advance(waits);
        await host.close();
        time.sleep(absent);
      }
      // Two intents later there is one gap, of the 40 s: not of the 10 minutes in which the owner waited.
      expect(journal).toEqual(["seq 1", "seq 2", "seq 4"]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("the simulated host", () => {
  it("sleeps when told to, in the middle of a run, the same each time", async () => {
    const play = async () => {
      const host = simulatedHost({ startAt: 0 });
      const heard = listen(host);
      host.clock.setTimeout(() => host.sleep(50_000), 5_000);
      expect(await host.run()).toEqual({ kind: "stalled" });
      return { heard: heard(), rows: [...host.journal.read()] };
    };
    const { heard, rows } = await play();
    expect(heard.map(([what]) => what).toSorted()).toEqual(["delay", "slept 50000", "woke"]);
    expect(heard[0]).toEqual(["slept 50000", 55_000]);
    expect(await play()).toEqual({ heard, rows });
  });

  it("tells a run that stood stopped", async () => {
    const journal = await cutOff();
    const last = journal.read().at(-1)?.at ?? 0;
    const host = simulatedHost({ journal, startAt: last + 60_000 });
    createActor(oneEffect(work(() => 1)), host.attach()).start();
    expect(await host.run()).toEqual({ kind: "done" });
    expect(kinds(journal.read())).toEqual(["head", "intent", "gap", "intent", "result"]);
  });
});

it("commands can't speak for the host", () => {
  expect(() => memoryHost().send({ type: "host.slept", ms: 1 })).toThrow(expect.objectContaining({ code: "ReservedEvent" }));
});
