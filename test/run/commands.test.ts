import { describe, expect, it } from "vitest";
import { commandRun, definePlan, listRuns, openRun, orchestrate } from "../../src/index.ts";
import type { Command, Worker } from "../../src/index.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { deferred, echo, eventOf, fixedModel, folder, hasty, kept, threeTasks } from "./helpers.ts";

/** Three tasks by functions that wait to be told, one after the other and one apart. */
function slowRun(options: { readonly store?: string; readonly concurrency?: number } = {}) {
  const gates = new Map(["a", "b", "c"].map((name) => [name, deferred<string>()]));
  const begun: string[] = [];
  const slow: Worker<"slow", null, string> = defineWorker({
    name: "slow",
    description: "d",
    perform: ({ task }) => {
      begun.push(task);
      return gates.get(task)?.promise ?? task;
    },
  });
  const plan = definePlan(
    [slow],
    [
      { label: "a", worker: "slow", task: "a" },
      { label: "b", worker: "slow", task: "b", dependsOn: ["a"] },
      { label: "c", worker: "slow", task: "c" },
    ],
  );
  const run = kept(orchestrate(plan, { model: fixedModel({ synthesis: "All." }), policy: { table: hasty }, ...options }));
  return { run, begun, let: (name: string) => gates.get(name)?.resolve(`${name} done`) };
}

const task = (id: string) => (event: { readonly task: string }) => event.task === id;

describe("a command", () => {
  it("that is none is refused at once, and nothing happens", async () => {
    const { run, let: letGo } = slowRun();
    for (const command of [undefined, "run.cancel", { type: "run.explode" }, { type: "task.skip", task: "a" }]) {
      expect(() => run.send(command as unknown as Command)).toThrow(expect.objectContaining({ code: "BadOption" }));
    }
    for (const name of ["a", "b", "c"]) letGo(name);
    expect(await run.result).toMatchObject({ outcome: "complete" });
  });

  it("pauses: what runs finishes, nothing new starts, until the run is resumed", async () => {
    const { run, begun, let: letGo } = slowRun();
    await eventOf(run, "task.progressed", task("t3"));
    run.send({ type: "run.pause" });
    await eventOf(run, "activity.changed");
    letGo("a");
    await eventOf(run, "task.finished", task("t1"));
    expect(begun.toSorted()).toEqual(["a", "c"]);
    run.send({ type: "run.resume" });
    for (const name of ["b", "c"]) letGo(name);
    expect(await run.result).toMatchObject({ outcome: "complete" });
    expect(begun.toSorted()).toEqual(["a", "b", "c"]);
  });

  it("cancels, with the reason, and settles every task", async () => {
    const { run, let: letGo } = slowRun();
    letGo("c");
    await eventOf(run, "task.finished", task("t3"));
    run.send({ type: "run.cancel", reason: "lunch" });
    letGo("a");
    const { outcome, failure, tasks } = await run.result;
    expect({ outcome, code: failure?.code }).toEqual({ outcome: "cancelled", code: "Cancelled" });
    expect(failure?.message).toContain("lunch");
    expect(tasks.map(({ status }) => status)).toEqual(["skipped", "skipped", "finished"]);
  });

  it("skips a task that runs, and what depends on it", async () => {
    const { run, let: letGo } = slowRun();
    await eventOf(run, "task.started", task("t1"));
    run.send({ type: "task.skip", task: "t1", reason: "not needed" });
    for (const name of ["a", "c"]) letGo(name);
    const { outcome, tasks } = await run.result;
    expect(outcome).toBe("partial");
    expect(tasks.map(({ status }) => status)).toEqual(["skipped", "skipped", "finished"]);
    expect(tasks[1]?.cause).toMatchObject({ code: "Skipped", message: expect.stringContaining("not needed") as string });
  });

  it("tries a skipped task again", async () => {
    const { run, let: letGo } = slowRun();
    await eventOf(run, "task.started", task("t1"));
    run.send({ type: "task.skip", task: "t1" });
    await eventOf(run, "task.skipped", task("t1"));
    run.send({ type: "task.retry", task: "t1" });
    for (const name of ["a", "b", "c"]) letGo(name);
    const { outcome, tasks } = await run.result;
    expect(tasks.map(({ status }) => status)).toEqual(["finished", "finished", "finished"]);
    expect(outcome).toBe("complete");
  });

  it("tells the models that work, now and later", async () => {
    const gate = deferred<string>();
    const model = fixedModel({ ...threeTasks, t1: () => gate.promise, t2: "ok", t3: "ok" });
    const run = kept(orchestrate("x", { model, mode: "orchestrate" }));
    await eventOf(run, "turn.started", ({ conversation }) => conversation === "t1#1");
    run.send({ type: "run.tell", text: "use tabs" });
    run.send({ type: "run.tell", text: "only for t2", task: "t2" });
    await eventOf(run, "letter.dropped");
    gate.resolve("first answer");
    expect(await run.result).toMatchObject({ outcome: "complete" });
    const said = (name: string) => JSON.stringify(model.requests.findLast(({ conversation }) => conversation === name)?.messages);
    expect(said("t1#1")).toContain("use tabs");
    expect(said("t2#1")).toContain("use tabs");
    expect(said("t2#1")).not.toContain("only for t2");
  });
});

describe("the signal", () => {
  it("stops the run, to be resumed; fired before the start it stops at once", async () => {
    const controller = new AbortController();
    const { run } = slowRun();
    const held = kept(orchestrate("x", { model: fixedModel({ "*": () => new Promise(() => {}) }), signal: controller.signal }));
    await eventOf(held, "turn.started");
    controller.abort();
    expect(await held.result).toMatchObject({ outcome: "suspended", failure: null });
    await run.stop();
    await run.stop();
    const never = kept(orchestrate("x", { model: fixedModel({}), workers: [echo], signal: controller.signal }));
    expect(await never.result).toMatchObject({ outcome: "suspended", failure: null });
  });

  it("has no listener left after the end", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const counted = new Proxy(signal, {
      get(target, name) {
        if (name === "addEventListener") listeners++;
        if (name === "removeEventListener") listeners--;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? (...given: unknown[]): unknown => Reflect.apply(value, target, given) : value;
      },
    });
    await kept(orchestrate("x", { model: fixedModel({}), workers: [echo], mode: "direct", signal: counted })).result;
    expect(listeners).toBe(0);
  });
});

describe("a run of another owner", () => {
  it("can't be opened, but commanded and listed", async () => {
    const store = await folder();
    const { run, let: letGo } = slowRun({ store });
    await eventOf(run, "task.started", task("t1"));
    const worker = defineWorker({ name: "slow", description: "d", perform: () => "x" });
    await expect(openRun(run.id, { store, workers: [worker], model: fixedModel({}) })).rejects.toMatchObject({ code: "RunBusy" });
    expect(listRuns({ store })).toMatchObject([{ id: run.id, state: "open", request: "Carry out the given plan." }]);
    commandRun(run.id, { type: "task.skip", task: "t1", reason: "from outside" }, { store });
    expect(await eventOf(run, "task.skipped", task("t1"))).toMatchObject({ failure: { code: "Skipped" } });
    for (const name of ["a", "c"]) letGo(name);
    expect(await run.result).toMatchObject({ outcome: "partial" });
    expect(listRuns({ store })).toMatchObject([{ state: "ended" }]);
  });

  it("is commanded only by what is a command, and only where it is", async () => {
    const store = await folder();
    const pause = { type: "run.pause" } as const;
    expect(() => commandRun("r-1", pause, { store })).toThrow(expect.objectContaining({ code: "UnknownRun" }));
    expect(() => commandRun("r-1", {} as Command, { store })).toThrow(expect.objectContaining({ code: "BadOption" }));
  });

  it("that waits takes what was sent while nobody owned it, a cancel before anything is paid", async () => {
    const store = await folder();
    const model = fixedModel({ "*": () => new Promise(() => {}) });
    const run = kept(orchestrate("x", { model, store }));
    await eventOf(run, "turn.started");
    await run.stop();
    commandRun(run.id, { type: "run.cancel", reason: "changed my mind" }, { store });
    const later = fixedModel({});
    const again = kept(await openRun(run.id, { store, model: later }));
    expect(await again.result).toMatchObject({ outcome: "cancelled" });
    expect(later.asked).toEqual([]);
  });
});
