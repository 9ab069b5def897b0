import path from "node:path";
import { describe, expect, it } from "vitest";
import { definePlan, defineWorker, forkRun, openRun, orchestrate, RunEvent } from "../../src/index.ts";
import type { NumberedEvent, Run } from "../../src/index.ts";
import { NumberedEvent as Numbered } from "../../src/protocol/run-event.ts";
import { EventLog } from "../../src/run/event-log.ts";
import { deferred, eventOf, eventsOf, fixedModel, folder, hasty, keeping, kept, threeTasks } from "./helpers.ts";
import type { Answers } from "./helpers.ts";

const place = ({ seq }: NumberedEvent): number => {
  const [row = 0, dot = 0] = seq.split(".").map(Number);
  return row * 10_000 + dot;
};
const paused = { type: "activity.changed", activity: "paused", failure: null, at: 1 } as const;

describe("the event log", () => {
  it("numbers events by row and place, and gives all of them to whoever comes, whenever", async () => {
    const log = new EventLog();
    const early: string[] = [];
    log.stream.subscribe(({ seq }) => early.push(seq));
    for (const row of [0, 0, 3, 3, 3, 7]) log.add(paused, row);
    log.end();
    const late: string[] = [];
    for await (const { seq } of log.stream) late.push(seq);
    expect(early).toEqual(["0.0", "0.1", "3.0", "3.1", "3.2", "7.0"]);
    expect(late).toEqual(early);
  });

  it("can be left early and walked again, by many at once", async () => {
    const log = new EventLog();
    log.add(paused, 1);
    const walk = async (count: number): Promise<number> => {
      let seen = 0;
      for await (const _event of log.stream) if (++seen === count) break;
      return seen;
    };
    const walks = [walk(1), walk(2), walk(9)];
    expect(await walks[0]).toBe(1);
    log.add(paused, 2);
    log.end();
    expect(await Promise.all(walks)).toEqual([1, 2, 2]);
    expect(await walk(1)).toBe(1);
  });

  it("hands on what it had when nobody was listening, then waits for more", async () => {
    const log = new EventLog();
    const walk = log.stream[Symbol.asyncIterator]();
    const first = walk.next();
    log.add(paused, 1);
    expect((await first).value).toMatchObject({ seq: "1.0" });
    const second = walk.next();
    log.end();
    expect(await second).toEqual({ done: true, value: undefined });
  });
});

/** Runs that emit every kind of event between them. */
const varied: Answers = {
  ...threeTasks,
  plan: ({ turn, messages }) =>
    turn === 1
      ? { json: { rationale: "r", tasks: [{ label: "a", worker: "nobody", task: "t" }] } }
      : {
          json: {
            rationale: `repaired after ${messages.length} messages`,
            tasks: [
              { label: "a", worker: "backend", task: "a", writes: ["a.txt"], tier: "haiku" },
              { label: "b", worker: "docs", task: "b", depends_on: ["a"], optional: true },
              { label: "c", worker: "docs", task: "c", depends_on: ["b"], optional: true },
            ],
          },
        },
  "t1#1": ({ turn }) => (turn === 1 ? { fail: "ServerFault", usage: { outputTokens: 5 } } : { stop: "max_tokens", text: "half" }),
  "t1#2": ({ turn }) =>
    turn === 1
      ? {
          calls: [
            { tool: "write", input: { file_path: "a.txt", content: "two" } },
            { tool: "read", input: { file_path: "none" } },
          ],
        }
      : "Done.",
  t2: { stop: "refusal" },
  "mend:t2": { json: { task: "b in other words", constraints: [] } },
};

/** One task refuses, two change one file without saying so, one of them with an empty answer at first, and the synthesis is cut off at first. */
const troubled = (): Answers => {
  let tries = 0;
  return {
    ...threeTasks,
    t2: { stop: "refusal" },
    t3: ({ turn }) =>
      turn === 1 ? { calls: [{ tool: "write", input: { file_path: "a.txt", content: "three" } }] } : turn === 2 ? "" : "Wrote.",
    "mend:t2": "no words",
    synthesis: () => (tries++ === 0 ? { stop: "max_tokens", text: "Half" } : "All that could be done."),
  };
};

/** A run in which a task that failed is tried again while another one is still being done. */
async function revived(): Promise<Run> {
  const gate = deferred();
  let tries = 0;
  const workers = [
    defineWorker({ name: "shy", description: "d", perform: () => (tries++ < 2 ? Promise.reject(new Error("not yet")) : "now") }),
    defineWorker({ name: "slow", description: "d", perform: () => gate.promise.then(() => "done") }),
  ] as const;
  const plan = definePlan(workers, [
    { label: "a", worker: "shy", task: "a" },
    { label: "b", worker: "slow", task: "b" },
  ]);
  const run = kept(orchestrate(plan, { policy: { table: hasty } }));
  await eventOf(run, "task.failed");
  run.send({ type: "task.retry", task: "t1" });
  await eventOf(run, "task.finished");
  gate.resolve();
  expect(await run.result).toMatchObject({ outcome: "complete" });
  return run;
}

describe("the events of a run", () => {
  it("fit their schema to the last field and survive JSON, whatever happens", async () => {
    const workspace = await folder();
    const policy = { table: hasty };
    const run = kept(orchestrate("go", { workspace, model: fixedModel(varied), policy, review: true, asks: () => "approve" }));
    await eventOf(run, "plan.accepted");
    run.send({ type: "run.tell", text: "hurry" });
    run.send({ type: "task.retry", task: "t40" });
    run.send({ type: "run.pause" });
    await eventOf(run, "activity.changed");
    run.send({ type: "run.resume" });
    const { outcome } = await run.result;
    expect(outcome).toBe("complete");
    const broke = kept(orchestrate("go", { model: fixedModel(threeTasks), workspace, budget: { usd: 0.000_01 } }));
    await broke.result;
    const keyless = kept(orchestrate("go", { model: fixedModel({ "*": { fail: "AuthFailed" } }), workspace }));
    await keyless.result;
    const torn = kept(orchestrate("go", { model: fixedModel(troubled()), workspace, policy: { table: keeping } }));
    expect(await torn.result).toMatchObject({ outcome: "partial", conflicts: [{ path: "a.txt" }] });
    const mended = kept(orchestrate("go", { workspace, model: fixedModel(troubled()), policy }));
    expect(await mended.result).toMatchObject({ outcome: "partial", conflicts: [] });
    const fork = kept(await forkRun(run.id, { store: path.join(workspace, ".quatrain"), policy, model: fixedModel(varied) }));
    await fork.result;
    const events = (await Promise.all([run, broke, keyless, torn, mended, fork, await revived()].map(eventsOf))).flat();
    for (const event of events) {
      expect(Numbered.parse(JSON.parse(JSON.stringify(event)))).toEqual(event);
      expect(Numbered.parse(event)).toStrictEqual(event);
    }
    const kinds = RunEvent.options.map((option) => option.shape.type.value);
    const missing = kinds.filter((kind) => !events.some(({ type }) => type === kind));
    expect(missing.toSorted()).toEqual(["turn.lost"]);
  });

  it("are ordered by their number, and the same for a late subscriber", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("go", { workspace, model: fixedModel(threeTasks) }));
    const live: NumberedEvent[] = [];
    run.events.subscribe((event) => live.push(event));
    await run.result;
    const late = await eventsOf(run);
    expect(late).toEqual(live);
    const places = live.map(place);
    expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b));
    expect(live[0]).toMatchObject({ type: "run.started", runId: run.id });
    expect(live.at(-1)).toMatchObject({ type: "run.finished", outcome: "complete" });
  });

  it("are the same, number for number, when the ended run is opened again", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("go", { workspace, model: fixedModel(threeTasks) }));
    const result = await run.result;
    const store = path.join(workspace, ".quatrain");
    const again = kept(await openRun(run.id, { store, model: fixedModel({}) }));
    expect(await again.result).toEqual(result);
    expect(await eventsOf(again)).toEqual(await eventsOf(run));
    const last = (await eventsOf(run)).at(-1)?.seq ?? "";
    expect(again.replayedThrough).toBeGreaterThanOrEqual(Number.parseInt(last, 10));
  });

  it("complete also when the run is stopped, and tell nothing after", async () => {
    const run = kept(orchestrate("go", { model: fixedModel({ "*": () => new Promise(() => {}) }) }));
    await eventOf(run, "turn.started");
    let completed = false;
    run.events.subscribe({
      complete: () => {
        completed = true;
      },
    });
    await run.stop();
    // All is over when stop() says so, not some time after.
    expect(completed).toBe(true);
    const events = await eventsOf(run);
    expect(events.at(-1)?.type).toBe("turn.started");
    expect(await run.result).toMatchObject({ outcome: "suspended", failure: null });
    run.send({ type: "run.cancel" });
    expect(await eventsOf(run)).toEqual(events);
  });
});
