import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { randomFrom } from "../../src/core/random.ts";
import { readRows, sqliteHost } from "../../src/host/sqlite.ts";
import { BUILT_IN, defineWorker, openRun, orchestrate, peekRun, prepareRun } from "../../src/index.ts";
import type { NumberedEvent } from "../../src/index.ts";
import { deferred, echo, eventOf, eventsOf, fixedModel, folder, hasty, kept, threeTasks } from "./helpers.ts";
import type { Answers } from "./helpers.ts";

const policy = { table: hasty };
const workers = [...BUILT_IN, echo];

/** All kinds of workers and of trouble: a task that is tried again, a turn that is, one that gives up, one by a function. */
const troubled: Answers = {
  ...threeTasks,
  plan: {
    json: {
      rationale: "all kinds",
      tasks: [
        { label: "a", worker: "backend", task: "change a", writes: ["a.txt"] },
        { label: "b", worker: "docs", task: "write b", depends_on: ["a"], writes: ["b.md"] },
        { label: "c", worker: "review", task: "look at c", optional: true },
        { label: "d", worker: "echo", task: "say d", depends_on: ["b"] },
        { label: "e", worker: "backend", task: "run e", after: ["a"] },
      ],
    },
  },
  "t1#1": { fail: "Refused" },
  t3: "GAVE UP: nothing to look at",
  t5: ({ turn }) => (turn === 1 ? { calls: [{ tool: "bash", input: { command: "echo he''llo" } }] } : "Ran e."),
};

describe("a recorded run", () => {
  /** The whole tree as it was when each row had been delivered. */
  const live = new Map<number, string>();
  let store: string;
  let workspace: string;
  let events: readonly NumberedEvent[] = [];
  const peek = (at?: number) => peekRun("r-1", { store, policy, workers, ...(at === undefined ? {} : { at }) });

  beforeAll(async () => {
    workspace = await mkdtemp(path.join(tmpdir(), "quatrain-peek-"));
    store = path.join(workspace, ".quatrain");
    const options = {
      workspace,
      id: "r-1",
      model: fixedModel(troubled),
      mode: "orchestrate",
      review: true,
      asks: "wait",
    } as const;
    // A first run makes the store.
    await orchestrate("x", { workspace, model: fixedModel({ "*": "yes" }), mode: "direct", workers }).result;
    const host = sqliteHost({ file: path.join(store, "runs.db"), run: "r-1" });
    const { world, input } = prepareRun("go", { ...options, policy, workers }, host.clock);
    let seen = 0;
    // What happens first in a delivery finds the tree as the delivery before has left it.
    const inspect = (): void => {
      const now = seen === host.seq ? undefined : JSON.stringify(actor.getPersistedSnapshot());
      for (; seen < host.seq; seen++) if (seen > 0 && now !== undefined) live.set(seen, now);
    };
    const actor = createActor(world.machines.orchestrator, host.attach({ input, versions: world.versions, inspect }));
    actor.on("ask.opened", ({ ask }) => host.send({ type: "ask.answer", ask: ask.id, decision: "approve" }));
    actor.start();
    expect(await host.settled()).toEqual({ kind: "done" });
    const again = await openRun("r-1", { store, policy, workers, model: fixedModel({}) });
    await again.result;
    events = await eventsOf(again);
    return () => rm(workspace, { recursive: true, force: true });
  });

  it("shows at 100 random moments the very tree that was there", async () => {
    const seqs = [...live.keys()];
    const types = events.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["task.retrying", "ask.closed", "task.skipped", "tool.finished"]));
    const random = randomFrom(7);
    const wrong: number[] = [];
    for (let count = 0; count < 100; count++) {
      const seq = seqs[Math.floor(random() * seqs.length)] ?? 1;
      const peeked = await peek(seq);
      if (peeked.seq !== seq || JSON.stringify(peeked.persisted) !== live.get(seq)) wrong.push(seq);
    }
    expect(wrong).toEqual([]);
    expect(seqs.length).toBeGreaterThan(60);
  });

  it("tells the events up to the moment, as a resume numbers them", async () => {
    const { events: told, at, rows } = await peek();
    expect(told).toEqual(events);
    const file = path.join(store, "runs.db");
    expect({ rows, at }).toEqual({ rows: readRows({ file, run: "r-1" }).length, at: readRows({ file, run: "r-1" }).at(-1)?.at });
    const { seq } = events[Math.floor(events.length / 2)] ?? { seq: "1.0" };
    const half = await peek(Number(seq.split(".")[0]));
    expect(half.events).toEqual(events.slice(0, half.events.length));
    expect(half.events.map((event) => event.seq)).toContain(seq);
  });

  it("is shown only at rows it has, to those who have its workers and policy", async () => {
    for (const at of [0, 1.5, 10_000]) await expect(peek(at)).rejects.toMatchObject({ code: "BadOption" });
    await expect(peekRun("r-9", { store })).rejects.toMatchObject({ code: "UnknownRun" });
    await expect(peekRun("r-1", { store, workers })).rejects.toMatchObject({ code: "BadOption" });
    await expect(peekRun("r-1", { store, policy })).rejects.toMatchObject({ code: "UnknownWorker" });
  });
});

describe("a run that somebody works on", () => {
  it("is shown without taking it from them, and without performing anything", async () => {
    const store = await folder();
    const gate = deferred<string>();
    let begun = 0;
    const perform = (): Promise<string> => {
      begun++;
      return gate.promise;
    };
    const slow = defineWorker({ name: "slow", description: "d", perform });
    const model = fixedModel({ "*": "never asked" });
    const run = kept(orchestrate("wait", { store, id: "r-1", model, workers: [slow], mode: "direct" }));
    await eventOf(run, "task.progressed", ({ state }) => state === "working");
    const { context, snapshot } = await peekRun("r-1", { store, workers: [slow] });
    expect(context.queue?.tasks.map(({ status }) => status)).toEqual(["running"]);
    expect(snapshot.matches({ active: { phase: "direct" } })).toBe(true);
    gate.resolve("done");
    expect(await run.result).toMatchObject({ outcome: "complete" });
    expect({ begun, asked: model.asked }).toEqual({ begun: 1, asked: [] });
  });
});
