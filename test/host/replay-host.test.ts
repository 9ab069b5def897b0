import { assign, createActor, setup } from "xstate";
import { describe, expect, it } from "vitest";
import { HostError, memoryHost, memoryJournal, replayHost, type Row, simulatedHost, sleepUntil } from "quatrain/host";
import { cutOff, deferred, fakeClock, oneEffect, turn, work } from "./helpers.ts";
import { toyOrchestrator, turnIn } from "./toys.ts";

const skips = [
  { at: 150, task: 1 },
  { at: 700, task: 3 },
];

/** Plays a run with children, and notes its whole state before each append, by the row delivered last. */
async function recordedRun() {
  const states = new Map<number, string>();
  const journal = memoryJournal();
  const host = simulatedHost({
    startAt: 0,
    journal,
    crash: ({ when }) => {
      if (when === "before") states.set(host.seq, JSON.stringify(actor.getPersistedSnapshot()));
      return false;
    },
  });
  const actor = createActor(toyOrchestrator(turnIn(new Map())), host.attach({ input: { tasks: 4 } })).start();
  for (const { at, task } of skips) host.send({ type: "task.skip", task }, { at });
  host.clock.setTimeout(() => host.sleep(40_000), 300);
  expect(await host.run()).toEqual({ kind: "done" });
  states.set(host.seq, JSON.stringify(actor.getPersistedSnapshot()));
  return { states, rows: journal.read() };
}

async function stateAt(rows: readonly Row[], seq: number): Promise<string> {
  const host = replayHost({ rows: rows.slice(0, seq) });
  const world = new Map<string, number>();
  const actor = createActor(toyOrchestrator(turnIn(world)), host.attach()).start();
  await host.idle();
  const state = JSON.stringify(actor.getPersistedSnapshot());
  await host.close();
  expect(world).toEqual(new Map());
  return state;
}

describe("a replay", () => {
  it("shows the tree as it was at each row, and performs nothing", async () => {
    const { states, rows } = await recordedRun();
    expect(rows.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["gap", "command", "cancelled", "intent", "result"]));
    expect(states.size).toBeGreaterThan(12);
    let recorded: string | undefined;
    for (const { seq } of rows) {
      recorded = states.get(seq) ?? recorded;
      expect({ seq, state: await stateAt(rows, seq) }).toEqual({ seq, state: recorded });
    }
  });

  it("rests: pending effects are not begun, clocks don't fire, and it is settled by close", async () => {
    const performed: unknown[] = [];
    const machine = setup({
      types: { context: {} as { fired: number } },
      actors: { work: work((input) => performed.push(input)), sleepUntil },
      actions: { fire: assign({ fired: ({ context }) => context.fired + 1 }) },
    }).createMachine({
      id: "pending",
      context: { fired: 0 },
      after: { 10: { actions: "fire" } },
      type: "parallel",
      states: {
        a: { invoke: { id: "work", src: "work", input: { key: "k" } } },
        b: { invoke: { id: "s", src: "sleepUntil", input: { key: "s", dueAt: 1 }, onDone: { actions: "fire" } } },
      },
    });
    const head: Row = {
      seq: 1,
      kind: "head",
      at: 0,
      body: { format: 1, machine: "pending", versions: {}, input: null },
    };
    const host = replayHost({ rows: [head] });
    const actor = createActor(machine, host.attach()).start();
    await host.idle();
    await turn();
    expect([performed, actor.getSnapshot().context.fired, host.seq, host.replaying]).toEqual([[], 0, 1, true]);
    expect(() => host.send({ type: "go" })).toThrow(expect.objectContaining({ code: "ReadOnly" }));
    expect(() => actor.send({ type: "go" })).toThrow(expect.objectContaining({ code: "ForeignAsync" }));
    await host.close({ graceMs: 1_000 });
    expect(await host.settled()).toEqual({ kind: "closed" });
    expect(actor.getSnapshot().status).toBe("stopped");
  });

  it("resolves nothing that was in flight, and closes nothing that was stopped", async () => {
    const journal = await cutOff({ class: "once" });
    const host = replayHost({ rows: journal.read() });
    const actor = createActor(oneEffect(work(() => 1, { class: "once" })), host.attach()).start();
    await host.idle();
    expect(actor.getSnapshot()).toMatchObject({ status: "active", context: { events: [] } });
    await host.close();
  });

  it("is done where the run was", async () => {
    const journal = memoryJournal();
    const live = memoryHost({ journal, clock: fakeClock().clock });
    createActor(oneEffect(work(() => 1)), live.attach()).start();
    await live.settled();
    const host = replayHost({ rows: journal.read() });
    const actor = createActor(oneEffect(work(() => deferred().promise)), host.attach()).start();
    expect(await host.settled()).toEqual({ kind: "done" });
    expect(actor.getSnapshot().output?.events).toEqual([{ type: "done", value: 1 }]);
  });

  it("ends with Drift where the machine is another, and needs a row", async () => {
    const journal = await cutOff();
    const host = replayHost({ rows: journal.read() });
    createActor(
      oneEffect(
        work(() => 1),
        { key: "other" },
      ),
      host.attach(),
    ).start();
    const end = await host.settled();
    expect(end.kind === "error" && HostError.is(end.error) && end.error.code).toBe("Drift");
    expect(() => replayHost({ rows: [] })).toThrow(expect.objectContaining({ code: "UnknownRun" }));
  });
});
