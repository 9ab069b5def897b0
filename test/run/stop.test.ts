// Stop means stop: what runs gets its time and no more, and nothing of a run outlives its end.
import { getEventListeners } from "node:events";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createActor } from "xstate";
import { orchestrate } from "../../src/index.ts";
import type { OrchestrateOptions } from "../../src/index.ts";
import { memoryHost } from "../../src/host/memory.ts";
import { runVariable } from "../../src/process/environment.ts";
import { findMarked } from "../../src/process/marked.ts";
import { prepareRun } from "../../src/run/prepare.ts";
import { startHandle } from "../../src/run/run.ts";
import { fakeClock } from "../host/helpers.ts";
import { deferred, eventOf, eventsOf, fixedModel, folder, kept, threeTasks } from "./helpers.ts";
import type { Answers } from "./helpers.ts";

const never = () => new Promise<never>(() => {});

/** A run on a clock that is moved by hand. */
function runOn(clock: ReturnType<typeof fakeClock>["clock"], answers: Answers) {
  const options = { model: fixedModel(answers), mode: "direct", store: false } as const;
  const { id, world, input } = prepareRun("go", options, clock);
  const host = memoryHost({ clock });
  const actor = createActor(world.machines.orchestrator, host.attach({ input, versions: world.versions }));
  return kept(startHandle({ id, host, world, actor, replayedThrough: -1 }, {}));
}

describe("a run that is stopped with a grace of 10 s", () => {
  it("cuts a turn that hangs when they are over, not before", async () => {
    const { clock, advance } = fakeClock();
    const run = runOn(clock, { "*": never });
    await eventOf(run, "turn.started");
    let isStopped = false;
    const stopped = run.stop({ graceMs: 10_000 }).then(() => {
      isStopped = true;
    });
    await advance(9_999);
    expect(isStopped).toBe(false);
    await advance(1);
    await stopped;
    expect(await run.result).toMatchObject({ outcome: "suspended", failure: null });
  });

  it("ends as soon as the turn does, and keeps what it said", async () => {
    const gate = deferred<string>();
    const fake = fakeClock();
    const run = runOn(fake.clock, { "*": () => gate.promise });
    await eventOf(run, "turn.started");
    const stopped = run.stop({ graceMs: 10_000 });
    gate.resolve("done just in time");
    await stopped;
    expect((await eventsOf(run)).filter(({ type }) => type === "turn.completed")).toHaveLength(1);
    expect(fake.waiting).toBe(0);
  });

  it("is cut at once when stopped again without one", async () => {
    const { clock } = fakeClock();
    const run = runOn(clock, { "*": never });
    await eventOf(run, "turn.started");
    const first = run.stop({ graceMs: 10_000 });
    await run.stop();
    await first;
    expect(await run.result).toMatchObject({ outcome: "suspended" });
  });
});

describe("nothing of a run is left", () => {
  let before: Readonly<Record<string, number>> = {};
  const controller = new AbortController();
  beforeEach(async () => {
    // What a run loads on first use stays loaded: that is no leftover of the second.
    await orchestrate("warm", { workspace: await folder(), model: fixedModel(threeTasks) }).result;
    before = await held(controller.signal);
  });
  afterEach(async () => {
    // The system closes handles in its own time, but soon. No timer here: it would be counted.
    const until = performance.now() + 2_000;
    let more = excess(await held(controller.signal), before);
    while (performance.now() < until && more.length > 0) more = excess(await held(controller.signal), before);
    expect(more).toEqual([]);
  });

  const begin = async (answers: Answers, more: Partial<OrchestrateOptions> = {}) => {
    const options = {
      workspace: await folder(),
      model: fixedModel(answers),
      signal: controller.signal,
      permissions: BASH,
      ...more,
    };
    return kept(orchestrate("go", options));
  };

  it("after its end", async () => {
    const run = await begin(commanding("setsid sleep 100 >/dev/null 2>&1 & echo two > b.md"));
    run.events.subscribe(() => {});
    run.deltas().subscribe(() => {});
    expect(await run.result).toMatchObject({ outcome: "complete" });
    expect(await findMarked(runVariable, run.id)).toEqual([]);
  });

  it("after stop(), while a turn, a command and a wait are under way", async () => {
    const answers = commanding("trap '' TERM; sleep 100");
    const run = await begin({ ...answers, t2: never, t3: { fail: "RateLimited", retryAfterMs: 600_000 } });
    const walk = run.events[Symbol.asyncIterator]();
    await walk.next();
    await eventOf(run, "tool.started", ({ tool }) => tool === "bash");
    await eventOf(run, "turn.failed");
    await run.stop();
    expect(await findMarked(runVariable, run.id)).toEqual([]);
  });

  it("after its signal, and after a start that failed", async () => {
    const own = new AbortController();
    const run = await begin({ "*": never }, { signal: own.signal });
    await eventOf(run, "turn.started");
    own.abort();
    expect(await run.result).toMatchObject({ outcome: "suspended" });
    expect(getEventListeners(own.signal, "abort")).toEqual([]);
    const store = await folder();
    kept(orchestrate("x", { id: "taken", store, model: fixedModel({ "*": "Done." }), mode: "direct" }));
    expect(() => orchestrate("y", { id: "taken", store, model: fixedModel({}), signal: own.signal })).toThrow(/taken/);
    expect(getEventListeners(own.signal, "abort")).toEqual([]);
  });
});

const BASH = { allow: ["bash"] };

/** Three tasks side by side, the first of which runs a command. */
function commanding(command: string): Answers {
  return {
    ...threeTasks,
    plan: {
      json: {
        rationale: "three",
        tasks: [
          { label: "a", worker: "backend", task: "a" },
          { label: "b", worker: "docs", task: "b" },
          { label: "c", worker: "docs", task: "c" },
        ],
      },
    },
    t1: ({ turn }) => (turn === 1 ? { calls: [{ tool: "bash", input: { command } }] } : "Did a."),
  };
}

/** What there is more of than before. What is gone since then belonged to others. */
const excess = (now: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): readonly string[] =>
  Object.entries(now).flatMap(([name, count]) =>
    count > (before[name] ?? 0) ? [`${name}: ${count}, before ${before[name] ?? 0}`] : [],
  );

/** What keeps this process, and who listens to it: counts by name. */
async function held(signal: AbortSignal): Promise<Readonly<Record<string, number>>> {
  // Handles are closed in the phase after the one that closes them.
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  const counts: Record<string, number> = {};
  const count = (name: string, more = 1): void => {
    counts[name] = (counts[name] ?? 0) + more;
  };
  for (const name of process.getActiveResourcesInfo()) if (name !== "Immediate" && !name.startsWith("FSReq")) count(name);
  for (const name of process.eventNames()) count(`process ${String(name)}`, process.listenerCount(name));
  count("abort", getEventListeners(signal, "abort").length);
  return counts;
}
