import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openRun, orchestrate } from "../../src/index.ts";
import type { Answer, Ask, Run } from "../../src/index.ts";
import { defineWorker } from "../../src/workers/define-worker.ts";
import { eventOf, eventsOf, fixedModel, folder, kept, threeTasks } from "./helpers.ts";

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

describe("a question that was answered", () => {
  it("is not put to the function again when the run is opened again", async () => {
    const workspace = await folder();
    const run = kept(orchestrate("x", { ...curious, workspace, asks: () => "approve" }));
    const first = await run.result;
    const asks = vi.fn<() => Answer>(() => "reject");
    const again = kept(await openRun(run.id, { ...curious, store: path.join(workspace, ".quatrain"), asks }));
    expect(await again.result).toEqual(first);
    expect(asks).not.toHaveBeenCalled();
  });
});

describe("a plan to review", () => {
  const options = { model: fixedModel(threeTasks), review: true } as const;

  it("is carried out when a person approves", async () => {
    const run = kept(orchestrate("x", { ...options, asks: "wait" }));
    const { ask } = await eventOf(run, "ask.opened");
    expect(ask).toMatchObject({ id: "plan", kind: "plan" });
    expect(startedSoFar(run)).toBe(0);
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

/** How many tasks were started so far. */
function startedSoFar(run: Pick<Run, "events">): number {
  const seen: string[] = [];
  run.events.subscribe(({ type }) => seen.push(type)).unsubscribe();
  return seen.filter((type) => type === "task.started").length;
}
