import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { commandRun, definePlan, listRuns, openRun, orchestrate } from "../../src/index.ts";
import type { Answer, Ask, Command, Worker } from "../../src/index.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { deferred, echo, eventOf, eventsOf, fixedModel, folder, hasty, kept, tables, threeTasks } from "./helpers.ts";

const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
beforeEach(() => {
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
  expect(unhandled.splice(0)).toEqual([]);
});

/** A run that asks for one command of bash, and answers with what came of it. */
const curious = {
  workers: [defineWorker({ name: "curious", description: "d", instructions: "i", evidence: "schema" as const })],
  mode: "direct" as const,
  model: fixedModel({
    "*": ({ turn, messages }) =>
      turn === 1
        ? { calls: [{ tool: "bash", input: { command: "echo hel''lo" } }] }
        : `It said: ${JSON.stringify(messages.at(-1)?.content)}`,
  }),
};

describe("a permission to ask for", () => {
  it.each<[string, (ask: Ask) => unknown, RegExp]>([
    ["yes", () => "approve", /hello/],
    ["a yes that takes its time", () => Promise.resolve({ decision: "approve" }), /hello/],
    ["no", () => "reject", /Not allowed: it was not approved/],
    ["no, with a reason", () => ({ decision: "reject", text: "use read instead" }), /use read instead/],
    ["nothing", () => undefined, /not approve or reject/],
    ["nonsense", () => "yes please", /yes please/],
    ["half an answer", () => ({ text: "hm" }), /not approve or reject/],
    ["a throw", () => Promise.reject(new Error("nobody home")), /nobody home/],
    ["a throw of nothing", () => Promise.reject(undefined), /asks function threw/],
    ["a sermon", () => ({ decision: "reject", text: "no ".repeat(20_000) }), /no no/],
  ])("is answered by a function with %s", async (_what, answer, expected) => {
    const asked: Ask[] = [];
    const asks = (ask: Ask): Answer | Promise<Answer> => {
      asked.push(ask);
      return answer(ask) as Answer;
    };
    const run = kept(orchestrate("x", { ...curious, workspace: await folder(), asks }));
    const result = await run.result;
    expect(result.outcome).toBe("complete");
    expect(result.answer).toMatch(expected);
    expect(asked).toMatchObject([{ kind: "permission", from: "t1#1" }]);
    expect(run.asks).toEqual([]);
  });

  it("is refused where nobody is there to ask", async () => {
    const run = kept(orchestrate("x", { ...curious, workspace: await folder() }));
    expect((await run.result).answer).toContain("nobody is there to ask");
    expect(await eventOf(run, "ask.closed")).toMatchObject({ by: "policy", decision: "reject" });
  });

  it("waits for a person, who answers by command, once", async () => {
    const run = kept(orchestrate("x", { ...curious, workspace: await folder(), asks: "wait" }));
    const { ask } = await eventOf(run, "ask.opened");
    expect(run.asks).toEqual([ask]);
    run.send({ type: "ask.answer", ask: "nothing like it", decision: "approve" });
    run.send({ type: "ask.answer", ask: ask.id, decision: "approve" });
    run.send({ type: "ask.answer", ask: ask.id, decision: "reject" });
    expect((await run.result).answer).toContain("hello");
    const letters = (await eventsOf(run)).filter(({ type }) => type === "letter.dropped");
    expect(letters.length).toBeGreaterThanOrEqual(1);
  });

  it("waits over a stop: the one who opens the run again may answer with a function", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("x", { ...curious, workspace, asks: "wait" }));
    await eventOf(run, "ask.opened");
    await run.stop();
    const again = kept(await openRun(run.id, { ...curious, store: path.join(workspace, ".quatrain"), asks: () => "approve" }));
    expect((await again.result).answer).toContain("hello");
  });
});

describe("a plan to review", () => {
  const options = { model: fixedModel(threeTasks), review: true } as const;

  it("is carried out when a person approves", async () => {
    const run = kept(orchestrate("x", { ...options, asks: "wait" }));
    const { ask } = await eventOf(run, "ask.opened");
    expect(ask).toMatchObject({ id: "plan", kind: "plan" });
    expect((await eventsBefore(run, "task.started")).length).toBe(0);
    run.send({ type: "ask.answer", ask: "plan", decision: "approve" });
    expect(await run.result).toMatchObject({ outcome: "complete" });
  });

  it("ends the run when a person rejects it, with the reason", async () => {
    const run = kept(orchestrate("x", { ...options, asks: () => ({ decision: "reject", text: "too dear" }) }));
    const { outcome, failure } = await run.result;
    expect({ outcome, code: failure?.code }).toEqual({ outcome: "failed", code: "Rejected" });
    expect(failure?.message).toContain("too dear");
  });

  it("ends the run where nobody is there", async () => {
    expect(await kept(orchestrate("x", options)).result).toMatchObject({ outcome: "failed", failure: { code: "Rejected" } });
  });

  it("can be replaced", async () => {
    const run = kept(orchestrate("x", { ...options, asks: "wait" }));
    await eventOf(run, "ask.opened");
    const task = { label: "only", worker: "docs", task: "write it", input: null, files: [], constraints: [], output_format: "" };
    const rest = { depends_on: [], after: [], writes: [], acceptance: [], optional: false, tier: null };
    run.send({ type: "plan.edit", plan: { rationale: "mine", tasks: [{ ...task, ...rest }] } });
    run.send({ type: "ask.answer", ask: "plan", decision: "approve" });
    const { tasks } = await run.result;
    expect(tasks.map(({ label }) => label)).toEqual(["only"]);
  });
});

/** How many events of a kind there are so far. */
async function eventsBefore(run: Parameters<typeof eventsOf>[0], type: string): Promise<readonly string[]> {
  const seen: string[] = [];
  run.events.subscribe((event) => seen.push(event.type)).unsubscribe();
  return seen.filter((one) => one === type);
}

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
    const said = (name: string) => JSON.stringify(model.requests.filter(({ conversation }) => conversation === name).at(-1)?.messages);
    expect(said("t1#1")).toContain("use tabs");
    expect(said("t2#1")).toContain("use tabs");
    expect(said("t2#1")).not.toContain("only for t2");
  });
});

describe("the signal", () => {
  it("stops the run, to be resumed; fired before the start it stops at once", async () => {
    const controller = new AbortController();
    const { run } = slowRun();
    const held = kept(orchestrate("x", { model: fixedModel({ "*": () => new Promise(() => undefined) }), signal: controller.signal }));
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
        return typeof value === "function" ? value.bind(target) : value;
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
    const model = fixedModel({ "*": () => new Promise(() => undefined) });
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

describe("opening", () => {
  const plan = definePlan([tables], [{ label: "a", worker: "tables", task: "t", input: { entity: "user" } }]);

  it("is refused for a run that is not there, with those that are", async () => {
    const store = await folder();
    await expect(openRun("r-none", { store })).rejects.toMatchObject({ code: "UnknownRun", message: expect.stringContaining("no runs") as string });
    const run = kept(orchestrate(plan, { model: fixedModel({ "*": "ok" }), store }));
    await run.result;
    await expect(openRun("r-none", { store })).rejects.toMatchObject({ message: expect.stringContaining(run.id) as string });
    await expect(openRun("__proto__", { store })).rejects.toMatchObject({ code: "UnknownRun" });
  });

  it("is refused with other workers, by name or by definition, and leaves the run to others", async () => {
    const store = await folder();
    const model = fixedModel({ "*": "ok" });
    const run = kept(orchestrate(plan, { model, store }));
    const first = await run.result;
    await expect(openRun(run.id, { store, model })).rejects.toMatchObject({ code: "UnknownWorker" });
    const other = defineWorker({ name: "tables", description: "changed", perform: () => "x" });
    await expect(openRun(run.id, { store, model, workers: [other] })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringContaining("other workers") as string,
    });
    await expect(openRun(run.id, { store, model, workers: [tables], policy: { attempts: 3 } })).rejects.toMatchObject({
      code: "BadOption",
    });
    const again = kept(await openRun(run.id, { store, model, workers: [tables] }));
    expect(await again.result).toEqual(first);
  });

  it("an ended run needs no key and tells the same again; commands to it change nothing", async () => {
    const store = await folder();
    const run = kept(orchestrate("x", { model: fixedModel({ "*": "ok" }), store, workers: [echo], mode: "direct" }));
    const first = await run.result;
    commandRun(run.id, { type: "run.cancel" }, { store });
    const again = kept(await openRun(run.id, { store, workers: [echo] }));
    expect(await again.result).toEqual(first);
  });

  it("needs the addresses that the run was started with", async () => {
    const store = await folder();
    const at = (model: string) => ({ model, baseURL: "http://127.0.0.1:9" });
    const models = { orchestrator: at("m"), worker: at("m"), router: at("m") };
    const model = fixedModel({ "*": () => new Promise(() => undefined) });
    const run = kept(orchestrate("x", { model, models, store }));
    await eventOf(run, "turn.started");
    await run.stop();
    await expect(openRun(run.id, { store })).rejects.toMatchObject({
      code: "BadOption",
      message: expect.stringMatching(/asks m at .*give the models/) as string,
    });
    const again = kept(await openRun(run.id, { store, models, model }));
    expect(again.replayedThrough).toBeGreaterThan(0);
  });

  it("takes up a run that was suspended for a key, once there is one", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("x", { workspace, model: fixedModel({ ...threeTasks, t1: { fail: "AuthFailed" } }) }));
    expect(await run.result).toMatchObject({ outcome: "suspended", failure: { code: "AuthFailed" } });
    expect(listRuns({ store: path.join(workspace, ".quatrain") })).toMatchObject([{ state: "open" }]);
    const again = kept(await openRun(run.id, { store: path.join(workspace, ".quatrain"), model: fixedModel(threeTasks) }));
    expect(await again.result).toMatchObject({ outcome: "complete", answer: "All done." });
  });
});
